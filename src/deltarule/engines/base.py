"""The engine contract: what training asks of whoever executes the equations.

It is wide enough for an engine that runs many epochs in compiled code, and for one that sums over workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.objective import Objective, Rows, Sums
from deltarule.core.optimizers import Optimizer, Rate, State
from deltarule.data.batches import BatchPlan


@dataclass(frozen=True)
class Job:
    """What to do in an epoch: the objective, its optimizer, the rows and how they are divided into steps."""

    objective: Objective
    optimizer: Optimizer
    rows: Rows
    plan: BatchPlan
    record_steps: bool = False

    @property
    def learning_rate(self) -> float | tuple[float, ...]:
        """One number, or one per layer."""
        rates = np.asarray(self.optimizer.learning_rate, dtype=np.float64)
        return float(rates) if rates.ndim == 0 else tuple(rates.tolist())

    def rate(self) -> Rate:
        """The learning rate of a step: one number, or a vector like theta where layers differ."""
        rate = self.learning_rate
        if isinstance(rate, float):
            return rate
        return self.objective.architecture.per_layer(rate, self.rows.X.dtype)


@dataclass
class TrainingState:
    """Everything that changes while training: it is all a run needs to go on exactly where it stopped."""

    theta: Array
    optimizer: State
    epoch: int = 0
    step: int = 0

    def copy(self) -> TrainingState:
        """Return a state that shares no array with this one."""
        optimizer = {name: values.copy() for name, values in self.optimizer.items()}
        return TrainingState(self.theta.copy(), optimizer, self.epoch, self.step)

    def restore(self, other: TrainingState) -> None:
        """Take over another state; theta keeps its place in memory."""
        self.theta[:] = other.theta
        self.optimizer = {name: values.copy() for name, values in other.optimizer.items()}
        self.epoch, self.step = other.epoch, other.step


class EpochSums(NamedTuple):
    """An epoch: Σ wᵢ ℓᵢ and Σ wᵢ, each row before its step, and the penalty before the first step.

    An engine of its own instructions and threads says with which it has summed.
    """

    loss: float
    weight: float
    penalty: float
    step_losses: Array | None  # Σ wᵢ ℓᵢ / Σ wᵢ of each step, where the job asks for it
    instruction_set: str = ""
    threads: int | None = None

    @property
    def mean_loss(self) -> float:
        """The loss of the epoch, Σ wᵢ ℓᵢ / Σ wᵢ."""
        return self.loss / self.weight


@runtime_checkable
class Engine(Protocol):
    """Executes the equations. Everything it changes is in the TrainingState it is given."""

    @property
    def name(self) -> str: ...

    def refusal(self, job: Job) -> str:
        """Return why it cannot do the job, or an empty string."""
        ...

    def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
        """Train for some epochs; append the sums of each, so that an interrupt loses no finished epoch.

        What it does is a function of job and state: a run that diverged is repeated up to its best epoch.
        """
        ...

    def losses(self, objective: Objective, theta: Array, rows: Rows) -> tuple[float, float]:
        """Return Σ wᵢ ℓᵢ and Σ wᵢ of the rows."""
        ...

    def predict(self, architecture: Architecture, theta: Array, X: Array, offset: Array | None) -> Array:
        """Return ŷ, (n, k)."""
        ...


def apply(job: Job, state: TrainingState, sums: Sums, rate: Rate) -> None:
    """Take one step with what its rows (from one process or many) have summed; nothing moves if Σ wᵢ = 0."""
    if sums.weight == 0.0:
        return
    gradient = job.objective.gradient(state.theta, sums)
    theta, state.optimizer = job.optimizer.update(state.theta, gradient, state.optimizer, rate)
    state.theta[:] = theta
    state.step += 1
