"""The divergence guard: the run stops, the best parameters come back, a sentence says what to try."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.engines.base import EpochSums, Job, TrainingState
from deltarule.engines.reference import ReferenceEngine
from tests.training.support import X_VAL, Y_VAL, X, Y, curve, line, theta_after

WAYS = {
    "in chunks": {},
    "epoch by epoch": {"metrics": ["rmse"]},
    "with validation": {"validation": (X_VAL, Y_VAL)},
}


def train(net: dr.Network, *arrays: Any, **settings: Any) -> dr.History:
    with pytest.warns(dr.DivergenceWarning) as caught:
        history = net.train(*arrays, **settings)
    assert [str(warning.message) for warning in caught] == [history.stop and history.stop.message]
    assert caught[0].filename == __file__
    return history


def rising_after(epochs: int) -> Any:
    """Batches that are harmless for some epochs, then always the row that lets plain descent explode."""
    return lambda epoch: [range(22)] if epoch < epochs else [[22]]


WILD = np.vstack([X[:22], [[1e6, 1e6, 1e6]]])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("calm", [1, 2, 7, 40])
def test_the_better_end_of_the_epoch_with_the_lowest_objective_comes_back(way: str, calm: int) -> None:
    settings: dict[str, Any] = {"batches": rising_after(calm), "optimizer": dr.SGD(0.05, momentum=0.5)}
    net = line()
    history = train(net, WILD, Y, epochs=10_000, **settings, **WAYS[way])
    best = int(np.argmin(history.loss))
    ends = {}
    for epochs in (best, best + 1):
        ends[epochs] = line()
        ends[epochs].train(WILD, Y, epochs=epochs, **settings)
    expected = min(ends, key=lambda epochs: ends[epochs].gradients(WILD, Y).objective)
    assert history.restored_epoch == expected
    np.testing.assert_array_equal(net.theta, ends[expected].theta)
    assert np.isfinite(history.loss).all()
    assert history.stop is not None
    assert history.stop.kind == "diverged"


@pytest.mark.parametrize("way", WAYS)
def test_all_ways_of_watching_end_in_the_same_epoch(way: str) -> None:
    history = train(line(), WILD, Y, epochs=10_000, batches=rising_after(7), **WAYS[way])
    other = train(line(), WILD, Y, epochs=10_000, batches=rising_after(7))
    assert history.loss == other.loss
    assert history.stop == other.stop


def test_the_sentence_names_the_epoch_the_rate_to_try_and_the_parameters() -> None:
    history = train(line(), X, Y, epochs=10_000, batch_size=None, optimizer=dr.SGD(20.0))
    epoch = len(history.epochs) + 1
    assert history.stop == (
        "diverged",
        f"stopped in epoch {epoch}: the objective is no longer finite. "
        "Try a smaller learning rate, 2 instead of 20; the network has the parameters it started from",
    )
    history = train(line(), WILD, Y, epochs=10_000, batches=rising_after(3), optimizer=dr.SGD([0.1]))
    assert history.stop is not None
    assert "0.01 instead of 0.1; " in history.stop.message
    assert history.stop.message.endswith(
        "the network has the parameters it had after epoch 3, the best known"
    )


@pytest.mark.parametrize("way", WAYS)
def test_divergence_in_the_very_first_epoch_gives_the_start_back(way: str) -> None:
    net = line()
    start = net.theta.copy()
    history = train(net, X * 1e200, Y, **WAYS[way])
    assert history.stop is not None
    assert "in epoch 1:" in history.stop.message
    assert history.epochs == []
    assert history.best_epoch is None
    np.testing.assert_array_equal(net.theta, start)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_exponential_output_may_overflow(dtype: Any) -> None:
    net = dr.Network([1, 1], ["exponential"], dtype=dtype)
    history = train(net, np.linspace(0, 3, 10), np.linspace(1, 20, 10), optimizer=dr.SGD(10.0), epochs=100)
    assert history.stop is not None
    assert history.stop.kind == "diverged"
    assert np.isfinite(net.theta).all()
    assert np.isfinite(net.predict(np.linspace(0, 3, 10))).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("epochs", [1, 3])
def test_parameters_that_are_no_longer_finite_after_the_last_step_count_as_divergence(
    way: str, epochs: int
) -> None:
    class Breaking(ReferenceEngine):
        def run_epochs(self, job: Job, state: TrainingState, count: int, done: list[EpochSums]) -> None:
            super().run_epochs(job, state, count, done)
            if state.epoch == epochs:
                state.theta[0] = np.nan

    net = line()
    history = train(net, X, Y, epochs=epochs, batch_size=None, engine=Breaking(), **WAYS[way])
    assert f"in epoch {epochs}:" in history.stop.message if history.stop else False
    assert len(history.epochs) == epochs - 1
    assert history.restored_epoch == epochs - 1
    np.testing.assert_array_equal(
        net.theta, theta_after(epochs - 1, make=line, batch_size=None, engine="reference")
    )


def test_with_early_stopping_the_best_validated_parameters_come_back() -> None:
    thetas: list[Any] = []
    net = line()
    history = train(
        net,
        WILD,
        Y,
        epochs=10_000,
        batches=rising_after(6),
        validation=(X_VAL, Y_VAL),
        early_stopping=dr.EarlyStopping(patience=10_000),
        callbacks=[lambda report: thetas.append(net.theta.copy())],
    )
    assert history.stop is not None
    assert history.stop.kind == "diverged"
    assert history.restored_epoch == history.best_epoch == 6
    np.testing.assert_array_equal(net.theta, thetas[5])


def test_a_penalty_alone_may_diverge() -> None:
    history = train(line(), X, Y, penalty=dr.L2(1e3), optimizer=dr.SGD(1.0), epochs=1000)
    assert history.stop is not None
    assert history.stop.kind == "diverged"


def test_a_network_can_be_trained_again_after_divergence() -> None:
    net = curve()
    train(net, X * 1e3, Y, optimizer=dr.SGD(1e3), loss="sum_squared_error", epochs=1000)
    history = net.train(X, Y, optimizer=dr.SGD(0.05), epochs=50)
    assert history.loss[-1] < history.loss[0]


def test_stepping_by_hand_ends_with_the_same_warning() -> None:
    run = line().training(WILD, Y, epochs=10_000, batches=rising_after(7))
    with pytest.warns(dr.DivergenceWarning, match="no longer finite"):
        reports = list(run)
    assert [report.loss for report in reports] == run.history.loss


def test_validation_that_is_not_finite_is_no_divergence() -> None:
    net = dr.Network([1, 1], ["exponential"])
    history = net.train(
        [[0.0], [1.0]], [1.0, 2.0], epochs=3, validation=([[1e4]], [1.0]), metrics=["rmse", "r2"]
    )
    assert history.stop is not None
    assert history.stop.kind == "epochs"
    assert history.validation_loss[-1] in (0.0, 1.0, np.inf)


def test_one_good_epoch_before_the_divergence_is_not_lost() -> None:
    """The run breaks in epoch 2; what epoch 1 has learned from 22 rows is better than the start."""

    class Breaking(ReferenceEngine):
        def run_epochs(self, job: Job, state: TrainingState, count: int, done: list[EpochSums]) -> None:
            super().run_epochs(job, state, count, done)
            if state.epoch >= 2:
                done[-1] = done[-1]._replace(loss=float("inf"))

    net = line()
    history = train(
        net, X, Y, epochs=10, batch_size=4, optimizer=dr.SGD(0.05), engine=Breaking(), metrics=["rmse"]
    )
    assert history.restored_epoch == 1
    settings: dict[str, Any] = {"batch_size": 4, "optimizer": dr.SGD(0.05), "engine": "reference"}
    np.testing.assert_array_equal(net.theta, theta_after(1, make=line, **settings))


def test_the_guard_of_a_summed_objective_compares_sums() -> None:
    history = train(
        net := line(), X, Y, reduction="sum", penalty=dr.L2(1e-3), batch_size=None, optimizer=dr.SGD(0.5)
    )
    assert history.restored_epoch == 0
    np.testing.assert_array_equal(net.theta, line().theta)
