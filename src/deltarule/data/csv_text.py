"""The layout of a CSV text, checked before it is parsed: lines, fields, header. A helper of tables.py.

Not the parser and not the types of the columns: polars splits the fields, tables.py decides what they hold.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deltarule.data.columns import listed, number_or_none
from deltarule.data.dialect import AUTO, Dialect, guess_delimiter, plain_text
from deltarule.errors import TableError, message

NO_HEADER_HINT = "If there is no header, say so: --no-header, in Python dr.read_table(..., header=False)."

_IN_WORDS = {",": "comma", ";": "semicolon", "\t": "tab"}


class Layout(NamedTuple):
    """A CSV text that holds what a table needs."""

    names: list[str]
    """Of the columns: stripped, all different; an empty one is named `column_3` by its place."""
    data: bytes
    """The text without its byte order mark, lines ending in a line feed."""
    blank: NDArray[np.bool_]
    """For each record after the header: is it an empty line?"""
    plain: bool
    """Whether quotes stand only where a fast parser expects them; otherwise use `rows`."""
    header: bool
    """Whether the first record holds the names."""
    delimiter: str

    def rows(self, source: str) -> Iterator[list[str]]:
        """Yield the fields of each record after the header, blank lines left out.

        Slow, and right about every quote.

        Raises:
            TableError: a quote that is never closed; its line is named.
        """
        records = _numbered_rows(self.data, self.delimiter, source)
        return (fields for _, fields in islice(records, int(self.header), None))


def layout(data: bytes, source: str, dialect: Dialect = AUTO) -> Layout:
    """Check the bytes of a CSV file.

    Arguments:
        data: all of them, perhaps packed by gzip, in UTF-8, or in UTF-16 with a byte order mark.
        source: the file, in quotes, for messages.
        dialect: how it is written; without a header, the columns are named 1, 2, ...

    Raises:
        TableError: an empty file, no text, another encoding, no usable header, no rows, or lines with more
            or fewer values than the first.
    """
    data = plain_text(data, source)
    delimiter = guess_delimiter(data) if dialect.delimiter == "auto" else dialect.delimiter
    first = next((fields for _, fields in _numbered_rows(data, delimiter, source)), [])
    names = _names(first, source) if dialect.header else [str(place + 1) for place in range(len(first))]
    trimmed, skipped = data.lstrip(b"\n"), int(dialect.header)
    counts, lengths = _records(trimmed, delimiter)
    blank = lengths[skipped:] == 0
    plain = bool(((counts[skipped:] == len(names)) | blank).all()) and counts[0] == len(names)
    filled = int((~blank).sum()) if plain else _count_rows(data, len(names), delimiter, source) - skipped
    if filled == 0:
        hint = "" if any(number_or_none(name) is None for name in names) else NO_HEADER_HINT
        raise TableError(message(f"{source} holds a header but no rows", hint=hint))
    return Layout(names, trimmed, blank, plain, dialect.header, delimiter)


def _records(data: bytes, delimiter: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the number of fields (0 where a quote stays open) and the length of each record."""
    raw = np.frombuffer(data if data.endswith(b"\n") else data + b"\n", np.uint8)
    inside = np.cumsum(raw == ord('"'), dtype=np.uint8) & 1
    ends = np.flatnonzero((raw == ord("\n")) & (inside == 0))
    if inside[-1]:
        return np.zeros(2, np.intp), np.full(2, len(raw))
    starts = np.concatenate([[0], ends[:-1] + 1])
    between = (raw == ord(delimiter)) & (inside == 0)
    return np.add.reduceat(between, starts, dtype=np.intp) + 1, ends - starts


def _numbered_rows(data: bytes, delimiter: str, source: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True, delimiter=delimiter)
    line = 1
    try:
        for fields in reader:
            if fields and not (len(fields) == 1 and fields[0].isspace()):
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as reason:
        what = "a quote is opened and never closed" if "unexpected end" in str(reason) else str(reason)
        raise TableError(f"{source} is damaged: in the record that begins in line {line}, {what}.") from None


def _count_rows(data: bytes, width: int, delimiter: str, source: str) -> int:
    """Count the records; raise for the first with more or fewer fields than asked."""
    count = 0
    for line, fields in _numbered_rows(data, delimiter, source):
        if len(fields) != width:
            found = f"{len(fields)} in line {line}"
            mark = _IN_WORDS.get(delimiter, repr(delimiter))
            hint = f"A {mark} inside a value needs quotes around the value." if len(fields) > width else ""
            asked = f"Every line of {source} must have {width} value{'s' * (width > 1)}"
            raise TableError(message(asked, found=found, hint=hint))
        count += 1
    return count


def _names(header: list[str], source: str) -> list[str]:
    if not header:
        raise TableError(f"{source} is empty.")
    numbers = [number for name in header if (number := number_or_none(name)) is not None]
    if 2 * len(numbers) > len(header) and not all(number.is_integer() for number in numbers):
        asked = f"The first line of {source} must name the columns"
        how_many = "numbers only" if len(numbers) == len(header) else "mostly numbers"
        found = f"{how_many}, such as {_a_number(header)}"
        raise TableError(message(asked, found=found, hint=f"Add a line with names. {NO_HEADER_HINT}"))
    names = [name.strip() or f"column_{place}" for place, name in enumerate(header, start=1)]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        asked = f"The columns of {source} must have different names; more than one is called {listed(twice)}"
        raise TableError(message(asked, hint=NO_HEADER_HINT if numbers else ""))
    return names


def _a_number(header: list[str]) -> str:
    return next(name.strip() for name in header if number_or_none(name) is not None)
