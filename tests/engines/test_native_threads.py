"""The native engine leaves the same bits with any number of threads, run after run, in chunks or by hand."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.dropout import Dropout
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import SGD, Adam
from deltarule.core.penalties import L2
from deltarule.data.batches import BatchPlan
from deltarule.engines.native.engine import NativeEngine
from deltarule.engines.reference import ReferenceEngine
from tests.engines.support import INSTRUCTION_SETS, Case, case, each_instruction_set, require_native, run

require_native()

THREADS = (1, 2, 3, 8)
SHAPES: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "narrow": (("tanh", "identity"), (7, 5, 2)),
    "one layer": (("identity",), (50, 3)),
    "wide": (("relu", "gelu", "identity"), (33, 70, 45, 3)),
    "softmax inside": (("softmax", "tanh", "identity"), (120, 40, 19, 5)),
    "few inputs": (("elu", "identity"), (2, 130, 1)),
}
PLANS: dict[str, dict[str, Any]] = {
    "full": {},
    "mini-batches": {"batch_size": 70},
    "one by one": {"batch_size": 1},
    "small": {"batch_size": 5, "remainder": "merge"},
    "own": {"own": lambda epoch: [np.arange(epoch % 3, 190, 2), np.arange(0), np.arange(100)]},
}
each_shape = pytest.mark.parametrize("shape", SHAPES)
each_plan = pytest.mark.parametrize("plan", PLANS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def problem(shape: str, n: int = 700, dtype: Any = np.float32) -> Case:
    names, widths = SHAPES[shape]
    return case(
        LOSSES["mean_squared_error"],
        [ACTIVATIONS[name] for name in names],
        widths,
        n,
        weighted=True,
        shifted=True,
        penalties=(L2(1e-3),),
        dtype=dtype,
    )


def job_of(at: Case, plan: str, optimizer: Any = None) -> Any:
    return at.job(optimizer or Adam(0.01), BatchPlan(len(at.rows.X), **PLANS[plan]), record_steps=True)


@each_shape
@each_plan
@each_dtype
@each_instruction_set
def test_any_number_of_threads(instruction_set: str, dtype: Any, plan: str, shape: str) -> None:
    at = problem(shape, dtype=dtype)
    job = job_of(at, plan)
    alone = run(NativeEngine(instruction_set, 1), job, at.theta, 2).bits()
    for threads in THREADS:
        for _ in range(2):
            assert run(NativeEngine(instruction_set, threads), job, at.theta, 2).bits() == alone
    assert run(NativeEngine(instruction_set), job, at.theta, 2).bits() == alone


@each_shape
@each_plan
def test_any_number_of_threads_clips_alike(plan: str, shape: str) -> None:
    at = problem(shape)
    job = replace(job_of(at, plan), clip_norm=0.05)
    alone = run(NativeEngine(threads=1), job, at.theta, 2).bits()
    for threads in THREADS:
        assert run(NativeEngine(threads=threads), job, at.theta, 2).bits() == alone


@pytest.mark.parametrize("shape", ["narrow", "wide", "softmax inside"])
@each_plan
def test_any_number_of_threads_leaves_out_the_same_units(plan: str, shape: str) -> None:
    at = problem(shape)
    hidden = at.objective.architecture.n_layers - 1
    job = replace(job_of(at, plan), dropout=Dropout((0.4,) * hidden, 8))
    alone = run(NativeEngine(threads=1), job, at.theta, 2).bits()
    for threads in THREADS:
        assert run(NativeEngine(threads=threads), job, at.theta, 2).bits() == alone


@each_instruction_set
@pytest.mark.parametrize(("shape", "n"), [("few inputs", 9_000), ("narrow", 40_000)])
def test_rows_that_are_taken_span_by_span(shape: str, n: int, instruction_set: str) -> None:
    """A full batch larger than what is kept of its rows at a time."""
    at = problem(shape, n=n)
    runs = [run(NativeEngine(instruction_set, t), job_of(at, "full"), at.theta, 2) for t in THREADS]
    assert [found.bits() for found in runs] == [runs[0].bits()] * len(THREADS)
    reference = run(ReferenceEngine(), job_of(at, "full"), at.theta, 2)
    np.testing.assert_allclose(runs[0].state.theta, reference.state.theta, rtol=1e-3, atol=1e-4)


@each_shape
@each_plan
@pytest.mark.parametrize(
    "optimizer", [SGD(0.01), SGD(0.001, momentum=0.9, nesterov=True), Adam(0.01)], ids=repr
)
@each_instruction_set
def test_epochs_in_one_call_or_one_by_one(
    instruction_set: str, optimizer: Any, plan: str, shape: str
) -> None:
    at = problem(shape, n=200)
    engine, job = NativeEngine(instruction_set), job_of(at, plan, optimizer)
    whole = run(engine, job, at.theta, 6)
    state, sums = None, []
    for epochs in (1, 2, 1, 2):
        part = run(engine, job, at.theta, epochs, state)
        state, sums = part.state, sums + part.sums
    assert part._replace(sums=sums).bits() == whole.bits()


def network() -> dr.Network:
    return dr.Network([7, 40, 2], ["tanh", "identity"], dtype="float32")


RNG = np.random.default_rng(2)
X, Y = RNG.normal(size=(300, 7)), RNG.normal(size=(300, 2))
SETTINGS: dict[str, Any] = {"optimizer": dr.Adam(0.01), "batch_size": 32, "epochs": 12, "record_steps": True}


@each_instruction_set
def test_watched_and_unwatched_training(instruction_set: str) -> None:
    engine = NativeEngine(instruction_set)
    nets, histories = [], []
    for watched in ({}, {"metrics": ["rmse"]}, {"validation": (X[:20], Y[:20])}):
        nets.append(network())
        histories.append(nets[-1].train(X, Y, engine=engine, **SETTINGS, **watched))
    by_hand = network()
    training = by_hand.training(X, Y, engine=engine, **SETTINGS)
    reports = list(training)
    for net, history in zip(nets, histories, strict=True):
        assert net.theta.tobytes() == by_hand.theta.tobytes()
        assert history.loss == [report.loss for report in reports]
        assert np.array_equal(history.step_losses, [report.step_losses for report in reports])
        assert history.engine == "native"


@each_instruction_set
def test_a_run_that_is_resumed(instruction_set: str) -> None:
    engine = NativeEngine(instruction_set)
    training = network().training(X, Y, engine=engine, **SETTINGS)
    for _ in range(5):
        next(training)
    saved = training.state.copy()
    list(training)
    assert (
        run(engine, training.job, saved.theta, 7, saved).state.theta.tobytes()
        == training.state.theta.tobytes()
    )
    assert saved.epoch == 5


def test_step_losses_add_up_to_those_of_epochs() -> None:
    at = problem("wide", dtype=np.float64)
    found = run(NativeEngine(), job_of(at, "mini-batches"), at.theta, 2)
    w = at.rows.w
    assert w is not None
    for epoch, sums in enumerate(found.sums):
        weights = [w[batch].sum() for batch in BatchPlan(len(w), batch_size=70).epoch(epoch)]
        assert sums.weight == pytest.approx(w.sum(), rel=1e-12)
        assert sums.step_losses is not None
        assert sums.step_losses @ weights == pytest.approx(sums.loss, rel=1e-12)


@pytest.mark.parametrize("shape", ["narrow", "wide"])
def test_trainings_in_parallel_python_threads(shape: str) -> None:
    """Each leaves the bits that it leaves alone."""
    at = problem(shape)
    engines = [NativeEngine(name, threads) for name in INSTRUCTION_SETS for threads in (1, 2)]
    job = job_of(at, "mini-batches")
    found: list[Any] = [None] * len(engines)

    def train(number: int) -> None:
        found[number] = run(engines[number], job, at.theta, 5).bits()

    threads = [threading.Thread(target=train, args=(number,)) for number in range(len(engines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [run(engine, job, at.theta, 5).bits() for engine in engines]


def test_the_instruction_set_best_on_this_machine_is_the_default() -> None:
    at = problem("wide")
    job = job_of(at, "mini-batches")
    assert (
        run(NativeEngine(), job, at.theta).bits()
        == run(NativeEngine(INSTRUCTION_SETS[0]), job, at.theta).bits()
    )
