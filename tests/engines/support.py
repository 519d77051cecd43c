"""Jobs for the native engine, random and of any shape, and the reference engine's answer to them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from deltarule.core.activations import SOFTMAX, Activation
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.equations import Step
from deltarule.core.losses import Loss
from deltarule.core.objective import Objective, Reduction, Rows, Sums, forward_pass
from deltarule.core.optimizers import SGD, Optimizer
from deltarule.core.penalties import Penalty
from deltarule.data.batches import BatchPlan
from deltarule.engines.base import Engine, EpochSums, Job, TrainingState
from deltarule.engines.native.engine import NativeEngine, _native
from tests.core.support import targets

CLEARANCE = 1e-4  # how far units and errors stay from kinks, where rounding decides between two slopes


def require_native() -> None:
    """Skip a test module where the engine is not compiled, unless it has to be."""
    if _native is not None:
        return
    if os.environ.get("DELTARULE_REQUIRE_NATIVE") == "1":
        pytest.fail("the native engine is required and not compiled", pytrace=False)
    pytest.skip("the native engine is not compiled", allow_module_level=True)


INSTRUCTION_SETS: tuple[str, ...] = () if _native is None else tuple(_native.instruction_sets())
each_instruction_set = pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)


class Case(NamedTuple):
    """An objective, the parameters at which it is looked at, and rows."""

    objective: Objective
    theta: Array
    rows: Rows

    def job(self, optimizer: Optimizer, plan: BatchPlan | None = None, record_steps: bool = False) -> Job:
        plan = BatchPlan(self.rows.X.shape[0]) if plan is None else plan
        return Job(self.objective, optimizer, self.rows, plan, record_steps)

    def gradient(self) -> Array:
        """∂J/∂theta, the rows added up in portions: NumPy loses digits in one long sum."""
        parts = [
            self.objective.sums(self.theta, self.rows.take(slice(start, start + 256)))
            for start in range(0, len(self.rows.X), 256)
        ]
        gradient = np.sum([part.gradient for part in parts], axis=0)
        return self.objective.gradient(self.theta, Sums(0.0, sum(part.weight for part in parts), gradient))

    def astype(self, dtype: Any) -> Case:
        rows = Rows(*(None if part is None else part.astype(dtype) for part in self.rows))
        return Case(self.objective, self.theta.astype(dtype), rows)


def case(
    loss: Loss,
    activations: Sequence[Activation],
    widths: Sequence[int],
    n: int,
    *,
    seed: Any = 0,
    bias: bool = True,
    weighted: bool = False,
    shifted: bool = False,
    reduction: Reduction = "mean",
    penalties: tuple[Penalty, ...] = (),
    dtype: Any = np.float64,
) -> Case:
    """A random case; rows that come close to a kink are left out, at least one stays."""
    rng = np.random.default_rng(seed)
    architecture = Architecture(tuple(widths), tuple(activations), bias)
    parts = [
        (0.3 if activation.name == "exponential" else 1.0)
        * np.concatenate([rng.normal(size=i * o) / i**0.5, 0.3 * rng.normal(size=o if bias else 0)])
        for (i, o), activation in zip(architecture.shapes(), activations, strict=True)
    ]
    k = widths[-1]
    rows = Rows(
        X=rng.normal(size=(n, widths[0])),
        y=targets(rng, loss, n, k),
        w=rng.uniform(0.5, 2.0, n) * (rng.random(n) > 0.3) if weighted else None,
        offset=0.5 * rng.normal(size=(n, k)) if shifted else None,
    )
    found = Case(Objective(architecture, loss, penalties, reduction), np.concatenate(parts), rows)
    found = found.astype(dtype).astype(np.float64)
    keep = _clear_rows(found)
    if rows.w is not None:
        rows.w[keep[0]] = 1.0
    return Case(found.objective, found.theta, rows.take(keep)).astype(dtype)


def _clear_rows(found: Case) -> Any:
    """The rows whose units and errors keep their distance from kinks."""
    objective = found.objective
    steps = forward_pass(objective.architecture, found.theta, found.rows.X, found.rows.offset)
    near = [
        np.abs(step.z - kink)
        for step, activation in zip(steps, objective.architecture.activations, strict=True)
        for kink in activation.kinks
    ]
    near += [np.abs(steps[-1].a - found.rows.y - kink) for kink in objective.loss.kinks]
    distance = np.min([part.min(axis=1) for part in near], axis=0) if near else np.ones(len(found.rows.X))
    clear = np.flatnonzero(distance > CLEARANCE)
    return clear if clear.size else np.array([np.argmax(distance)])


class Run(NamedTuple):
    """What a run left behind."""

    state: TrainingState
    sums: list[EpochSums]

    def bits(self) -> tuple[Any, ...]:
        """Everything that must not depend on threads, chunks or the hour."""
        state, numbers = self.state, [(s.loss, s.weight, s.penalty) for s in self.sums]
        steps = [None if s.step_losses is None else s.step_losses.tobytes() for s in self.sums]
        memory = {name: values.tobytes() for name, values in state.optimizer.items()}
        return state.theta.tobytes(), memory, state.epoch, state.step, numbers, steps


def run(engine: Engine, job: Job, theta: Array, epochs: int = 1, state: TrainingState | None = None) -> Run:
    """Run some epochs from the start, or from a state that an earlier run left."""
    start = TrainingState(theta.copy(), job.optimizer.init(theta)) if state is None else state.copy()
    done: list[EpochSums] = []
    with np.errstate(all="ignore"):
        engine.run_epochs(job, start, epochs, done)
    return Run(start, done)


FAR = 2.0**20  # a rate so large that theta drowns in rate times gradient, and can be subtracted again


def native_gradient(engine: NativeEngine, at: Case) -> Array:
    """The engine's gradient in float64, from one plain step."""
    after = run(engine, at.job(SGD(FAR)), at.theta).state.theta
    return (at.theta.astype(np.float64) - after.astype(np.float64)) / FAR


def gradient_scale(at: Case) -> Array:
    """|x|ᵀ |delta|, reduced as the objective is, like theta: the sizes that the gradient is the sum of."""
    steps = forward_pass(at.objective.architecture, at.theta, at.rows.X, at.rows.offset)
    deltas = _delta_sizes(at, steps)
    weight = float(len(at.rows.X) if at.rows.w is None else at.rows.w.sum())
    dW = [np.abs(s.x).T @ np.abs(d) for s, d in zip(steps, deltas, strict=True)]
    db = [np.abs(d).sum(axis=0) if at.objective.architecture.bias else None for d in deltas]
    return at.objective.reduce(at.objective.architecture.flatten(dW, db), weight)


def _delta_sizes(at: Case, steps: Sequence[Step]) -> list[Array]:
    """|delta| of every layer; where a softmax takes differences of d_a, the sizes of what it subtracts."""
    objective = at.objective
    activations, W = objective.architecture.activations, objective.architecture.views(at.theta).W
    deltas = objective.gradients(at.theta, at.rows).delta
    if all(activation is not SOFTMAX for activation in activations):
        return [np.abs(delta) for delta in deltas]
    sizes = [np.abs(deltas[-1])]
    if activations[-1] is SOFTMAX and SOFTMAX not in objective.loss.fused:
        weight = np.ones(1) if at.rows.w is None else at.rows.w[:, np.newaxis]
        sizes = [weight * _softmax_sizes(steps[-1].a, np.abs(objective.loss.slope(at.rows.y, steps[-1].a)))]
    for layer in range(len(W) - 1, 0, -1):
        step, activation, d_a = steps[layer - 1], activations[layer - 1], sizes[0] @ np.abs(W[layer].T)
        softmax = activation is SOFTMAX
        below = _softmax_sizes(step.a, d_a) if softmax else np.abs(activation.derivative(step.z, step.a, d_a))
        sizes.insert(0, below)
    return sizes


def _softmax_sizes(a: Array, d_a: Array) -> Array:
    return a * (d_a + np.sum(a * d_a, axis=-1, keepdims=True))
