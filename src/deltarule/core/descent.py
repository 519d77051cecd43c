"""Gradient descent on a plain function, with its path: the picture before the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from deltarule.core.arrays import Array


class Descent(NamedTuple):
    """The path of a descent of m steps: the points (m + 1, d), start to end, and f at each of them, (m + 1,).

    >>> path = Descent(points=np.array([[2.0], [1.0]]), values=np.array([4.0, 1.0]))
    >>> path.points[path.values < 2.0]
    array([[1.]])
    """

    points: Array
    values: Array


def walk(
    f: Callable[[Array], float],
    grad: Callable[[Array], Array],
    x: Array,
    learning_rate: float,
    steps: int,
    tol: float | None,
) -> Descent:
    """Return the path x ← x - η ∇f(x) from x (d,), as far as points and values are finite.

    A rate that is too large leads to infinity; that is an end of the path here, not a warning.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        points, values = [x], [f(x)]
        for _ in range(steps):
            gradient = grad(x)
            if tol is not None and np.max(np.abs(gradient)) <= tol:
                break
            x = x - learning_rate * gradient
            if not (np.isfinite(x).all() and np.isfinite(value := f(x))):
                break
            points.append(x)
            values.append(value)
    return Descent(np.array(points), np.array(values))
