"""The native engine: whole epochs in C++, held equal to the reference; it refuses what it does not know.

It only translates a Job: the mathematics is in the C++ files beside this one, with the names of core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.losses import LOSSES
from deltarule.core.objective import Objective, Rows
from deltarule.core.optimizers import SGD, Adam
from deltarule.core.penalties import L1, L2
from deltarule.engines.base import EpochSums, Job, TrainingState
from deltarule.engines.native.threads import get_threads
from deltarule.engines.reference import ReferenceEngine

try:
    import deltarule.engines.native._native as _native
except ImportError:  # installed where there was no compiler
    _native = None

# The order is that of the enumerations in problem.hpp.
ACTIVATION_TWINS = (
    *("identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu"),
    *("gelu", "silu", "mish", "softplus", "exponential", "softmax"),
)
LOSS_TWINS = (
    *("mean_squared_error", "half_squared_error", "sum_squared_error", "absolute_error", "huber"),
    *("binary_cross_entropy", "cross_entropy", "poisson"),
)
REMAINDERS = ("keep", "drop", "merge")
WORK_PER_THREAD = 800_000  # multiplications in a step below which a second thread costs more than it gives
UNIT_WORK = 50  # multiplications that an activation, its slope and a loss are worth


@dataclass(frozen=True)
class NativeEngine:
    """Compiled C++ for the registered activations, losses, optimizers and penalties."""

    instruction_set: str = "auto"
    threads: int | str = "auto"
    name: ClassVar[str] = "native"

    def refusal(self, job: Job) -> str:
        """Return what in the job has no C++ twin, or an empty string."""
        if _native is None:
            return "it is not compiled in this installation"
        objective = job.objective
        for activation in objective.architecture.activations:
            if ACTIVATIONS.get(activation.name) is not activation or activation.name not in ACTIVATION_TWINS:
                return f"it does not know the activation {activation.name}"
        if LOSSES.get(objective.loss.name) is not objective.loss or objective.loss.name not in LOSS_TWINS:
            return f"it does not know the loss {objective.loss.name}"
        if type(job.optimizer) not in (SGD, Adam):
            return f"it does not know the optimizer {job.optimizer.name}"
        for penalty in objective.penalties:
            if type(penalty) not in (L1, L2):
                return f"it does not know the penalty {penalty.name}"
        return ""

    def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
        """Train in compiled code; Ctrl-C takes effect between two steps."""
        if job.plan.own is None:
            self._run(job, state, epochs, [], done)
            return
        for _ in range(epochs):
            self._run(job, state, 1, job.plan.own(state.epoch), done)

    def losses(self, objective: Objective, theta: Array, rows: Rows) -> tuple[float, float]:
        """As the reference engine does."""
        return ReferenceEngine().losses(objective, theta, rows)

    def predict(self, architecture: Architecture, theta: Array, X: Array, offset: Array | None) -> Array:
        """As the reference engine does."""
        return ReferenceEngine().predict(architecture, theta, X, offset)

    def _run(
        self, job: Job, state: TrainingState, epochs: int, own: Sequence[Any], done: list[EpochSums]
    ) -> None:
        rows, before = job.rows, state.step
        memory = {name: np.array(values) for name, values in state.optimizer.items()}
        slots = [memory[name] for name in ("m", "v") if name in memory]
        spec = self._spec(job, state, epochs)
        finished, steps, threads, interrupt = _native.run(
            spec,
            np.ascontiguousarray(rows.X),
            np.ascontiguousarray(rows.y),
            rows.w if rows.w is None else np.ascontiguousarray(rows.w),
            rows.offset if rows.offset is None else np.ascontiguousarray(rows.offset),
            state.theta,
            slots,
            np.concatenate([np.empty(0, np.int64), *own], dtype=np.int64),
            np.cumsum([len(batch) for batch in own], dtype=np.int64).tolist(),
        )
        if "t" in memory:
            memory["t"] = memory["t"] + steps
        state.optimizer, state.step = memory, before + int(steps)
        state.epoch += len(finished)
        for loss, weight, penalty, step_losses in finished:
            losses = np.array(step_losses) if job.record_steps else None
            done.append(EpochSums(loss, weight, penalty, losses, spec["instruction_set"], threads))
        if interrupt is not None:
            raise interrupt

    def _spec(self, job: Job, state: TrainingState, epochs: int) -> dict[str, Any]:
        """Return the job as plain numbers; see run in module.cpp."""
        objective, architecture, plan = job.objective, job.objective.architecture, job.plan
        rates = job.learning_rate
        t = float(state.optimizer["t"][0]) if "t" in state.optimizer else 0.0
        return {
            "widths": list(architecture.widths),
            "activations": [
                ACTIVATION_TWINS.index(activation.name) for activation in architecture.activations
            ],
            "bias": architecture.bias,
            "loss": LOSS_TWINS.index(objective.loss.name),
            "mean": objective.reduction == "mean",
            "l1": _strengths(objective, L1),
            "l2": _strengths(objective, L2),
            "rates": list(rates) if isinstance(rates, tuple) else [rates] * architecture.n_layers,
            **_method(job),
            "n": plan.n,
            "batch_size": plan.n if plan.batch_size is None else min(plan.batch_size, plan.n),
            "shuffle": plan.shuffle,
            "remainder": REMAINDERS.index(plan.remainder),
            "seed": plan.seed,
            "first_epoch": state.epoch,
            "epochs": epochs,
            "threads": self._threads(job),
            "t": t,
            "record_steps": job.record_steps,
            "has_own": plan.own is not None,
            "instruction_set": _native.instruction_sets()[0]
            if self.instruction_set == "auto"
            else self.instruction_set,
        }

    def _threads(self, job: Job) -> int:
        """Threads only where a step is worth it, and no more than the process allows now."""
        if isinstance(self.threads, int):
            return self.threads
        plan = job.plan
        rows = plan.n if plan.batch_size is None else min(plan.batch_size, plan.n)
        work = rows * sum(o * (3 * i + UNIT_WORK) for i, o in job.objective.architecture.shapes())
        return max(1, min(get_threads(), work // WORK_PER_THREAD))


def _strengths(objective: Objective, kind: type[L1] | type[L2]) -> list[float]:
    """The strength of all penalties of a kind, on weights and on biases."""
    strengths = [0.0, 0.0]
    for penalty in objective.penalties:
        if isinstance(penalty, kind):
            strengths[0] += penalty.strength
            strengths[1] += penalty.strength if penalty.biases else 0.0
    return strengths


def _method(job: Job) -> dict[str, float]:
    """The optimizer's update rule and its constants."""
    optimizer = job.optimizer
    if isinstance(optimizer, Adam):
        method = 3 if optimizer.epsilon_form == "after_bias_correction" else 4
        constants = {
            "beta_1": optimizer.beta_1,
            "beta_2": optimizer.beta_2,
            "epsilon": optimizer.epsilon,
        }
        return {"method": method, "momentum": 0.0, **constants}
    sgd = cast(SGD, optimizer)
    method = 0 if not sgd.momentum else 2 if sgd.nesterov else 1
    return {"method": method, "momentum": sgd.momentum, "beta_1": 0.0, "beta_2": 0.0, "epsilon": 1.0}
