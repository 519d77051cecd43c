"""Optimizers: from a gradient to the next theta, with all memory in an explicit state.

``init(theta)`` returns the state; ``update(theta, gradient, state, rate)`` returns the next theta and state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import numpy as np

from deltarule.core.arrays import (
    NON_NEGATIVE,
    POSITIVE,
    Array,
    Interval,
    require_choice,
    require_flag,
    require_number,
)
from deltarule.registry import Registry

State: TypeAlias = Mapping[str, Array]
Rate: TypeAlias = float | Array
EpsilonForm: TypeAlias = Literal["after_bias_correction", "before_bias_correction"]

DECAY = Interval(low=0.0, high=1.0, closed_low=True)


@runtime_checkable
class Optimizer(Protocol):
    """What training asks of an optimizer; all vectors are (p,), like theta."""

    @property
    def name(self) -> str: ...

    @property
    def learning_rate(self) -> float | Sequence[float]: ...

    def init(self, theta: Array) -> State: ...

    def update(self, theta: Array, gradient: Array, state: State, rate: Rate) -> tuple[Array, State]: ...


def _keep_rates(record: SGD | Adam) -> None:
    """Check the learning rate and keep it as a float or a tuple of floats, so that the record is a value."""
    given = record.learning_rate
    several = isinstance(given, Sequence | np.ndarray) and np.ndim(given) > 0
    rates = [require_number("learning_rate", rate, NON_NEGATIVE) for rate in np.ravel(given).tolist()]
    object.__setattr__(record, "learning_rate", tuple(rates) if several else rates[0])


def _keep_number(record: object, name: str, allowed: Interval) -> None:
    """Check a setting and keep it as a Python float: a NumPy one would turn float32 into float64."""
    object.__setattr__(record, name, require_number(name, getattr(record, name), allowed))


@dataclass(frozen=True)
class SGD:
    """Gradient descent, with momentum if asked: v = μ v - η g, θ = θ + v.

    With ``nesterov`` the step looks ahead: v = μ v - η g, θ = θ + μ v - η g (Sutskever et al., 2013).

    Arguments:
        learning_rate: η, one number or one per layer.
        momentum: μ in [0, 1).
        nesterov: whether the step looks ahead.

    >>> SGD(0.1).update(np.array([1.0]), np.array([2.0]), {}, 0.1)[0]
    array([0.8])
    """

    learning_rate: float | Sequence[float] = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    name: ClassVar[str] = "sgd"
    formula: ClassVar[str] = r"v \leftarrow \mu v - \eta g,\quad \theta \leftarrow \theta + v"

    def __post_init__(self) -> None:
        _keep_rates(self)
        _keep_number(self, "momentum", DECAY)
        require_flag("nesterov", self.nesterov)

    def init(self, theta: Array) -> State:
        return {"v": np.zeros_like(theta)} if self.momentum else {}

    def update(self, theta: Array, gradient: Array, state: State, rate: Rate) -> tuple[Array, State]:
        if not self.momentum:
            return theta - rate * gradient, state
        v = self.momentum * state["v"] - rate * gradient
        step = self.momentum * v - rate * gradient if self.nesterov else v
        return theta + step, {"v": v}


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015): running means of g and g², corrected for their start at zero.

    m = β₁ m + (1 - β₁) g, v = β₂ v + (1 - β₂) g², θ = θ - η m̂ / (√v̂ + ε) with m̂ = m / (1 - β₁ᵗ) and
    v̂ = v / (1 - β₂ᵗ), as in PyTorch and optax. With ``epsilon_form="before_bias_correction"`` it is
    θ = θ - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε), as in scikit-learn and Keras.

    Arguments:
        learning_rate: η, one number or one per layer.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        epsilon: ε > 0.
        epsilon_form: where ε is added.

    >>> adam = Adam(0.1)
    >>> theta, state = adam.update(np.array([1.0]), np.array([2.0]), adam.init(np.array([1.0])), 0.1)
    >>> theta.round(6)
    array([0.9])
    """

    learning_rate: float | Sequence[float] = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_form: EpsilonForm = "after_bias_correction"
    name: ClassVar[str] = "adam"
    formula: ClassVar[str] = (
        r"m \leftarrow \beta_1 m + (1 - \beta_1) g,\quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2,\quad "
        r"\theta \leftarrow \theta - \eta\, \hat m / (\sqrt{\hat v} + \varepsilon)"
    )

    def __post_init__(self) -> None:
        _keep_rates(self)
        _keep_number(self, "beta_1", DECAY)
        _keep_number(self, "beta_2", DECAY)
        _keep_number(self, "epsilon", POSITIVE)
        require_choice("epsilon_form", self.epsilon_form, get_args(EpsilonForm))

    def init(self, theta: Array) -> State:
        return {"m": np.zeros_like(theta), "v": np.zeros_like(theta), "t": np.zeros(1)}

    def update(self, theta: Array, gradient: Array, state: State, rate: Rate) -> tuple[Array, State]:
        m = self.beta_1 * state["m"] + (1.0 - self.beta_1) * gradient
        v = self.beta_2 * state["v"] + (1.0 - self.beta_2) * gradient * gradient
        t = float(state["t"][0]) + 1.0
        correction_1, correction_2 = 1.0 - self.beta_1**t, 1.0 - self.beta_2**t
        if self.epsilon_form == "before_bias_correction":
            step = rate * (correction_2**0.5 / correction_1) * m / (np.sqrt(v) + self.epsilon)
        else:
            step = rate * (m / correction_1) / (np.sqrt(v / correction_2) + self.epsilon)
        return theta - step, {"m": m, "v": v, "t": np.array([t])}


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer)
"""The optimizers that are known, by name."""
OPTIMIZERS.register(SGD())
OPTIMIZERS.register(Adam())
