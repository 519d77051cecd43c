"""What a caller gives as a table: a data frame, columns, an array, or the path of a file to read."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TypeAlias

import numpy as np

from deltarule.data.columns import Table
from deltarule.data.tables import FrameLike, as_table, read_table

TableLike: TypeAlias = FrameLike
"""A data frame, a dict of columns, a 2-D array (see `deltarule.data.tables`), the path of CSV or Parquet."""


def table_of(table: TableLike, text: Collection[str] = ()) -> Table:
    """Return a table, read from a file where a path is given; these columns of the file are text."""
    return as_table(read_table(table, text) if isinstance(table, str | os.PathLike) else table)


def share_or_table(validation: float | TableLike, learned: Table) -> float | Table:
    """Return a share of the rows as it is, or a table to watch."""
    if isinstance(validation, int | float | np.number):
        return float(validation)
    return table_of(validation, text_columns(learned))


def text_columns(learned: Table) -> list[str]:
    """Return the columns that are text, so that a second file is read alike: its "01" may look like 1."""
    return [name for name, column in learned.columns.items() if column.kind == "text"]
