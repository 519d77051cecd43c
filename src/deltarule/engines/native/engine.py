"""The native engine: whole epochs in C++, held equal to the reference; it refuses what it does not know.

It only translates a Job: the mathematics is in the C++ files beside this one, with the names of core.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.dropout import Dropout
from deltarule.core.losses import LOSSES
from deltarule.core.objective import Objective, Rows, weight_of
from deltarule.core.optimizers import SGD, Adam, AdamW, KeepGradient, Optimizer, RMSProp
from deltarule.core.penalties import L1, L2
from deltarule.engines.base import EpochSums, Job, TrainingState
from deltarule.engines.native.pace import pace_of, paced
from deltarule.engines.native.threads import share_of_threads
from deltarule.engines.reference import ReferenceEngine, blocks
from deltarule.errors import InputError, message

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
RULES = ("sgd", "momentum", "nesterov", "rmsprop", "gradient", "adam", "adam_before_bias_correction")
REMAINDERS = ("keep", "drop", "merge")
WORK_PER_THREAD = 800_000  # multiplications in a step below which a second thread costs more than it gives
ROWS_PER_CALL = 1 << 16  # a signal is handled between two calls
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
        unknown = _unknown_activation(objective.architecture)
        if unknown:
            return f"it does not know the activation {unknown}"
        if not _knows_loss(objective):
            return f"it does not know the loss {objective.loss.name}"
        if type(job.optimizer) not in (SGD, RMSProp, Adam, AdamW, KeepGradient):
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
        """Σ wᵢ ℓᵢ and Σ wᵢ, as the reference engine; what has no twin here, it leaves to it."""
        forward = self._forward(objective.architecture)
        if forward is None or not _knows_loss(objective):
            return ReferenceEngine().losses(objective, theta, rows)
        loss, twin = 0.0, LOSS_TWINS.index(objective.loss.name)
        with self._threads(objective.architecture, len(rows.X), theta.dtype, twin) as threads:
            for block in blocks(len(rows.X), ROWS_PER_CALL):
                loss += forward.losses(theta, *_contiguous(rows.take(block)), twin, threads)
        return loss, weight_of(rows)

    def predict(self, architecture: Architecture, theta: Array, X: Array, offset: Array | None) -> Array:
        """ŷ, (n, k), as the reference engine; what has no twin here, it leaves to it."""
        forward = self._forward(architecture)
        if forward is None:
            return ReferenceEngine().predict(architecture, theta, X, offset)
        y_hat = np.empty((len(X), architecture.n_outputs), theta.dtype)
        with self._threads(architecture, len(X), theta.dtype) as threads:
            for block in blocks(len(X), ROWS_PER_CALL):
                part = None if offset is None else np.ascontiguousarray(offset[block])
                forward.predict(theta, np.ascontiguousarray(X[block]), part, threads, y_hat[block])
        return y_hat

    def _forward(self, architecture: Architecture) -> Any:
        """The compiled forward pass; None where an activation has no twin."""
        if _native is None or _unknown_activation(architecture):
            return None
        twins = _activation_twins(architecture)
        return _native.Forward(list(architecture.widths), twins, architecture.bias, self._instructions())

    def _run(
        self, job: Job, state: TrainingState, epochs: int, own: Sequence[Any], done: list[EpochSums]
    ) -> None:
        _require_shapes(job, state)
        rows, before = job.rows, state.step
        memory = {name: np.array(values) for name, values in state.optimizer.items()}
        slots = [memory[name] for name in ("g", "m", "v") if name in memory]
        rates = _rates(job, state, len(own) or job.plan.steps(state.epoch), epochs)
        rows_of_step = min(job.plan.n, job.plan.batch_size or job.plan.n)
        kind = rows_of_step, state.theta.dtype, job.plan.n
        with self._threads(job.objective.architecture, *kind, paces=epochs == 1) as allowed:
            finished, steps, threads, interrupt = _native.run(
                self._spec(job, state, epochs, allowed),
                *_contiguous(rows),
                state.theta,
                slots,
                rates,
                np.concatenate([np.empty(0, np.int64), *own], dtype=np.int64),
                np.cumsum([len(batch) for batch in own], dtype=np.int64).tolist(),
            )
        if "t" in memory:
            memory["t"] = memory["t"] + steps
        state.optimizer, state.step = memory, before + int(steps)
        state.epoch += len(finished)
        instruction_set = self._instructions()
        for loss, weight, penalty, step_losses, step_penalties in finished:
            sums = EpochSums(loss, weight, penalty, None, instruction_set, threads)
            if step_losses is not None:
                penalties = np.zeros(len(step_losses)) if step_penalties is None else np.array(step_penalties)
                sums = sums._replace(step_losses=np.array(step_losses), step_penalties=penalties)
            done.append(sums)
        if interrupt is not None:
            raise interrupt

    def _spec(self, job: Job, state: TrainingState, epochs: int, threads: int) -> dict[str, Any]:
        """Return the job as plain numbers; see run in module.cpp."""
        objective, architecture, plan = job.objective, job.objective.architecture, job.plan
        t = float(state.optimizer["t"][0]) if "t" in state.optimizer else 0.0
        return {
            "widths": list(architecture.widths),
            "activations": _activation_twins(architecture),
            "bias": architecture.bias,
            "loss": LOSS_TWINS.index(objective.loss.name),
            "mean": objective.reduction == "mean",
            "averages_penalties": objective.averages_penalties,
            "l1": _strengths(objective, L1),
            "l2": _strengths(objective, L2),
            **_method(job.optimizer),
            "clip_norm": job.clip_norm or 0.0,
            "dropout": _dropout(job),
            "n": plan.n,
            "batch_size": plan.n if plan.batch_size is None else min(plan.batch_size, plan.n),
            "shuffle": plan.shuffle,
            "remainder": REMAINDERS.index(plan.remainder),
            "seed": plan.seed,
            "first_epoch": state.epoch,
            "epochs": epochs,
            "threads": threads,
            "t": t,
            "record_steps": job.record_steps,
            "has_own": plan.own is not None,
            "instruction_set": self._instructions(),
            "polls": threading.current_thread() is threading.main_thread(),
        }

    def _instructions(self) -> str:
        """The instruction set: the machine's best, or that which was asked for."""
        return self.instruction_set if self.instruction_set != "auto" else _native.instruction_sets()[0]

    @contextlib.contextmanager
    def _threads(
        self, architecture: Architecture, rows: int, *kind: object, paces: bool = True
    ) -> Iterator[int]:
        """Threads where that many rows are worth them, that are free, and that were faster lately.

        Lately is known of calls that are all alike: an epoch, all predictions.
        """
        work = rows * sum(o * (3 * i + UNIT_WORK) for i, o in architecture.shapes())
        with share_of_threads() as allowed:
            most = max(1, min(allowed, work // WORK_PER_THREAD))
            if isinstance(self.threads, int):
                yield self.threads
            elif most == 1 or not paces:
                yield most
            else:
                with paced(pace_of(most, architecture, rows, *kind)) as threads:
                    yield threads


class FewRows:
    """Predictions for a few rows at a time, with next to nothing between the caller and the numbers."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self._forward = NativeEngine()._forward(architecture)

    def __reduce__(self) -> tuple[type[FewRows], tuple[Architecture]]:
        return FewRows, (self.architecture,)

    def predict(self, theta: Array, X: object) -> Array | None:
        """Return ŷ, or None where X is not as plain and finite as this needs, or has many rows."""
        if self._forward is None or type(X) is not np.ndarray or X.dtype != theta.dtype or X.ndim != 2:
            return None
        n, i = X.shape
        widths = self.architecture.widths
        if not 0 < n <= _native.FEW_ROWS or i != widths[0] or not X.flags.c_contiguous:
            return None
        y_hat = np.empty((n, widths[-1]), theta.dtype)
        return y_hat if self._forward.predict_finite(theta, X, y_hat) else None


def _require_shapes(job: Job, state: TrainingState) -> None:
    """Refuse what compiled code would read beyond its end.

    Raises:
        InputError: parameters, rows or the memory of the optimizer are those of something else.
    """
    architecture, n, memory = job.objective.architecture, job.plan.n, job.optimizer.init(state.theta)
    p, i, k = architecture.n_parameters, architecture.n_inputs, architecture.n_outputs
    asked = {"theta": (p,), "X": (n, i), "y": (n, k), "w": (n,), "offset": (n, k)}
    asked |= {name: values.shape for name, values in memory.items()}
    given = {"theta": state.theta, **job.rows._asdict(), **state.optimizer}
    found = {name: values.shape for name, values in given.items() if values is not None}
    wrong = {name for name, shape in found.items() if shape != asked.get(name)} | memory.keys() - found.keys()
    if wrong:
        name = min(wrong)
        text = f"`{name}` of a run with {job.optimizer.name} must have the shape {asked.get(name)}"
        raise InputError(message(text, found=str(found.get(name))))


def _unknown_activation(architecture: Architecture) -> str:
    """The first activation without a twin, or an empty string."""
    for activation in architecture.activations:
        if ACTIVATIONS.get(activation.name) is not activation or activation.name not in ACTIVATION_TWINS:
            return activation.name
    return ""


def _activation_twins(architecture: Architecture) -> list[int]:
    return [ACTIVATION_TWINS.index(activation.name) for activation in architecture.activations]


def _knows_loss(objective: Objective) -> bool:
    loss = objective.loss
    return LOSSES.get(loss.name) is loss and loss.name in LOSS_TWINS


def _contiguous(rows: Rows) -> Rows:
    w, offset = (None if part is None else np.ascontiguousarray(part) for part in (rows.w, rows.offset))
    return Rows(np.ascontiguousarray(rows.X), np.ascontiguousarray(rows.y), w, offset)


def _strengths(objective: Objective, kind: type[L1] | type[L2]) -> list[float]:
    """The strength of all penalties of a kind, on weights and on biases."""
    strengths = [0.0, 0.0]
    for penalty in objective.penalties:
        if isinstance(penalty, kind):
            strengths[0] += penalty.strength
            strengths[1] += penalty.strength if penalty.biases else 0.0
    return strengths


def _rates(job: Job, state: TrainingState, steps: int, epochs: int) -> Array:
    """The learning rates of every step, (steps, layers); of a run in which they stay the same, one row."""
    if not job.is_scheduled:
        steps = epochs = 1
    rates = job.rates(state.epoch, steps, epochs, state.patience)
    shape = len(rates), job.objective.architecture.n_layers
    return np.ascontiguousarray(np.broadcast_to(rates, shape), dtype=np.float64)


def _dropout(job: Job) -> tuple[list[int], list[float], int]:
    """Below which word a unit of each hidden layer is left out, the factor of the others, and the seed."""
    dropout = job.dropout or Dropout(())
    return dropout.thresholds, dropout.scales, dropout.seed


def _method(optimizer: Optimizer) -> dict[str, float]:
    """The optimizer's update rule and its constants; a rule does not read those that it has not."""
    constants = dict.fromkeys(("momentum", "beta_1", "beta_2", "epsilon", "weight_decay"), 0.0)
    match optimizer:
        case SGD(momentum=momentum, nesterov=nesterov):
            rule = "sgd" if not momentum else "nesterov" if nesterov else "momentum"
            constants["momentum"] = momentum
        case RMSProp(rho=rho, epsilon=epsilon):
            rule = "rmsprop"
            constants |= {"beta_2": rho, "epsilon": epsilon}
        case KeepGradient():
            rule = "gradient"
        case Adam() | AdamW():
            before = optimizer.epsilon_form == "before_bias_correction"
            rule = "adam_before_bias_correction" if before else "adam"
            constants |= {name: getattr(optimizer, name) for name in ("beta_1", "beta_2", "epsilon")}
            if isinstance(optimizer, AdamW):
                constants["weight_decay"] = optimizer.weight_decay
        case _:  # refused before; see refusal
            raise TypeError(optimizer)
    return {"method": RULES.index(rule), **constants}
