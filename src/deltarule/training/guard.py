"""The divergence guard: when the objective stops being finite, go back to the best epoch and say so."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, isnan

import numpy as np

from deltarule.core.arrays import Array
from deltarule.engines.base import Engine, EpochSums, Job, TrainingState
from deltarule.errors import InputError, message
from deltarule.training.reports import Stop


@dataclass
class _Best:
    """The lowest objective so far, and a state from which its epoch can be reached again."""

    objective: float
    epoch: int  # from 0: the objective was measured at the parameters before this epoch
    before: TrainingState


class DivergenceGuard:
    """Keeps the state before the epochs that held the lowest objective.

    It does not copy the parameters of every epoch: a run is a function of its state, so any epoch can be
    reached again by training on from an earlier state.
    """

    def __init__(self, engine: Engine, job: Job, state: TrainingState) -> None:
        self._engine, self._job = engine, job
        self._best = _Best(inf, state.epoch, state.copy())

    def see(self, first: int, objectives: list[float], before: TrainingState) -> None:
        """Take note of the finite objectives of epochs that ran from a state."""
        if objectives and (lowest := min(objectives)) < self._best.objective:
            self._best = _Best(lowest, first + objectives.index(lowest), before)

    def restore(self, state: TrainingState) -> int:
        """Go back to the best parameters known and return after how many epochs they were.

        The best epoch began with parameters that are good and may have ended with better ones: the objective
        over all rows decides between the two.
        """
        state.restore(self._best.before)
        self._train_on(state, self._best.epoch - state.epoch)
        began = state.copy()
        if self._best.objective < inf:
            self._train_on(state, 1)
        if not self._objective_at(state) < self._objective_at(began):
            state.restore(began)
        return state.epoch

    def _train_on(self, state: TrainingState, epochs: int) -> None:
        if epochs > 0:
            with np.errstate(all="ignore"):
                self._engine.run_epochs(self._job, state, epochs, [])

    def _objective_at(self, state: TrainingState) -> float:
        """J over all rows at the parameters of a state; infinite where it is not finite."""
        if not np.isfinite(state.theta).all():
            return inf
        objective = self._job.objective
        with np.errstate(all="ignore"):
            value = objective.value(state.theta, *self._engine.losses(objective, state.theta, self._job.rows))
        return value if isfinite(value) else inf


def objectives_of(job: Job, sums: list[EpochSums]) -> list[float]:
    """Each epoch's J: its loss, reduced over its rows, plus the penalty.

    Raises:
        InputError: no row of an epoch has weight.
    """
    if any(epoch.weight == 0.0 for epoch in sums):
        raise InputError(
            message("an epoch must hold at least one row with weight", found="none", hint="Check `batches`.")
        )
    reduce, share = job.objective.reduce, job.objective.share
    return [reduce(epoch.loss, epoch.weight) + share(epoch.penalty, epoch.weight) for epoch in sums]


def finite_objectives(objectives: list[float]) -> int:
    """How many epochs, from the first, had a finite objective."""
    return next((n for n, objective in enumerate(objectives) if not isfinite(objective)), len(objectives))


def finite_epochs(objectives: list[float], theta: Array) -> int:
    """How many epochs, from the first, had a finite objective and left finite parameters."""
    finite = finite_objectives(objectives)
    return finite if finite < len(objectives) or np.isfinite(theta).all() else finite - 1


def diverged(epoch: int, learning_rate: float | tuple[float, ...]) -> Stop:
    """Say in which epoch (from 1) the run diverged and what to try."""
    largest = max(learning_rate) if isinstance(learning_rate, tuple) else learning_rate
    hint = f"Try a smaller learning rate, {largest / 10:g} instead of {largest:g}"
    if isnan(largest):  # there is none, and what has one begins no further out
        hint = "Try smaller initial weights, or scaled inputs"
    return Stop("diverged", f"stopped in epoch {epoch}: the objective is no longer finite. {hint}")
