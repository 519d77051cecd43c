"""The layout of a CSV text, checked before it is parsed: lines, fields, header. A helper of tables.py.

Not the parser and not the types of the columns: polars splits the fields, tables.py decides what they hold.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deltarule.data.columns import listed, number_or_none
from deltarule.errors import TableError, message
from deltarule.storage.recognize import known_kind

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")


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


def layout(data: bytes, source: str) -> Layout:
    """Check the bytes of a CSV file.

    Arguments:
        data: all of them.
        source: the file, in quotes, for messages.

    Raises:
        TableError: an empty file, no text, not UTF-8, another separator, no usable header, no rows, or lines
            with more or fewer values than the header has names.
    """
    data = _text_only(data, source)
    names = _names(next(rows(data, source), []), source)
    trimmed = data.lstrip(b"\n")
    counts, lengths = _records(trimmed)
    blank = lengths[1:] == 0
    plain = bool(((counts[1:] == len(names)) | blank).all()) and counts[0] == len(names)
    filled = int((~blank).sum()) if plain else _count_rows(data, len(names), source)
    if filled == 0:
        raise TableError(f"{source} holds a header but no rows.")
    return Layout(names, trimmed, blank, plain)


def rows(data: bytes, source: str) -> Iterator[list[str]]:
    """Yield the fields of each record, blank lines left out: slow, and right about every quote.

    Raises:
        TableError: a quote that is never closed; its line is named.
    """
    for _, fields in _numbered_rows(data, source):
        yield fields


def _text_only(data: bytes, source: str) -> bytes:
    """Return UTF-8 text with line feeds, or say what the file is instead."""
    if kind := known_kind(data):
        hint = "Save the table as CSV, in UTF-8."
        raise TableError(message(f"{source} is no CSV text: it is {kind}", hint=hint))
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise TableError(f"{source} is empty.")
    if _CONTROL.search(data):
        raise TableError(f"{source} is no CSV text: it holds control characters, as binary files do.")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as reason:
        line = data.count(b"\n", 0, reason.start) + 1
        where = f"byte 0x{data[reason.start]:02x} in line {line}"
        raise TableError(
            message(f"{source} must be UTF-8 text", found=where, hint="Save it as UTF-8.")
        ) from None
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _records(data: bytes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the number of fields (0 where a quote stays open) and the length of each record."""
    raw = np.frombuffer(data if data.endswith(b"\n") else data + b"\n", np.uint8)
    inside = np.cumsum(raw == ord('"'), dtype=np.uint8) & 1
    ends = np.flatnonzero((raw == ord("\n")) & (inside == 0))
    if inside[-1]:
        return np.zeros(2, np.intp), np.full(2, len(raw))
    starts = np.concatenate([[0], ends[:-1] + 1])
    commas = (raw == ord(",")) & (inside == 0)
    return np.add.reduceat(commas, starts, dtype=np.intp) + 1, ends - starts


def _numbered_rows(data: bytes, source: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
    line = 1
    try:
        for fields in reader:
            if fields and not (len(fields) == 1 and fields[0].isspace()):
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as reason:
        what = "a quote is opened and never closed" if "unexpected end" in str(reason) else str(reason)
        raise TableError(f"{source} is damaged: in the record that begins in line {line}, {what}.") from None


def _count_rows(data: bytes, width: int, source: str) -> int:
    """Count the records after the header; raise for the first with more or fewer fields than the header."""
    count = -1
    for line, fields in _numbered_rows(data, source):
        if len(fields) != width:
            found = f"{len(fields)} in line {line}"
            hint = "A comma inside a value needs quotes around the value." if len(fields) > width else ""
            asked = f"Every line of {source} must have {width} values"
            raise TableError(message(asked, found=found, hint=hint))
        count += 1
    return count


def _names(header: list[str], source: str) -> list[str]:
    if not header:
        raise TableError(f"{source} is empty.")
    first = ",".join(header)
    for separator, words in ((";", "semicolons"), ("\t", "tabs")):
        if first.count(separator) > first.count(","):
            hint = "Save the table with commas."
            raise TableError(message(f"{source} must be separated by commas", found=words, hint=hint))
    numbers = [number_or_none(name) for name in header]
    if None not in numbers and not all(str(number).endswith(".0") for number in numbers):
        asked = f"The first line of {source} must name the columns"
        raise TableError(
            message(asked, found=f"numbers only, such as {header[0]}", hint="Add a line with names.")
        )
    names = [name.strip() or f"column_{place}" for place, name in enumerate(header, start=1)]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise TableError(
            f"The columns of {source} must have different names; more than one is called {listed(twice)}."
        )
    return names
