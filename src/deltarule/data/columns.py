"""Column and Table: a table as plain NumPy arrays, one per column.

Knows no data frame (tables.py makes these) and nothing of networks (treatments.py and targets.py use them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deltarule.errors import TableError, did_you_mean, message

Kind = Literal["number", "integer", "boolean", "text", "other"]
KINDS: tuple[Kind, ...] = ("number", "integer", "boolean", "text", "other")
Label = bool | int | float | str
"""One distinct value of a column, as a plain Python object."""


@dataclass(frozen=True, eq=False)
class Column:
    """One column: its values, which of them are missing, and where its rows stood in the original table.

    Arguments:
        name: as in the table.
        kind: number (float64 values, NaN where missing), integer and boolean (int64, 0 where missing),
            text (int64 codes into `levels`, -1 where missing), other (dates, lists, ...: zeros, never used).
        values: (n,).
        missing: (n,), True where there is no value.
        row_numbers: (n,), counted from 1 in the original table, for error messages.
        levels: the distinct texts, sorted.
        dtype: the data frame's own name for the type, for messages.
        categorical: True where the data frame itself says that these are categories.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    missing: NDArray[np.bool_]
    row_numbers: NDArray[np.int64]
    levels: tuple[str, ...] = ()
    dtype: str = ""
    categorical: bool = False

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_missing(self) -> int:
        """How many values are missing."""
        return int(np.count_nonzero(self.missing))

    def take(self, rows: NDArray[np.intp]) -> Column:
        """Return the column with these rows (indices from 0) only."""
        return replace(
            self, values=self.values[rows], missing=self.missing[rows], row_numbers=self.row_numbers[rows]
        )

    def label(self, index: int) -> Label | None:
        """Return one value as a plain Python object, None where it is missing."""
        return None if self.missing[index] else self._labels(self.values[index : index + 1])[0]

    def distinct(self) -> tuple[list[Label], NDArray[np.intp]]:
        """Return the distinct values, sorted, and for each row its place among them, -1 where missing."""
        codes = np.full(len(self), -1, dtype=np.intp)
        values, inverse = np.unique(self.values[~self.missing], return_inverse=True)
        codes[~self.missing] = inverse
        return self._labels(values), codes

    def numbers(self, hint: str = "") -> NDArray[np.float64]:
        """Return float64 values with NaN where missing; text that holds only numbers is read as numbers.

        Args:
            hint: what to say to someone whose text is no number.

        Raises:
            TableError: a value is no number or infinite; the first such is named with its row.
        """
        if self.kind == "other":
            raise TableError(
                message(f"Column {self.name!r} must hold numbers", found=f"the type {self.dtype}")
            )
        values = self._parsed(hint) if self.kind == "text" else self.values.astype(np.float64)
        values[self.missing] = np.nan
        if (infinite := np.flatnonzero(np.isinf(values))).size:
            raise TableError(
                message(
                    f"Column {self.name!r} must hold finite numbers",
                    found=f"{values[infinite[0]]} {self.place(infinite[0])}",
                    hint="Leave the row out, or put a missing value there.",
                )
            )
        return values

    def first_text(self) -> tuple[str, str] | None:
        """Return the first value that is no number, and its place in words; None where there is none."""
        if self.kind != "text":
            return None
        bad = np.array([number_or_none(level) is None for level in self.levels] + [False])
        rows = np.flatnonzero(bad[self.values])
        return (self.levels[self.values[rows[0]]], self.place(rows[0])) if rows.size else None

    def place(self, index: int | np.intp) -> str:
        """Return where a row stood in the original table, in words."""
        return f"in row {self.row_numbers[index]}"

    def _labels(self, values: NDArray[Any]) -> list[Label]:
        if self.kind == "text":
            return [self.levels[code] for code in values]
        if self.kind == "boolean":
            return [bool(value) for value in values]
        return list(values.tolist())

    def _parsed(self, hint: str) -> NDArray[np.float64]:
        """Text as numbers; the work is done once per distinct text."""
        if (first := self.first_text()) is not None:
            asked, found = f"Column {self.name!r} must hold numbers", f"{shown(first[0])} {first[1]}"
            raise TableError(message(asked, found=found, hint=hint))
        numbers = [number_or_none(level) for level in self.levels]
        return np.array([*numbers, np.nan], dtype=np.float64)[self.values]


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a table by name, in order; all have `n_rows` values."""

    columns: dict[str, Column]
    n_rows: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.columns)

    def column(self, name: str) -> Column:
        """Return one column.

        Raises:
            TableError: there is none of this name; says which there are and which may have been meant.
        """
        if name not in self.columns:
            asked, hint = f"There is no column {name!r} in the table", did_you_mean(name, self.names)
            raise TableError(message(asked, allowed=listed(self.names), hint=hint))
        return self.columns[name]

    def without(self, name: str) -> Table:
        """Return the table without a column, whether or not it has one of this name."""
        return Table({other: column for other, column in self.columns.items() if other != name}, self.n_rows)

    def take(self, rows: NDArray[np.intp]) -> Table:
        """Return the table with these rows (indices from 0) only; messages keep the original numbers."""
        return Table({name: column.take(rows) for name, column in self.columns.items()}, len(rows))


def row_numbers(n: int) -> NDArray[np.int64]:
    """Return 1, 2, ..., n."""
    return np.arange(1, n + 1, dtype=np.int64)


def number_or_none(text: str) -> float | None:
    """Return the number that a text spells, or None.

    >>> number_or_none(" -1.5e3 "), number_or_none("1_000"), number_or_none("12 kg")
    (-1500.0, None, None)
    """
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def key(label: Label) -> str:
    """Return the text by which categories are matched, whatever type the table gave them.

    >>> key("3"), key(3), key(3.0), key(0.5), key(True)
    ('3', '3', '3', '0.5', 'True')
    """
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def brief(number: float) -> str:
    """Return a number for a message, four digits of it or all before the point.

    >>> brief(587.7), brief(9731.4), brief(0.000012345)
    ('587.7', '9,731', '1.234e-05')
    """
    return f"{number:,.0f}" if 1e3 <= abs(number) < 1e15 else f"{number:.4g}"


def shown(label: Label | None, longest: int = 40) -> str:
    """Return a value for a message: quoted if text, and of bounded length."""
    text = repr(label)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def listed(values: Sequence[Label], most: int = 8) -> str:
    """Return values for a message, at most some of them, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    head = ", ".join(shown(value) for value in values[:most])
    return f"{head} and {len(values) - most} more" if len(values) > most else head
