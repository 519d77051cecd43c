"""Columns of weights, offset and exposure: in training, in predictions, in scores and in the file."""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import deltarule as dr
from deltarule.errors import InputError, ModelFileError, TableError
from deltarule.storage import model_file
from deltarule.table_model import TableModel
from tests.table_model.support import exams, flowers, rents


def claims(n: int = 2000, seed: int = 0) -> pl.DataFrame:
    """Counts in proportion to an exposure: 2 Poisson(years exp(0.5 + x)); and weights 0, 1 or 2."""
    rng = np.random.default_rng(seed)
    x, years = rng.uniform(-1, 1, n), rng.uniform(0.1, 2, n)
    counts = 2 * rng.poisson(years * np.exp(0.5 + x))
    return pl.DataFrame({"x": x, "years": years, "claims": counts, "w": rng.integers(0, 3, n)})


COUNTS: dict[str, Any] = {"target": "claims", "loss": "poisson", "hidden": ()}


# -- weights --------------------------------------------------------------------------------------------


def test_a_weight_of_two_is_the_row_twice_and_of_zero_none() -> None:
    table = rents(60)
    counts = np.arange(60) % 3
    settings: Any = {"target": "rent", "batch_size": None, "epochs": 3, "held_out": 0, "validation": 0}
    settings |= {"optimizer": "sgd", "learning_rate": 0.1, "hidden": (5,)}
    weighted = TableModel.training(table.with_columns(w=pl.Series(counts)), weights="w", **settings)
    rows = weighted.job.rows
    assert rows.w is not None
    assert rows.w.tolist() == counts.tolist()
    assert weighted.model.inputs.used_columns == ("rooms", "district", "furnished")
    again = dr.Network([*weighted.model.network.architecture.widths], ["tanh", "identity"])
    repeated = np.repeat(np.arange(60), counts)
    again.train(rows.X[repeated], rows.y[repeated], batch_size=None, epochs=3, optimizer=dr.SGD(0.1))
    np.testing.assert_allclose(weighted.run().network.theta, again.theta, rtol=1e-12)
    mean = np.average(table["rent"].to_numpy(), weights=counts)
    assert weighted.model.target.decode(weighted.model.fitted.baseline[np.newaxis])[0] == pytest.approx(mean)


@pytest.mark.parametrize(("table", "target"), [(rents(), "rent"), (flowers(), "kind"), (exams(), "grade")])
def test_scores_are_weighted_like_training_or_as_asked(table: pl.DataFrame, target: str) -> None:
    w = np.arange(len(table)) % 3
    model = TableModel.train(table.with_columns(w=pl.Series(w)), target=target, weights="w", epochs=3)
    assert model.scores is not None
    assert model.scores.weights == "w"
    new = table.with_columns(w=pl.Series(w), v=pl.Series(w[::-1]))
    for column, counts in (("w", w), ("v", w[::-1])):
        twice = new[np.repeat(np.arange(len(w)), counts)]
        for numbers, same in zip(model.judge(new, column)[1:3], model.judge(twice, None)[1:3], strict=True):
            assert numbers == pytest.approx(same)
    assert model.evaluate(new) == model.evaluate(new, "w") != model.evaluate(new, None)
    assert model.evaluate(table, None) == model.evaluate(new, None)
    unweighted = TableModel.train(table, target=target, epochs=3)
    assert unweighted.evaluate(new) == unweighted.evaluate(new, None) != unweighted.evaluate(new, "w")


def test_predictions_need_no_weights() -> None:
    model = TableModel.train(claims(200), weights="w", epochs=2, **COUNTS)
    table = claims(20)
    assert np.array_equal(model.predict(table), model.predict(table.drop("w", "claims")))
    with pytest.raises(
        TableError, match=r"lacks the column 'w', the weights the model was trained with\. Give"
    ):
        model.evaluate(table.drop("w"))


def test_weights_count_on_the_rows_to_watch() -> None:
    w = np.where(np.arange(300) % 2 == 0, 1.0, 0.0)
    table = rents(300).with_columns(w=pl.Series(w), x=pl.Series(np.arange(300) * 0.5))
    report = next(TableModel.training(table, target="rent", weights="w", epochs=1))
    only = next(TableModel.training(table, target="rent", epochs=1))
    assert report.validation_loss != only.validation_loss
    assert report.validation_metrics != only.validation_metrics


# -- offset and exposure --------------------------------------------------------------------------------


def test_predictions_are_proportional_to_the_exposure() -> None:
    model = TableModel.train(claims(), exposure="years", learning_rate=0.02, epochs=60, **COUNTS)
    assert model.inputs.feature_names == ("x", "w")
    new = pl.DataFrame({"x": [0.0, 0.0, 1.0], "years": [1.0, 3.0, 1.0], "w": [1, 1, 1]})
    one, three, more = model.predict(new)
    assert three == pytest.approx(3 * one)
    assert one == pytest.approx(2 * np.exp(0.5), rel=0.1)
    assert more == pytest.approx(2 * np.exp(1.5), rel=0.1)
    with pytest.raises(TableError, match="There is no column 'years' in the table"):
        model.predict(new.drop("years"))


def test_the_baseline_of_counts_is_a_rate() -> None:
    training = TableModel.training(
        claims(), exposure="years", weights="w", held_out=0, validation=0, **COUNTS
    )
    table, model = claims(), training.model
    w, years, counts = (table[name].to_numpy() for name in ("w", "years", "claims"))
    rate = (w @ counts) / (w @ years)
    assert model.fitted.baseline == pytest.approx([rate])
    rmse = np.sqrt(np.average((rate * years - counts) ** 2, weights=w))
    assert model.judge(table).baseline["rmse"] == pytest.approx(rmse)


def test_an_exposure_is_the_offset_of_its_logarithm() -> None:
    table = claims(300).with_columns(log=pl.col("years").log())
    exposed = TableModel.train(table, exposure="years", exclude=["log"], epochs=2, **COUNTS)
    offset = TableModel.train(table, offset="log", exclude=["years"], epochs=2, **COUNTS)
    assert np.array_equal(exposed.network.theta, offset.network.theta)
    assert exposed.scores == offset.scores
    both = TableModel.training(table, offset=["log"], exposure="years", **COUNTS)
    assert both.job.rows.offset is not None
    train = both.job.rows.offset[:, 0]
    assert np.isin(np.round(train, 12), np.round(2 * table["log"].to_numpy(), 12)).all()


def test_an_offset_of_a_regression_is_in_its_unit() -> None:
    """The network learns the difference: with the target itself as offset there is nothing left."""
    table = rents(200).drop_nulls().with_columns(guess=pl.col("rent") - 7.0)
    settings: Any = {"target": "rent", "hidden": (), "learning_rate": 0.05, "exclude": ["rooms", "district"]}
    model = TableModel.train(table, offset="guess", epochs=400, batch_size=16, **settings)
    assert model.scores is not None
    assert model.scores.network["rmse"] == pytest.approx(0.0, abs=0.5)
    assert model.scores.baseline["rmse"] == pytest.approx(0.0, abs=1e-9)
    more = table.with_columns(guess=pl.col("guess") + 100.0)
    np.testing.assert_allclose(model.predict(more), model.predict(table) + 100.0)
    shift = model.target.decode(model.fitted.baseline[np.newaxis])[0]
    assert shift == pytest.approx(7.0)


def test_classes_have_one_offset_per_output() -> None:
    one = exams().with_columns(o=pl.col("hours") - 4.0)
    model = TableModel.train(one, target="grade", offset="o", epochs=3)
    certain = model.predict_proba(one.with_columns(o=pl.lit(50.0)))[:, 1]
    assert (certain > 0.999).all()
    three = flowers().with_columns(a=pl.lit(0.0), b=pl.lit(0.0), c=pl.lit(0.0))
    kinds = TableModel.train(three, target="kind", offset=["a", "b", "c"], epochs=2)
    assert set(kinds.predict(three.with_columns(b=pl.lit(50.0)))) == {"lily"}
    shares = kinds.judge(three.with_columns(b=pl.lit(50.0))).baseline
    assert shares == kinds.judge(three).baseline
    with pytest.raises(
        InputError, match=r"`offset` must have one column per output of the network, 3; got 'a'"
    ):
        TableModel.train(three, target="kind", offset="a")


def test_counts_that_look_like_class_numbers_are_a_regression() -> None:
    table = claims(200).with_columns(claims=pl.Series(np.arange(200) % 4))
    assert TableModel.training(table, target="claims", weights="w").task.name == "classification"
    for wishes, reason in (
        ({"loss": "poisson"}, "the loss is one of counts"),
        ({"loss": "poisson", "exposure": "years"}, "the loss is one of counts"),
    ):
        assert TableModel.training(table, target="claims", **wishes).task == ("regression", reason)
    with pytest.raises(InputError, match="got the output identity"):
        TableModel.training(table, target="claims", exposure="years")
    with pytest.raises(TableError, match="'rose' in row 1"):
        TableModel.training(flowers(), target="kind", loss="poisson")


def test_claims_of_motor_insurance() -> None:
    folder = os.environ.get("DELTARULE_DATA", "")
    path = Path(folder) / "freMTPL2" / "freMTPL2freq.csv.gz"
    if not folder or not path.exists():
        pytest.skip("DELTARULE_DATA has no freMTPL2")
    table = dr.read_table(path)[::20]
    settings: Any = {"target": "ClaimNb", "loss": "poisson", "exclude": ["IDpol"], "epochs": 10}
    model = TableModel.train(table, exposure="Exposure", **settings)
    assert "Exposure" not in model.inputs.used_columns
    claims, years = table["ClaimNb"].sum(), table["Exposure"].sum()
    assert model.predict(table).sum() == pytest.approx(claims, rel=0.2)
    assert model.fitted.baseline == pytest.approx([claims / years], rel=0.1)
    year = table.with_columns(Exposure=pl.lit(1.0))
    rates = [model.predict(year.with_columns(BonusMalus=pl.lit(malus))).mean() for malus in (50, 120)]
    assert rates[1] > 1.5 * rates[0]
    half = table.with_columns(Exposure=pl.col("Exposure") / 2)
    np.testing.assert_allclose(model.predict(half), model.predict(table) / 2)


# -- what cannot be used --------------------------------------------------------------------------------

ZEROS = pl.lit(0).alias("w")
ONE_ROW = pl.Series("w", [1.0] + [0.0] * 199)


@pytest.mark.parametrize(
    ("columns", "wishes", "sentence"),
    [
        (
            pl.lit("heavy").alias("w"),
            {"weights": "w"},
            "Column 'w' must hold numbers; got 'heavy' in row 1.",
        ),
        (
            (pl.col("w") - 1),
            {"weights": "w"},
            "The weights in column 'w' must not be negative; got -1 in row ",
        ),
        (
            pl.when(pl.col("x") > 0).then("w").alias("w"),
            {"weights": "w"},
            "Column 'w' must have a weight in every row; got none in row 2. Leave these rows out.",
        ),
        (
            ZEROS,
            {"weights": "w"},
            "The weights in column 'w' must be positive in some row; got zeros in all rows.",
        ),
        (
            ONE_ROW,
            {"weights": "w"},
            "The weights in column 'w' must be positive in some of the rows held out; got zeros in all 40. "
            "Try another seed.",
        ),
        (ONE_ROW, {"weights": "w", "held_out": 0}, "positive in some of the rows to watch; got zeros in all"),
        (
            ZEROS,
            {"weights": "ww"},
            "There is no column 'ww' in the table. Allowed: 'x', 'years', 'claims', 'w'.",
        ),
        (ZEROS, {"weights": "yers"}, "Did you mean 'years'?"),
        (ZEROS, {"weights": 3}, "`weights` must be the name of a column; got 3."),
        (ZEROS, {"weights": "claims"}, "The target 'claims' cannot serve for something else too; got it as"),
        (ZEROS, {"exposure": "claims"}, "something else too; got it as exposure."),
        (ZEROS, {"offset": "claims"}, "something else too; got it as offset."),
        (ZEROS, {"exposure": "year"}, "Did you mean 'years'?"),
        (
            ZEROS,
            {"exposure": "w"},
            "The exposure in column 'w' must be above 0; got 0 in row 1. Leave these rows out.",
        ),
        (
            ZEROS,
            {"exposure": "years", "loss": "auto"},
            "`exposure` needs a loss whose output is exponential, since its logarithm is added there; "
            "got the output identity. Try the loss poisson, or an offset.",
        ),
        (ZEROS, {"offset": ["x", "w"]}, "one column per output of the network, 1; got 'x', 'w'."),
        (ZEROS, {"offset": 3}, "`offset` must be a list; got 3."),
        (ZEROS, {"offset": [["x"]]}, "`offset` must be the name of a column; got ['x']."),
        (
            pl.when(pl.col("x") > 0).then("years").alias("years"),
            {"offset": "years"},
            "Column 'years' must have an offset in every row; got none in row 2.",
        ),
    ],
)
def test_columns_that_cannot_be_used(columns: Any, wishes: dict[str, Any], sentence: str) -> None:
    table = claims(200).with_columns(columns)
    with pytest.raises(InputError, match=re.escape(sentence)):
        TableModel.train(table, **{**COUNTS, "epochs": 1, **wishes})


def test_rows_without_a_target_need_no_weight() -> None:
    table = claims(100).with_columns(
        claims=pl.when(pl.col("x") > -0.9).then("claims"), w=pl.when(pl.col("x") > -0.9).then(1.0)
    )
    model = TableModel.train(table, weights="w", epochs=1, **COUNTS)
    assert model.rows.without_target > 0
    assert model.judge(table).without_target == model.rows.without_target


# -- the file -------------------------------------------------------------------------------------------


def test_the_file_remembers_the_columns(tmp_path: Path) -> None:
    model = TableModel.train(claims(200), weights="w", exposure="years", epochs=2, **COUNTS)
    model.save(tmp_path / "m")
    loaded = TableModel.load(tmp_path / "m")
    assert loaded.fitted.row_columns == model.fitted.row_columns
    assert loaded.scores == model.scores
    assert np.array_equal(loaded.predict(claims(20)), model.predict(claims(20)))
    assert loaded.judge(claims(50)) == model.judge(claims(50))
    plain = TableModel.train(claims(200), epochs=2, **COUNTS)
    assert set(plain.fitted.to_dict()) == {"inputs", "target", "baseline", "rows", "scores"}


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {},
        {"offset": "years"},
        {"offset": [3]},
        {"offset": ["years", "w"]},
        {"offset": [], "weights": 3},
        {"offset": [], "exposure": ["years"]},
    ],
)
def test_what_a_file_says_of_them_is_checked(tmp_path: Path, entry: Any) -> None:
    TableModel.train(claims(200), exposure="years", epochs=1, **COUNTS).save(tmp_path / "m")
    file = model_file.read(tmp_path / "m")
    metadata: Any = copy.deepcopy(file.metadata)
    metadata["table_model"]["row_columns"] = entry
    model_file.write(tmp_path / "changed", file.arrays, metadata)
    with pytest.raises(ModelFileError, match=r"table_model\.row_columns"):
        TableModel.load(tmp_path / "changed")


def test_an_exposure_beside_another_output_is_refused(tmp_path: Path) -> None:
    TableModel.train(rents(), target="rent", epochs=1).save(tmp_path / "m")
    file = model_file.read(tmp_path / "m")
    metadata: Any = copy.deepcopy(file.metadata)
    metadata["table_model"]["row_columns"] = {"weights": None, "offset": [], "exposure": "rooms"}
    model_file.write(tmp_path / "changed", file.arrays, metadata)
    with pytest.raises(ModelFileError, match=r"row_columns` in .* must fit the outputs of the network"):
        TableModel.load(tmp_path / "changed")
