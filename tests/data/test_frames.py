"""Data frames of every make become the same Table."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from deltarule.data.columns import Table
from deltarule.data.tables import as_table
from deltarule.errors import TableError

COLUMNS: dict[str, list[Any]] = {
    "whole": [3, 1, 2],
    "gap": [3, None, 2],
    "number": [0.5, None, -2.0],
    "text": ["b", " a ", None],
    "empty": ["x", "", "y"],
    "flag": [True, False, True],
    "flag_gap": [True, None, False],
    "nothing": [None, None, None],
}
MAKERS = {
    "dict": dict,
    "polars": pl.DataFrame,
    "lazy": pl.LazyFrame,
    "pandas": pd.DataFrame,
    "nullable": lambda d: pd.DataFrame(d).convert_dtypes(),
    "arrow": lambda d: pl.DataFrame(d).to_arrow(),
    "arrays": lambda d: {name: np.array(values, dtype=object) for name, values in d.items()},
    "series": lambda d: {name: pl.Series(values) for name, values in d.items()},
}


def content(table: Table) -> dict[str, list[Any]]:
    return {name: [c.label(i) for i in range(len(c))] for name, c in table.columns.items()}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_every_make_gives_the_same_values(make: Any) -> None:
    expected = COLUMNS | {"text": ["b", "a", None], "empty": ["x", None, "y"]}
    assert content(as_table(make(COLUMNS))) == expected


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_every_make_gives_the_same_kinds(make: Any) -> None:
    kinds = {name: column.kind for name, column in as_table(make(COLUMNS)).columns.items()}
    assert kinds.pop("gap") in ("integer", "number")  # pandas knows no missing integers
    assert kinds.pop("nothing") in ("number", "integer", "text")
    assert kinds == {
        "whole": "integer",
        "number": "number",
        "text": "text",
        "empty": "text",
        "flag": "boolean",
        "flag_gap": "boolean",
    }


@pytest.mark.parametrize(
    ("values", "kind", "labels"),
    [
        (pl.Series([2**70, 1], dtype=pl.Int128), "number", [2.0**70, 1.0]),
        (pl.Series([2**63, 1], dtype=pl.UInt64), "number", [2.0**63, 1.0]),
        (pl.Series([2**62, None], dtype=pl.UInt64), "integer", [2**62, None]),
        ([2**70, 1], "number", [2.0**70, 1.0]),
        (pl.Series([Decimal("1.5"), None]), "number", [1.5, None]),
        ([Decimal("1.5"), 2], "number", [1.5, 2.0]),
        (np.array([1.5, np.nan], dtype=np.float32), "number", [1.5, None]),
        (np.array([1, 0], dtype=np.uint8), "integer", [1, 0]),
        (np.array(["u", "v"]), "text", ["u", "v"]),
        (np.array([True, False]), "boolean", [True, False]),
        ([1, "a"], "text", ["1", "a"]),
        ([True, 2], "integer", [1, 2]),
        (pd.Categorical([2, 1]), "integer", [2, 1]),
        (pd.Categorical(["b", None]), "text", ["b", None]),
        (pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"])), "text", ["b", "a"]),
        ([pd.NA, 1], "integer", [None, 1]),
        ([pd.NaT, None], "number", [None, None]),
    ],
)
def test_kinds_of_single_columns(values: Any, kind: str, labels: list[Any]) -> None:
    values = pd.Series(values) if isinstance(values, pd.Categorical) else values
    column = as_table({"c": values}).column("c")
    assert column.kind == kind
    assert [column.label(0), column.label(1)] == labels


@pytest.mark.parametrize(
    "values",
    [
        [datetime.date(2020, 1, 1)],
        pl.Series([datetime.datetime(2020, 1, 1)]),
        pd.Series(pd.to_datetime(["2020-01-01"])),
        pl.Series([[1, 2]]),
        pl.Series([b"x"]),
        [object()],
    ],
)
def test_other_types_are_kept_apart(values: Any) -> None:
    assert as_table({"c": values}).column("c").kind == "other"


def test_categories_are_remembered() -> None:
    frame = pd.DataFrame({"c": pd.Categorical([2, 1]), "n": [2, 1]})
    table = as_table(frame)
    assert (table.column("c").categorical, table.column("n").categorical) == (True, False)


def test_a_matrix_has_numbered_columns() -> None:
    table = as_table(np.array([[1, 2], [3, 4]]))
    assert content(table) == {"x1": [1, 3], "x2": [2, 4]}


def test_names_become_text() -> None:
    assert as_table(pd.DataFrame({0: [1], "b": [2]})).names == ("0", "b")


def test_taking_rows_keeps_their_numbers() -> None:
    column = as_table({"c": ["u", "v", "w"]}).take(np.array([2, 0])).column("c")
    assert column.label(0) == "w"
    assert column.place(0) == "in row 3"


def test_the_frame_is_not_changed() -> None:
    frame = pl.DataFrame({"x": [1.0, None], "t": [" a", None]})
    before = frame.clone()
    as_table(frame).column("x").numbers()[:] = 7
    assert frame.equals(before)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ([1, 2], "cannot be used; got list. Allowed: a pandas, polars"),
        (None, "got NoneType"),
        (pl.Series([1]), "got Series"),
        (np.zeros(3), r"shape \(n, p\); got shape \(3,\)"),
        ({"a": np.zeros((2, 2))}, "'a' must be one-dimensional"),
        ({"a": [1], "b": [1, 2]}, r"same length; got \[1, 2\]"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "unique"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "different names"),
    ],
)
def test_errors_say_what_is_allowed(frame: Any, words: str) -> None:
    with pytest.raises(TableError, match=words):
        as_table(frame)


def test_an_unknown_column_is_named_with_a_suggestion() -> None:
    with pytest.raises(TableError, match=r"no column 'admitt'.*'admit', 'gre'.*Did you mean 'admit'\?"):
        as_table({"admit": [1], "gre": [2]}).column("admitt")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1", "2 kg", "x"], "'c' must hold numbers; got '2 kg' in row 2"),
        ([1.0, float("inf"), -float("inf")], "'c' must hold finite numbers; got inf in row 2.*missing value"),
        (["1e999"], "finite numbers; got inf in row 1"),
        (pl.Series([datetime.date(2020, 1, 1)]), "must hold numbers; got the type Date"),
    ],
)
def test_numbers_name_the_first_bad_value(values: Any, words: str) -> None:
    with pytest.raises(TableError, match=words):
        as_table({"c": values}).column("c").numbers()


def test_text_of_numbers_is_read_as_numbers() -> None:
    numbers = as_table({"c": ["1", None, " 2.5 ", "nan"]}).column("c").numbers()
    np.testing.assert_array_equal(numbers, [1, np.nan, 2.5, np.nan])
