"""Closed-form least squares, on clean arrays: the mathematics of the linear baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from deltarule.core.arrays import Array

Basis: TypeAlias = Sequence[Callable[[Array], Array]]


def solve(design: Array, y: Array, w: Array | None, bias: bool) -> tuple[Array, Array]:
    """Return W (p, k) and b (k,), 0 without bias, that minimize Σ wᵢ ‖yᵢ - φᵢ W - b‖²; the shortest such.

    Arguments:
        design: the rows φᵢ, (n, p).
        y: targets, (n, k).
        w: weights of the rows, (n,), not negative and not all 0; None: all 1.
        bias: whether to fit b.

    >>> W, b = solve(np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]]), None, bias=True)
    >>> W.round(6), b.round(6)
    (array([[2.]]), array([1.]))
    """
    if bias:
        design = np.column_stack([np.ones(len(design)), design])
    if w is not None:
        root = np.sqrt(w / np.max(w))[:, np.newaxis]  # only ratios matter, and these cannot overflow
        design, y = design * root, y * root
    W = np.linalg.lstsq(design, y, rcond=None)[0]
    return (W[1:], W[0]) if bias else (W, np.zeros(y.shape[1]))


def powers(degree: int) -> Basis:
    """Return the functions x, x², …, x to the given degree."""

    def power(exponent: int) -> Callable[[Array], Array]:
        return lambda X: X**exponent

    return [power(exponent) for exponent in range(1, degree + 1)]
