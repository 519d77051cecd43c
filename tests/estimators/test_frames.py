"""Data frames with text and missing values, straight into ``fit``; frames of numbers as they are."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import GridSearchCV

import deltarule as dr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
AGE = np.where(RNG.random(80) < 0.2, np.nan, RNG.normal(40.0, 10.0, 80))
JOB = RNG.choice(["clerk", "smith", "cook"], 80)
COLUMNS: dict[str, Any] = {"age": AGE, "job": JOB, "height": RNG.normal(1.7, 0.1, 80)}
Y = 3.0 * (JOB == "smith") + np.nan_to_num(AGE / 20.0) + COLUMNS["height"]
FRAMES = {"pandas": pd.DataFrame(COLUMNS), "polars": pl.DataFrame(COLUMNS)}
SMALL: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 8, "random_state": 0}


@pytest.mark.parametrize("kind", FRAMES)
def test_the_columns_become_what_a_table_transform_makes_of_them(kind: str) -> None:
    frame = FRAMES[kind]
    model = dr.MLPRegressor(**SMALL).fit(frame, Y, X_val=frame[:20], y_val=Y[:20])
    names = ("age", "age is missing", "job=clerk", "job=cook", "job=smith", "height")
    assert model.transform_.feature_names == names
    assert list(model.feature_names_in_) == ["age", "job", "height"]
    assert model.n_features_in_ == 3
    x = model.transform_.transform(frame)
    by_hand = dr.MLPRegressor(**SMALL).fit(x, Y)
    np.testing.assert_array_equal(model.predict(frame), by_hand.predict(x))
    np.testing.assert_array_equal(model.hidden_activations(frame), by_hand.hidden_activations(x))
    assert len(model.history_.validation_loss) == 8


def test_classes_in_parts_and_in_a_search() -> None:
    frame, labels = FRAMES["pandas"], np.where(JOB == "smith", "yes", "no")
    model = dr.MLPClassifier(**SMALL, learning_rate_init=0.05)
    for _ in range(20):
        model.partial_fit(frame, labels, classes=["no", "yes"])
    assert model.score(frame, labels) == 1.0
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(frame), model.predict(frame))  # noqa: S301
    search = GridSearchCV(dr.MLPClassifier(**SMALL), {"alpha": [1e-4, 1e-2]}, cv=2).fit(frame, labels)
    assert search.best_estimator_.transform_ is not None


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_of_numbers_are_taken_as_they_are(kind: str) -> None:
    numbers = {"a": AGE[~np.isnan(AGE)], "b": np.arange(np.count_nonzero(~np.isnan(AGE)))}
    frame, y = type(FRAMES[kind])(numbers), Y[~np.isnan(AGE)]
    model = dr.MLPRegressor(**SMALL).fit(frame, y)
    by_array = dr.MLPRegressor(**SMALL).fit(np.column_stack(list(numbers.values())), y)
    assert model.transform_ is None
    np.testing.assert_array_equal(model.network_.theta, by_array.network_.theta)
    as_category = dr.MLPRegressor(**SMALL, categorical_features=["b"]).fit(frame.head(9), y[:9])
    assert as_category.transform_.feature_names[1] == "b=0"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda frame: frame.rename(columns={"job": "work"}), "feature names should match"),
        (lambda frame: frame[["job", "age", "height"]], "feature names should match|same order"),
        (lambda frame: frame.assign(more=1.0), "feature names should match"),
        (lambda frame: frame[["age", "height"]].to_numpy(), "X must be a data frame, as in fit"),
        (lambda frame: frame.assign(height="tall"), "height"),
    ],
    ids=["renamed", "another order", "one more", "an array", "text for numbers"],
)
def test_other_columns_are_refused(given: Any, said: str) -> None:
    model = dr.MLPRegressor(**SMALL).fit(FRAMES["pandas"], Y)
    with pytest.raises(ValueError, match=said):
        model.predict(given(FRAMES["pandas"]))


def test_missing_values_in_an_array_are_refused() -> None:
    with pytest.raises(ValueError, match="Input X contains NaN"):
        dr.MLPRegressor(**SMALL).fit(AGE.reshape(-1, 1), Y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        dr.MLPRegressor(**SMALL, categorical_features=None).fit(FRAMES["pandas"][["age"]], Y)
    with pytest.raises(ValueError, match="could not convert string to float"):
        dr.MLPRegressor(**SMALL, categorical_features=None).fit(FRAMES["pandas"], Y)
    with pytest.raises(dr.InputError, match="which only a data frame has; got ndarray"):
        dr.MLPRegressor(**SMALL, categorical_features=["job"]).fit(np.eye(80), Y)
    with pytest.raises(dr.InputError, match=r"must hold names of columns; got \[1\]"):
        dr.MLPRegressor(**SMALL, categorical_features=[1]).fit(FRAMES["pandas"], Y)
    with pytest.raises(dr.InputError, match="'jobs'"):
        dr.MLPRegressor(**SMALL, categorical_features=["jobs"]).fit(FRAMES["pandas"], Y)


def test_a_category_that_training_never_saw() -> None:
    model = dr.MLPRegressor(**SMALL).fit(FRAMES["pandas"], Y)
    with pytest.warns(dr.UnseenCategoryWarning, match="pilot"):
        assert np.isfinite(model.predict(FRAMES["pandas"].assign(job="pilot"))).all()
