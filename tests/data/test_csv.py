"""Reading and writing CSV files: types, odd but honest files, and a sentence for every file that is none."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from deltarule.data.tables import read_table, write_table
from deltarule.errors import TableError

TEXT = st.text(st.sampled_from('ab,";\n\t é0.'), max_size=5)
RECORDS = st.integers(1, 4).flatmap(
    lambda p: st.lists(st.lists(TEXT, min_size=p, max_size=p), min_size=1, max_size=8)
)


def put(folder: Path, content: bytes | str) -> Path:
    path = folder / "data.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("values", "dtype", "read"),
    [
        ("1,+2,-3", pl.Int64, [1, 2, -3]),
        ("01,02,03", pl.Int64, [1, 2, 3]),
        ("1,2.5,1e5", pl.Float64, [1.0, 2.5, 1e5]),
        ("1,,3", pl.Int64, [1, None, 3]),
        (" 1,2 , 3 ", pl.Int64, [1, 2, 3]),
        ("99999999999999999999,1,2", pl.Float64, [1e20, 1.0, 2.0]),
        ("true,False,TRUE", pl.Boolean, [True, False, True]),
        ("yes,no,", pl.String, ["yes", "no", None]),
        ("1,2,x", pl.String, ["1", "2", "x"]),
        ('"1","2","3"', pl.Int64, [1, 2, 3]),
        ("1_000,2,3", pl.String, ["1_000", "2", "3"]),
        ("2020-01-01,2020-01-02,2020-01-03", pl.String, ["2020-01-01", "2020-01-02", "2020-01-03"]),
    ],
)
def test_the_type_is_decided_over_all_rows(
    tmp_path: Path, values: str, dtype: object, read: list[object]
) -> None:
    rows = "\n".join(f"{value},0" for value in values.split(","))
    column = read_table(put(tmp_path, f"v,other\n{rows}\n"))["v"]
    assert column.dtype == dtype
    assert column.to_list() == read


def test_a_late_text_makes_the_column_text(tmp_path: Path) -> None:
    path = put(tmp_path, "v\n" + "1\n" * 5000 + "x\n")
    assert read_table(path)["v"].dtype == pl.String


def test_text_can_be_asked_for(tmp_path: Path) -> None:
    frame = read_table(put(tmp_path, "zip,n\n01234,1\n99999,2\n"), text=["zip", "absent"])
    assert frame.rows() == [("01234", 1), ("99999", 2)]


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n3,4",
        "a,b\n1,2\n3,4\n\n\n",
        "\n\na,b\n1,2\n\n3,4\n",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r1,2\r3,4\r",
        "\ufeffa,b\n1,2\n3,4\n",
        " a , b \n1, 2\n3 ,4\n",
        '"a","b"\n"1","2"\n3,4\n',
        "a,b\n1,2\n   \n3,4\n",
    ],
)
def test_harmless_differences_are_read_alike(tmp_path: Path, content: str) -> None:
    frame = read_table(put(tmp_path, content))
    assert frame.columns == ["a", "b"]
    assert frame.rows() == [(1, 2), (3, 4)]


def test_a_quote_inside_a_value_is_a_quote(tmp_path: Path) -> None:
    frame = read_table(put(tmp_path, 'n,pipe\n1,5" long\n2,3" short\n3,7" x\n'))
    assert frame["pipe"].to_list() == ['5" long', '3" short', '7" x']


def test_a_row_of_missing_values_is_a_row(tmp_path: Path) -> None:
    assert read_table(put(tmp_path, "a,b\n1,2\n,\n3,4\n")).rows() == [(1, 2), (None, None), (3, 4)]


def test_columns_without_a_name_are_named_by_place(tmp_path: Path) -> None:
    assert read_table(put(tmp_path, ",a,\n0,5,x\n1,6,y\n")).columns == ["column_1", "a", "column_3"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RECORDS)
def test_fields_are_those_of_pythons_own_reader(tmp_path: Path, records: list[list[str]]) -> None:
    names = [f"c{place}" for place in range(len(records[0]))]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([names, *records])
    frame = read_table(put(tmp_path, buffer.getvalue()), text=names)
    assert frame.rows() == [tuple(value.strip() or None for value in record) for record in records]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"a,b\n", "holds a header but no rows"),
        (b"a,b", "holds a header but no rows"),
        (b"a,b\n\n\n", "holds a header but no rows"),
        (b"a,b\n1,2\n3,4,5\n6,7\n", r"2 values; got 3 in line 3\..*quotes"),
        (b"a,b\n1,2\n3\n6,7\n", "2 values; got 1 in line 3"),
        (b'a,b\n"x\ny",2\n\n3\n', "2 values; got 1 in line 5"),
        (b"\n\na,b\n1,2\n3\n", "got 1 in line 5"),
        (b'a,b\n1,"x\n2,y\n', "line 2, a quote is opened and never closed"),
        (b'a,b\n1,"x"y\n2,y\n', "is damaged: in the record that begins in line 2"),
        (b"a,b,a\n1,2,3\n", "different names; more than one is called 'a'"),
        (b"a, a\n1,2\n", "different names"),
        (b"a,b\n1,caf\xe9\n", r"UTF-8 text; got byte 0xe9 in line 2\. Save it as UTF-8"),
        (b"7,0.27,0.36\n6,0.3,0.34\n", "must name the columns; got numbers only, such as 7"),
        (b"\x00\x01\x02rubbish", "is no CSV text: it holds control characters"),
        (bytes(range(256)), "is no CSV text"),
        (b"PK\x03\x04....", "zip archive.*Excel"),
        (b"PAR1....", "begins like a Parquet file and cannot be read"),
        (b"\x1f\x8b\x08", r"is a damaged gzip file\. Unpack"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], "begins like UTF-16 text and is damaged"),
        ("a,b\n1,2\n".encode("utf-16-le"), "control characters, .* got byte 0x00 in line 1"),
        (b"a,b\n1,2\n3,\x004\n", "got byte 0x00 in line 3"),
        (b"a;b\n1;2\n3;4;5\n", r"2 values; got 3 in line 3\. A semicolon inside"),
        (b"M,0.455,0.365,15\nF,0.35,0.265,7\n", r"got mostly numbers, such as 0\.455\..*--no-header"),
        (b"0,5,0\n1,2,3\n", "different names.*--no-header"),
        (b"x" * (2**24 + 1), r"first line .* at most 16,777,216 bytes; got no end of line in 16,777,217"),
    ],
)
def test_errors_name_the_file_and_what_is_wrong(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(TableError, match=words) as error:
        read_table(put(tmp_path, content))
    assert "data.csv" in str(error.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.one_of(st.binary(max_size=60), st.text(st.sampled_from('a1,"\n\r;'), max_size=30).map(str.encode)))
def test_any_bytes_are_a_table_or_a_sentence(tmp_path: Path, content: bytes) -> None:
    try:
        frame = read_table(put(tmp_path, content))
    except TableError:
        return
    assert frame.width > 0


def test_missing_file_suggests_a_neighbor(tmp_path: Path) -> None:
    put(tmp_path, "a\n1\n")
    with pytest.raises(TableError, match=r"no file .*dta\.csv'\. Did you mean 'data\.csv'\?"):
        read_table(tmp_path / "dta.csv")


def test_missing_folder_and_folder_instead_of_file(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="There is no file"):
        read_table(tmp_path / "none" / "data.csv")
    with pytest.raises(TableError, match="cannot be read: it is a folder"):
        read_table(tmp_path)


FRAME = {
    "name": ["Ada", 'a "b", c', None],
    "x": [0.1, 1e300, None],
    "n": [1, -2, 3],
    "yes": [True, False, None],
}


@pytest.mark.parametrize("make", [dict, pl.DataFrame, pd.DataFrame, lambda d: pl.DataFrame(d).to_arrow()])
def test_what_is_written_is_read_again(tmp_path: Path, make: object) -> None:
    path = tmp_path / "out.csv"
    write_table(make(FRAME), path)  # type: ignore[operator]
    assert read_table(path).to_dict(as_series=False) == FRAME


def test_arrays_are_written_to_the_last_digit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=100)
    write_table({"v": values}, tmp_path / "out.csv")
    np.testing.assert_array_equal(read_table(tmp_path / "out.csv")["v"].to_numpy(), values)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(TableError, match="no space left"):
        write_table({"a": [1]}, path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.csv"]


def test_a_frame_that_is_none_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be used; got list"):
        write_table([1, 2], tmp_path / "out.csv")
    with pytest.raises(TableError, match=r"do not make a table: .*height"):
        write_table({"a": [1], "b": [1, 2]}, tmp_path / "out.csv")
    with pytest.raises(TableError, match=r"cannot be written as CSV: .*object"):
        write_table({"a": [object()]}, tmp_path / "out.csv")
    with pytest.raises(TableError, match="no folder"):
        write_table({"a": [1]}, tmp_path / "none" / "out.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [None, 3, ["a"]])
def test_what_is_no_path_can_be_neither_written_nor_read(path: Any) -> None:
    with pytest.raises(TableError, match=r"A path must be text or a pathlib\.Path; got"):
        write_table({"a": [1]}, path)
    with pytest.raises(TableError, match=r"A path must be text or a pathlib\.Path; got"):
        read_table(path)
