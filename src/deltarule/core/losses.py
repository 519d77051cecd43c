"""Losses: ℓ(y, ŷ) per row, ∂ℓ/∂ŷ, and the pairs of loss and output activation that cancel.

A loss owns its value and its delta = ∂ℓ/∂z; both are computed from the output layer's z.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, xlogy

from deltarule.core.activations import EXPONENTIAL, IDENTITY, SIGMOID, SOFTMAX, Activation
from deltarule.core.arrays import NON_NEGATIVE, OPEN_UNIT, POSITIVE, REALS, UNIT, Array, Interval
from deltarule.registry import Registry

HUBER_THRESHOLD = 1.0


class Fused(NamedTuple):
    """A loss and an output activation in one stable formula."""

    value: Callable[[Array, Array], Array]  # (y, z) to ℓ per row, (n,)
    delta: Callable[[Array, Array, Array], Array]  # (y, z, ŷ) to ∂ℓ/∂z, (n, k)


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss ℓ of one row, summed or averaged over the k outputs.

    Arguments:
        name: the name under which training, files and the command line know it.
        value: ℓ per row, from y and ŷ, both (n, k), to (n,).
        slope: ∂ℓ/∂ŷ, from y and ŷ, both (n, k), to (n, k).
        formula: ℓ as LaTeX.
        slope_formula: ∂ℓ/∂ŷ as LaTeX.
        y_domain: the targets that are allowed.
        y_hat_domain: the predictions for which ℓ is defined; an output activation must stay inside.
        y_hat_sums_to_one: the predictions of a row must be a distribution (softmax).
        fused: stable formulas for output activations whose slope cancels.
        kinks: the ŷ - y at which ∂ℓ/∂ŷ jumps.

    >>> cubic = Loss("cubic", value=lambda y, y_hat: np.sum(np.abs(y_hat - y) ** 3, axis=1),
    ...     slope=lambda y, y_hat: 3 * (y_hat - y) * np.abs(y_hat - y))
    >>> cubic.value(np.array([[1.0]]), np.array([[3.0]]))
    array([8.])
    """

    name: str
    value: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], Array]
    formula: str = ""
    slope_formula: str = ""
    y_domain: Interval = REALS
    y_hat_domain: Interval = REALS
    y_hat_sums_to_one: bool = False
    fused: Mapping[Activation, Fused] = field(default_factory=dict)
    kinks: tuple[float, ...] = ()

    def per_row(self, y: Array, z: Array, y_hat: Array, activation: Activation) -> Array:
        """Return ℓ of every row, (n,), from the output layer's z and ŷ, (n, k)."""
        fused = self.fused.get(activation)
        return self.value(y, y_hat) if fused is None else fused.value(y, z)

    def delta(self, y: Array, z: Array, y_hat: Array, activation: Activation) -> Array:
        """Return ∂ℓ/∂z of every row, (n, k), undivided and unweighted."""
        fused = self.fused.get(activation)
        if fused is None:
            return activation.derivative(z, y_hat, self.slope(y, y_hat))
        return fused.delta(y, z, y_hat)

    def allows(self, activation: Activation) -> bool:
        """Say whether that output activation stays where this loss is defined."""
        if self.y_hat_sums_to_one and activation is not SOFTMAX:
            return False
        return self.y_hat_domain.covers(activation.range)


def _at_least(values: Array) -> Array:
    """Keep a positive argument of log or a divisor off zero, where the activation has underflowed."""
    return np.maximum(values, float(np.finfo(values.dtype).tiny) ** 0.5)


# -- squared error, three ways to count ------------------------------------------------------------------


def _mean_squared_error(y: Array, y_hat: Array) -> Array:
    return np.mean((y_hat - y) ** 2, axis=1)


def _mean_squared_error_slope(y: Array, y_hat: Array) -> Array:
    return (2.0 / y.shape[1]) * (y_hat - y)


def _half_squared_error(y: Array, y_hat: Array) -> Array:
    return 0.5 * np.sum((y_hat - y) ** 2, axis=1)


def _half_squared_error_slope(y: Array, y_hat: Array) -> Array:
    return y_hat - y


def _sum_squared_error(y: Array, y_hat: Array) -> Array:
    return np.sum((y_hat - y) ** 2, axis=1)


def _sum_squared_error_slope(y: Array, y_hat: Array) -> Array:
    return 2.0 * (y_hat - y)


def _with_identity(
    value: Callable[[Array, Array], Array], slope: Callable[[Array, Array], Array]
) -> Mapping[Activation, Fused]:
    """With the identity as output activation z is ŷ, so ∂ℓ/∂z is ∂ℓ/∂ŷ."""
    return {IDENTITY: Fused(value, partial(_slope_is_delta, slope))}


def _slope_is_delta(slope: Callable[[Array, Array], Array], y: Array, z: Array, y_hat: Array) -> Array:
    return slope(y, y_hat)


# -- absolute error and Huber ----------------------------------------------------------------------------


def _absolute_error(y: Array, y_hat: Array) -> Array:
    return np.mean(np.abs(y_hat - y), axis=1)


def _absolute_error_slope(y: Array, y_hat: Array) -> Array:
    return np.sign(y_hat - y) / y.shape[1]


def _huber(y: Array, y_hat: Array) -> Array:
    e = np.abs(y_hat - y)
    near = np.minimum(e, HUBER_THRESHOLD)
    return np.mean(near * (e - 0.5 * near), axis=1)


def _huber_slope(y: Array, y_hat: Array) -> Array:
    return np.clip(y_hat - y, -HUBER_THRESHOLD, HUBER_THRESHOLD) / y.shape[1]


# -- binary cross-entropy --------------------------------------------------------------------------------


def _binary_cross_entropy(y: Array, y_hat: Array) -> Array:
    return -np.sum(xlogy(y, _at_least(y_hat)) + xlogy(1.0 - y, _one_minus(y_hat)), axis=1)


def _binary_cross_entropy_slope(y: Array, y_hat: Array) -> Array:
    return (1.0 - y) / _one_minus(y_hat) - y / _at_least(y_hat)


def _one_minus(y_hat: Array) -> Array:
    """1 - ŷ, which is known only to the spacing of the numbers near 1."""
    return np.maximum(1.0 - y_hat, float(np.finfo(y_hat.dtype).eps))


def _binary_cross_entropy_of_z(y: Array, z: Array) -> Array:
    return np.sum(np.logaddexp(z, 0.0) - y * z, axis=1)


def _binary_cross_entropy_delta(y: Array, z: Array, y_hat: Array) -> Array:
    return y_hat - y


# -- cross-entropy ---------------------------------------------------------------------------------------


def _cross_entropy(y: Array, y_hat: Array) -> Array:
    return -np.sum(xlogy(y, _at_least(y_hat)), axis=1)


def _cross_entropy_slope(y: Array, y_hat: Array) -> Array:
    return -y / _at_least(y_hat)


def _cross_entropy_of_z(y: Array, z: Array) -> Array:
    return np.sum(y * (logsumexp(z, axis=1, keepdims=True) - z), axis=1)


def _cross_entropy_delta(y: Array, z: Array, y_hat: Array) -> Array:
    return y_hat * np.sum(y, axis=1, keepdims=True) - y


# -- Poisson, half deviance ------------------------------------------------------------------------------


def _poisson(y: Array, y_hat: Array) -> Array:
    return np.sum(y_hat - xlogy(y, _at_least(y_hat)) + _saturated(y), axis=1)


def _poisson_slope(y: Array, y_hat: Array) -> Array:
    return 1.0 - y / _at_least(y_hat)


def _poisson_of_z(y: Array, z: Array) -> Array:
    return np.sum(EXPONENTIAL.value(z) - y * z + _saturated(y), axis=1)


def _poisson_delta(y: Array, z: Array, y_hat: Array) -> Array:
    return y_hat - y


def _saturated(y: Array) -> Array:
    """y ln y - y, the part of the Poisson deviance that makes it zero at ŷ = y."""
    return np.asarray(xlogy(y, y)) - y


LOSSES: Registry[Loss] = Registry("loss", Loss)
"""The losses that are known, by name."""

MEAN_SQUARED_ERROR = LOSSES.register(
    Loss(
        "mean_squared_error",
        _mean_squared_error,
        _mean_squared_error_slope,
        formula=r"\frac{1}{K} \sum_k (\hat y_k - y_k)^2",
        slope_formula=r"\frac{2}{K} (\hat y_k - y_k)",
        fused=_with_identity(_mean_squared_error, _mean_squared_error_slope),
    ),
    "mse",
)
HALF_SQUARED_ERROR = LOSSES.register(
    Loss(
        "half_squared_error",
        _half_squared_error,
        _half_squared_error_slope,
        formula=r"\tfrac{1}{2} \sum_k (\hat y_k - y_k)^2",
        slope_formula=r"\hat y_k - y_k",
        fused=_with_identity(_half_squared_error, _half_squared_error_slope),
    )
)
SUM_SQUARED_ERROR = LOSSES.register(
    Loss(
        "sum_squared_error",
        _sum_squared_error,
        _sum_squared_error_slope,
        formula=r"\sum_k (\hat y_k - y_k)^2",
        slope_formula=r"2 (\hat y_k - y_k)",
        fused=_with_identity(_sum_squared_error, _sum_squared_error_slope),
    ),
    "sse",
)
ABSOLUTE_ERROR = LOSSES.register(
    Loss(
        "absolute_error",
        _absolute_error,
        _absolute_error_slope,
        formula=r"\frac{1}{K} \sum_k |\hat y_k - y_k|",
        slope_formula=r"\frac{1}{K} \operatorname{sign}(\hat y_k - y_k)",
        kinks=(0.0,),
    ),
    "mae",
)
HUBER = LOSSES.register(
    Loss(
        "huber",
        _huber,
        _huber_slope,
        formula=r"\frac{1}{K} \sum_k m_k \left( |e_k| - \tfrac{1}{2} m_k \right),\ "
        r"e_k = \hat y_k - y_k,\ m_k = \min(|e_k|, 1)",
        slope_formula=r"\frac{1}{K} \max(-1, \min(1, \hat y_k - y_k))",
    )
)
BINARY_CROSS_ENTROPY = LOSSES.register(
    Loss(
        "binary_cross_entropy",
        _binary_cross_entropy,
        _binary_cross_entropy_slope,
        formula=r"-\sum_k \left( y_k \ln \hat y_k + (1 - y_k) \ln(1 - \hat y_k) \right)",
        slope_formula=r"\frac{1 - y_k}{1 - \hat y_k} - \frac{y_k}{\hat y_k}",
        y_domain=UNIT,
        y_hat_domain=OPEN_UNIT,
        fused={SIGMOID: Fused(_binary_cross_entropy_of_z, _binary_cross_entropy_delta)},
    ),
    "log_loss",
)
CROSS_ENTROPY = LOSSES.register(
    Loss(
        "cross_entropy",
        _cross_entropy,
        _cross_entropy_slope,
        formula=r"-\sum_k y_k \ln \hat y_k",
        slope_formula=r"-\frac{y_k}{\hat y_k}",
        y_domain=UNIT,
        y_hat_domain=OPEN_UNIT,
        y_hat_sums_to_one=True,
        fused={SOFTMAX: Fused(_cross_entropy_of_z, _cross_entropy_delta)},
    ),
    "categorical_cross_entropy",
)
POISSON = LOSSES.register(
    Loss(
        "poisson",
        _poisson,
        _poisson_slope,
        formula=r"\sum_k \left( \hat y_k - y_k + y_k \ln \frac{y_k}{\hat y_k} \right)",
        slope_formula=r"1 - \frac{y_k}{\hat y_k}",
        y_domain=NON_NEGATIVE,
        y_hat_domain=POSITIVE,
        fused={EXPONENTIAL: Fused(_poisson_of_z, _poisson_delta)},
    )
)
