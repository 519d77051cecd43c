"""The rules that choose what becomes of a column, each with its reason in words.

The rules look at the training rows only. A caller overrules them with `numeric=` and `categorical=`.

| column                                                                | becomes     |
|-----------------------------------------------------------------------|-------------|
| named in `numeric=` or `categorical=`                                 | as named    |
| no value at all, or the same value in every row                       | left out    |
| dates, times, lists, bytes and other types                            | left out    |
| row numbers: whole numbers near 0, 1, 2, ..., all different, in any   | left out    |
| order, with gaps up to half of them                                   |             |
| whole numbers, all different, named like an identifier (`id`, `key`)  | left out    |
| every other number, however few different values it has               | numeric     |
| true / false, and what the data frame calls categorical               | categorical |
| text, different in every row (more than 10 rows)                      | left out    |
| text with more than `max_levels` different values                     | left out    |
| text with more than 20 levels, different in more than half of the rows | left out   |
| every other text                                                      | categorical |

Row numbers are used as numbers after all where no other column is left to learn from.
"""

from __future__ import annotations

import re
from typing import Literal

import numpy as np

from deltarule.data.columns import Column, number_or_none, shown
from deltarule.data.treatments import CategoricalColumn, DroppedColumn, NumericColumn, Treatment
from deltarule.errors import TableError, message

As = Literal["auto", "numeric", "categorical"]

MAX_LEVELS = 100
FORCED_LEVELS = 10_000
"""More one-hot inputs than this from one column are refused even when asked for: they would fill memory."""

_FEW_ROWS = 10
_FEW_LEVELS = 20
_IDENTIFIER = re.compile(
    r"(?i:(^|[\W_])(id|uuid|guid|key|index|idx|row|rownum|nr|no)($|[\W_]))|[a-z]I[Dd]($|[A-Z_])|^ID(?![A-Z])",
    re.A,
)
_COMMAS = re.compile(r"[+-]?\d[\d.]*,\d[\d.,]*$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d{4}")


def understand(
    column: Column, treat_as: As = "auto", ddof: float = 0, max_levels: int = MAX_LEVELS
) -> Treatment:
    """Choose and fit the treatment of one column.

    Arguments:
        column: the training rows.
        treat_as: "auto" for the rules above, or what the caller has decided.
        ddof: see `Standardizer.fit`.
        max_levels: text with more different values is left out.

    Raises:
        TableError: an infinite number, or a column that cannot be what the caller has decided.
    """
    reason = _unfit(column, max_levels) if treat_as == "auto" else ""
    if reason := reason or _useless(column):
        return DroppedColumn(column.name, column.kind, reason)
    if treat_as == "numeric" or (treat_as == "auto" and _is_numeric(column)):
        return NumericColumn.fit(column, ddof)
    return _categories(column)


def _is_numeric(column: Column) -> bool:
    return column.kind in ("number", "integer") and not column.categorical


def _categories(column: Column) -> CategoricalColumn:
    if column.kind == "other":
        raise TableError(
            message(f"Column {column.name!r} must hold categories", found=f"the type {column.dtype}")
        )
    fitted = CategoricalColumn.fit(column)
    if len(fitted.levels) > FORCED_LEVELS:
        asked = f"A categorical column may have up to {FORCED_LEVELS:,} levels"
        raise TableError(message(asked, found=f"{len(fitted.levels):,} in {column.name!r}"))
    return fitted


def _useless(column: Column) -> str:
    """Return why nothing can be learned from the column, whatever the caller wishes, or nothing."""
    present = column.values[~column.missing]
    if present.size == 0:
        return "it has no values"
    if column.kind != "other" and present.size == len(column) and (present == present[0]).all():
        return f"it is {shown(column.label(0))} in every row"
    return ""


def _unfit(column: Column, max_levels: int) -> str:
    """Return why the rules leave the column out, or nothing."""
    if column.kind == "other":
        return (
            f"values of the type {column.dtype} are not used; add columns of numbers or text made from them"
        )
    if column.kind == "integer" and not column.categorical:
        return _identifier(column)
    if column.kind == "text" and _useless(column) == "":
        return _too_many_levels(column, max_levels)
    return ""


def _identifier(column: Column) -> str:
    values = column.values
    if column.n_missing or len(column) <= _FEW_ROWS or np.unique(values).size < len(column):
        return ""
    low, high = int(values.min()), int(values.max())
    if high - low < 2 * len(column) and low in range(2 + len(column) // 4):
        return "it numbers the rows"
    if _IDENTIFIER.search(column.name):
        return "it is different in every row and named like an identifier"
    return ""


def _too_many_levels(column: Column, max_levels: int) -> str:
    n = len(column) - column.n_missing
    used = np.unique(column.values[~column.missing])
    if len(used) == n > _FEW_ROWS:
        return f"its text is different in every row, like a name or an identifier{_hint(column)}"
    if len(used) > max_levels:
        return f"it has {len(used)} different texts, more than {max_levels}{_hint(column)}"
    if len(used) > max(_FEW_LEVELS, n / 2):
        return f"it has {len(used)} different texts in {n} rows{_hint(column)}"
    return ""


def _hint(column: Column) -> str:
    """Say so where a column is text only because of a few values, or holds dates or numbers with commas."""
    if column.levels and _DATE.match(column.levels[0]) and _DATE.match(column.levels[-1]):
        return "; they look like dates: add columns of numbers made from them"
    if sum(_COMMAS.match(level) is not None for level in column.levels) > 0.5 * len(column.levels):
        return (
            "; they look like numbers with commas: write no commas between thousands, or say --decimal comma"
        )
    numbers = sum(number_or_none(level) is not None for level in column.levels)
    first = column.first_text()
    if first is None or numbers < 0.8 * len(column.levels):
        return ""
    return f" (nearly all are numbers; the first that is not: {shown(first[0])} {first[1]})"
