"""Settings of Network.train that TableModel.train passes on, schedules by name, and a table to watch."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import deltarule as dr
from deltarule.core.schedules import SCHEDULES
from deltarule.errors import InputError, TableError, UnseenCategoryWarning
from deltarule.table_model import TableModel
from tests.table_model.support import exams, flowers, rents

NOT_FOR_TABLES = {"X", "y", "sample_weight", "target_scaler", "batches", "record_steps"}


def test_it_takes_what_network_train_takes() -> None:
    of_network, of_table = (set(inspect.signature(c.train).parameters) for c in (dr.Network, TableModel))
    assert of_network - of_table - {"self"} == NOT_FOR_TABLES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clip_norm", 0.5),
        ("label_smoothing", 0.1),
        ("reduction", "sum"),
        ("shuffle", False),
        ("remainder", "drop"),
    ],
)
def test_a_setting_reaches_the_run(name: str, value: Any) -> None:
    """The record says so, and the network is another one."""
    settings: Any = {"target": "grade", "epochs": 3, "learning_rate": 0.1}
    model, plain = (TableModel.train(exams(), **settings, **more) for more in ({name: value}, {}))
    assert model.network.training_record[name] == value != plain.network.training_record[name]
    assert not np.array_equal(model.network.theta, plain.network.theta)


@pytest.mark.parametrize(("optimizer", "size"), [("adam", 64), ("sgd", 64), ("lbfgs", 77)])
def test_a_step_takes_64_rows_and_all_of_them_with_lbfgs(optimizer: str, size: int) -> None:
    for asked in ({}, {"batch_size": "auto"}):
        model = TableModel.train(exams(), target="grade", epochs=2, optimizer=optimizer, **asked)
        assert (model.rows.train, model.network.training_record["batch_size"]) == (77, size)


@pytest.mark.parametrize("size", [32, 64])
def test_lbfgs_refuses_fewer_rows_whatever_the_default_is(size: int) -> None:
    settings: Any = {"target": "grade", "epochs": 2, "optimizer": "lbfgs"}
    with pytest.raises(InputError, match=f"`batch_size` must be left out with L-BFGS.*got {size}"):
        TableModel.train(exams(), batch_size=size, **settings)
    assert TableModel.train(exams(), batch_size=None, **settings).network.training_record["batch_size"] == 77


def test_the_loss_can_stop_the_run() -> None:
    kinds = [
        TableModel.train(exams(), target="grade", **rule).history.stop.kind
        for rule in ({"tol": 10.0}, {"target_loss": 10.0})
    ]
    assert kinds == ["tolerance", "target_loss"]


# -- schedules ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_by_name_has_the_rate_of_the_optimizer(name: str) -> None:
    def record(**wishes: Any) -> Any:
        return TableModel.train(exams(), target="grade", epochs=2, **wishes).network.training_record

    rate = record(schedule=name)["optimizer"]["learning_rate"]
    assert (rate["name"], rate["learning_rate"]) == (name, 0.003)
    assert record(schedule=name, optimizer="sgd")["optimizer"]["learning_rate"]["learning_rate"] == 0.05
    own = record(schedule=name, optimizer=dr.SGD(0.3, momentum=0.5))["optimizer"]
    assert (own["learning_rate"]["learning_rate"], own["momentum"]) == (0.3, 0.5)
    assert record(schedule=name, learning_rate=0.2)["optimizer"]["learning_rate"]["learning_rate"] == 0.2


@pytest.mark.parametrize("schedule", ["constant", {"name": "constant"}])
def test_the_constant_schedule_is_none(schedule: Any) -> None:
    for optimizer in ("adam", "lbfgs"):
        models = [
            TableModel.train(exams(), target="grade", epochs=3, optimizer=optimizer, schedule=each)
            for each in (schedule, None)
        ]
        assert models[0].network.training_record == models[1].network.training_record
        assert np.array_equal(models[0].network.theta, models[1].network.theta)


def test_a_schedule_is_a_learning_rate() -> None:
    named = {"schedule": {"name": "cosine", "warmup": 2, "epochs": 4}, "learning_rate": 0.1}
    record = {"learning_rate": dr.CosineDecay(0.1, warmup=2, epochs=4)}
    models = [TableModel.train(exams(), target="grade", epochs=6, **each) for each in (named, record)]
    assert models[0].history.learning_rate == models[1].history.learning_rate
    assert np.array_equal(models[0].network.theta, models[1].network.theta)
    layers = TableModel.train(exams(), target="grade", epochs=1, learning_rate=[dr.StepDecay(0.1), 0.2, 0.3])
    assert layers.history.learning_rate == [(0.1, 0.2, 0.3)]


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"schedule": "cosin"}, "Did you mean 'cosine'"),
        ({"schedule": {"name": "cosin"}}, "Did you mean 'cosine'"),
        ({"schedule": {"warmup": 3}}, "`schedule` must be a name, or a name with parameters; got"),
        ({"schedule": dr.CosineDecay()}, r"or learning_rate=dr\.CosineDecay"),
        (
            {"schedule": {"name": "cosine", "warm": 3}},
            "no parameter 'warm' of the schedule cosine. Allowed: w",
        ),
        ({"schedule": {"name": "cosine", "warm": 3}}, "Did you mean 'warmup'"),
        ({"schedule": {"name": "cosine", "learning_rate": 3}}, "Give it beside the schedule"),
        (
            {"schedule": {"name": "step", "every": 0}},
            "schedule step cannot be made: every must be at least 1",
        ),
        ({"schedule": "step", "learning_rate": dr.StepDecay()}, "`learning_rate` must be a finite number"),
        ({"schedule": "step", "learning_rate": -1}, "`learning_rate` must lie in"),
        ({"learning_rate": "fast"}, "`learning_rate` must be a finite number; got 'fast'"),
        ({"learning_rate": [0.1, 0.1]}, "or one per layer, 3"),
    ],
)
def test_rates_that_cannot_be_used(wishes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        TableModel.train(exams(), target="grade", epochs=1, **wishes)


# -- a table to watch -----------------------------------------------------------------------------------


def test_the_rows_to_watch_may_be_a_table(tmp_path: Path) -> None:
    """All other rows are learned from; scores are of rows of the first table."""
    table, watched = rents(200), rents(50, seed=1)
    model = TableModel.train(table, target="rent", validation=watched, epochs=30)
    assert model.rows == (160, 50, 40, 0)
    assert model.scores is not None
    assert model.scores.n_rows == 40
    best = model.history.restored_epoch
    assert model.history.validation_metrics["rmse"][best - 1] == pytest.approx(
        model.evaluate(watched)["rmse"]
    )
    watched.write_csv(tmp_path / "watched.csv")
    from_file = TableModel.train(table, target="rent", validation=tmp_path / "watched.csv", epochs=30)
    assert np.array_equal(from_file.network.theta, model.network.theta)
    none = TableModel.train(table, target="rent", validation=0, epochs=30)
    assert none.fitted.baseline == model.fitted.baseline
    assert none.inputs == model.inputs


def test_its_weights_and_offsets_count() -> None:
    watched = rents(50, seed=1).drop_nulls().with_columns(w=pl.lit(1.0), o=pl.col("rent"))
    table = rents(100).with_columns(w=pl.lit(2.0), o=pl.lit(0.0))
    settings: Any = {"target": "rent", "offset": "o", "weights": "w", "held_out": 0, "epochs": 1}
    run = TableModel.training(table, validation=watched, **settings)
    rows = run._run.settings.validation
    assert rows is not None
    assert rows.w.tolist() == [1.0] * len(watched)
    std, mean = run.model.target.standardizer.std, run.model.target.standardizer.mean
    np.testing.assert_allclose(rows.offset * std, rows.y * std + mean)


def test_its_rows_without_a_target_are_counted() -> None:
    watched = rents(50).with_columns(rent=pl.when(pl.col("furnished")).then("rent"))
    model = TableModel.train(rents(100), target="rent", validation=watched, epochs=1)
    assert model.rows.validation + model.rows.without_target == 50


def test_text_in_the_table_is_text_in_the_file_to_watch(tmp_path: Path) -> None:
    codes = [f"0{row % 3}" if row % 4 else "x" for row in range(60)]
    table = pl.DataFrame({"code": codes, "y": np.arange(60) * 0.5})
    table.filter(pl.col("code") != "x").write_csv(tmp_path / "t.csv")
    model = TableModel.train(table, target="y", validation=tmp_path / "t.csv", epochs=1)
    assert model.rows.validation == 45  # a code read as a number would be unknown, and that is a warning


def test_categories_that_only_the_table_to_watch_has_are_a_warning() -> None:
    watched = rents(30).with_columns(district=pl.lit("moon"))
    with pytest.warns(UnseenCategoryWarning, match="'moon' in 'district'") as caught:
        TableModel.train(rents(100), target="rent", validation=watched, epochs=1)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("watched", "sentence"),
    [
        (flowers(20).drop("width"), "validation cannot be used: The table lacks the column 'width', which"),
        (flowers(20).drop("kind"), "validation cannot be used: There is no column 'kind' in the table. All"),
        (flowers(20).rename({"width": "wdth"}), "Did you mean 'wdth'"),
        (flowers(20).with_columns(kind=pl.lit(None)), "The target 'kind' must have values; got none in any"),
        (flowers(20).with_columns(kind=pl.lit("tulip")), "classes seen in training; got 'tulip' in row 1."),
        (
            flowers(20).with_columns(width=pl.lit("wide")),
            "Column 'width' must hold numbers; got 'wide' in row",
        ),
        (
            flowers(20).with_columns(w=pl.lit(-1)),
            "The weights in column 'w' must not be negative; got -1 in r",
        ),
        (Path("nowhere.csv"), "There is no file 'nowhere.csv'"),
        (1.5, "`validation` must lie in"),
    ],
)
def test_tables_that_cannot_be_watched(watched: Any, sentence: str) -> None:
    table = flowers(60).with_columns(w=pl.lit(1))
    if isinstance(watched, pl.DataFrame) and "w" not in watched.columns:
        watched = watched.with_columns(w=pl.lit(1))
    with pytest.raises(TableError if not isinstance(watched, float) else InputError, match=sentence):
        TableModel.train(table, target="kind", weights="w", validation=watched, epochs=1)
