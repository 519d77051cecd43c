"""TargetTransform: the task, y, and predictions back to labels and units."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, strategies as st

from deltarule.data.tables import as_table
from deltarule.data.targets import TargetTransform, choose_task, class_codes, with_target
from deltarule.errors import ModelFileError, TableError


def frame(values: Any) -> dict[str, Any]:
    return {"x": [0.5] * len(values), "y": values}


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        ([0, 1] * 5, "classification", "'y' has two different values, 0 and 1"),
        ([3, 7], "classification", "two different values, 3 and 7"),
        ([0.0, 1.0, None], "classification", "two different values, 0 and 1"),
        (["no", "yes"], "classification", "'y' is text"),
        ([True, False], "classification", "'y' is boolean"),
        (pd.Series(pd.Categorical([5, 9, 7])), "classification", "data frame says"),
        ([0, 1, 2] * 5, "classification", "whole numbers 0 to 2, like class numbers"),
        (list(range(10)) * 5, "classification", "whole numbers 0 to 9"),
        (list(range(1, 21)) * 5, "classification", "whole numbers 1 to 20"),
        (list(range(1, 22)) * 5, "regression", "21 different whole numbers"),
        ([3, 4, 5, 6, 7, 8, 9] * 50, "regression", "7 different whole numbers"),
        ([0, 1, 2, 4] * 50, "regression", "4 different whole numbers"),
        ([0, 1, 2] * 4, "regression", "3 different whole numbers"),
        ([1, 2, 3, 4, 5], "regression", "5 different whole numbers"),
        ([0.5, 1.5] * 5, "regression", "numbers with decimals"),
        ([10, 20, 15], "regression", "3 different whole numbers"),
    ],
)
def test_the_task_is_chosen_with_a_reason(values: Any, task: str, words: str) -> None:
    chosen = choose_task(frame(values), "y")
    assert chosen.name == task
    assert words in chosen.reason


@pytest.mark.parametrize(
    ("values", "labels", "kind"),
    [
        ([1, 0, 1], (0, 1), int),
        ([1.0, 0.0, 1.0], (0, 1), int),
        ([True, False], (False, True), bool),
        (["yes", "no"], ("no", "yes"), str),
        ([10, 9, 2], (2, 9, 10), int),
        ([0.5, 2.0], (0.5, 2.0), float),
        (pl.Series(["b", "a"], dtype=pl.Categorical), ("a", "b"), str),
    ],
)
def test_labels_keep_their_types(values: Any, labels: tuple[Any, ...], kind: type) -> None:
    target = TargetTransform.fit(frame(values), "y", task="classification")
    again = TargetTransform.from_dict(json.loads(json.dumps(target.to_dict())))
    for fitted in (target, again):
        assert fitted.labels == labels
        assert {type(label) for label in fitted.labels} == {kind}
        decoded = fitted.decode(fitted.encode(frame(values)))
        assert decoded.tolist() == [values[i] for i in range(len(values))]


def test_two_classes_are_one_column() -> None:
    target = TargetTransform.fit(frame(["no", "yes", "no"]), "y")
    assert target.n_outputs == 1
    np.testing.assert_array_equal(target.encode(frame(["yes", "no"])), [[1.0], [0.0]])
    np.testing.assert_array_equal(target.probabilities([[0.75]]), [[0.25, 0.75]])
    assert target.decode([[0.51], [0.5], [0.49]]).tolist() == ["yes", "no", "no"]


def test_more_classes_are_one_hot() -> None:
    target = TargetTransform.fit(frame(["u", "w", "v"]), "y")
    assert target.n_outputs == 3
    np.testing.assert_array_equal(target.encode(frame(["w", "u"])), [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(target.probabilities([[0.2, 0.5, 0.3]]), [[0.2, 0.5, 0.3]])
    assert target.decode([[0.2, 0.5, 0.3]]).tolist() == ["v"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=20).filter(lambda v: max(v) - min(v) > 1e-3))
def test_regression_is_standardized_and_back(values: list[float]) -> None:
    target = TargetTransform.fit(frame(values), "y", task="regression", ddof=1)
    y = target.encode(frame(values))
    assert y.shape == (len(values), 1)
    np.testing.assert_allclose(y.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(ddof=1), 1)
    np.testing.assert_allclose(target.decode(y), values, rtol=1e-9, atol=1e-6)
    again = TargetTransform.from_dict(json.loads(json.dumps(target.to_dict())))
    np.testing.assert_array_equal(again.encode(frame(values)), y)


def test_regression_without_standardization() -> None:
    target = TargetTransform.fit(frame([0.5, 1.5]), "y", standardize=False)
    assert target.standardizer is None
    np.testing.assert_array_equal(target.encode(frame([2.5])), [[2.5]])
    np.testing.assert_array_equal(target.decode([[2.5]]), [2.5])
    assert TargetTransform.from_dict(target.to_dict()).standardizer is None


@pytest.mark.parametrize("make", [dict, pl.DataFrame, pd.DataFrame])
def test_rows_without_a_target_are_dropped_and_counted(make: Any) -> None:
    table, rows, dropped = with_target(make({"x": [1, 2, 3], "y": ["u", None, "v"]}), "y")
    assert dropped == 1
    assert rows.tolist() == [0, 2]
    assert table.n_rows == 2
    assert TargetTransform.fit(table, "y").labels == ("u", "v")


def test_class_codes_serve_as_strata() -> None:
    assert class_codes(frame(["v", "u", "v"]), "y").tolist() == [1, 0, 1]


def test_evaluation_may_bring_labels_in_another_type() -> None:
    target = TargetTransform.fit(frame([0, 1]), "y")
    np.testing.assert_array_equal(target.encode(frame(["1", "0"])), [[1], [0]])
    np.testing.assert_array_equal(target.encode(frame([1.0, 0.0])), [[1], [0]])


def test_evaluation_may_bring_one_class_only() -> None:
    target = TargetTransform.fit(frame(["no", "yes"]), "y")
    np.testing.assert_array_equal(target.encode(frame(["yes", "yes"])), [[1], [1]])


NAMES = [f"name {i}" for i in range(30)]


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["u", "u"], "auto", "'y' must have at least two classes; got 'u' in every row"),
        ([1, 1, 1], "classification", "at least two classes; got 1 in every row"),
        ([2.5, 2.5], "auto", "at least two different values; got 2.5 in every row"),
        ([1.0, float("inf"), 2.5], "auto", "'y' must hold finite numbers; got inf in row 2"),
        (
            [1.5, 2.5, "abc"],
            "regression",
            "must hold numbers for a regression; got 'abc' in row 3.*classification",
        ),
        (NAMES, "auto", "too many classes for 30 rows; got 30 different texts.*no number: 'name 0' in row 1"),
        ([datetime.date(2020, 1, 1)] * 2, "auto", "numbers or classes; got the type date"),
        ([None, None], "auto", "'y' has no values"),
        (
            [0, 1],
            "classify",
            r"auto, regression, classification; got 'classify'\. Did you mean 'classification'",
        ),
        ([1.5, None, 2.5], "regression", "'y' must have a value in every row; got none in row 2"),
    ],
)
def test_errors_say_what_is_wrong_with_the_target(values: list[Any], task: str, words: str) -> None:
    with pytest.raises(TableError, match=words):
        TargetTransform.fit(frame(values), "y", task=task)


@pytest.mark.parametrize("use", [with_target, choose_task, class_codes, TargetTransform.fit])
def test_a_missing_target_column_is_named_with_a_suggestion(use: Any) -> None:
    with pytest.raises(TableError, match=r"no column 'admitt' in the table\. .*Did you mean 'admit'\?"):
        use({"admit": [0, 1], "gre": [1.0, 2.0]}, "admitt")


def test_no_row_with_a_target_is_an_error() -> None:
    with pytest.raises(TableError, match="'y' must have values; got none in any row"):
        with_target(frame([None, None]), "y")
    with pytest.raises(TableError, match="got a table without rows"):
        with_target(pl.DataFrame(schema={"y": pl.Int64}), "y")


@pytest.mark.parametrize(
    ("trained", "brought", "words"),
    [
        (["no", "yes"], ["yes", "maybe"], r"seen in training; got 'maybe' in row 2\. Allowed: 'no', 'yes'"),
        (["no", "yes"], ["yes", None], "value in every row; got none in row 2"),
        ([0.5, 1.5], ["2", "two"], "'y' must hold numbers; got 'two' in row 2"),
        ([0.5, 1.5], [2.5, float("inf")], "finite numbers; got inf in row 2"),
    ],
)
def test_evaluation_errors_name_the_row(trained: list[Any], brought: list[Any], words: str) -> None:
    target = TargetTransform.fit(frame(trained), "y")
    with pytest.raises(TableError, match=words):
        target.encode(frame(brought))


def test_rows_are_named_as_in_the_whole_table() -> None:
    table = as_table(frame(["no", "yes", None])).take(np.array([0, 2]))
    with pytest.raises(TableError, match="in row 3"):
        TargetTransform.fit(frame(["no", "yes"]), "y").encode(table)


CLASSES = TargetTransform.fit(frame(["no", "yes"]), "y").to_dict()
NUMBERS = TargetTransform.fit(frame([0.5, 1.5]), "y").to_dict()


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (CLASSES | {"labels": ["no"]}, "`labels`.*two or more"),
        (CLASSES | {"labels": ["no", "no"]}, "`labels`.*different"),
        (CLASSES | {"labels": ["no", 1]}, "`labels`.*one type"),
        (CLASSES | {"labels": [["no"], ["yes"]]}, r"`labels\[0\]`"),
        (CLASSES | {"labels": [float("nan"), 1.0]}, "`labels`.*"),
        (CLASSES | {"task": "guess"}, "`task`.*one of"),
        (CLASSES | {"standardizer": NUMBERS["standardizer"]}, "`standardizer`.*null for a classification"),
        (NUMBERS | {"labels": ["no", "yes"]}, "`labels`.*empty"),
        (NUMBERS | {"standardizer": {"mean": [0.0], "std": [0.0]}}, r"`standardizer\.std`.*positive"),
        (NUMBERS | {"standardizer": {"mean": [], "std": []}}, "`standardizer`.*one column"),
        (NUMBERS | {"standardizer": 7}, "`standardizer`.*object"),
        (NUMBERS | {"name": None}, "`name`.*text"),
        ({}, "is missing"),
    ],
)
def test_stored_targets_are_checked(stored: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        TargetTransform.from_dict(stored)


def test_a_full_stop_after_a_known_label_does_not_count() -> None:
    target = TargetTransform.fit({"income": ["<=50K", ">50K"]}, "income")
    assert target.encode({"income": [">50K.", "<=50K", "<=50K."]}).tolist() == [[1.0], [0.0], [0.0]]
    with pytest.raises(TableError, match=r"got '>50K\.\.' in row 1"):
        target.encode({"income": [">50K.."]})
    both = TargetTransform.fit({"v": ["a", "a."]}, "v")
    assert both.encode({"v": ["a.", "a"]}).tolist() == [[1.0], [0.0]]
