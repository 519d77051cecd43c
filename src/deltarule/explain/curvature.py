"""Curvature of the objective: the largest eigenvalue λ_max of its Hessian, from products H v alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from deltarule.core.activations import IDENTITY
from deltarule.core.arrays import Array
from deltarule.core.losses import HALF_SQUARED_ERROR, MEAN_SQUARED_ERROR, SUM_SQUARED_ERROR
from deltarule.core.objective import Objective, Rows, forward_pass
from deltarule.core.penalties import L2

Product: TypeAlias = Callable[[Array], Array]

MAX_PARAMETERS = 20_000  # beyond, 20 to 40 products of two gradients each are no longer a matter of seconds
DENSE = 64  # up to here the whole Hessian costs no more products than an iteration
PRECISION = 1e-6  # relative, of the iteration; the products are no better where they are differences
STEP = float(np.finfo(np.float64).eps) ** (1.0 / 3.0)  # balances the errors of truncation and of rounding
CLEARANCE = 1e-8  # a row closer than this to a kink has no second derivative that could be measured
SMALLEST_STEP = 1e-4  # times STEP; below, rounding would be larger than what is measured
QUADRATIC = (MEAN_SQUARED_ERROR, HALF_SQUARED_ERROR, SUM_SQUARED_ERROR)


class Curvature(NamedTuple):
    """λ_max, or None and the reason; whether the Hessian is constant; how many rows were left out."""

    lambda_max: float | None
    constant: bool = False
    left_out: int = 0
    reason: str = ""


def curvature(objective: Objective, theta: Array, rows: Rows, scale: float | Array = 1.0) -> Curvature:
    """Return the largest eigenvalue of S H S, S = diag(scale), for the Hessian H of J at theta, (p,).

    Where J is quadratic H is constant and exact. Elsewhere H v is a central difference of the hand-derived
    gradient, and λ_max holds for this theta only. Rows that lie on a kink (relu at 0) are left out.
    """
    p = objective.architecture.n_parameters
    if p > MAX_PARAMETERS:
        return Curvature(None, reason=f"{p} parameters are more than the {MAX_PARAMETERS} it is computed for")
    constant = is_quadratic(objective)
    smooth = np.flatnonzero(~_at_kink(objective, theta, rows))
    left_out = len(rows.X) - len(smooth)
    if len(smooth) == 0:
        return Curvature(None, reason="every row lies on a kink, where J has no second derivative")
    product = (
        _quadratic_product(objective, rows)
        if constant
        else _difference_product(objective, theta, rows.take(smooth))
    )
    largest = _largest_eigenvalue(lambda v: scale * product(scale * v), p)
    return Curvature(
        largest, constant, left_out, "" if largest is not None else "the iteration found no eigenvalue"
    )


def is_quadratic(objective: Objective) -> bool:
    """Say whether J is quadratic in theta: linear outputs, a squared error, no other penalty than L2."""
    return (
        objective.architecture.activations == (IDENTITY,)
        and objective.loss in QUADRATIC
        and all(isinstance(penalty, L2) for penalty in objective.penalties)
    )


def _quadratic_product(objective: Objective, rows: Rows) -> Product:
    """H v of a quadratic J: its gradient at v where targets and offset are 0, so that it is 0 at 0."""
    centered = rows._replace(y=np.zeros_like(rows.y), offset=None)
    return lambda v: objective.gradient(v, objective.sums(v, centered))


def _difference_product(objective: Objective, theta: Array, rows: Rows) -> Product:
    """H v ≈ (g(θ + h v) - g(θ - h v)) / 2h; h shrinks until no unit crosses a kink between the two."""
    longest = STEP * max(1.0, float(np.linalg.norm(theta)))

    def product(v: Array) -> Array:
        length = float(np.linalg.norm(v))
        if length == 0.0:
            return np.zeros_like(v)
        step = longest / length
        while step * length > SMALLEST_STEP * STEP and _crosses(objective, theta, step * v, rows):
            step /= 10.0
        high, low = theta + step * v, theta - step * v
        difference = objective.gradient(high, objective.sums(high, rows)) - objective.gradient(
            low, objective.sums(low, rows)
        )
        return difference / (2.0 * step)

    return product


def _distances(objective: Objective, theta: Array, rows: Rows) -> list[Array]:
    """How far every unit's z lies above each of its kinks, and every error above those of the loss."""
    if not (objective.loss.kinks or any(phi.kinks for phi in objective.architecture.activations)):
        return []
    steps = forward_pass(objective.architecture, theta, rows.X, rows.offset)
    units = zip(steps, objective.architecture.activations, strict=True)
    distances = [step.z - kink for step, activation in units for kink in activation.kinks]
    return distances + [steps[-1].a - rows.y - kink for kink in objective.loss.kinks]


def _at_kink(objective: Objective, theta: Array, rows: Rows) -> NDArray[np.bool_]:
    at_kink = np.zeros(len(rows.X), dtype=bool)
    for distance in _distances(objective, theta, rows):
        at_kink |= (np.abs(distance) < CLEARANCE).any(axis=1)
    return at_kink


def _crosses(objective: Objective, theta: Array, move: Array, rows: Rows) -> bool:
    pairs = zip(
        _distances(objective, theta + move, rows), _distances(objective, theta - move, rows), strict=True
    )
    return any(bool((np.sign(high) != np.sign(low)).any()) for high, low in pairs)


def _largest_eigenvalue(product: Product, p: int) -> float | None:
    """The largest eigenvalue of a symmetric operator: of its matrix, or by Lanczos iteration."""
    try:
        if p <= DENSE:
            H = np.array([product(unit) for unit in np.eye(p)])
            largest = np.linalg.eigvalsh((H + H.T) / 2.0)[-1]
        else:
            start = np.random.default_rng(0).normal(size=p)  # fixed, so that the same rows give the same bits
            operator = LinearOperator((p, p), matvec=product, dtype=np.float64)
            largest = eigsh(operator, k=1, which="LA", v0=start, tol=PRECISION, return_eigenvectors=False)[0]
    except (ArpackError, np.linalg.LinAlgError):
        return None
    return float(largest) if np.isfinite(largest) else None
