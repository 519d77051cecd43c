"""The formulas of activations and losses as expressions; what has none is applied by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi
from typing import Any, TypeAlias

from deltarule.core.activations import ACTIVATIONS, LEAK, SELU_ALPHA, SELU_SCALE, Activation
from deltarule.core.losses import HUBER_THRESHOLD, LOSSES, Loss
from deltarule.explain.expressions import (
    Apply,
    Expression,
    Negative,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Total,
)

Formula: TypeAlias = Callable[[Expression], Expression]
SlopeFormula: TypeAlias = Callable[[Expression, Expression], Expression]
LossFormula: TypeAlias = Callable[[Expression, Expression, int], Expression]

ONE = Number(1.0)


def plus(*terms: Expression) -> Expression:
    """a + b + ..."""
    return Sum(terms)


def minus(left: Expression, right: Expression) -> Expression:
    """a - b."""
    return Sum((left, Negative(right)))


def times(*factors: Expression) -> Expression:
    """A number times whatever follows."""
    return Product(factors)


def hadamard(*factors: Expression) -> Expression:
    """Entry by entry: a ⊙ b."""
    return Product(factors, "⊙")


def exp(of: Expression) -> Expression:
    """e to the power."""
    return Apply("exp", of)


def ln(of: Expression) -> Expression:
    """The natural logarithm."""
    return Apply("ln", of)


def square(of: Expression) -> Expression:
    """Entry by entry: a²."""
    return Power(of, 2)


# -- activations -----------------------------------------------------------------------------------------


def _sigmoid(z: Expression) -> Expression:
    return Quotient(ONE, plus(ONE, exp(Negative(z))))


def _gate(z: Expression) -> Expression:
    return Apply("tanh", ln(plus(ONE, exp(z))))


def _off(z: Expression) -> Expression:
    """[z ≤ 0]."""
    return minus(ONE, Apply("step", z))


def _below(z: Expression) -> Expression:
    """e^z - 1 where z is negative, else 0."""
    return minus(exp(Apply("negative", z)), ONE)


VALUES: Mapping[str, Formula] = {
    "identity": lambda z: z,
    "sigmoid": _sigmoid,
    "tanh": lambda z: Apply("tanh", z),
    "relu": lambda z: Apply("positive", z),
    "leaky_relu": lambda z: plus(Apply("positive", z), times(Number(LEAK), Apply("negative", z))),
    "elu": lambda z: plus(Apply("positive", z), _below(z)),
    "selu": lambda z: times(
        Number(SELU_SCALE), plus(Apply("positive", z), times(Number(SELU_ALPHA), _below(z)))
    ),
    "gelu": lambda z: hadamard(z, Apply("normal_cdf", z)),
    "silu": lambda z: Quotient(z, plus(ONE, exp(Negative(z)))),
    "mish": lambda z: hadamard(z, _gate(z)),
    "softplus": lambda z: ln(plus(ONE, exp(z))),
    "exponential": exp,
    "softmax": lambda z: Quotient(exp(z), Total(exp(z), axis=1)),
}

SLOPES: Mapping[str, SlopeFormula] = {
    "identity": lambda z, a: ONE,
    "sigmoid": lambda z, a: hadamard(a, minus(ONE, a)),
    "tanh": lambda z, a: minus(ONE, square(a)),
    "relu": lambda z, a: Apply("step", z),
    "leaky_relu": lambda z, a: plus(Apply("step", z), times(Number(LEAK), _off(z))),
    "elu": lambda z, a: plus(Apply("step", z), hadamard(_off(z), plus(a, ONE))),
    "selu": lambda z, a: plus(
        times(Number(SELU_SCALE), Apply("step", z)),
        hadamard(_off(z), plus(a, Number(SELU_SCALE * SELU_ALPHA))),
    ),
    "gelu": lambda z, a: plus(
        Apply("normal_cdf", z),
        Quotient(
            hadamard(z, exp(Negative(Quotient(square(z), Number(2.0))))), Apply("sqrt", Number(2.0 * pi))
        ),
    ),
    "silu": lambda z, a: plus(_sigmoid(z), hadamard(a, minus(ONE, _sigmoid(z)))),
    "mish": lambda z, a: plus(_gate(z), hadamard(z, _sigmoid(z), minus(ONE, square(_gate(z))))),
    "softplus": lambda z, a: _sigmoid(z),
    "exponential": lambda z, a: a,
}


PULL_BACKS: Mapping[str, SlopeFormula] = {
    "softmax": lambda a, d_a: hadamard(a, minus(d_a, Total(hadamard(a, d_a), axis=1))),
}
"""∂ℓ/∂z from a and ∂ℓ/∂a, where there is no elementwise slope."""


def activation_formula(activation: Activation, z: Expression) -> Expression:
    """φ(z)."""
    if ACTIVATIONS.get(activation.name) is activation and activation.name in VALUES:
        return VALUES[activation.name](z)
    return Apply(activation.name, z, activation.value)


def slope_formula(activation: Activation, z: Expression, a: Expression) -> Expression:
    """φ′(z) of an elementwise activation, from z and a, as the activation itself computes it."""
    if ACTIVATIONS.get(activation.name) is activation and activation.name in SLOPES:
        return SLOPES[activation.name](z, a)
    slope = activation.slope
    if slope is None:
        raise TypeError(f"{activation.name} has no elementwise slope")
    return Apply(f"{activation.name}′", z, lambda values: slope(values, activation.value(values)))


def pull_back_formula(
    activation: Activation, a: Expression, d_a: Expression, pull_back: Callable[[Any], Any]
) -> Expression:
    """∂ℓ/∂z of an activation whose outputs depend on several z; ``pull_back`` computes it from d_a."""
    if ACTIVATIONS.get(activation.name) is activation and activation.name in PULL_BACKS:
        return PULL_BACKS[activation.name](a, d_a)
    return Apply(f"{activation.name}ᵀ", d_a, pull_back)


# -- losses ----------------------------------------------------------------------------------------------


def _mean(of: Expression, k: int) -> Expression:
    return of if k == 1 else Quotient(of, Number(float(k)))


def _over_outputs(of: Expression, k: int) -> Expression:
    return of if k == 1 else Total(of, axis=1)


def _near(y: Expression, y_hat: Expression) -> Expression:
    """min(|e|, 1) = |e| - max(0, |e| - 1)."""
    size = Apply("abs", minus(y_hat, y))
    return minus(size, Apply("positive", minus(size, Number(HUBER_THRESHOLD))))


def _huber(y: Expression, y_hat: Expression, k: int) -> Expression:
    near, size = _near(y, y_hat), Apply("abs", minus(y_hat, y))
    return _mean(_over_outputs(hadamard(near, minus(size, Quotient(near, Number(2.0)))), k), k)


def _log_loss(y: Expression, y_hat: Expression, k: int) -> Expression:
    gain = plus(hadamard(y, ln(y_hat)), hadamard(minus(ONE, y), ln(minus(ONE, y_hat))))
    return Negative(_over_outputs(gain, k))


def _poisson(y: Expression, y_hat: Expression, k: int) -> Expression:
    terms = (y_hat, Negative(y), Apply("x_ln_x", y), Negative(hadamard(y, ln(y_hat))))
    return _over_outputs(Sum(terms), k)


LOSS_VALUES: Mapping[str, LossFormula] = {
    "mean_squared_error": lambda y, y_hat, k: _mean(_over_outputs(square(minus(y_hat, y)), k), k),
    "half_squared_error": lambda y, y_hat, k: Quotient(
        _over_outputs(square(minus(y_hat, y)), k), Number(2.0)
    ),
    "sum_squared_error": lambda y, y_hat, k: _over_outputs(square(minus(y_hat, y)), k),
    "absolute_error": lambda y, y_hat, k: _mean(_over_outputs(Apply("abs", minus(y_hat, y)), k), k),
    "huber": _huber,
    "binary_cross_entropy": _log_loss,
    "cross_entropy": lambda y, y_hat, k: Negative(_over_outputs(hadamard(y, ln(y_hat)), k)),
    "poisson": _poisson,
}

LOSS_SLOPES: Mapping[str, LossFormula] = {
    "mean_squared_error": lambda y, y_hat, k: _mean(times(Number(2.0), minus(y_hat, y)), k),
    "half_squared_error": lambda y, y_hat, k: minus(y_hat, y),
    "sum_squared_error": lambda y, y_hat, k: times(Number(2.0), minus(y_hat, y)),
    "absolute_error": lambda y, y_hat, k: _mean(Apply("sign", minus(y_hat, y)), k),
    "huber": lambda y, y_hat, k: _mean(hadamard(Apply("sign", minus(y_hat, y)), _near(y, y_hat)), k),
    "binary_cross_entropy": lambda y, y_hat, k: minus(
        Quotient(minus(ONE, y), minus(ONE, y_hat)), Quotient(y, y_hat)
    ),
    "cross_entropy": lambda y, y_hat, k: Negative(Quotient(y, y_hat)),
    "poisson": lambda y, y_hat, k: minus(ONE, Quotient(y, y_hat)),
}


def loss_of_z(loss: Loss, y: Expression, y_hat: Expression, z: Expression, k: int) -> Expression | None:
    """ℓ from z, where a saturated ŷ has no digits left; None for the losses that do not need it."""
    match loss.name:
        case "binary_cross_entropy":
            return _over_outputs(minus(VALUES["softplus"](z), hadamard(y, z)), k)
        case "cross_entropy":
            return _over_outputs(hadamard(y, minus(ln(Total(exp(z), axis=1)), z)), k)
        case "poisson":
            terms = (y_hat, Negative(y), Apply("x_ln_x", y), Negative(hadamard(y, z)))
            return _over_outputs(Sum(terms), k)
    return None


def knows_loss(loss: Loss) -> bool:
    """Say whether the loss is one of those written down here."""
    return LOSSES.get(loss.name) is loss and loss.name in LOSS_VALUES
