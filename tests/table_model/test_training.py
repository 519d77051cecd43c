"""TableModel.train: good models from real and made tables, the same ones again, and from any data frame."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import deltarule as dr
from deltarule.errors import DeltaruleWarning, InputError, TableError, UnseenCategoryWarning
from deltarule.table_model import TableModel
from tests.table_model.support import exams, flowers, rents


def test_train_and_training_take_the_same_arguments() -> None:
    """`train` hands all of them on, whatever they are."""
    train, training = (inspect.signature(method) for method in (TableModel.train, TableModel.training))
    assert train.parameters == training.parameters


# -- real and made tables -----------------------------------------------------------------------------------


def test_breast_cancer_from_a_csv_file(tmp_path: Path) -> None:
    dr.datasets.breast_cancer().write_csv(tmp_path / "tumors.csv")
    model = TableModel.train(tmp_path / "tumors.csv", target="diagnosis")
    assert model.scores is not None
    assert model.scores.n_rows == 114
    assert model.scores.network["accuracy"] > 0.95
    assert model.scores.network["log_loss"] < 0.2
    assert model.scores.baseline["accuracy"] == pytest.approx(0.63, abs=0.01)


def test_digits() -> None:
    model = TableModel.train(dr.datasets.digits(), target="digit", hidden=(32,), epochs=40)
    assert model.classes == tuple(range(10))
    assert model.scores is not None
    assert model.scores.network["accuracy"] > 0.93


def test_admissions() -> None:
    folder = os.environ.get("DELTARULE_DATA", "")
    path = Path(folder) / "admissions" / "binary.csv"
    if not folder or not path.exists():
        pytest.skip("DELTARULE_DATA has no admissions")
    model = TableModel.train(path, target="admit", categorical=["rank"])
    assert model.inputs.feature_names == ("gre", "gpa", "rank=1", "rank=2", "rank=3", "rank=4")
    assert model.classes == (0, 1)
    assert model.scores is not None
    assert model.scores.network["log_loss"] < model.scores.baseline["log_loss"] - 0.02


def test_regression_with_missing_values() -> None:
    model = TableModel.train(rents(600), target="rent")
    assert model.scores is not None
    assert model.scores.network["r2"] > 0.9
    assert model.scores.baseline["r2"] == pytest.approx(0.0, abs=0.05)
    assert model.inputs.feature_names[:2] == ("rooms", "rooms is missing")


def test_three_classes() -> None:
    model = TableModel.train(flowers(), target="kind")
    assert model.scores is not None
    assert model.scores.network["accuracy"] > 0.9
    assert [activation.name for activation in model.network.architecture.activations[-2:]] == [
        "tanh",
        "softmax",
    ]


def test_the_task_can_be_asked_for() -> None:
    grades = TableModel.train(exams(), target="grade", task="regression", epochs=3)
    assert grades.classes == ()
    assert set(grades.history.metrics) == {"rmse"}
    assert TableModel.train(exams(), target="grade", epochs=3).classes == (3, 7)


def test_without_hidden_layers_a_regression_is_nearly_least_squares() -> None:
    table = rents(400).drop_nulls()
    model = TableModel.train(table, target="rent", hidden=(), learning_rate=0.05, held_out=0, validation=0)
    X, y = model.inputs.transform(table), table["rent"].to_numpy()
    exact = dr.least_squares(X, y).predict(X)[:, 0]
    assert np.abs(model.predict(table) - exact).max() < 5


# -- reproducible, whatever the table is --------------------------------------------------------------------


def frames() -> list[Callable[[pl.DataFrame], Any]]:
    return [
        lambda table: pd.DataFrame(table.to_dict(as_series=False)),
        lambda table: table.to_arrow(),
        lambda table: table.to_dict(as_series=False),
        lambda table: table.lazy(),
    ]


@pytest.mark.parametrize("convert", frames(), ids=["pandas", "pyarrow", "dict", "lazy"])
@pytest.mark.parametrize(("table", "target"), [(rents(), "rent"), (flowers(), "kind")])
def test_every_data_frame_gives_the_same_model(
    convert: Callable[[pl.DataFrame], Any], table: pl.DataFrame, target: str
) -> None:
    model = TableModel.train(table, target=target, epochs=3)
    other = TableModel.train(convert(table), target=target, epochs=3)
    assert np.array_equal(model.network.theta, other.network.theta)
    assert np.array_equal(model.predict(table), other.predict(convert(table)))


def test_a_path_and_its_table_give_the_same_model(tmp_path: Path) -> None:
    path = tmp_path / "rents.csv"
    rents().write_csv(path)
    by_path = TableModel.train(path, target="rent", epochs=3)
    by_text = TableModel.train(str(path), target="rent", epochs=3)
    by_frame = TableModel.train(rents(), target="rent", epochs=3)
    assert np.array_equal(by_path.network.theta, by_frame.network.theta)
    assert np.array_equal(by_path.network.theta, by_text.network.theta)
    assert np.array_equal(by_path.predict(path), by_frame.predict(rents()))


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        TableModel.train(flowers(), target="kind", epochs=3, seed=seed).save(tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_the_callers_table_is_not_changed() -> None:
    table = pd.DataFrame(rents().to_dict(as_series=False))
    before = table.copy(deep=True)
    TableModel.train(table, target="rent", epochs=2).predict(table)
    pd.testing.assert_frame_equal(table, before)


def test_float32() -> None:
    model = TableModel.train(rents(), target="rent", dtype="float32", epochs=3)
    assert model.network.theta.dtype == np.float32
    assert np.isfinite(model.predict(rents())).all()


# -- parts of the table -------------------------------------------------------------------------------------


def test_rows_are_counted() -> None:
    table = exams(105).with_columns(grade=pl.when(pl.col("hours").rank() > 5).then("grade"))
    model = TableModel.train(table, target="grade", epochs=1)
    assert model.rows == (64, 16, 20, 5)
    assert model.rows.without_target == 5


def test_the_transforms_see_training_rows_only() -> None:
    """Held-out rows are changed beyond all measure, and nothing that was fitted notices."""
    table = rents(200).drop_nulls()
    plain = TableModel.training(table, target="rent", epochs=2)
    rows = np.setdiff1d(np.arange(len(table)), _training_rows(plain))
    shifted = np.zeros(len(table), dtype=np.int64)
    shifted[rows] = 10**6
    changed = TableModel.training(
        table.with_columns(rooms=pl.col("rooms") + pl.Series(shifted)), target="rent", epochs=2
    )
    assert changed.model.inputs == plain.model.inputs
    assert np.array_equal(changed.model.fitted.baseline, plain.model.fitted.baseline)


def _training_rows(training: Any) -> np.ndarray:
    rent = training.table.column("rent").values
    scaled = training._run.job.rows.y[:, 0]
    units = training.model.target.standardizer.inverse(scaled[:, np.newaxis])[:, 0]
    return np.flatnonzero(np.isclose(rent[:, np.newaxis], units, rtol=1e-12).any(axis=1))


def test_every_class_is_in_every_part_in_proportion() -> None:
    table = pl.DataFrame({"x": np.arange(200) * 1.5, "y": ["rare"] * 20 + ["common"] * 180})
    training = TableModel.training(table, target="y", epochs=1)
    y = training._run.job.rows.y
    assert y.mean() == pytest.approx(0.1, abs=0.01)
    assert np.mean(training.table.take(training._held_out).column("y").values) == pytest.approx(0.1, abs=0.01)


def test_a_category_of_the_rows_set_aside_is_one_warning() -> None:
    towns = [f"town{row}" if row % 10 == 0 else "city" for row in range(100)]
    table = pl.DataFrame({"town": towns, "y": np.arange(100) * 0.5})
    with pytest.warns(UnseenCategoryWarning) as caught:
        TableModel.train(table, target="y", epochs=1)
    assert len(caught) == 1


def test_scores_are_those_of_the_rows_held_out() -> None:
    training = TableModel.training(rents(), target="rent", epochs=5)
    model = training.run()
    held_out = training.table.take(training._held_out)
    assert model.scores is not None
    assert model.scores.network == model.evaluate(held_out)
    assert model.scores == model.judge(held_out)


# -- a run by hand ------------------------------------------------------------------------------------------


def test_a_run_by_hand_is_the_same_run() -> None:
    training = TableModel.training(rents(), target="rent", epochs=4)
    assert [report.epoch for report in training] == [1, 2, 3, 4]
    by_hand = training.finish()
    at_once = TableModel.train(rents(), target="rent", epochs=4)
    assert np.array_equal(by_hand.network.theta, at_once.network.theta)
    assert by_hand.scores == at_once.scores
    assert by_hand.history.loss == at_once.history.loss


def test_the_model_can_be_used_between_epochs() -> None:
    training = TableModel.training(rents(), target="rent", epochs=30, learning_rate=0.02)
    errors = [training.model.evaluate(rents())["rmse"] for _ in training]
    assert len(errors) == len(training.history.epochs)
    assert errors[-1] < errors[0]


def test_an_interrupted_run_keeps_the_best_network() -> None:
    training = TableModel.training(rents(), target="rent", learning_rate=0.05)
    for report in training:
        if report.epoch == 8:
            break
    training.interrupt()
    history = training.history
    assert history.stop is not None
    assert history.stop.kind == "interrupted"
    assert history.restored_epoch == history.best_epoch
    assert list(training) == []
    assert training.finish().scores is not None


def test_metrics_are_in_the_unit_of_the_target() -> None:
    model = TableModel.train(rents(), target="rent", epochs=60, metrics=["rmse", "mae"], held_out=0)
    best = model.history.restored_epoch
    assert model.history.metrics["rmse"][best - 1] > 5
    assert set(model.history.validation_metrics) == {"rmse", "mae"}
    train_and_validation = model.evaluate(rents())["rmse"]
    parts = [values["rmse"][best - 1] for values in (model.history.metrics, model.history.validation_metrics)]
    assert min(parts) <= train_and_validation <= max(parts)


def test_callbacks_and_time_limit_stop_the_run() -> None:
    model = TableModel.train(rents(), target="rent", callbacks=[lambda report: report.epoch == 3])
    assert len(model.history.epochs) == 3
    model = TableModel.train(rents(), target="rent", time_limit=1e-9, epochs=50)
    assert model.history.stop.kind == "time_limit"


# -- wishes -------------------------------------------------------------------------------------------------


def test_loss_and_output_go_together() -> None:
    counts = pl.DataFrame({"x": np.linspace(0, 2, 100), "n": np.arange(100) // 7 * 3})
    model = TableModel.train(counts, target="n", loss="poisson", epochs=3)
    assert model.network.architecture.activations[-1].name == "exponential"
    assert model.target.standardizer is None
    assert model.network.training_record["loss"] == "poisson"
    squared = TableModel.train(exams(), target="grade", loss="mean_squared_error", epochs=3)
    assert squared.network.architecture.activations[-1].name == "sigmoid"
    assert squared.predict_proba(exams()).sum(axis=1) == pytest.approx(1)


def test_optimizer_and_learning_rate() -> None:
    def rate(**wishes: Any) -> Any:
        return TableModel.train(exams(), target="grade", epochs=1, **wishes).history.learning_rate[0]

    assert rate() == 0.003
    assert rate(optimizer="sgd") == 0.05
    assert rate(optimizer="sgd", learning_rate=0.2) == 0.2
    assert rate(optimizer=dr.SGD(learning_rate=0.3)) == 0.3
    assert rate(optimizer=dr.Adam(learning_rate=0.3), learning_rate=0.1) == 0.1


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"hidden": 16}, "`hidden` must be the widths"),
        ({"hidden": "16"}, "`hidden` must be the widths"),
        ({"hidden": (16, 0)}, r"`hidden\[1\]` must be at least 1"),
        ({"activation": "rleu"}, "Did you mean 'relu'"),
        ({"loss": "poison"}, "Did you mean 'poisson'"),
        ({"loss": "cross_entropy"}, "The loss must go with a classification with 2 classes"),
        ({"task": "regress"}, "Did you mean 'regression'"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"learning_rate": -1}, "`learning_rate` must lie in"),
        ({"held_out": 1.0}, "`held_out` must lie in"),
        ({"validation": -0.1}, "`validation` must lie in"),
        ({"seed": -1}, "`seed` must be"),
        ({"epochs": -1}, "`epochs` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"metrics": ["accurcy"]}, "Did you mean 'accuracy'"),
        ({"target": "grad"}, "Did you mean 'grade'"),
        ({"exclude": ["hour"]}, "Did you mean 'hours'"),
        ({"dtype": "float16"}, "`dtype` must be one of"),
        ({"categorical": ["nothing"]}, "no column 'nothing'"),
    ],
)
def test_wishes_that_cannot_be_met(wishes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        TableModel.train(exams(), **{"target": "grade", "epochs": 1, **wishes})


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_rows(n: int) -> None:
    with pytest.raises(TableError, match="at least"):
        TableModel.train({"x": [1.0, 2.0][:n], "y": [1.5, 2.5][:n]}, target="y")


def test_three_rows_are_enough() -> None:
    table = {"x": [1.0, 2.0, 3.0, 4.0], "y": [1.5, 2.5, 3.5, 4.0]}
    model = TableModel.train(table, target="y", epochs=1)
    assert model.rows == (2, 1, 1, 0)
    assert model.scores is not None


def test_divergence_is_a_warning_and_the_network_stays_finite() -> None:
    with pytest.warns(DeltaruleWarning, match="smaller learning rate"):
        model = TableModel.train(rents(), target="rent", optimizer="sgd", learning_rate=1e200, epochs=3)
    assert np.isfinite(model.network.theta).all()
