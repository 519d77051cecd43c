"""Optimizers: from a gradient to the next theta, with all memory in an explicit state.

``init(theta)`` returns the state; ``update(theta, gradient, state, rate)`` returns the next theta and state.
L-BFGS is no such rule: where it goes next depends on what J turns out to be on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import numpy as np

from deltarule.core.arrays import (
    DECAY,
    NON_NEGATIVE,
    POSITIVE,
    UNIT,
    Array,
    keep_number,
    require_choice,
    require_flag,
    require_integer,
    require_number,
)
from deltarule.core.learning_rates import LearningRates, Schedule
from deltarule.registry import Registry

State: TypeAlias = Mapping[str, Array]
Rate: TypeAlias = float | Array
EpsilonForm: TypeAlias = Literal["after_bias_correction", "before_bias_correction"]


@runtime_checkable
class Optimizer(Protocol):
    """What training asks of an optimizer; all vectors are (p,), like theta."""

    @property
    def name(self) -> str: ...

    @property
    def learning_rate(self) -> LearningRates: ...

    def init(self, theta: Array) -> State: ...

    def update(self, theta: Array, gradient: Array, state: State, rate: Rate) -> tuple[Array, State]: ...


def _keep_rates(record: SGD | RMSProp | Adam | AdamW) -> None:
    """Check the learning rate and keep it as one entry or a tuple of them, so that the record is a value."""
    given: Any = record.learning_rate
    several = np.ndim(given) > 0
    rates = tuple(_rate(entry) for entry in (list(given) if several else [given]))
    object.__setattr__(record, "learning_rate", rates if several else rates[0])


def _rate(given: object) -> float | Schedule:
    if isinstance(given, Schedule) and not isinstance(given, type):
        return given
    number = given.item() if isinstance(given, np.ndarray) else given
    return require_number("learning_rate", number, NON_NEGATIVE)


@dataclass(frozen=True)
class SGD:
    """Gradient descent, with momentum if asked: v = μ v - η g, θ = θ + v.

    With ``nesterov`` the step looks ahead: v = μ v - η g, θ = θ + μ v - η g (Sutskever et al., 2013).

    Arguments:
        learning_rate: η, one or one per layer, each a number or a schedule.
        momentum: μ in [0, 1].
        nesterov: whether the step looks ahead.

    >>> SGD(0.1).update(np.array([1.0]), np.array([2.0]), {}, 0.1)[0]
    array([0.8])
    """

    learning_rate: LearningRates = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    name: ClassVar[str] = "sgd"
    formula: ClassVar[str] = r"v \leftarrow \mu v - \eta g,\quad \theta \leftarrow \theta + v"

    def __post_init__(self) -> None:
        _keep_rates(self)
        keep_number(self, "momentum", UNIT)
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
class RMSProp:
    """RMSProp (Tieleman and Hinton, 2012): each entry's step is divided by the running size of its gradient.

    v = ρ v + (1 - ρ) g², θ = θ - η g / (√v + ε), with ε outside the root, as in PyTorch.

    Arguments:
        learning_rate: η, one or one per layer, each a number or a schedule.
        rho: ρ in [0, 1).
        epsilon: ε > 0.

    >>> rmsprop = RMSProp(0.1, rho=0.75)
    >>> theta, state = rmsprop.update(np.array([1.0]), np.array([2.0]), rmsprop.init(np.array([1.0])), 0.1)
    >>> theta.round(6), state["v"]
    (array([0.8]), array([1.]))
    """

    learning_rate: LearningRates = 0.001
    rho: float = 0.9
    epsilon: float = 1e-8
    name: ClassVar[str] = "rmsprop"
    formula: ClassVar[str] = (
        r"v \leftarrow \rho v + (1 - \rho) g^2,\quad "
        r"\theta \leftarrow \theta - \eta\, g / (\sqrt{v} + \varepsilon)"
    )

    def __post_init__(self) -> None:
        _keep_rates(self)
        keep_number(self, "rho", DECAY)
        keep_number(self, "epsilon", POSITIVE)

    def init(self, theta: Array) -> State:
        return {"v": np.zeros_like(theta)}

    def update(self, theta: Array, gradient: Array, state: State, rate: Rate) -> tuple[Array, State]:
        v = self.rho * state["v"] + (1.0 - self.rho) * gradient * gradient
        return theta - rate * gradient / (np.sqrt(v) + self.epsilon), {"v": v}


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015): running means of g and g², corrected for their start at zero.

    m = β₁ m + (1 - β₁) g, v = β₂ v + (1 - β₂) g², θ = θ - η m̂ / (√v̂ + ε) with m̂ = m / (1 - β₁ᵗ) and
    v̂ = v / (1 - β₂ᵗ), as in PyTorch and optax. With ``epsilon_form="before_bias_correction"`` it is
    θ = θ - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε), as in scikit-learn and Keras.

    Arguments:
        learning_rate: η, one or one per layer, each a number or a schedule.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        epsilon: ε > 0.
        epsilon_form: where ε is added.

    >>> adam = Adam(0.1)
    >>> theta, state = adam.update(np.array([1.0]), np.array([2.0]), adam.init(np.array([1.0])), 0.1)
    >>> theta.round(6)
    array([0.9])
    """

    learning_rate: LearningRates = 0.001
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
        _keep_settings(self)

    def init(self, theta: Array) -> State:
        return _no_moments(theta)

    def update(self, theta: Array, gradient: Array, state: State, rate: Rate) -> tuple[Array, State]:
        step, state = _adam_step(self, gradient, state, rate)
        return theta - step, state


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019): θ = θ - η λ θ - Adam's step.

    The decay is not part of the gradient, so it is not divided by its running size. It takes all parameters
    towards zero, biases too, as in PyTorch and optax.

    Arguments:
        learning_rate: η, one or one per layer, each a number or a schedule.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        epsilon: ε > 0.
        weight_decay: λ ≥ 0.
        epsilon_form: where ε is added, as in `Adam`.

    >>> adamw = AdamW(0.1, weight_decay=0.5)
    >>> theta, state = adamw.update(np.array([1.0]), np.array([2.0]), adamw.init(np.array([1.0])), 0.1)
    >>> theta.round(6)
    array([0.85])
    """

    learning_rate: LearningRates = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    epsilon_form: EpsilonForm = "after_bias_correction"
    name: ClassVar[str] = "adamw"
    formula: ClassVar[str] = (
        r"m \leftarrow \beta_1 m + (1 - \beta_1) g,\quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2,\quad "
        r"\theta \leftarrow \theta - \eta\, \lambda\, \theta - \eta\, \hat m / (\sqrt{\hat v} + \varepsilon)"
    )

    def __post_init__(self) -> None:
        _keep_settings(self)
        keep_number(self, "weight_decay", NON_NEGATIVE)

    def init(self, theta: Array) -> State:
        return _no_moments(theta)

    def update(self, theta: Array, gradient: Array, state: State, rate: Rate) -> tuple[Array, State]:
        step, state = _adam_step(self, gradient, state, rate)
        return theta - rate * self.weight_decay * theta - step, state


def _keep_settings(record: Adam | AdamW) -> None:
    _keep_rates(record)
    keep_number(record, "beta_1", DECAY)
    keep_number(record, "beta_2", DECAY)
    keep_number(record, "epsilon", POSITIVE)
    require_choice("epsilon_form", record.epsilon_form, get_args(EpsilonForm))


def _no_moments(theta: Array) -> State:
    return {"m": np.zeros_like(theta), "v": np.zeros_like(theta), "t": np.zeros(1)}


def _adam_step(adam: Adam | AdamW, gradient: Array, state: State, rate: Rate) -> tuple[Array, State]:
    """What Adam takes from theta, and its next state."""
    m = adam.beta_1 * state["m"] + (1.0 - adam.beta_1) * gradient
    v = adam.beta_2 * state["v"] + (1.0 - adam.beta_2) * gradient * gradient
    t = float(state["t"][0]) + 1.0
    correction_1, correction_2 = 1.0 - adam.beta_1**t, 1.0 - adam.beta_2**t
    if adam.epsilon_form == "before_bias_correction":
        step = rate * (correction_2**0.5 / correction_1) * m / (np.sqrt(v) + adam.epsilon)
    else:
        step = rate * (m / correction_1) / (np.sqrt(v / correction_2) + adam.epsilon)
    return step, {"m": m, "v": v, "t": np.array([t])}


@dataclass(frozen=True)
class LBFGS:
    """Full-batch L-BFGS: a quasi-Newton method that learns the curvature of J from its last steps.

    The step is -α H g: g is the gradient, H stands for the inverse of the Hessian, built from the last m
    steps s = θ⁺ - θ and changes of the gradient y = g⁺ - g. A line search finds α; it evaluates J and g, over
    all rows, as often as it needs. This is SciPy's L-BFGS-B without bounds, which computes in float64 also
    where J is that of a float32 network.

    An epoch is one iteration. There is no learning rate. Each run begins with an empty memory.

    Arguments:
        memory: m, how many steps it remembers.
        gradient_tolerance: it has converged where no entry of g is larger, max |gⱼ|.
        function_tolerance: likewise where an iteration lowers J by no more than this times max(|J|, 1).
        max_evaluations: stop after the iteration in which J has been evaluated more often.

    Source: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization" (1989); Byrd,
    Lu, Nocedal and Zhu, "A limited memory algorithm for bound constrained optimization" (1995).

    >>> import deltarule as dr
    >>> net = dr.Network([1, 1], activations=["identity"])
    >>> history = net.train([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], optimizer=LBFGS())
    >>> net.theta.round(6), history.stop.kind
    (array([2., 1.]), 'converged')
    """

    memory: int = 10
    gradient_tolerance: float = 1e-5
    function_tolerance: float = 2.220446049250313e-9
    max_evaluations: int = 15_000
    name: ClassVar[str] = "lbfgs"
    formula: ClassVar[str] = (
        r"\theta \leftarrow \theta - \alpha H g,\quad "
        r"H \leftarrow (I - \rho\, s y^\top) H (I - \rho\, y s^\top) + \rho\, s s^\top,\quad "
        r"\rho = 1 / (y^\top s)"
    )

    def __post_init__(self) -> None:
        require_integer("memory", self.memory, 1)
        keep_number(self, "gradient_tolerance", NON_NEGATIVE)
        keep_number(self, "function_tolerance", NON_NEGATIVE)
        require_integer("max_evaluations", self.max_evaluations, 1)


AnyOptimizer: TypeAlias = Optimizer | LBFGS
"""What training accepts: an update rule, or L-BFGS."""


@dataclass(frozen=True)
class KeepGradient:
    """The rule by which an engine computes J and its gradient, g, for L-BFGS: θ stays where it is."""

    learning_rate: float = nan
    name: ClassVar[str] = "gradient"

    def init(self, theta: Array) -> State:
        return {"g": np.zeros_like(theta)}

    def update(self, theta: Array, gradient: Array, state: State, rate: Rate) -> tuple[Array, State]:
        return theta, {"g": gradient}


def clipped(gradient: Array, norm: float | None) -> Array:
    """Return the gradient, g, or where it is longer than `norm`, g · norm / ‖g‖ (Pascanu et al., 2013).

    >>> clipped(np.array([3.0, 4.0]), 1.0), clipped(np.array([3.0, 4.0]), 10.0)
    (array([0.6, 0.8]), array([3., 4.]))
    """
    if norm is None:
        return gradient
    length = float(np.linalg.norm(gradient.astype(np.float64)))
    return gradient * (norm / length) if length > norm else gradient


OPTIMIZERS: Registry[AnyOptimizer] = Registry("optimizer", AnyOptimizer)
"""The optimizers that are known, by name."""
OPTIMIZERS.register(SGD())
OPTIMIZERS.register(RMSProp())
OPTIMIZERS.register(Adam())
OPTIMIZERS.register(AdamW())
OPTIMIZERS.register(LBFGS())
