"""The reference engine: core, line by line, in NumPy. It defines what is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.objective import Objective, Rows, Selection, forward_pass
from deltarule.engines.base import EpochSums, Job, TrainingState, apply

ROWS_PER_BLOCK = 4096


@dataclass(frozen=True)
class ReferenceEngine:
    """Plain NumPy, float64 or float32; knows every activation, loss and optimizer, the user's own too."""

    name: ClassVar[str] = "reference"

    def refusal(self, job: Job) -> str:
        """It refuses nothing."""
        return ""

    def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
        """Train epoch by epoch; a diverging run goes on silently, the training loop judges it."""
        for _ in range(epochs):
            done.append(_run_epoch(job, state))  # noqa: PERF401 (an interrupt must not lose what is done)

    def losses(self, objective: Objective, theta: Array, rows: Rows) -> tuple[float, float]:
        """Sum over blocks of rows, so that memory stays bounded."""
        with np.errstate(all="ignore"):
            sums = [objective.losses(theta, rows.take(block)) for block in blocks(rows.X.shape[0])]
        return sum(loss for loss, _ in sums), sum(weight for _, weight in sums)

    def predict(self, architecture: Architecture, theta: Array, X: Array, offset: Array | None) -> Array:
        """Predict block by block, so that memory stays bounded."""
        y_hat = np.empty((X.shape[0], architecture.n_outputs), theta.dtype)
        with np.errstate(all="ignore"):
            for block in blocks(X.shape[0]):
                part = None if offset is None else offset[block]
                y_hat[block] = forward_pass(architecture, theta, X[block], part)[-1].a
        return y_hat


def _run_epoch(job: Job, state: TrainingState) -> EpochSums:
    """One pass over the plan's batches, one step each."""
    loss, weight, step_losses, step_penalties = 0.0, 0.0, [], []
    penalty = job.objective.penalty(state.theta)
    batches = job.plan.epoch(state.epoch)
    rates = job.rates(state.epoch, len(batches), patience=state.patience)
    for batch, rate in zip(batches, rates, strict=True):
        if job.record_steps:
            step_penalties.append(job.objective.penalty(state.theta))
        dropout = _dropout(job, state.epoch, batch)
        sums = job.objective.sums(state.theta, job.rows.take(batch), dropout)
        apply(job, state, sums, rate)
        loss, weight = loss + sums.loss, weight + sums.weight
        if job.record_steps:
            step_losses.append(sums.loss / sums.weight if sums.weight else np.nan)
    state.epoch += 1
    epoch = EpochSums(loss, weight, penalty, None)
    if not job.record_steps:
        return epoch
    return epoch._replace(step_losses=np.array(step_losses), step_penalties=np.array(step_penalties))


def _dropout(job: Job, epoch: int, batch: Selection) -> list[Array]:
    """The factors of each hidden layer for the rows of a batch; none without dropout."""
    if job.dropout is None:
        return []
    hidden = job.objective.architecture.widths[1:-1]
    rows = np.arange(job.plan.n)[batch] if isinstance(batch, slice) else batch
    return job.dropout.factors(hidden, epoch, rows, job.rows.X.dtype)


def blocks(n: int, size: int = ROWS_PER_BLOCK) -> list[slice]:
    """Divide n rows into blocks."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
