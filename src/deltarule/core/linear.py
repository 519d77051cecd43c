"""Closed-form least squares: the linear baseline of a network, with basis functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from deltarule.core.arrays import Array
from deltarule.errors import InputError, message

Basis: TypeAlias = Sequence[Callable[[Array], Array]]


@dataclass(frozen=True)
class LinearModel:
    """ŷ = φ(x) W + b with weights W (p, k), bias b (k,) and basis functions φ (none: φ(x) = x)."""

    weights: Array
    bias: Array
    basis: Basis | None = None

    def predict(self, X: ArrayLike) -> Array:
        """Return ŷ, (n, k), for inputs X (n, i)."""
        return expand(_two_dimensional(X), self.basis) @ self.weights + self.bias


def least_squares(
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    bias: bool = True,
    basis: Basis | None = None,
) -> LinearModel:
    """Fit a linear model by least squares in closed form: W = (ΦᵀΦ)⁻¹ Φᵀ y, or the shortest such W.

    It is what a network without hidden layer and with squared error converges to.

    Arguments:
        X: inputs, (n, i) or (n,).
        y: targets, (n, k) or (n,).
        sample_weight: weights of the rows, (n,).
        bias: whether to fit b; without, b is 0.
        basis: functions of X, each giving (n,) or (n, m); their columns take the place of X.

    Raises:
        InputError: X and y differ in their number of rows.

    >>> least_squares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).weights.round(6)
    array([[2.]])
    """
    X_, y_ = _two_dimensional(X), _two_dimensional(y)
    if len(X_) != len(y_):
        raise InputError(
            message("X and y must have the same number of rows", found=f"{len(X_)} and {len(y_)}")
        )
    design = expand(X_, basis)
    if bias:
        design = np.column_stack([np.ones(len(X_)), design])
    root = np.ones(len(X_)) if sample_weight is None else np.sqrt(np.asarray(sample_weight, dtype=float))
    W = np.linalg.lstsq(design * root[:, np.newaxis], y_ * root[:, np.newaxis], rcond=None)[0]
    return LinearModel(W[1:], W[0], basis) if bias else LinearModel(W, np.zeros(y_.shape[1]), basis)


def polynomial(degree: int) -> Basis:
    """Return the basis x, x², ..., x to the given degree, of every column.

    >>> expand(np.array([[2.0]]), polynomial(3))
    array([[2., 4., 8.]])
    """

    def power(exponent: int) -> Callable[[Array], Array]:
        return lambda X: X**exponent

    return [power(exponent) for exponent in range(1, degree + 1)]


def expand(X: Array, basis: Basis | None) -> Array:
    """Return the columns that the basis functions make of X, (n, p)."""
    return X if basis is None else np.column_stack([phi(X) for phi in basis])


def _two_dimensional(values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=float)
    return array[:, np.newaxis] if array.ndim == 1 else array
