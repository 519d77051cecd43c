"""The parameters of the estimators: what is allowed, and the records that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from numbers import Integral, Real
from operator import index
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from deltarule import inputs
from deltarule.core.activations import ACTIVATIONS, EXPONENTIAL, IDENTITY, SIGMOID, SOFTMAX, Activation
from deltarule.core.learning_rates import Progress, Schedule
from deltarule.core.losses import LOSSES, Loss
from deltarule.core.optimizers import LBFGS, OPTIMIZERS, SGD, Adam, AnyOptimizer, Optimizer
from deltarule.engines.base import Engine
from deltarule.engines.selection import ENGINES
from deltarule.errors import InputError, message

ALIASES = {"logistic": "sigmoid", "exp": "exponential"}  # scikit-learn's name: the name in the registry
LOSS_ALIASES = {"squared_error": "half_squared_error"}
DTYPES: dict[str, Any] = {
    "auto": (np.float64, np.float32),
    "float64": np.float64,
    "float32": np.float32,
}


def _at_least(low: float, *, closed: str = "left", kind: type = Real) -> Interval:
    return Interval(kind, low, None, closed=closed)


_FRACTION = Interval(Real, 0, 1, closed="left")
ACTIVATION = [StrOptions({*ACTIVATIONS, *ALIASES}), Activation]

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _at_least(1, kind=Integral)],
    "activation": [*ACTIVATION, list, tuple],
    "solver": [StrOptions({*OPTIMIZERS}), Optimizer, LBFGS],
    "alpha": [_at_least(0)],
    "batch_size": [StrOptions({"auto"}), _at_least(1, kind=Integral)],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [_at_least(0, closed="neither"), Schedule, "array-like"],
    "power_t": [_at_least(0)],
    "max_iter": [_at_least(1, kind=Integral)],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_at_least(0)],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_FRACTION],
    "beta_1": [_FRACTION],
    "beta_2": [_FRACTION],
    "epsilon": [_at_least(0, closed="neither")],
    "n_iter_no_change": [_at_least(1, kind=Integral), Options(Real, {np.inf})],
    "max_fun": [_at_least(1, kind=Integral)],
    "dropout": [_FRACTION, "array-like"],
    "clip_norm": [_at_least(0, closed="neither"), None],
    "alpha_scaling": [StrOptions({"batch", "data"})],
    "dtype": [StrOptions({*DTYPES})],
    "standardize": ["boolean"],
    "callbacks": [list, tuple],
    "categorical_features": [StrOptions({"auto"}), list, tuple, None],
    "engine": [StrOptions({"auto", *ENGINES}), Engine],
}


def activation(given: str | Activation) -> Activation:
    """Return the record of an activation, by scikit-learn's name or ours."""
    return inputs.record(ACTIVATIONS, ALIASES.get(given, given) if isinstance(given, str) else given)


def activations_of(given: Any, hidden: int) -> list[Activation]:
    """Return one activation for each hidden layer.

    Raises:
        ValueError: a list has another length.
    """
    if not isinstance(given, list | tuple):
        return [activation(given)] * hidden
    if len(given) != hidden:
        found = f"{len(given)} for {hidden} hidden layers"
        raise InputError(message("`activation` must be one name, or one per hidden layer", found=found))
    return [activation(one) for one in given]


def loss(given: str | Loss) -> Loss:
    """Return the record of a loss, by scikit-learn's name or ours."""
    return inputs.record(LOSSES, LOSS_ALIASES.get(given, given) if isinstance(given, str) else given)


def natural_output(of: Loss) -> Activation:
    """Return the output activation that goes with a loss: the first of the usual ones that it allows."""
    return next(output for output in (IDENTITY, EXPONENTIAL, SIGMOID, SOFTMAX) if of.allows(output))


def hidden_widths(given: Any) -> list[int]:
    """Return the widths of the hidden layers as a list.

    Raises:
        ValueError: one is not positive; the sentence is scikit-learn's.
        TypeError: one is no integer.
    """
    widths = list(given) if isinstance(given, Iterable) else [given]
    if np.any(np.array(widths) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {widths}. Try () for no hidden layer.")
    return [index(width) for width in widths]


class RateOfEpoch:
    """A learning rate that is set epoch by epoch, while the run is under way."""

    name = "of_epoch"

    def __init__(self, rate: float) -> None:
        self.of_epoch = [rate]

    @property
    def now(self) -> float:
        """The latest."""
        return self.of_epoch[-1]

    def rates(self, progress: Progress) -> Any:
        epochs = np.minimum(progress.before.astype(int), len(self.of_epoch) - 1)
        return np.asarray(self.of_epoch)[epochs]


def rate_of(estimator: Any, before: RateOfEpoch | None) -> RateOfEpoch | None:
    """Return the rate that is set epoch by epoch, from that of the epoch before.

    None where a schedule, or a rate of each layer, leaves nothing to be set.

    Raises:
        ValueError: such rates are asked to be changed as ``learning_rate`` says, too.
    """
    given = estimator.learning_rate_init
    if isinstance(given, Real):
        return RateOfEpoch(float(given) if before is None else before.now)
    if estimator.solver == "sgd" and estimator.learning_rate != "constant":
        asked = f"`learning_rate_init` must be one number where learning_rate={estimator.learning_rate!r}"
        raise InputError(message(asked, found=repr(given), hint='Try learning_rate="constant".'))
    return None


def optimizer_of(estimator: Any, rate: RateOfEpoch | None, n_layers: int) -> AnyOptimizer:
    """Return the optimizer that ``solver`` and its settings stand for.

    Raises:
        ValueError: there are several learning rates, but not one per layer.
    """
    return inputs.optimizer_for(_optimizer_of(estimator, _learning_rate(estimator, rate)), n_layers)


def _learning_rate(estimator: Any, rate: RateOfEpoch | None) -> Any:
    """What the run is given: a number where nothing will change it."""
    given = estimator.learning_rate_init
    if rate is None:
        return given if isinstance(given, Schedule) else tuple(given)
    return rate if estimator.solver == "sgd" and estimator.learning_rate != "constant" else rate.now


def _optimizer_of(estimator: Any, rate: Any) -> AnyOptimizer:
    if estimator.solver == "sgd":
        return SGD(rate, estimator.momentum, estimator.nesterovs_momentum and estimator.momentum > 0)
    if estimator.solver == "lbfgs":
        lbfgs = LBFGS(gradient_tolerance=estimator.tol, max_evaluations=estimator.max_fun)
        is_convex = not hidden_widths(estimator.hidden_layer_sizes)  # there only tol says how far to go
        return replace(lbfgs, function_tolerance=0.0) if is_convex else lbfgs
    if estimator.solver == "adam":
        betas = estimator.beta_1, estimator.beta_2
        return Adam(rate, *betas, estimator.epsilon, epsilon_form="before_bias_correction")
    named: Any = inputs.record(OPTIMIZERS, estimator.solver)
    return replace(named, learning_rate=rate) if isinstance(estimator.solver, str) else named


def require_no_schedule(rates: Iterable[float | Schedule]) -> None:
    """Refuse a schedule in ``partial_fit``, whose epochs nobody has planned.

    Raises:
        ValueError: with its name.
    """
    for rate in rates:
        if isinstance(rate, Schedule) and not isinstance(rate, RateOfEpoch):
            asked = "partial_fit needs learning rates that are numbers: a schedule is for the epochs of a fit"
            raise InputError(message(asked, found=rate.name))
