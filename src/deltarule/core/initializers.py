"""Initializers: the numbers that training starts from.

Each draws in float64 from a generator that is passed in, so every dtype starts from the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from deltarule.core.architecture import Architecture
from deltarule.core.arrays import NON_NEGATIVE, REALS, Array, Interval, require_number
from deltarule.registry import Registry


@runtime_checkable
class Initializer(Protocol):
    """Draws the weights (i, o) or the biases (o,) of a layer; fan_in is n_in = i and fan_out is n_out = o."""

    @property
    def name(self) -> str: ...

    @property
    def formula(self) -> str: ...

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array: ...


@dataclass(frozen=True)
class Zeros:
    """Every parameter is 0: for biases; hidden units with equal weights would stay equal."""

    name: ClassVar[str] = "zeros"
    formula: ClassVar[str] = r"0"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return np.zeros(shape)


@dataclass(frozen=True)
class Constant:
    """Every parameter is c, the given value."""

    value: float = 0.1
    name: ClassVar[str] = "constant"
    formula: ClassVar[str] = r"c"

    def __post_init__(self) -> None:
        require_number("value", self.value, REALS)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return np.full(shape, float(self.value))


@dataclass(frozen=True)
class Uniform:
    """Uniform on [low, high), whatever the widths."""

    low: float = -0.1
    high: float = 0.1
    name: ClassVar[str] = "uniform"
    formula: ClassVar[str] = r"U(\text{low}, \text{high})"

    def __post_init__(self) -> None:
        low = require_number("low", self.low, REALS)
        require_number("high", self.high, Interval(low, closed_low=True))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.uniform(self.low, self.high, shape)


@dataclass(frozen=True)
class Normal:
    """Normal with the given mean and standard deviation, whatever the widths."""

    mean: float = 0.0
    std: float = 1.0
    name: ClassVar[str] = "normal"
    formula: ClassVar[str] = r"N(\text{mean}, \text{std}^2)"

    def __post_init__(self) -> None:
        require_number("mean", self.mean, REALS)
        require_number("std", self.std, NON_NEGATIVE)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.normal(self.mean, self.std, shape)


@dataclass(frozen=True)
class LecunNormal:
    """Normal with standard deviation 1/√n_in (LeCun et al., Efficient BackProp, 1998)."""

    name: ClassVar[str] = "lecun_normal"
    formula: ClassVar[str] = r"N(0, 1 / n_\text{in})"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.normal(0.0, sqrt(1.0 / fan_in), shape)


@dataclass(frozen=True)
class GlorotUniform:
    """Uniform on ±√(6/(n_in + n_out)) (Glorot and Bengio, 2010); for sigmoid and tanh."""

    name: ClassVar[str] = "glorot_uniform"
    formula: ClassVar[str] = r"U(-r, r),\ r = \sqrt{6 / (n_\text{in} + n_\text{out})}"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        r = sqrt(6.0 / (fan_in + fan_out))
        return rng.uniform(-r, r, shape)


@dataclass(frozen=True)
class GlorotNormal:
    """Normal with standard deviation √(2/(n_in + n_out)) (Glorot and Bengio, 2010)."""

    name: ClassVar[str] = "glorot_normal"
    formula: ClassVar[str] = r"N(0, 2 / (n_\text{in} + n_\text{out}))"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.normal(0.0, sqrt(2.0 / (fan_in + fan_out)), shape)


@dataclass(frozen=True)
class HeUniform:
    """Uniform on ±√(6/n_in) (He et al., 2015); for relu."""

    name: ClassVar[str] = "he_uniform"
    formula: ClassVar[str] = r"U(-r, r),\ r = \sqrt{6 / n_\text{in}}"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        r = sqrt(6.0 / fan_in)
        return rng.uniform(-r, r, shape)


@dataclass(frozen=True)
class HeNormal:
    """Normal with standard deviation √(2/n_in) (He et al., 2015); for relu."""

    name: ClassVar[str] = "he_normal"
    formula: ClassVar[str] = r"N(0, 2 / n_\text{in})"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.normal(0.0, sqrt(2.0 / fan_in), shape)


INITIALIZERS: Registry[Initializer] = Registry("initializer", Initializer)
"""The initializers that are known, by name."""
for _record in (
    Zeros(),
    Constant(),
    Uniform(),
    Normal(),
    LecunNormal(),
    GlorotUniform(),
    GlorotNormal(),
    HeUniform(),
    HeNormal(),
):
    INITIALIZERS.register(_record)


def draw_parameters(
    architecture: Architecture, weights: Initializer, biases: Initializer, rng: np.random.Generator
) -> Array:
    """Return a new theta, (p,) float64: W1, b1, W2, b2, ... drawn in that order."""
    theta = np.empty(architecture.n_parameters)
    W, b = architecture.views(theta)
    for W_l, b_l, (i, o) in zip(W, b, architecture.shapes(), strict=True):
        W_l[:] = weights.draw(rng, (i, o), i, o)
        if b_l is not None:
            b_l[:] = biases.draw(rng, (o,), i, o)
    return theta


def symmetric_units(architecture: Architecture, theta: Array) -> tuple[int, int, int] | None:
    """Return (layer, unit, unit), counted from 1, of two hidden units that gradient descent keeps equal.

    They are equal when their weights in, biases and weights out agree.
    """
    W, b = architecture.views(theta)
    for layer in range(len(W) - 1):
        seen: dict[bytes, int] = {}
        b_l = b[layer]
        for unit in range(W[layer].shape[1]):
            own = [] if b_l is None else [b_l[unit : unit + 1]]
            key = np.concatenate([W[layer][:, unit], *own, W[layer + 1][unit]]).tobytes()
            if key in seen:
                return layer + 1, seen[key] + 1, unit + 1
            seen[key] = unit
    return None
