"""Penalties: a term of the objective that keeps parameters small; its value and its slope.

The penalty is added to J once, after the losses of the rows were averaged (or summed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from deltarule.core.architecture import Architecture
from deltarule.core.arrays import NON_NEGATIVE, Array, require_number
from deltarule.registry import Registry


@runtime_checkable
class Penalty(Protocol):
    """A penalty: its value on an array of parameters, and its slope there."""

    @property
    def name(self) -> str: ...

    @property
    def biases(self) -> bool: ...

    def value(self, p: Array) -> float: ...

    def slope(self, p: Array) -> Array: ...


@dataclass(frozen=True)
class L1:
    """λ Σ |w|, which drives weights to exactly zero; slope λ sign(w), 0 at w = 0.

    Arguments:
        strength: λ ≥ 0.
        biases: whether the biases are penalized too.

    >>> L1(0.1).value(np.array([1.0, -2.0]))
    0.30000000000000004
    """

    strength: float = 1e-4
    biases: bool = False
    name: ClassVar[str] = "l1"
    formula: ClassVar[str] = r"\lambda \sum |w|"
    slope_formula: ClassVar[str] = r"\lambda \operatorname{sign}(w)"

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", require_number("strength", self.strength, NON_NEGATIVE))

    def value(self, p: Array) -> float:
        return self.strength * float(np.sum(np.abs(p)))

    def slope(self, p: Array) -> Array:
        return self.strength * np.sign(p)


@dataclass(frozen=True)
class L2:
    """½ λ Σ w², which shrinks weights in proportion to their size; slope λ w.

    Arguments:
        strength: λ ≥ 0.
        biases: whether the biases are penalized too.

    >>> L2(0.1).value(np.array([1.0, -2.0]))
    0.25
    """

    strength: float = 1e-4
    biases: bool = False
    name: ClassVar[str] = "l2"
    formula: ClassVar[str] = r"\tfrac{1}{2} \lambda \sum w^2"
    slope_formula: ClassVar[str] = r"\lambda w"

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", require_number("strength", self.strength, NON_NEGATIVE))

    def value(self, p: Array) -> float:
        return 0.5 * self.strength * float(np.sum(p * p))

    def slope(self, p: Array) -> Array:
        return self.strength * p


PENALTIES: Registry[Penalty] = Registry("penalty", Penalty)
"""The penalties that are known, by name."""
PENALTIES.register(L1())
PENALTIES.register(L2())


def penalty_value(penalties: tuple[Penalty, ...], architecture: Architecture, theta: Array) -> float:
    """The sum of all penalties on the parameters theta, (p,)."""
    W, b = architecture.views(theta)
    values = (
        penalty.value(part)
        for penalty in penalties
        for part in (*W, *b)
        if part is not None and (part.ndim == 2 or penalty.biases)
    )
    return sum(values, 0.0)


def penalty_gradient(penalties: tuple[Penalty, ...], architecture: Architecture, theta: Array) -> Array:
    """The gradient of all penalties, (p,)."""
    gradient = np.zeros_like(theta)
    W, b = architecture.views(theta)
    dW, db = architecture.views(gradient)
    for penalty in penalties:
        for part, d_part in zip((*W, *b), (*dW, *db), strict=True):
            if part is not None and d_part is not None and (part.ndim == 2 or penalty.biases):
                d_part += penalty.slope(part)
    return gradient
