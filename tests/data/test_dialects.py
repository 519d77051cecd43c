"""CSV as it is found: packed, in other encodings, with other delimiters, without a header; and Parquet."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from deltarule.data import dialect
from deltarule.data.tables import as_table, read_table, to_bytes, write_table
from deltarule.data.treatments import DroppedColumn, NumericColumn
from deltarule.data.understanding import understand
from deltarule.errors import TableError

ROWS = [(1.5, "x"), (2.0, None)]
USUAL = "a,b\n1.5,x\n2,\n"


def put(folder: Path, content: bytes | str) -> Path:
    path = folder / "data.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        USUAL.encode(),
        USUAL.encode("utf-8-sig"),
        USUAL.encode("utf-16"),
        b"\xfe\xff" + USUAL.encode("utf-16-be"),
        gzip.compress(USUAL.encode(), mtime=0),  # the time of the test must not get into its name
        gzip.compress(USUAL.encode("utf-16"), mtime=0),
        USUAL.replace(",", ";").encode(),
        USUAL.replace(",", "\t").encode(),
        USUAL.replace(",", "|").encode(),
        b"a;b\n1,5;x\n2;\n",
        b'"a";"b"\r\n"1,5";"x"\r\n"2";\r\n',
        b"a;b\n1,5;x\n2;NA\n",
        b"a, b\n1.5, x\n2, ?\n",
    ],
)
def test_the_same_table_in_many_forms(tmp_path: Path, content: bytes) -> None:
    frame = read_table(put(tmp_path, content))
    assert frame.columns == ["a", "b"]
    assert frame.rows() == ROWS


@pytest.mark.parametrize("marker", ["?", "NA", "N/A", "NaN", "nan", "NULL", "null", "", '""', " ? "])
def test_markers_of_missing_values(tmp_path: Path, marker: str) -> None:
    frame = read_table(put(tmp_path, f"n,t\n1,x\n{marker},{marker}\n"))
    assert frame.rows() == [(1, "x"), (None, None)]


@pytest.mark.parametrize("value", ["None", "na", "-", "missing", "unknown"])
def test_other_words_are_values(tmp_path: Path, value: str) -> None:
    assert read_table(put(tmp_path, f"t,n\nx,1\n{value},2\n"))["t"].to_list() == ["x", value]


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        ("7,0.27\n6.5,0.3\n", ["1", "2"], [(7.0, 0.27), (6.5, 0.3)]),
        ("M;0,5;15\n\nF;0,25;7\n", ["1", "2", "3"], [("M", 0.5, 15), ("F", 0.25, 7)]),
        ('"a ""b""",1\n"c\nd",2\n', ["1", "2"], [('a "b"', 1), ("c\nd", 2)]),
        ('n,1\n5" long,2\n', ["1", "2"], [("n", 1), ('5" long', 2)]),
        ("3\n4\n", ["1"], [(3,), (4,)]),
    ],
)
def test_without_a_header_columns_are_numbered(
    tmp_path: Path, content: str, columns: list[str], rows: list[Any]
) -> None:
    frame = read_table(put(tmp_path, content), header=False)
    assert frame.columns == columns
    assert frame.rows() == rows


def test_a_ragged_file_without_a_header_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="must have 2 values; got 3 in line 2"):
        read_table(put(tmp_path, "1,2\n1,2,3\n"), header=False)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("v;w\n1,234;x\n2,5;y\n", [1.234, 2.5]),  # one value that cannot be thousands
        ("v;w\n1,234;x\n999;y\n", ["1,234", "999"]),  # perhaps thousands: not guessed
        ("v;w\n1.5;1,5\n2.5;2,5\n", [1.5, 2.5]),  # both marks: the point
        ("v;w\n1.234,5;x\n2,5;y\n", ["1.234,5", "2,5"]),
        ('v,w\n"1,5",x\n"2,5",y\n', ["1,5", "2,5"]),  # lists in a file with commas
    ],
)
def test_decimal_commas_are_assumed_only_where_nothing_else_is_meant(
    tmp_path: Path, content: str, values: list[object]
) -> None:
    assert read_table(put(tmp_path, content))["v"].to_list() == values


@pytest.mark.parametrize(
    ("content", "options", "rows"),
    [
        ("v;w\n1,234;x\n999;y\n", {"decimal": "comma"}, [(1.234, "x"), (999.0, "y")]),
        ('v,w\n"1,5",x\n"2,5",y\n', {"decimal": ","}, [(1.5, "x"), (2.5, "y")]),
        ("v;w\n1,5;x\n2,5;y\n", {"decimal": "point"}, [("1,5", "x"), ("2,5", "y")]),
        ("v;w\n1.234;x\n2,5;y\n", {"decimal": ","}, [("1.234", "x"), ("2,5", "y")]),
        ("a;b,c\n1;2,3\n4;5,6\n", {"delimiter": "comma"}, [("1;2", 3), ("4;5", 6)]),
        ("a b\n1 2\n", {"delimiter": " "}, [(1, 2)]),
        ("a\tb,c\n1\t2\n", {"delimiter": "tab"}, [(1, 2)]),
    ],
)
def test_the_dialect_may_be_forced(
    tmp_path: Path, content: str, options: dict[str, Any], rows: list[object]
) -> None:
    assert read_table(put(tmp_path, content), **options).rows() == rows


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delimiter": "ab"}, "must be a character that stands between values; got 'ab'"),
        ({"delimiter": '"'}, "must be a character"),
        ({"delimiter": ""}, "must be a character"),
        ({"decimal": ";"}, "must be a decimal mark; got ';'"),
    ],
)
def test_what_is_no_dialect(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(TableError, match=words):
        read_table(put(tmp_path, USUAL), **options)


def test_text_that_looks_like_numbers_with_commas_says_so(tmp_path: Path) -> None:
    rows = "".join(f"{k};1,{k}\n" for k in range(100, 140))
    frame = read_table(put(tmp_path, "n;price\n" + rows))
    note = understand(as_table(frame).column("price"))
    assert isinstance(note, DroppedColumn)
    assert note.reason.endswith("write no commas between thousands, or say --decimal comma")
    forced = read_table(put(tmp_path, "n;price\n" + rows), decimal="comma")
    assert isinstance(understand(as_table(forced).column("price")), NumericColumn)


def test_parquet_is_recognized_by_its_content(tmp_path: Path) -> None:
    frame = pl.DataFrame({"v": [1, None], "t": ["01", "NA"], "f": [0.5, 1.5]})
    path = put(tmp_path, to_bytes(frame, "x.parquet"))
    assert read_table(path).equals(frame)


@pytest.mark.parametrize("make", [dict, pl.DataFrame, pd.DataFrame, lambda d: pl.DataFrame(d).to_arrow()])
@pytest.mark.parametrize("name", ["out.parquet", "out.PARQUET", "out.csv.gz", "out.csv"])
def test_the_name_decides_what_is_written(tmp_path: Path, make: Any, name: str) -> None:
    values = np.random.default_rng(0).normal(size=20).tolist()
    write_table(make({"v": values, "t": ["é"] * 20}), tmp_path / name)
    assert read_table(tmp_path / name).to_dict(as_series=False) == {"v": values, "t": ["é"] * 20}
    beginning = (tmp_path / name).read_bytes()[:4]
    assert (beginning == b"PAR1") == name.lower().endswith("parquet")
    assert beginning.startswith(b"\x1f\x8b") == name.endswith("gz")


def test_parquet_that_cannot_be_used(tmp_path: Path) -> None:
    whole = to_bytes({"v": list(range(100))}, "x.parquet")
    for cut in (5, len(whole) // 2, len(whole) - 1):
        with pytest.raises(TableError, match="begins like a Parquet file and cannot be read"):
            read_table(put(tmp_path, whole[:cut]))
    with pytest.raises(TableError, match="which knows its names and numbers"):
        read_table(put(tmp_path, whole), header=False)
    with pytest.raises(TableError, match="holds no rows"):
        read_table(put(tmp_path, to_bytes(pl.DataFrame({"v": [1]}).clear(), "x.parquet")))
    with pytest.raises(TableError, match="cannot be written as Parquet"):
        to_bytes({"v": [object()]}, "x.parquet")


def test_gzip_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "UNPACKED_ANYWAY", 10_000)
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000)
    assert len(bomb) * dialect.MOST_TIMES < 4_000_000
    with pytest.raises(TableError, match=r"may hold up to .* bytes.*; got more.*unpack it by hand"):
        read_table(put(tmp_path, bomb))
    assert read_table(put(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 1_000))).height == 1_000


def test_gzip_that_is_damaged(tmp_path: Path) -> None:
    packed = gzip.compress(USUAL.encode() * 100)
    for damaged in (
        packed[:-4],
        packed[:20],
        packed[:-8] + bytes(8),
        packed[:12] + b"\xff" * 20 + packed[32:],
    ):
        with pytest.raises(TableError, match="is a damaged gzip file"):
            read_table(put(tmp_path, damaged))
