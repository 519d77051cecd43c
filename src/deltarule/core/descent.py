"""Gradient descent on a plain function, with its path: the picture before the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from deltarule.core.arrays import POSITIVE, Array, require_integer, require_number


class Descent(NamedTuple):
    """The path of a descent: points (steps + 1, d), start to end, and the function there, (steps + 1,)."""

    points: Array
    values: Array


def descend(
    f: Callable[[Array], ArrayLike],
    grad: Callable[[Array], ArrayLike],
    start: ArrayLike,
    learning_rate: float = 0.1,
    steps: int = 100,
    tol: float | None = None,
) -> Descent:
    """Walk downhill, x ← x - η ∇f(x), and keep every point on the way.

    Arguments:
        f: the function, of a point (d,), giving one number.
        grad: its gradient, (d,).
        start: the first point, (d,) or one number.
        learning_rate: η > 0.
        steps: how many steps at most.
        tol: stop when no coordinate of the gradient is larger than this.

    Raises:
        InputError: the learning rate is not positive, or the steps are no whole number.

    >>> path = descend(lambda x: float(x @ x), lambda x: 2 * x, [10.0, 10.0], learning_rate=0.3, steps=7)
    >>> path.points[:3, 0].round(6).tolist()
    [10.0, 4.0, 1.6]
    """
    require_number("learning_rate", learning_rate, POSITIVE)
    require_integer("steps", steps, 0)
    x = np.atleast_1d(np.asarray(start, dtype=float))
    points = [x]
    for _ in range(steps):
        gradient = np.asarray(grad(x), dtype=float)
        if tol is not None and np.max(np.abs(gradient)) <= tol:
            break
        x = x - learning_rate * gradient
        points.append(x)
    return Descent(np.array(points), np.array([np.asarray(f(point), dtype=float).item() for point in points]))
