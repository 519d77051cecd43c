"""Random problems for every pair of loss and output activation, and numeric derivatives to judge them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.losses import LOSSES, Loss
from deltarule.core.objective import Objective, Reduction, Rows, forward_pass
from deltarule.core.optimizers import OPTIMIZERS, Optimizer
from deltarule.core.penalties import Penalty

H = float(np.finfo(np.float64).eps) ** (1.0 / 3.0)
CLEARANCE = 1e-3  # how far units and errors stay from kinks, where there is no derivative to compare with

ACTIVATION_RECORDS = tuple(ACTIVATIONS.values())
LOSS_RECORDS = tuple(LOSSES.values())
PAIRS = tuple((loss, out) for loss in LOSS_RECORDS for out in ACTIVATION_RECORDS if loss.allows(out))
REFUSED = tuple((loss, out) for loss in LOSS_RECORDS for out in ACTIVATION_RECORDS if not loss.allows(out))

each_activation = pytest.mark.parametrize("activation", ACTIVATION_RECORDS, ids=lambda record: record.name)
each_loss = pytest.mark.parametrize("loss", LOSS_RECORDS, ids=lambda record: record.name)
UPDATE_RULES: dict[str, Optimizer] = {
    name: optimizer for name, optimizer in OPTIMIZERS.items() if isinstance(optimizer, Optimizer)
}
each_pair = pytest.mark.parametrize(
    ("loss", "output"), PAIRS, ids=[f"{loss.name}-{out.name}" for loss, out in PAIRS]
)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


class Problem(NamedTuple):
    """An objective with parameters and rows at which it can be differentiated."""

    objective: Objective
    theta: Array
    rows: Rows

    def at(self, theta: Array) -> float:
        """J at other parameters."""
        return self.objective.value(theta, *self.objective.losses(theta, self.rows))

    def value(self) -> float:
        """J."""
        return self.at(self.theta)

    def gradient(self) -> Array:
        """The hand-derived ∂J/∂theta."""
        return self.objective.gradient(self.theta, self.objective.sums(self.theta, self.rows))

    def of(self, rows: Rows) -> Problem:
        """The same objective and parameters on other rows."""
        return self._replace(rows=rows)

    def astype(self, dtype: type[np.floating]) -> Problem:
        """The same problem in another dtype."""
        rows = Rows(*(None if part is None else part.astype(dtype) for part in self.rows))
        return Problem(self.objective, self.theta.astype(dtype), rows)


def problem(
    loss: Loss,
    output: Activation,
    k: int = 2,
    *,
    n: int = 5,
    hidden: Sequence[Activation] = (ACTIVATIONS["tanh"],),
    bias: bool = True,
    weighted: bool = False,
    shifted: bool = False,
    reduction: Reduction = "mean",
    penalties: tuple[Penalty, ...] = (),
    seed: int = 0,
) -> Problem:
    """A small random network with rows, drawn again until no unit and no error is close to a kink."""
    widths = (3, *(4 for _ in hidden), k)
    objective = Objective(Architecture(widths, (*hidden, output), bias), loss, penalties, reduction)
    for attempt in range(200):
        rng = np.random.default_rng([seed, k, attempt])
        theta = 0.6 * rng.normal(size=objective.architecture.n_parameters)
        rows = Rows(
            X=rng.normal(size=(n, 3)),
            y=targets(rng, loss, n, k),
            w=weights(rng, n) if weighted else None,
            offset=0.5 * rng.normal(size=(n, k)) if shifted else None,
        )
        if clear_of_kinks(objective, theta, rows):
            return Problem(objective, theta, rows)
    raise AssertionError("no draw stays clear of the kinks")


def weights(rng: np.random.Generator, n: int) -> Array:
    """Row weights between 0.5 and 2, one in three of them 0."""
    w = rng.uniform(0.5, 2.0, n)
    w[1::3] = 0.0
    return w


def targets(rng: np.random.Generator, loss: Loss, n: int, k: int) -> Array:
    """Targets in the loss's domain, the ends included where they belong to it."""
    low, high = loss.y_domain.low, loss.y_domain.high
    if np.isfinite(low) and np.isfinite(high):
        y = rng.uniform(low, high, (n, k))
        y[::2] = rng.choice([low, high], (len(y[::2]), k)) if loss.y_domain.closed_low else y[::2]
        return y
    if np.isfinite(low):
        y = low + rng.poisson(1.5, (n, k)).astype(float) + (0.0 if loss.y_domain.closed_low else 0.5)
        y[::2] += 0.25
        return y
    return rng.normal(0.0, 2.0, (n, k))


def clear_of_kinks(objective: Objective, theta: Array, rows: Rows) -> bool:
    """Whether every derivative exists in a neighborhood."""
    steps = forward_pass(objective.architecture, theta, rows.X, rows.offset)
    distances = [
        step.z - kink
        for step, activation in zip(steps, objective.architecture.activations, strict=True)
        for kink in activation.kinks
    ]
    distances += [steps[-1].a - rows.y - kink for kink in objective.loss.kinks]
    return all(bool(np.all(np.abs(distance) > CLEARANCE)) for distance in distances)


def away_from(kinks: Sequence[float], z: Array, distance: float = CLEARANCE) -> Array:
    """z with every entry that is close to a kink moved to its far side."""
    for kink in kinks:
        z = np.where(np.abs(z - kink) <= distance, kink + 2.0 * distance, z)
    return z


def numeric_gradient(f: Callable[[Array], float], theta: Array) -> Array:
    """Central differences of f, entry by entry."""
    gradient = np.empty_like(theta)
    for entry in range(theta.size):
        step = np.zeros_like(theta)
        step[entry] = H * max(1.0, abs(theta[entry]))
        gradient[entry] = (f(theta + step) - f(theta - step)) / (2.0 * step[entry])
    return gradient


def numeric_row_slopes(per_row: Callable[[Array], Array], z: Array) -> Array:
    """Central differences of a per-row function with respect to each column of z, (n, k)."""
    slopes = np.empty_like(z)
    for column in range(z.shape[1]):
        step = np.zeros_like(z)
        step[:, column] = H * np.maximum(1.0, np.abs(z[:, column]))
        slopes[:, column] = (per_row(z + step) - per_row(z - step)) / (2.0 * step[:, column])
    return slopes


def relative_error(a: Array, b: Array, floor: float = 1e-300) -> float:
    """‖a - b‖ / (‖a‖ + ‖b‖), or less where both are below the floor."""
    difference = float(np.linalg.norm(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)))
    size = float(np.linalg.norm(np.asarray(a, dtype=float)) + np.linalg.norm(np.asarray(b, dtype=float)))
    return difference / max(size, floor)


def gradient_error(case: Problem) -> float:
    """How far the hand-derived gradient is from the derivative of J; rounding of J counts as no error."""
    numeric = numeric_gradient(case.at, case.theta)
    return relative_error(case.gradient(), numeric, floor=0.01 * max(1.0, abs(case.value())))
