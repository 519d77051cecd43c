"""History and reports: one entry per epoch, in the units that were asked for."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

import deltarule as dr
from tests.training.support import X_VAL, Y_VAL, X, Y, curve, line, mean_loss


def test_one_entry_per_epoch_in_every_list() -> None:
    net = curve()
    history = net.train(
        X, Y, epochs=4, batch_size=5, validation=(X_VAL, Y_VAL), metrics=("rmse", "r2"), record_steps=True
    )
    assert net.history is history
    assert [report.epoch for report in history.epochs] == [1, 2, 3, 4]
    assert {report.epochs for report in history.epochs} == {4}
    lists = [
        history.loss,
        history.validation_loss,
        history.learning_rate,
        history.seconds,
        history.step_losses,
    ]
    lists += [*history.metrics.values(), *history.validation_metrics.values()]
    assert {len(values) for values in lists} == {4}
    assert list(history.metrics) == list(history.validation_metrics) == ["rmse", "r2"]
    assert {len(losses) for losses in history.step_losses} == {5}
    assert all(seconds >= 0.0 for seconds in history.seconds)


def test_metrics_and_validation_are_of_the_parameters_after_the_epoch() -> None:
    net = curve()
    for report in net.training(X, Y, epochs=3, validation=(X_VAL, Y_VAL), metrics=["mean_squared_error"]):
        assert report.metrics["mean_squared_error"] == pytest.approx(mean_loss(net))
        assert report.validation_loss == pytest.approx(mean_loss(net, X_VAL, Y_VAL))
        assert report.validation_metrics["mean_squared_error"] == pytest.approx(report.validation_loss)


def test_without_validation_metrics_and_recording_the_lists_are_empty() -> None:
    history = line().train(X, Y, epochs=2)
    assert history.validation_loss == []
    assert history.metrics == history.validation_metrics == {}
    assert history.step_losses == []
    assert history.epochs[0].step_losses is None
    assert history.epochs[0].validation_loss is None


def test_the_full_batch_loss_is_that_before_the_step() -> None:
    net = curve()
    before = mean_loss(net)
    assert net.train(X, Y, epochs=1, batch_size=None).loss[0] == pytest.approx(before, rel=1e-13)


def test_metrics_are_in_original_units_with_a_target_scaler() -> None:
    y = 1000.0 + 50.0 * Y
    scaler = dr.Standardizer.fit(y)
    net = line()
    history = net.train(X, scaler.transform(y), epochs=3, metrics=["rmse", "mae"], target_scaler=scaler)
    error = scaler.inverse(net.predict(X)) - y
    assert history.metrics["rmse"][-1] == pytest.approx(float(np.sqrt(np.mean(error**2))))
    assert history.metrics["mae"][-1] == pytest.approx(float(np.mean(np.abs(error))))


def test_accuracy_and_a_metric_of_ones_own_with_sample_weights() -> None:
    labels = np.arange(23) % 3
    w = np.linspace(0.0, 1.0, 23)
    top = dr.Metric("largest_output", lambda y, y_hat, w: float(y_hat.max()))
    net = dr.Network([3, 3], ["softmax"])
    history = net.train(
        X, dr.one_hot(labels), loss="cross_entropy", sample_weight=w, epochs=2, metrics=["accuracy", top]
    )
    right = np.argmax(net.predict(X), axis=1) == labels
    assert history.metrics["accuracy"][-1] == pytest.approx(right @ w / w.sum())
    assert history.metrics["largest_output"][-1] == net.predict(X).max()


def test_best_epoch_is_the_first_lowest_validation_loss_or_training_loss() -> None:
    history = line().train(X, Y, epochs=5, validation=(X, -Y))
    assert history.best_epoch == int(np.argmin(history.validation_loss)) + 1 == 1
    history = line().train(X, Y, epochs=5)
    assert history.best_epoch == 5
    assert line().train(X, Y, epochs=0).best_epoch is None


def test_to_frame() -> None:
    history = curve().train(
        X,
        Y,
        epochs=3,
        validation=(X_VAL, Y_VAL),
        metrics=["rmse"],
        penalty=dr.L2(0.1),
        optimizer=dr.SGD(0.25),
    )
    frame = history.to_frame()
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == [
        *(
            "epoch",
            "loss",
            "penalty",
            "validation_loss",
            "rmse",
            "validation_rmse",
            "learning_rate",
            "seconds",
        )
    ]
    assert frame["epoch"].to_list() == [1, 2, 3]
    assert frame["loss"].to_list() == history.loss
    assert frame["validation_rmse"].to_list() == history.validation_metrics["rmse"]
    assert frame["learning_rate"].to_list() == [0.25] * 3
    assert set(frame.dtypes[1:]) == {pl.Float64}


def test_to_frame_with_a_rate_per_layer_and_without_epochs() -> None:
    frame = curve().train(X, Y, epochs=2, optimizer=dr.SGD([0.1, 0.2])).to_frame()
    assert frame["learning_rate_1"].to_list() == [0.1, 0.1]
    assert frame["learning_rate_2"].to_list() == [0.2, 0.2]
    assert curve().train(X, Y, epochs=0).to_frame().height == 0


def test_learning_rate_engine_and_seed_are_on_record() -> None:
    history = curve().train(X, Y, epochs=2, optimizer=dr.SGD(np.array([0.1, 0.2])), seed=7)
    assert history.learning_rate == [(0.1, 0.2)] * 2
    assert history.seed == 7
    history = curve().train(X, Y, epochs=2, engine="reference")
    assert (history.engine, history.engine_reason) == ("reference", "asked for")


def test_reports_cannot_be_changed() -> None:
    report = next(line().training(X, Y))
    with pytest.raises(AttributeError):
        report.loss = 0.0  # type: ignore[misc]


def test_the_history_grows_while_the_run_goes_on() -> None:
    run = line().training(X, Y, epochs=3)
    assert [len(run.history.epochs) for _ in run] == [1, 2, 3]


def test_the_training_record_is_json() -> None:
    net = curve()
    assert net.training_record == {}
    net.train(
        X,
        Y,
        batch_size=np.int64(4),
        epochs=np.int64(3),
        seed=np.uint64(9),
        shuffle=np.bool_(False),
        optimizer=dr.SGD(np.array([0.1, 0.2]), momentum=np.float32(0.5)),
        penalty=[dr.L2(0.5), dr.L1(0.25)],
        validation=(X_VAL, Y_VAL),
    )
    record = json.loads(json.dumps(net.training_record, allow_nan=False))
    assert record["loss"] == "mean_squared_error"
    assert record["optimizer"] == {
        "name": "sgd",
        "learning_rate": [0.1, 0.2],
        "momentum": 0.5,
        "nesterov": False,
    }
    assert record["penalties"][0] == {"name": "l2", "strength": 0.5, "biases": False}
    assert (record["batch_size"], record["epochs"], record["seed"], record["shuffle"]) == (4, 3, 9, False)
    assert record["epochs_trained"] == 3
    assert record["stop"] == "trained all 3 epochs"


def test_the_record_knows_of_smoothed_labels() -> None:
    net = dr.Network([1, 1], ["sigmoid"])
    settings: Any = {"loss": "binary_cross_entropy", "epochs": 1}
    for given in (0.0, np.float32(0.25)):
        net.train([[0.0], [1.0]], [0.0, 1.0], label_smoothing=given, **settings)
        assert json.loads(json.dumps(net.training_record))["label_smoothing"] == given


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"batches": [[0, 1]]}, {"batch_size": None}])
def test_any_run_can_be_saved(settings: Any, tmp_path: Any) -> None:
    net = curve()
    net.train(X, Y, **settings)
    net.save(tmp_path / "net.safetensors")
    loaded = dr.load(tmp_path / "net.safetensors")
    assert loaded.training_record == json.loads(json.dumps(net.training_record))
    assert loaded.history is None


def test_a_run_whose_validation_loss_is_infinite_can_be_saved(tmp_path: Any) -> None:
    net = dr.Network([1, 1], ["exponential"], initializer=dr.Constant(1.0))
    net.train([[0.0], [1.0]], [1.0, 2.0], epochs=1, validation=([[1e4]], [1.0]))
    assert net.history is not None
    assert net.history.validation_loss == [np.inf]
    net.save(tmp_path / "net.safetensors")
    assert dr.load(tmp_path / "net.safetensors").training_record["validation_loss_of_last_epoch"] is None


def test_shown_in_a_notebook_it_is_one_line() -> None:
    history = line().train(X, Y, epochs=300, validation=(X, Y))
    assert repr(history).startswith("<History: 300 epochs, last loss ")
    assert repr(history).endswith("; trained all 300 epochs>")
    assert len(repr(history)) < 200
    assert repr(line().train(X, Y, epochs=0)).startswith("<History: no epoch finished; ")
