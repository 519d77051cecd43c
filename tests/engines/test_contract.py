"""The engine contract is wide enough: for many epochs in one call, and for gradients summed over workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.objective import Objective, Rows, Sums
from deltarule.engines.base import Engine, EpochSums, Job, TrainingState, apply
from deltarule.engines.reference import ReferenceEngine
from deltarule.engines.selection import REFERENCE

RNG = np.random.default_rng(3)
X = RNG.normal(size=(50, 3))
LABELS = np.arange(50) % 4
W = RNG.uniform(0.0, 2.0, 50)


@dataclass(frozen=True)
class Workers:
    """Each step's rows are divided between workers; their sums are added up, and one place takes the step."""

    count: int
    name: ClassVar[str] = "workers"

    def refusal(self, job: Job) -> str:
        return ""

    def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
        with np.errstate(all="ignore"):  # a diverging run goes on silently, the training loop judges it
            done.extend(self._run_epoch(job, state) for _ in range(epochs))

    def _run_epoch(self, job: Job, state: TrainingState) -> EpochSums:
        penalty, steps = job.objective.penalty(state.theta), []
        for batch in job.plan.epoch(state.epoch):
            steps.append(self._sums(job, state.theta, np.arange(job.plan.n)[batch]))
            apply(job, state, steps[-1], job.rates(0, len(steps))[0])
        state.epoch += 1
        losses = np.array([step.loss / step.weight for step in steps]) if job.record_steps else None
        return EpochSums(sum(s.loss for s in steps), sum(s.weight for s in steps), penalty, losses)

    def _sums(self, job: Job, theta: Array, rows: Any) -> Sums:
        parts = [
            job.objective.sums(theta.copy(), job.rows.take(part)) for part in np.array_split(rows, self.count)
        ]
        gradient = np.sum([part.gradient for part in parts], axis=0)
        return Sums(sum(part.loss for part in parts), sum(part.weight for part in parts), gradient)

    def losses(self, objective: Objective, theta: Array, rows: Rows) -> tuple[float, float]:
        parts = [objective.losses(theta, rows.take(slice(k, None, self.count))) for k in range(self.count)]
        return sum(loss for loss, _ in parts), sum(weight for _, weight in parts)

    def predict(self, architecture: Architecture, theta: Array, X: Array, offset: Array | None) -> Array:
        return REFERENCE.predict(architecture, theta, X, offset)


@dataclass(frozen=True)
class AtTheEnd(ReferenceEngine):
    """Like compiled code: many epochs in one call, and their sums at the end of it."""

    calls: list[int] = field(default_factory=list)
    name: ClassVar[str] = "at_the_end"

    def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
        self.calls.append(epochs)
        collected: list[EpochSums] = []
        super().run_epochs(job, state, epochs, collected)
        done.extend(collected)


def classifier(**settings: Any) -> dr.Network:
    return dr.Network([3, 5, 4], ["tanh", "softmax"], **settings)


def trained(engine: Any, **settings: Any) -> tuple[dr.Network, dr.History]:
    net = classifier()
    history = net.train(
        X, dr.one_hot(LABELS), loss="cross_entropy", epochs=8, record_steps=True, engine=engine, **settings
    )
    return net, history


SETTINGS: dict[str, dict[str, Any]] = {
    "full batch": {"batch_size": None},
    "short last batch": {"batch_size": 7},
    "fewer rows than workers": {"batch_size": 2},
    "weights": {"batch_size": 7, "sample_weight": W},
    "offset": {"batch_size": 7, "offset": RNG.normal(size=(50, 4))},
    "sum": {"batch_size": 7, "reduction": "sum"},
    "penalty": {"batch_size": 7, "penalty": (dr.L2(0.1), dr.L1(0.1))},
    "adam": {"batch_size": 7, "optimizer": dr.Adam(0.01)},
    "rates": {"batch_size": 7, "optimizer": dr.SGD([0.1, 0.2], momentum=0.5)},
    "validation": {"batch_size": 7, "validation": 0.3, "metrics": ["accuracy"]},
}


@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("name", SETTINGS)
def test_summing_over_workers_is_the_same_training(name: str, count: int) -> None:
    net, history = trained(Workers(count), **SETTINGS[name])
    expected, by_reference = trained("reference", **SETTINGS[name])
    np.testing.assert_allclose(net.theta, expected.theta, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(history.loss, by_reference.loss, rtol=1e-12)
    np.testing.assert_allclose(history.validation_loss, by_reference.validation_loss, rtol=1e-12)
    np.testing.assert_allclose(np.ravel(history.step_losses), np.ravel(by_reference.step_losses), rtol=1e-11)
    assert history.metrics == by_reference.metrics
    assert [report.penalty for report in history.epochs] == pytest.approx(
        [report.penalty for report in by_reference.epochs]
    )
    assert (history.engine, history.engine_reason) == ("workers", "asked for")


def test_a_whole_engine_is_an_engine() -> None:
    assert isinstance(Workers(1), Engine)
    assert isinstance(REFERENCE, Engine)


def test_unwatched_epochs_run_in_chunks_that_grow_and_end_on_time() -> None:
    engine = AtTheEnd()
    net = classifier()
    history = net.train(X, dr.one_hot(LABELS), loss="cross_entropy", epochs=100, engine=engine)
    assert sum(engine.calls) == len(history.epochs) == 100
    assert engine.calls[0] == 1
    assert max(engine.calls) > 1
    expected = classifier()
    expected.train(X, dr.one_hot(LABELS), loss="cross_entropy", epochs=100, engine="reference")
    assert net.theta.tobytes() == expected.theta.tobytes()


@pytest.mark.parametrize(
    "watched",
    [
        {"metrics": ["accuracy"]},
        {"callbacks": [lambda report: None]},
        {"validation": 0.2},
        {"tol": 0.0},
        {"target_loss": -1.0},
    ],
)
def test_watched_epochs_run_one_by_one(watched: Any) -> None:
    engine = AtTheEnd()
    classifier().train(X, dr.one_hot(LABELS), loss="cross_entropy", epochs=6, engine=engine, **watched)
    assert engine.calls == [1] * 6


def test_stepping_by_hand_runs_one_epoch_at_a_time() -> None:
    engine = AtTheEnd()
    list(classifier().training(X, dr.one_hot(LABELS), loss="cross_entropy", epochs=6, engine=engine))
    assert engine.calls == [1] * 6


def test_a_time_limit_alone_lets_epochs_run_in_chunks() -> None:
    engine = AtTheEnd()
    classifier().train(X, dr.one_hot(LABELS), loss="cross_entropy", epochs=50, time_limit=60, engine=engine)
    assert len(engine.calls) < 50


@pytest.mark.filterwarnings("ignore::deltarule.errors.DivergenceWarning")
def test_the_divergence_guard_works_with_any_engine() -> None:
    thetas = []
    for engine in ("reference", AtTheEnd(), Workers(1)):
        net = dr.Network([3, 1], ["identity"])
        history = net.train(X, X[:, 0], batch_size=None, optimizer=dr.SGD(3.0), epochs=10_000, engine=engine)
        assert history.stop is not None
        assert history.stop.kind == "diverged"
        thetas.append(net.theta)
    np.testing.assert_array_equal(thetas[0], thetas[1])
    np.testing.assert_array_equal(thetas[0], thetas[2])


def test_a_state_is_all_a_run_needs_to_go_on() -> None:
    optimizer = dr.Adam(0.01)
    run = classifier().training(
        X, dr.one_hot(LABELS), loss="cross_entropy", optimizer=optimizer, epochs=9, engine="reference"
    )
    for _ in range(4):
        next(run)
    saved = run.state.copy()
    list(run)
    done: list[EpochSums] = []
    REFERENCE.run_epochs(run.job, saved, 5, done)
    np.testing.assert_array_equal(saved.theta, run.state.theta)
    assert (saved.epoch, saved.step) == (run.state.epoch, run.state.step) == (9, 18)
    assert [sums.loss / sums.weight for sums in done] == run.history.loss[4:]


def test_blocks_of_rows_do_not_show_in_predictions_and_losses() -> None:
    net = dr.Network([3, 2], ["tanh"])
    many = RNG.normal(size=(10_000, 3))
    np.testing.assert_allclose(net.predict(many), net.forward(many)[-1].a, rtol=1e-13, atol=1e-14)
    history = net.train(X, np.zeros((50, 2)), epochs=1, validation=(many, np.zeros((10_000, 2))))
    assert history.validation_loss[0] == pytest.approx(float(np.mean(net.predict(many) ** 2)), rel=1e-12)
