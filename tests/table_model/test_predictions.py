"""predict, predict_proba, evaluate: labels of their type, units of the target, textbook metrics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from deltarule.errors import InputError, TableError, UnseenCategoryWarning
from deltarule.table_model import TableModel
from tests.table_model.support import exams, flowers, rents


@pytest.fixture(scope="module")
def grades() -> TableModel:
    return TableModel.train(exams(), target="grade", epochs=30)


@pytest.fixture(scope="module")
def kinds() -> TableModel:
    return TableModel.train(flowers(), target="kind", epochs=30)


@pytest.fixture(scope="module")
def rent() -> TableModel:
    return TableModel.train(rents(), target="rent", epochs=30)


def test_labels_keep_their_type(grades: TableModel, kinds: TableModel) -> None:
    assert grades.predict(exams()).dtype.kind == "i"
    assert set(grades.predict(exams())) == {3, 7}
    assert kinds.predict(flowers()).dtype.kind == "U"
    truth = TableModel.train(
        exams().select("hours", good=pl.col("grade") == 7), target="good", epochs=1, held_out=0
    )
    assert truth.classes == (False, True)
    assert truth.predict(exams()).dtype.kind == "b"


def test_probabilities_belong_to_the_classes(grades: TableModel, kinds: TableModel) -> None:
    for model, table in ((grades, exams()), (kinds, flowers())):
        shares = model.predict_proba(table)
        assert shares.shape == (len(table), len(model.classes))
        assert shares.sum(axis=1) == pytest.approx(1)
        likeliest = np.array(model.classes)[shares.argmax(axis=1)]
        assert np.array_equal(likeliest, model.predict(table))


def test_a_regression_has_no_probabilities(rent: TableModel) -> None:
    with pytest.raises(InputError, match="Probabilities need a classification; got a regression"):
        rent.predict_proba(rents())
    assert rent.classes == ()


def test_predictions_are_those_of_the_network(rent: TableModel, kinds: TableModel) -> None:
    X = rent.inputs.transform(rents())
    scaler = rent.target.standardizer
    assert scaler is not None
    assert np.array_equal(rent.predict(rents()), scaler.inverse(rent.network.predict(X))[:, 0])
    X = kinds.inputs.transform(flowers())
    assert np.array_equal(kinds.predict_proba(flowers()), kinds.network.predict(X))


def test_metrics_of_a_regression(rent: TableModel) -> None:
    y, y_hat = rents()["rent"].to_numpy(), rent.predict(rents())
    found = rent.evaluate(rents())
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((y_hat - y) ** 2)), rel=1e-12)
    assert found["mae"] == pytest.approx(np.mean(np.abs(y_hat - y)), rel=1e-12)
    assert found["r2"] == pytest.approx(1 - np.var(y - y_hat) / np.var(y), rel=1e-2)


def test_metrics_of_a_classification(grades: TableModel, kinds: TableModel) -> None:
    for model, table in ((grades, exams()), (kinds, flowers())):
        y = table[model.target.name].to_numpy()
        share_of_the_true_class = model.predict_proba(table)[
            np.arange(len(y)), [model.classes.index(label) for label in y.tolist()]
        ]
        found = model.evaluate(table)
        assert found["accuracy"] == pytest.approx(np.mean(model.predict(table) == y), rel=1e-12)
        assert found["log_loss"] == pytest.approx(-np.mean(np.log(share_of_the_true_class)), rel=1e-9)


def test_the_baseline_is_the_best_constant(grades: TableModel, rent: TableModel) -> None:
    constant = rent.judge(rents()).baseline
    assert constant["r2"] <= 0
    assert constant["rmse"] == pytest.approx(rents()["rent"].std(ddof=0), rel=0.02)
    shares = exams()["grade"].value_counts(normalize=True)["proportion"].to_numpy()
    constant = grades.judge(exams()).baseline
    assert constant["accuracy"] == shares.max()
    assert constant["log_loss"] == pytest.approx(-np.sum(shares * np.log(shares)), rel=1e-3)


def test_rows_without_target_do_not_count(rent: TableModel) -> None:
    table = rents()
    gone = table.with_columns(rent=pl.when(pl.int_range(pl.len()) < 50).then("rent"))
    assert rent.judge(gone).n_rows == 50
    assert rent.evaluate(gone) == rent.evaluate(table.head(50))
    assert len(rent.predict(gone)) == len(table)


def test_the_target_and_unused_columns_may_be_missing(rent: TableModel) -> None:
    table = rents()
    expected = rent.predict(table)
    assert np.array_equal(rent.predict(table.drop("rent")), expected)
    assert np.array_equal(rent.predict(table.select(reversed(table.columns)).with_columns(more=1)), expected)
    with pytest.raises(TableError, match="lacks the column 'rooms'"):
        rent.predict(table.drop("rooms"))
    with pytest.raises(TableError, match="no column 'rent'"):
        rent.evaluate(table.drop("rent"))


def test_rows_are_predicted_one_by_one_as_together(rent: TableModel) -> None:
    table = rents(40)
    together = rent.predict(table)
    alone = [rent.predict(table.slice(row, 1))[0] for row in range(len(table))]
    assert alone == pytest.approx(together, rel=1e-12)
    assert rent.predict(table.head(0)).shape == (0,)


def test_unseen_categories_and_missing_values(rent: TableModel) -> None:
    table = pl.DataFrame({"rooms": [3, None], "district": ["moon", "north"], "furnished": [True, False]})
    with pytest.warns(UnseenCategoryWarning, match="'moon' in 'district'"):
        assert np.isfinite(rent.predict(table)).all()


def test_a_new_class_cannot_be_judged(kinds: TableModel) -> None:
    table = flowers(10).with_columns(kind=pl.lit("tulip"))
    with pytest.raises(TableError, match="'tulip' in row 1"):
        kinds.evaluate(table)


def test_pandas_and_polars_agree(rent: TableModel) -> None:
    as_pandas = pd.DataFrame(rents().to_dict(as_series=False))
    assert np.array_equal(rent.predict(as_pandas), rent.predict(rents()))
    assert rent.evaluate(as_pandas) == rent.evaluate(rents())


def test_it_introduces_itself(grades: TableModel, rent: TableModel) -> None:
    assert repr(grades).startswith("<TableModel of 'grade' (2 classes) with <Network 1-64-64-1")
    assert "regression" in repr(rent)
