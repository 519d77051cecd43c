"""TableTransform: what becomes of each column, at training and at prediction time."""

from __future__ import annotations

import contextlib
import datetime
import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given, strategies as st

from deltarule.data.tables import as_table
from deltarule.data.transforms import TableTransform
from deltarule.data.treatments import CategoricalColumn, DroppedColumn, NumericColumn
from deltarule.errors import DeltaruleWarning, ModelFileError, TableError, UnseenCategoryWarning

N = 30
RNG = np.random.default_rng(0)
PEOPLE: dict[str, list[Any]] = {
    "age": [None if i % 7 == 3 else 20.0 + i % 11 for i in range(N)],
    "rank": [i % 4 + 1 for i in range(N)],
    "job": ["clerk", "smith", None] * (N // 3),
    "smoker": [i % 3 == 0 for i in range(N)],
    "answer": [i % 2 for i in range(N)],
}


def reason(values: Any, name: str = "c", **settings: Any) -> str:
    """Return why a column is left out, or what it becomes."""
    values = {name: values, "other": [0.5, 1.5] * (len(values) // 2) + [2.5] * (len(values) % 2)}
    treatment = TableTransform.fit(values, **settings).columns[0]
    return treatment.reason if isinstance(treatment, DroppedColumn) else treatment.treatment


def test_every_kind_of_column() -> None:
    transform = TableTransform.fit(PEOPLE, exclude=["answer"])
    assert transform.feature_names == (
        "age",
        "age is missing",
        "rank",
        "job=clerk",
        "job=smith",
        "job is missing",
        "smoker=False",
        "smoker=True",
    )
    X = transform.transform(PEOPLE)
    assert X.shape == (N, 8)
    assert X.dtype == np.float64
    np.testing.assert_allclose(X[:, [0, 2]].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(X[:, [0, 2]].std(axis=0), 1)
    assert X[3, 1] == 1
    assert X[:, 1].sum() == sum(value is None for value in PEOPLE["age"])
    np.testing.assert_array_equal(X[:4, 3:6], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(X[:2, 6:], [[0, 1], [1, 0]])


def test_missing_numbers_become_the_median() -> None:
    transform = TableTransform.fit({"x": [1.0, 2.0, 9.0, None]})
    np.testing.assert_array_equal(
        transform.transform({"x": [None]})[0], [*transform.transform({"x": [2.0]})[0, :1], 1]
    )


def test_ddof_is_that_of_the_standard_deviation() -> None:
    values = {"x": [1.0, 2.0, 4.0]}
    assert TableTransform.fit(values).columns[0].std == np.std(values["x"])
    assert TableTransform.fit(values, ddof=1).columns[0].std == np.std(values["x"], ddof=1)


def test_rank_becomes_categories_when_asked() -> None:
    transform = TableTransform.fit(PEOPLE, exclude=["answer"], categorical=["rank"])
    assert [name for name in transform.feature_names if "rank" in name] == [f"rank={i}" for i in range(1, 5)]


def test_whole_numbers_sort_as_numbers() -> None:
    transform = TableTransform.fit({"c": [10, 9, 2, 9]}, categorical=["c"])
    assert transform.feature_names == ("c=2", "c=9", "c=10")


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, lambda d: pl.DataFrame(d).to_arrow()])
def test_every_make_of_frame_gives_the_same_inputs(make: Any) -> None:
    transform = TableTransform.fit(make(PEOPLE), exclude=["answer"])
    assert transform.feature_names == TableTransform.fit(PEOPLE, exclude=["answer"]).feature_names
    expected = TableTransform.fit(PEOPLE, exclude=["answer"]).transform(PEOPLE)
    np.testing.assert_array_equal(transform.transform(make(PEOPLE)), expected)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.5] * 12, "it is 1.5 in every row"),
        (["u"] * 12, "it is 'u' in every row"),
        ([False] * 12, "it is False in every row"),
        ([None] * 12, "it has no values"),
        (list(range(1, 41)), "it numbers the rows"),
        ([*range(0, 58, 2), 59], "it numbers the rows"),
        ([17, 3, 11, 1, 8, 2, 20, 5, 14, 6, 9, 12], "it numbers the rows"),
        ([f"n{i}" for i in range(12)], "different in every row, like a name"),
        ([f"n{i // 2}" for i in range(300)], "150 different texts, more than 100"),
        ([f"n{i % 22}" for i in range(40)], "22 different texts in 40 rows"),
        ([f"2020-01-{i + 1:02d}" for i in range(12)], "look like dates: add columns"),
        (
            [f"{i}.5" for i in range(12)] + ["x"],
            "nearly all are numbers; the first that is not: 'x' in row 13",
        ),
        ([datetime.date(2020, 1, 1), None] * 6, "values of the type date are not used"),
    ],
)
def test_columns_left_out_for_a_reason(values: list[Any], words: str) -> None:
    assert words in reason(values)


@pytest.mark.parametrize("name", ["id", "ID", "IDpol", "user_id", "customerId", "Row", "key", "order no"])
def test_identifiers_are_known_by_name_and_values(name: str) -> None:
    numbers = [1000 + 37 * i for i in range(20)]
    treated = TableTransform.fit({name: numbers, "x": [0.5, 1.5] * 10}).columns[0]
    assert "named like an identifier" in treated.note().treatment


@pytest.mark.parametrize(
    ("values", "becomes"),
    [
        (list(range(1990, 2020)), "numeric"),
        ([1000 + 37 * i for i in range(20)], "numeric"),
        ([i + 0.5 for i in range(20)], "numeric"),
        ([0, 1] * 10, "numeric"),
        ([1, 1, *range(2, 20)], "numeric"),
        (["a", "b", "c"], "categorical"),
        ([f"n{i}" for i in range(10)], "categorical"),
        ([f"n{i % 20}" for i in range(40)], "categorical"),
        ([True, False], "categorical"),
        ([True, None], "categorical"),
        ([1.5, None], "numeric"),
        (["u", None], "categorical"),
    ],
)
def test_columns_that_stay(values: list[Any], becomes: str) -> None:
    assert reason(values) == becomes


def test_names_like_identifiers_with_repeated_values_stay() -> None:
    assert TableTransform.fit({"id": [1, 1, 2, 5] * 5}).columns[0].treatment == "numeric"


def test_the_caller_overrules_the_rules() -> None:
    numbers = list(range(1, 41))
    assert reason(numbers, numeric=["c"]) == "numeric"
    assert reason([f"n{i}" for i in range(12)], categorical=["c"]) == "categorical"
    assert reason([f"{i}.5" for i in range(12)], numeric=["c"]) == "numeric"
    assert reason([f"n{i // 2}" for i in range(300)], max_levels=150) == "categorical"
    assert reason([1] * 12, categorical=["c"]) == "it is 1 in every row"


def test_a_lone_row_number_is_the_number_it_is() -> None:
    transform = TableTransform.fit({"x": list(range(100)), "y": [0.0] * 100}, exclude=["y"])
    assert transform.feature_names == ("x",)


@pytest.mark.parametrize(
    "values", [pd.Series(pd.Categorical([3, 1] * 10)), pl.Series(["b", "a"] * 10, dtype=pl.Enum(["b", "a"]))]
)
def test_what_the_frame_calls_categorical_is(values: Any) -> None:
    assert isinstance(TableTransform.fit({"c": values}).columns[0], CategoricalColumn)


def test_notes_say_what_was_understood() -> None:
    frame = PEOPLE | {"id": list(range(N)), "many": [f"level {i % 9}" for i in range(N)]}
    notes = {note.name: note for note in TableTransform.fit(frame, exclude=["answer"]).describe()}
    assert (
        notes["age"].treatment
        == "standardized (mean 24.5, deviation 2.796); 4 missing: median 24.5, and an input that marks them"
    )
    assert notes["job"].treatment == "one-hot: clerk, smith; 10 missing: a level of their own"
    assert notes["id"].treatment == "left out: it numbers the rows"
    assert notes["many"].treatment.endswith("level 4, level 5, … (9 levels)")
    assert [notes[name].features for name in ("age", "job", "id")] == [2, 3, 0]
    assert (notes["age"].kind, notes["smoker"].kind) == ("number", "boolean")


def test_extra_and_left_out_columns_do_not_matter() -> None:
    frame = PEOPLE | {"id": list(range(N))}
    transform = TableTransform.fit(frame, exclude=["answer"])
    assert transform.used_columns == ("age", "rank", "job", "smoker")
    assert transform.text_columns == ("job",)
    shuffled = {name: PEOPLE[name] for name in ("smoker", "job", "rank", "age")} | {"new": ["?"] * N}
    np.testing.assert_array_equal(transform.transform(shuffled), transform.transform(frame))


def test_no_rows_give_no_rows() -> None:
    transform = TableTransform.fit(PEOPLE, exclude=["answer"])
    assert transform.transform(as_table(PEOPLE).take(np.array([], dtype=np.intp))).shape == (0, 8)


# What prediction may bring


def test_unseen_categories_are_zeros_with_one_warning() -> None:
    transform = TableTransform.fit({"job": ["clerk", "smith"], "town": ["A", "B"]})
    words = r"Categories.*'pilot', 'queen' in 'job'; 'Z' and 1 missing in 'town'"
    with pytest.warns(UnseenCategoryWarning, match=words) as caught:
        X = transform.transform({"job": ["queen", "clerk", "pilot"], "town": ["Z", None, "B"]})
    assert len(caught) == 1
    np.testing.assert_array_equal(X, [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])


def test_new_missing_numbers_are_the_median_with_one_warning() -> None:
    transform = TableTransform.fit({"x": [1.0, 2.0, 9.0]})
    with pytest.warns(DeltaruleWarning, match="Missing numbers: 1 missing in 'x', read as the median 2"):
        X = transform.transform({"x": [None, 2.0]})
    assert X[0] == X[1]


@pytest.mark.parametrize(
    ("seen", "brought", "place"),
    [
        (["1", "2", "x"], [2], 1),
        (["1", "2", "x"], [2.0], 1),
        (["true", "false", "maybe"], [True], 2),
        ([True, False], ["true"], 1),
        ([True, False], ["False"], 0),
        ([True, False], [1], 1),
        ([True, False], ["0"], 0),
    ],
)
def test_a_short_file_may_show_another_type(seen: list[Any], brought: list[Any], place: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = TableTransform.fit({"c": seen}).transform({"c": brought})
    assert X[0].argmax() == place
    assert X.sum() == 1


@pytest.mark.parametrize("brought", [["2"], [2.0], ["2.0"], [np.int64(2)]])
def test_numeric_categories_match_in_any_type(brought: list[Any]) -> None:
    transform = TableTransform.fit({"c": [1, 2, 3]}, categorical=["c"])
    np.testing.assert_array_equal(transform.transform({"c": brought}), [[0, 1, 0]])


def test_numbers_may_come_as_text_or_booleans() -> None:
    transform = TableTransform.fit({"x": [0.0, 1.0, 3.0]})
    expected = transform.transform({"x": [1.0]})
    np.testing.assert_array_equal(transform.transform({"x": ["1.0"]}), expected)
    np.testing.assert_array_equal(transform.transform({"x": [True]}), expected)


@pytest.mark.parametrize(
    ("brought", "words"),
    [
        (
            {"age": [1.0], "job": ["clerk"], "smoker": [True]},
            r"lacks the column 'rank', which the model was trained on",
        ),
        (
            {"age": [1.0], "job": ["clerk"], "smoker": [True], "rnak": [1]},
            r"lacks the column 'rank'.*Did you mean 'rnak'\?",
        ),
        (
            {"age": [1.0], "rnak": [1]},
            r"lacks the 3 columns 'rank', 'job', 'smoker'.*Is it the right table\?",
        ),
        (PEOPLE | {"rank": ["1", "two"] * 15}, "'rank' must hold numbers; got 'two' in row 2"),
        (PEOPLE | {"rank": [1, float("inf")] * 15}, "'rank' must hold finite numbers; got inf in row 2"),
        (PEOPLE | {"rank": [datetime.date(2020, 1, 1)] * 30}, "'rank' must hold numbers; got the type date"),
        (
            PEOPLE | {"job": [datetime.date(2020, 1, 1)] * 30},
            "'job' must hold text values, as in training; got the type",
        ),
    ],
)
def test_prediction_errors_name_the_column(brought: Mapping[str, Any], words: str) -> None:
    transform = TableTransform.fit(PEOPLE, exclude=["answer"])
    with pytest.raises(TableError, match=words):
        transform.transform(brought)


def test_row_numbers_are_those_of_the_whole_table() -> None:
    table = as_table({"x": [1.0, 2.0, float("inf")]})
    with pytest.raises(TableError, match="inf in row 3"):
        TableTransform.fit(table.take(np.array([0, 2])))


@pytest.mark.parametrize(
    ("frame", "settings", "words"),
    [
        ({"x": [1.0, 2.0]}, {"exclude": ["y"]}, r"no column 'y' in the table\. Allowed: 'x'"),
        ({"x": [1.0, 2.0]}, {"numeric": ["X1"]}, "no column 'X1'"),
        ({"x": [1, 2]}, {"numeric": ["x"], "categorical": ["x"]}, "numeric or categorical, not both: 'x'"),
        ({"x": [1.0, 2.0]}, {"exclude": ["x"]}, "no column left to learn from"),
        (
            {"x": [1.0, 1.0], "d": [None, None]},
            {},
            "no column left.*'x': it is 1.0 in every row; 'd': it has no values",
        ),
        ({"x": []}, {}, "no rows to learn from"),
        ({"x": [1.0, float("-inf")]}, {}, "'x' must hold finite numbers; got -inf in row 2"),
        ({"x": ["u", "v"]}, {"numeric": ["x"]}, "'x' must hold numbers; got 'u' in row 1"),
        (
            {"x": [datetime.date(2020, 1, 1)] * 2},
            {"categorical": ["x"]},
            "'x' must hold categories; got the type date",
        ),
        (
            {"x": [f"n{i}" for i in range(10_001)]},
            {"categorical": ["x"]},
            "up to 10,000 levels; got 10,001 in 'x'",
        ),
    ],
)
def test_training_errors_say_what_is_wrong(frame: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(TableError, match=words):
        TableTransform.fit(frame, **settings)


# Storage

VALUES = st.one_of(
    st.lists(st.none() | st.floats(-1e300, 1e300), min_size=6, max_size=6),
    st.lists(st.none() | st.integers(-(2**60), 2**60), min_size=6, max_size=6),
    st.lists(st.none() | st.booleans(), min_size=6, max_size=6),
    st.lists(st.none() | st.text(max_size=3), min_size=6, max_size=6),
    st.lists(st.none() | st.sampled_from(["u", "v", "w"]), min_size=6, max_size=6),
)
FRAMES = st.dictionaries(st.text(min_size=1, max_size=3), VALUES, min_size=1, max_size=4)


def fitted(frame: dict[str, list[Any]], **settings: Any) -> TableTransform:
    try:
        return TableTransform.fit(frame, **settings)
    except TableError as error:
        assume("no column left" not in str(error))
        raise


@given(FRAMES)
def test_training_rows_become_finite_numbers_without_a_warning(frame: dict[str, list[Any]]) -> None:
    transform = fitted(frame)
    X = transform.transform(frame)
    assert X.shape == (6, len(transform.feature_names))
    assert np.isfinite(X).all()
    assert len(transform.describe()) == len(frame)
    numeric = [i for i, name in enumerate(transform.feature_names) if name in frame]
    np.testing.assert_allclose(X[:, numeric].mean(axis=0), 0, atol=1e-6)


@given(FRAMES)
def test_json_round_trip(frame: dict[str, list[Any]]) -> None:
    transform = fitted(frame)
    again = TableTransform.from_dict(json.loads(json.dumps(transform.to_dict(), allow_nan=False)))
    assert again == transform
    np.testing.assert_array_equal(again.transform(frame), transform.transform(frame))


@given(FRAMES)
def test_pandas_and_polars_agree(frame: dict[str, list[Any]]) -> None:
    transform = fitted(frame)
    expected = transform.transform(frame)
    np.testing.assert_array_equal(transform.transform(pl.DataFrame(frame)), expected)
    np.testing.assert_array_equal(transform.transform(pd.DataFrame(frame)), expected)


GOOD = TableTransform.fit(PEOPLE | {"id": list(range(N))}, exclude=["answer"]).to_dict()


@pytest.mark.parametrize(
    ("place", "key", "value", "words"),
    [
        (0, "std", 0.0, r"`columns\[0\]\.std` in the stored table transform must be positive; got 0.0"),
        (0, "std", "1", r"`columns\[0\]\.std`.*finite number"),
        (0, "mean", float("inf"), r"`columns\[0\]\.mean`.*finite number"),
        (0, "n_missing", -1, "whole number of at least 0"),
        (0, "kind", "date", r"`columns\[0\]\.kind`.*one of"),
        (0, "treatment", "numric", "Did you mean 'numeric'"),
        (0, "name", 7, r"`columns\[0\]\.name`.*text"),
        (1, "name", "age", "`columns`.*different names"),
        (2, "levels", [], "one or more different texts"),
        (2, "levels", ["u", "u"], "one or more different texts"),
        (2, "levels", [1], r"`columns\[2\]\.levels\[0\]`.*text"),
        (2, "levels", "abc", "list"),
        (4, "reason", None, r"`columns\[4\]\.reason`.*text"),
    ],
)
def test_stored_transforms_are_checked(place: int, key: str, value: Any, words: str) -> None:
    stored = json.loads(json.dumps(GOOD))
    stored["columns"][place][key] = value
    with pytest.raises(ModelFileError, match=words):
        TableTransform.from_dict(stored)


@pytest.mark.parametrize("place", [0, 2, 4])
def test_no_stored_entry_may_be_missing(place: int) -> None:
    for key in GOOD["columns"][place]:  # type: ignore[index, call-overload, union-attr]
        stored = json.loads(json.dumps(GOOD))
        del stored["columns"][place][key]
        with pytest.raises(ModelFileError, match=rf"`columns\[{place}\]\.{key}` is missing"):
            TableTransform.from_dict(stored)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=9), children, max_size=3)
    ),
    max_leaves=8,
)


@given(st.data())
def test_any_change_is_a_transform_or_a_model_file_error(data: st.DataObject) -> None:
    stored = json.loads(json.dumps(GOOD))
    column = data.draw(st.sampled_from(stored["columns"]))
    column[data.draw(st.sampled_from(sorted(column)))] = data.draw(JSON)
    with contextlib.suppress(ModelFileError):
        assert isinstance(TableTransform.from_dict(stored), TableTransform)


def test_records_are_plain_and_frozen() -> None:
    column = TableTransform.fit({"x": [1, 2]}).columns[0]
    assert isinstance(column, NumericColumn)
    assert {type(value) for value in column.to_dict().values()} == {str, float, int}
    with pytest.raises(AttributeError):
        column.mean = 0.0  # type: ignore[misc]
