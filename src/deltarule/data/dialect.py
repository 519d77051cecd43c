"""From the bytes of a file to plain text, and how that text is written: header, delimiter, decimal mark.

Not the check of its lines: see csv_text.py.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from itertools import islice
from typing import NamedTuple

from deltarule.errors import TableError, message
from deltarule.storage.recognize import GZIP, known_kind

LONGEST_LINE = 2**24
"""Bytes that the first line of a table may have."""

UNPACKED_ANYWAY = 2**28
MOST_TIMES = 100
"""A file packed by gzip may hold so many bytes, or so many times its own size; tables shrink to a fifth."""

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
_GUESSED = ("\t", ";", "|", ",")
_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
_SAMPLE_BYTES, _SAMPLE_ROWS = 2**16, 20


class Dialect(NamedTuple):
    """How a CSV text is written; "auto" is concluded from the text."""

    header: bool = True
    """Whether the first line names the columns; otherwise their names are 1, 2, ..."""
    delimiter: str = "auto"
    decimal: str = "auto"


AUTO = Dialect()


def dialect(header: bool = True, delimiter: str = "auto", decimal: str = "auto") -> Dialect:
    r"""Return a dialect whose entries can be used.

    Arguments:
        header: False where the first line is a row already.
        delimiter: "auto", one character, or a name: "tab", "comma", "semicolon".
        decimal: "auto", "." or ",", or a name: "point", "comma".

    Raises:
        TableError: another delimiter or decimal mark.

    >>> dialect(delimiter="tab").delimiter
    '\t'
    """
    mark = {"point": ".", "comma": ","}.get(decimal, decimal)
    if mark not in ("auto", ".", ","):
        allowed = "auto, '.' (or point), ',' (or comma)"
        raise TableError(message("`decimal` must be a decimal mark", found=repr(decimal), allowed=allowed))
    between = _NAMES.get(delimiter, delimiter)
    if between != "auto" and (
        not re.fullmatch(r"[\t -~]", between) or between.isalnum() or between in "\"'.-+"
    ):
        allowed = "auto, tab, comma, semicolon, or one character, such as '|'"
        asked = "`delimiter` must be a character that stands between values"
        raise TableError(message(asked, found=repr(delimiter), allowed=allowed))
    return Dialect(header, between, mark)


def plain_text(data: bytes, source: str) -> bytes:
    """Return UTF-8 text with line feeds and without a byte order mark, or say what the file is instead.

    Raises:
        TableError: it is empty, no text, damaged, in another encoding, or one endless line.
    """
    data = _utf_8(_unpacked(data, source), source)
    if kind := known_kind(data):
        hint = "Save the table as CSV or Parquet."
        raise TableError(message(f"{source} is no CSV text: it is {kind}", hint=hint))
    if not data.strip():
        raise TableError(f"{source} is empty.")
    _require_lines(data, source)
    if found := _CONTROL.search(data):
        where = f"byte 0x{data[found.start()]:02x} in line {_line(data, found.start())}"
        asked = f"{source} is no CSV text: it holds control characters, as binary files do"
        raise TableError(message(asked, found=where, hint="Save the table as CSV, in UTF-8."))
    try:
        codecs.utf_8_decode(data, "strict", True)
    except UnicodeDecodeError as reason:
        where = f"byte 0x{data[reason.start]:02x} in line {_line(data, reason.start)}"
        asked = f"{source} must be UTF-8 text"
        raise TableError(message(asked, found=where, hint="Save it as UTF-8.")) from None
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def guess_delimiter(data: bytes) -> str:
    r"""Return the character that cuts the first lines into equally many values, or the first line into most.

    >>> guess_delimiter(b"1,5;2,5\n3,5;4\n"), guess_delimiter(b"a\tb c\n1\t2\n")
    (';', '\t')
    """
    first = data.find(b"\n", len(data) - len(data.lstrip(b"\n"))) + 1
    size = max(_SAMPLE_BYTES, first)
    sample = data[:size].decode("utf-8", "replace")
    widths = {between: _widths(sample, between, whole=size >= len(data)) for between in _GUESSED}
    for between, found in widths.items():
        if len(found) > 1 and found[0] > 1 and len(set(found)) == 1:
            return between
    return max(reversed(_GUESSED), key=lambda between: widths[between][0] if widths[between] else 0)


def _widths(sample: str, between: str, whole: bool) -> list[int]:
    """Return the number of values in each of the first records."""
    try:
        records = csv.reader(io.StringIO(sample, newline=""), delimiter=between)
        widths = [len(fields) for fields in islice(records, _SAMPLE_ROWS + 1) if "".join(fields).strip()]
    except csv.Error:
        return []
    return widths if whole or len(widths) < 2 else widths[:-1]


def _unpacked(data: bytes, source: str) -> bytes:
    if not data.startswith(GZIP):
        return data
    most = max(UNPACKED_ANYWAY, MOST_TIMES * len(data))
    try:
        unpacked = gzip.GzipFile(fileobj=io.BytesIO(data)).read(most + 1)
    except (OSError, EOFError, zlib.error):
        hint = "Unpack it by hand, or fetch it again."
        raise TableError(message(f"{source} is a damaged gzip file", hint=hint)) from None
    if len(unpacked) > most:
        asked = f"{source} may hold up to {most:,} bytes, {MOST_TIMES} times its size or {UNPACKED_ANYWAY:,}"
        raise TableError(message(asked, found="more", hint="If it is to be trusted, unpack it by hand."))
    return unpacked


def _utf_8(data: bytes, source: str) -> bytes:
    """Return UTF-16 text with a byte order mark as UTF-8, and UTF-8 without its mark."""
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-16").encode("utf-8")
    except UnicodeError:
        asked = f"{source} begins like UTF-16 text and is damaged"
        raise TableError(message(asked, hint="Save it as UTF-8.")) from None


def _require_lines(data: bytes, source: str) -> None:
    if len(data) <= LONGEST_LINE or data.find(b"\n", 0, LONGEST_LINE) >= 0:
        return
    if data.find(b"\r", 0, LONGEST_LINE) < 0:
        asked = f"The first line of {source} must have at most {LONGEST_LINE:,} bytes"
        raise TableError(message(asked, found=f"no end of line in {len(data):,}"))


def _line(data: bytes, position: int) -> int:
    r"""Return the number of the line; lines end in \n, \r\n or \r."""
    before = data[:position]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1
