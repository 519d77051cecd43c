"""The engine contract: what training asks of whoever executes the equations.

It is wide enough for an engine that runs many epochs in compiled code, and for one that sums over workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, cast, runtime_checkable

import numpy as np

from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.dropout import Dropout
from deltarule.core.learning_rates import Patience, Progress, Schedule, entries_of, rates_of
from deltarule.core.objective import Objective, Rows, Sums
from deltarule.core.optimizers import LBFGS, AnyOptimizer, Optimizer, Rate, State, clipped
from deltarule.core.schedules import OURS
from deltarule.data.batches import BatchPlan


@dataclass(frozen=True)
class Job:
    """What to do in an epoch: the objective, its optimizer, the rows and how they are divided into steps.

    Schedules want to know how many epochs are planned. No gradient that the optimizer sees is longer than
    clip_norm. Dropout concerns the steps only, neither losses nor predictions. Where a minimizer moves theta,
    the optimizer is KeepGradient: an epoch is one evaluation.
    """

    objective: Objective
    optimizer: Optimizer
    rows: Rows
    plan: BatchPlan
    record_steps: bool = False
    epochs: int = 1
    clip_norm: float | None = None
    dropout: Dropout | None = None
    minimizer: LBFGS | None = None

    @property
    def moved_by(self) -> AnyOptimizer:
        """Who moves theta: the minimizer, or where there is none the optimizer."""
        return self.optimizer if self.minimizer is None else self.minimizer

    def __post_init__(self) -> None:
        """Look at the first and the last epoch of a schedule of the user's own, before anything is trained.

        Raises:
            InputError: it does not give one finite rate from 0 for each step.
        """
        if self._has_own_schedule:
            for epoch in {0, max(0, self.epochs - 1)}:
                own = self.plan.own is not None  # then nobody is asked for batches before they are due
                self.rates(epoch, 1 if own else self.plan.steps(epoch))

    @cached_property
    def learning_rates(self) -> tuple[float | Schedule, ...]:
        """The learning rate, or that of each layer."""
        return entries_of(self.optimizer.learning_rate)

    @cached_property
    def is_scheduled(self) -> bool:
        """Whether a learning rate changes in the course of the run."""
        return any(isinstance(rate, Schedule) for rate in self.learning_rates)

    @cached_property
    def _has_own_schedule(self) -> bool:
        """Whether a schedule is the user's own, whose rates are checked."""
        return any(isinstance(rate, Schedule) and type(rate) not in OURS for rate in self.learning_rates)

    def rates(self, epoch: int, steps: int, epochs: int = 1, patience: Sequence[Patience] = ()) -> Array:
        """The learning rates of every step of some epochs that have as many steps each.

        (epochs · steps, 1) or (epochs · steps, layers); the first of them is `epoch`, from 0.
        """
        if not self.is_scheduled:
            return np.broadcast_to(np.array(self.learning_rates), (epochs * steps, len(self.learning_rates)))
        step = epoch * steps + np.arange(epochs * steps)  # the same rates wherever a run resumes
        rows = step // steps * float(self.plan.n)
        progress = Progress(step / steps, (step + 1) / steps, rows, self.epochs)
        return rates_of(self.learning_rates, progress, patience, self._has_own_schedule)

    def first_rates(
        self, epoch: int, epochs: int, patience: Sequence[Patience] = ()
    ) -> list[float | tuple[float, ...]]:
        """The learning rates of the first step of some epochs: one number, or one per layer."""
        if not self.is_scheduled:
            rates = [cast(tuple[float, ...], self.learning_rates)] * epochs
        elif self.plan.own is None:
            steps = self.plan.steps(epoch)
            rates = [tuple(row) for row in self.rates(epoch, steps, epochs, patience)[::steps].tolist()]
        else:
            each = [self.rates(e, self.plan.steps(e), 1, patience)[0] for e in range(epoch, epoch + epochs)]
            rates = [tuple(row.tolist()) for row in each]
        return [rate[0] if len(rate) == 1 else rate for rate in rates]

    def spread(self, rates: Array) -> Rate:
        """The learning rate of a step: one number, or a vector like theta where layers differ."""
        if len(rates) == 1:
            return float(rates[0])
        return self.objective.architecture.per_layer(rates.tolist(), self.rows.X.dtype)


@dataclass
class TrainingState:
    """Everything that changes while training: it is all a run needs to go on exactly where it stopped."""

    theta: Array
    optimizer: State
    epoch: int = 0
    step: int = 0
    patience: tuple[Patience, ...] = ()  # of each learning rate, where one watches the loss

    def copy(self) -> TrainingState:
        """Return a state that shares no array with this one."""
        optimizer = {name: values.copy() for name, values in self.optimizer.items()}
        return TrainingState(self.theta.copy(), optimizer, self.epoch, self.step, self.patience)

    def restore(self, other: TrainingState) -> None:
        """Take over another state; theta keeps its place in memory."""
        self.theta[:] = other.theta
        self.optimizer = {name: values.copy() for name, values in other.optimizer.items()}
        self.epoch, self.step, self.patience = other.epoch, other.step, other.patience


class EpochSums(NamedTuple):
    """An epoch: Σ wᵢ ℓᵢ and Σ wᵢ, each row before its step, and the penalty before the first step (and each).

    An engine of its own instructions and threads says with which it has summed.
    """

    loss: float
    weight: float
    penalty: float
    step_losses: Array | None  # Σ wᵢ ℓᵢ / Σ wᵢ of each step, where the job asks for it
    instruction_set: str = ""
    threads: int | None = None
    step_penalties: Array | None = None  # before each step, where the job asks for them

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


def apply(job: Job, state: TrainingState, sums: Sums, rates: Array) -> None:
    """Take one step with what its rows (from one process or many) have summed; nothing moves if Σ wᵢ = 0."""
    if sums.weight == 0.0:
        return
    gradient = clipped(job.objective.gradient(state.theta, sums), job.clip_norm)
    theta, state.optimizer = job.optimizer.update(state.theta, gradient, state.optimizer, job.spread(rates))
    state.theta[:] = theta
    state.step += 1
