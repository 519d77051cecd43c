"""TableTransform: from the columns of a table to the inputs X of a network, fitted on the training rows.

Not the target: that is TargetTransform in targets.py. Takes every table that `tables.as_table` takes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deltarule.data.columns import Column, Table, listed
from deltarule.data.scaling import as_fields
from deltarule.data.tables import FrameLike, as_table
from deltarule.data.treatments import (
    CategoricalColumn,
    DroppedColumn,
    Encoded,
    Note,
    NumericColumn,
    Treatment,
    treatment_from,
)
from deltarule.data.understanding import MAX_LEVELS, As, understand
from deltarule.errors import DeltaruleWarning, TableError, UnseenCategoryWarning, did_you_mean, message, warn
from deltarule.storage.fields import JSON, Fields

MAX_CHARACTERS = 10_000_000
"""Of the names of all one-hot inputs in a file: each repeats its column's, so they can take gigabytes."""


@dataclass(frozen=True)
class TableTransform:
    """The fitted treatment of every column, in the table's order: plain numbers, stored with the model.

    Make one with `TableTransform.fit`. The rules that choose: see `deltarule.data.understanding`.

    >>> table = {"age": [20.0, 40.0, None], "job": ["clerk", "smith", "clerk"], "answer": [0, 1, 1]}
    >>> transform = TableTransform.fit(table, exclude=["answer"])
    >>> transform.feature_names
    ('age', 'age is missing', 'job=clerk', 'job=smith')
    >>> transform.transform({"age": [50.0], "job": ["smith"]}).round(2)
    array([[2.45, 0.  , 0.  , 1.  ]])
    >>> [note.treatment for note in transform.describe()][1]
    'one-hot: clerk, smith'
    """

    columns: tuple[Treatment, ...]

    @classmethod
    def fit(
        cls,
        frame: FrameLike,
        exclude: Collection[str] = (),
        ddof: float = 0,
        numeric: Collection[str] = (),
        categorical: Collection[str] = (),
        max_levels: int = MAX_LEVELS,
    ) -> TableTransform:
        """Choose and fit the treatment of every column.

        Arguments:
            frame: the training rows.
            exclude: columns that are no inputs: the target, weights, the offset.
            ddof: 0 or 1, see `Standardizer.fit`.
            numeric: columns to be used as numbers whatever the rules say.
            categorical: columns to be used as categories whatever the rules say, such as 1, 2, 3 for a rank.
            max_levels: text with more different values is left out.

        Raises:
            TableError: no rows, an unknown name, an infinite number, or no column to learn from.
        """
        table = as_table(frame)
        _check_names(table, exclude, numeric, categorical)
        if table.n_rows == 0:
            raise TableError("The table has no rows to learn from.")
        wishes: dict[str, As] = dict.fromkeys(numeric, "numeric")
        wishes.update(dict.fromkeys(categorical, "categorical"))
        inputs = [column for name, column in table.columns.items() if name not in exclude]
        fitted = [understand(column, wishes.get(column.name, "auto"), ddof, max_levels) for column in inputs]
        if not any(treatment.features for treatment in fitted):
            fitted = _numbered(inputs, fitted, ddof)
        return cls(tuple(fitted))

    def transform(self, frame: FrameLike) -> NDArray[np.float64]:
        """Return the inputs X (n, p), one row for each row of the table, one column for each feature name.

        Columns that the fit has left out may be missing, and others may be there.

        Raises:
            TableError: a column is missing, or does not hold what it held in training (text for numbers).

        Warns:
            UnseenCategoryWarning: once, where training never saw some categories; they become all zeros.
            DeltaruleWarning: once, where only missing numbers are new; they become the median.
        """
        table = as_table(frame)
        self._check_present(table)
        X = np.empty((table.n_rows, len(self.feature_names)))
        unseen, end = [], 0
        for treatment in self._used():
            encoded = treatment.encode(table.columns[treatment.name])
            start, end = end, end + len(treatment.features)
            X[:, start:end] = encoded.block
            unseen += [(treatment, encoded)] if encoded.unseen else []
        _warn(unseen)
        return X

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns of X."""
        return tuple(name for treatment in self.columns for name in treatment.features)

    @property
    def used_columns(self) -> tuple[str, ...]:
        """The names of the table's columns that `transform` needs."""
        return tuple(treatment.name for treatment in self._used())

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Those of them that held text: for `read_table(path, text=...)`, or "01" may be read as 1."""
        return tuple(treatment.name for treatment in self._used() if treatment.kind == "text")

    def describe(self) -> tuple[Note, ...]:
        """Return what was understood about each column, in words."""
        return tuple(treatment.note() for treatment in self.columns)

    def to_dict(self) -> dict[str, JSON]:
        """Return plain values that `json.dumps` can write."""
        return {"columns": [treatment.to_dict() for treatment in self.columns]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | Fields) -> TableTransform:
        """Return the transform that `to_dict` described; nothing in it is trusted.

        Raises:
            ModelFileError: an entry is missing or cannot be used; its place is named.
        """
        fields = as_fields(values, "the stored table transform")
        columns = tuple(map(treatment_from, fields.each("columns")))
        if len({treatment.name for treatment in columns}) < len(columns):
            raise fields.refuse("columns", "have different names")
        one_hot = [treatment for treatment in columns if isinstance(treatment, CategoricalColumn)]
        if sum(len(treatment.name) * len(treatment.levels) for treatment in one_hot) > MAX_CHARACTERS:
            rule = f"name their inputs with at most {MAX_CHARACTERS:,} characters in all"
            raise fields.refuse("columns", rule, "Use a shorter name for the column.")
        return cls(columns)

    def _used(self) -> list[NumericColumn | CategoricalColumn]:
        return [treatment for treatment in self.columns if not isinstance(treatment, DroppedColumn)]

    def _check_present(self, table: Table) -> None:
        missing = [name for name in self.used_columns if name not in table.columns]
        if missing:
            one = len(missing) == 1
            what = "column" if one else f"{len(missing)} columns"
            spare = [name for name in table.names if name not in self.used_columns]
            asked = f"The table lacks the {what} {listed(missing)}, which the model was trained on"
            hint = did_you_mean(missing[0], spare, cutoff=0.75) if one else "Is it the right table?"
            raise TableError(message(asked, hint=hint))


def _check_names(table: Table, *groups: Collection[str]) -> None:
    for group in groups:
        for name in group:
            table.column(name)
    if both := sorted(set(groups[1]) & set(groups[2])):
        raise TableError(f"A column can be numeric or categorical, not both: {listed(both)}.")


def _numbered(inputs: Sequence[Column], fitted: Sequence[Treatment], ddof: float) -> list[Treatment]:
    """Where nothing else is left to learn from, take a column of 1, 2, 3, ... as the number it is.

    Raises:
        TableError: there is no such column either.
    """
    usable = [c.kind == "integer" and np.unique(c.values[~c.missing]).size > 1 for c in inputs]
    if not any(usable):
        reasons = "; ".join(f"{t.name!r}: {t.reason}" for t in fitted if isinstance(t, DroppedColumn))
        raise TableError(
            message("There is no column left to learn from", hint=reasons and f"Left out: {reasons}.")
        )
    triples = zip(inputs, fitted, usable, strict=True)
    return [NumericColumn.fit(column, ddof) if use else treatment for column, treatment, use in triples]


def _warn(unseen: Iterable[tuple[Treatment, Encoded]]) -> None:
    categories = [encoded.unseen for treatment, encoded in unseen if not isinstance(treatment, NumericColumn)]
    numbers = [encoded.unseen for treatment, encoded in unseen if isinstance(treatment, NumericColumn)]
    parts = [f"Categories, read as none of the known ones: {'; '.join(categories)}."] if categories else []
    parts += [f"Missing numbers: {'; '.join(numbers)}."] if numbers else []
    if parts:
        kind = UnseenCategoryWarning if categories else DeltaruleWarning
        warn(f"The table holds what training never saw. {' '.join(parts)}", kind)
