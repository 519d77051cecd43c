"""Data frames with text, categories or missing values: when they go through a TableTransform."""

from __future__ import annotations

from typing import Any

from deltarule.data.columns import Column
from deltarule.data.tables import as_table, is_data_frame
from deltarule.data.transforms import TableTransform
from deltarule.errors import InputError, TableError, message


def transform_for(X: Any, categorical_features: Any) -> TableTransform | None:
    """Return the fitted transform of a data frame, or None where X is numbers, as scikit-learn takes it.

    Raises:
        InputError: columns are named and X is no data frame.
        TableError: no column to learn from, none of a name that is given, or an infinite number.
    """
    named = () if categorical_features in (None, "auto") else tuple(categorical_features)
    if named and not is_data_frame(X):
        asked = "`categorical_features` names columns, which only a data frame has"
        raise InputError(message(asked, found=type(X).__name__))
    if not all(isinstance(name, str) for name in named):
        asked = "`categorical_features` must hold names of columns"
        raise InputError(message(asked, found=repr(categorical_features)))
    if categorical_features is None or not is_data_frame(X):
        return None
    if not named and not _holds_more_than_numbers(X):
        return None
    return TableTransform.fit(X, categorical=named)


def _holds_more_than_numbers(frame: Any) -> bool:
    try:
        columns = as_table(frame).columns.values()
    except TableError:
        return False  # scikit-learn refuses it, or takes it, in its own words
    return not all(_is_plain(column) for column in columns)


def _is_plain(column: Column) -> bool:
    is_number = column.kind in ("number", "integer", "boolean") and not column.categorical
    return is_number and not column.n_missing
