"""Every way a run ends, with its reason in words."""

from __future__ import annotations

import time
from typing import Any, get_args

import numpy as np
import pytest

import deltarule as dr
from deltarule.training.reports import StopKind
from tests.training.support import X_VAL, Y_VAL, X, Y, curve, line, theta_after


def stop_at(epoch: int) -> Any:
    return lambda report: report.epoch == epoch


def interrupt_at(epoch: int) -> Any:
    def callback(report: dr.EpochReport) -> None:
        if report.epoch == epoch:
            raise KeyboardInterrupt

    return callback


class Scripted:
    """Validation losses as given, whatever the network does: a loss that reads them from a list."""

    def __init__(self, losses: list[float]) -> None:
        self.losses = losses

    def train(self, rule: dr.EarlyStopping, epochs: int | None = None, **settings: Any) -> tuple[Any, Any]:
        """Train on one row; the other is validated. Returns the history and theta after every epoch."""
        thetas: list[Any] = [None]
        net = dr.Network([1, 1], ["identity"])
        calls = iter(self.losses)

        class Engine(type(dr_reference())):  # type: ignore[misc]
            def losses(self, objective: Any, theta: Any, rows: Any) -> tuple[float, float]:
                return next(calls), 1.0

        history = net.train(
            [[1.0]],
            [5.0],
            epochs=len(self.losses) if epochs is None else epochs,
            validation=([[1.0]], [1.0]),
            early_stopping=rule,
            engine=Engine(),
            callbacks=[lambda report: thetas.append(net.theta.copy())],
            **settings,
        )
        return history, (net.theta, thetas)


def dr_reference() -> Any:
    from deltarule.engines.selection import REFERENCE

    return REFERENCE


@pytest.mark.parametrize(
    ("losses", "rule", "stopped", "best"),
    [
        ([3, 2, 1, 2, 3, 4, 5], dr.EarlyStopping(patience=3), 6, 3),
        ([3, 2, 1, 2, 3, 4, 5], dr.EarlyStopping(patience=1), 4, 3),
        ([3, 1, 2, 1, 2, 1, 2], dr.EarlyStopping(patience=3), 5, 2),
        ([3, 1, 2, 1, 2, 1, 2], dr.EarlyStopping(patience=3, ties="last"), 5, 4),
        ([3, 1, 1, 1, 1], dr.EarlyStopping(patience=3, ties="last"), 5, 5),
        ([3, 2.9, 2.8, 2.7, 2.0], dr.EarlyStopping(patience=3, min_delta=0.5), 4, 4),
        ([3, 2.6, 2.2, 2.1], dr.EarlyStopping(patience=2, min_delta=0.4), 3, 3),
        ([np.inf, np.nan, 2, 3, 4], dr.EarlyStopping(patience=2), 2, None),
        ([np.nan, 2, np.nan, 3, 4], dr.EarlyStopping(patience=3), 5, 2),
    ],
)
def test_early_stopping(losses: Any, rule: Any, stopped: int, best: int | None) -> None:
    history, (theta, thetas) = Scripted(losses).train(rule)
    assert history.stop.kind == "early_stopping"
    assert len(history.epochs) == stopped
    assert history.restored_epoch == best
    np.testing.assert_array_equal(theta, thetas[best or stopped])


def test_early_stopping_words() -> None:
    history, _ = Scripted([3, 1, 2, 2, 2]).train(dr.EarlyStopping(patience=2))
    assert history.stop.message == (
        "stopped early after epoch 4: the validation loss has not improved for 2 epochs "
        "(best 1 in epoch 2); the network has the parameters it had after epoch 2, the best known"
    )
    history, _ = Scripted([np.inf, np.nan]).train(dr.EarlyStopping(patience=1))
    assert history.stop.message == (
        "stopped early after epoch 1: the validation loss has not improved for 1 epoch (it was never finite)"
    )


def test_the_best_parameters_come_back_whatever_ends_the_run() -> None:
    rule = dr.EarlyStopping(patience=50)
    history, (theta, thetas) = Scripted([3, 1, 2, 2]).train(rule)
    assert history.stop.kind == "epochs"
    assert "after epoch 2" in history.stop.message
    np.testing.assert_array_equal(theta, thetas[2])


def test_the_last_parameters_stay_where_that_is_asked() -> None:
    history, (theta, thetas) = Scripted([3, 1, 2, 2]).train(dr.EarlyStopping(patience=2, restore_best=False))
    assert history.restored_epoch is None
    np.testing.assert_array_equal(theta, thetas[4])


def test_early_stopping_on_real_rows_keeps_the_epoch_with_the_lowest_validation_loss() -> None:
    net = curve()
    noise = np.where(np.arange(6) % 2, 3.0, -3.0)[:, np.newaxis]
    rule = dr.EarlyStopping(patience=5)
    history = net.train(
        X[:6], Y[:6] + noise, epochs=3000, validation=(X_VAL, Y_VAL), early_stopping=rule, optimizer="adam"
    )
    assert history.stop is not None
    assert history.stop.kind == "early_stopping"
    assert history.best_epoch == history.restored_epoch
    assert float(np.mean((net.predict(X_VAL) - Y_VAL) ** 2)) == pytest.approx(min(history.validation_loss))


def test_tolerance_compares_epochs() -> None:
    history = line().train(X, Y, epochs=5000, batch_size=5, shuffle=False, tol=1e-6, optimizer=dr.SGD(0.05))
    changes = np.abs(np.diff(history.loss))
    assert history.stop is not None
    assert history.stop.kind == "tolerance"
    assert changes[-1] < 1e-6 <= changes[:-1].min()
    assert history.stop.message == (
        f"stopped after epoch {len(history.epochs)}: the training loss changed by {changes[-1]:.3g}, "
        "less than tol=1e-06"
    )


def test_target_loss() -> None:
    history = line().train(X, Y, epochs=5000, target_loss=0.5)
    assert history.stop is not None
    assert history.stop.kind == "target_loss"
    assert history.loss[-1] <= 0.5 < min(history.loss[:-1])
    assert history.stop.message == (
        f"stopped after epoch {len(history.epochs)}: the training loss reached {history.loss[-1]:.6g}"
    )


@pytest.mark.parametrize("watched", [{}, {"metrics": ["rmse"]}])
def test_time_limit(watched: Any) -> None:
    start = time.perf_counter()
    history = line().train(X, Y, epochs=10**9, time_limit=0.05, **watched)
    assert history.stop is not None
    assert history.stop.kind == "time_limit"
    assert time.perf_counter() - start >= 0.05
    assert history.stop.message == (
        f"stopped after epoch {len(history.epochs)}: the time limit of 0.05 s is over"
    )


@pytest.mark.parametrize(
    ("epochs", "words"), [(0, "trained 0 epochs"), (1, "trained 1 epoch"), (2, "trained all 2 epochs")]
)
def test_all_epochs(epochs: int, words: str) -> None:
    net = line()
    start = net.theta.copy()
    history = net.train(X, Y, epochs=epochs)
    assert history.stop == ("epochs", words)
    assert len(history.epochs) == epochs
    assert np.array_equal(net.theta, start) == (epochs == 0)


def test_callbacks_hear_of_every_epoch_and_one_may_stop() -> None:
    first: list[dr.EpochReport] = []
    last: list[int] = []
    history = line().train(
        X, Y, epochs=10, callbacks=[first.append, stop_at(4), lambda report: last.append(report.epoch)]
    )
    assert history.stop == ("callback", "stopped by a callback after epoch 4")
    assert first == history.epochs
    assert last == [1, 2, 3, 4]


def test_an_error_in_a_callback_is_the_callers_and_the_network_stays_usable() -> None:
    def fail(report: dr.EpochReport) -> None:
        raise ZeroDivisionError("mine")

    net = curve()
    with pytest.raises(ZeroDivisionError, match="mine"):
        net.train(X, Y, callbacks=[fail])
    np.testing.assert_array_equal(net.theta, theta_after(1))
    assert net.history is not None
    assert len(net.history.epochs) == 1


def test_ctrl_c_in_a_callback_ends_the_run() -> None:
    net = curve()
    history = net.train(X, Y, epochs=10, callbacks=[interrupt_at(3)])
    assert history.stop == ("interrupted", "interrupted with 3 of 10 epochs finished")
    assert [report.epoch for report in history.epochs] == [1, 2, 3]
    np.testing.assert_array_equal(net.theta, theta_after(3))


def test_ctrl_c_with_early_stopping_gives_the_best_parameters_back() -> None:
    thetas: list[Any] = []
    net = curve()
    history = net.train(
        X,
        Y,
        validation=(X, -Y),
        early_stopping=dr.EarlyStopping(patience=50),
        callbacks=[lambda report: thetas.append(net.theta.copy()), interrupt_at(5)],
    )
    assert history.stop is not None
    assert history.stop.kind == "interrupted"
    assert history.best_epoch == history.restored_epoch == 1
    np.testing.assert_array_equal(net.theta, thetas[0])


def test_ctrl_c_while_stepping_by_hand_ends_the_iteration() -> None:
    run = curve().training(X, Y, epochs=10, callbacks=[interrupt_at(2)])
    assert [report.epoch for report in run] == [1, 2]
    assert run.history.stop is not None
    assert run.history.stop.kind == "interrupted"
    assert list(run) == []


def test_a_run_can_be_ended_from_outside() -> None:
    run = curve().training(X, Y, epochs=10)
    next(run)
    run.interrupt()
    assert run.history.stop == ("interrupted", "interrupted with 1 of 10 epochs finished")
    assert list(run) == []
    run.interrupt()
    assert run.history.stop == ("interrupted", "interrupted with 1 of 10 epochs finished")


def test_breaking_out_of_the_loop_leaves_a_network_with_the_current_parameters() -> None:
    net = curve()
    for report in net.training(X, Y, epochs=10):
        if report.epoch == 4:
            break
    np.testing.assert_array_equal(net.theta, theta_after(4))
    assert net.history is not None
    assert net.history.stop is None
    assert len(net.history.loss) == 4


def test_the_first_of_several_reasons_counts_and_everyone_hears_of_the_epoch() -> None:
    heard: list[int] = []
    history = line().train(
        X,
        Y,
        target_loss=1e9,
        validation=(X_VAL, Y_VAL),
        early_stopping=dr.EarlyStopping(patience=1),
        callbacks=[lambda report: heard.append(report.epoch) or True],
    )
    assert history.stop is not None
    assert history.stop.kind == "target_loss"
    assert history.restored_epoch == 1
    assert heard == [1]


def test_a_finished_run_stays_finished() -> None:
    run = line().training(X, Y, epochs=2)
    assert len(list(run)) == 2
    assert run.run() is run.history
    assert len(run.history.epochs) == 2


def test_every_kind_of_stop_is_tested_somewhere_in_this_folder() -> None:
    from pathlib import Path

    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert all(f'"{kind}"' in text for kind in get_args(StopKind))
