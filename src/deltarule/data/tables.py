"""Files and data frames to plain NumPy columns, and back: the only file that knows data frames.

Not what a network makes of the columns: TableTransform (transforms.py) and TargetTransform (targets.py).
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from deltarule.data import csv_text
from deltarule.data.columns import Column, Kind, Table, row_numbers
from deltarule.data.dialect import AUTO, Dialect, dialect
from deltarule.errors import TableError, did_you_mean, message
from deltarule.storage.atomic import PathLike, in_words, quoted, require_path, write_bytes

_PARQUET = b"PAR1"
_BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)

FrameLike: TypeAlias = Any
"""A Table, a data frame that narwhals knows (pandas, polars, pyarrow ...), a dict of columns, a 2-D array."""

DataFrame: TypeAlias = pl.DataFrame
"""The kind of data frame that this package itself makes."""


MISSING = ("?", "NA", "N/A", "NaN", "nan", "NULL", "null")
"""What stands for a missing value in a CSV file, beside nothing at all."""

_COMMA_NUMBER = r"^[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?$"
_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})*$"


def read_table(
    path: PathLike,
    text: Collection[str] = (),
    *,
    header: bool = True,
    delimiter: str = "auto",
    decimal: str = "auto",
) -> DataFrame:
    r"""Read a CSV or a Parquet file, recognized by its content.

    CSV is text in UTF-8, or in UTF-16 with a byte order mark, perhaps packed by gzip. The type of a column is
    decided over all rows: whole numbers, numbers, true/false, otherwise text. Spaces around values do not
    count; missing are an empty value, ?, NA, N/A, NaN and null; empty lines are skipped. Thousands
    separators are never assumed: such a column is text.

    Arguments:
        path: of the file.
        text: columns to be read as text even where they look like numbers; unknown names are ignored.
        header: False where the first line is a row already; the columns are then named "1", "2", ...
        delimiter: between values: one character or "tab"; "auto" is what cuts the first lines into equally
            many values: a tab, a semicolon, a | or a comma.
        decimal: "." or ","; "auto" is a comma where another delimiter stands between the values, numbers
            are written so, and none with a point.

    Raises:
        TableError: the file is missing, empty, damaged, no text, in another encoding, ragged (the line is
            named), has no usable header or no rows.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("name;height\nAda;1,65\nAlan;?\n")
    >>> read_table(path).rows()
    [('Ada', 1.65), ('Alan', None)]
    """
    written, data = dialect(header, delimiter, decimal), _bytes(path)
    if data.startswith(_PARQUET):
        return _parquet(data, quoted(path), written)
    layout = csv_text.layout(data, quoted(path), written)
    texts = _plain_texts(layout) if layout.plain else None
    if texts is None:
        schema = dict.fromkeys(layout.names, pl.String)
        texts = pl.DataFrame(list(layout.rows(quoted(path))), schema=schema, orient="row")
    bare = _stripped(pl.all())
    texts = texts.select(pl.when(~bare.is_in(MISSING)).then(bare))
    numbers = [column for column in texts if column.name not in text]
    comma = written.decimal == "," or (
        written.decimal != "." and _has_decimal_comma(numbers, layout.delimiter)
    )
    return pl.DataFrame([column if column.name in text else _typed(column, comma) for column in texts])


def write_table(frame: FrameLike, path: PathLike) -> None:
    """Write a data frame or a dict of columns, completely or not at all; an old file is replaced.

    The name decides: Parquet for .parquet, CSV for all others, packed for .gz.

    Raises:
        TableError: the path cannot be written, or the frame is none. An old file is then untouched.
    """
    write_bytes(path, to_bytes(frame, path), error=TableError)


def to_bytes(frame: FrameLike, path: PathLike) -> bytes:
    """Return what `write_table` writes to a file of this name.

    Raises:
        TableError: the frame is none, or holds what such a file cannot.
    """
    require_path(path, TableError)
    suffix = Path(path).suffix.lower()
    if suffix == ".parquet":
        return _to_parquet(frame)
    return gzip.compress(to_csv(frame), mtime=0) if suffix == ".gz" else to_csv(frame)


def to_csv(frame: FrameLike) -> bytes:
    """Return a data frame or a dict of columns as CSV text in UTF-8.

    Raises:
        TableError: the frame is none, or holds what CSV cannot.
    """
    native = _native(data_frame(frame) if isinstance(frame, Mapping) else frame)
    try:
        return native.write_csv().encode("utf-8")
    except (pl.exceptions.PolarsError, nw.exceptions.NarwhalsError) as reason:
        raise TableError(message(f"The table cannot be written as CSV: {in_words(reason)}")) from reason


def _to_parquet(frame: FrameLike) -> bytes:
    native, buffer = _native(data_frame(frame) if isinstance(frame, Mapping) else frame), io.BytesIO()
    try:
        native.write_parquet(buffer)
    except (*_BROKEN, nw.exceptions.NarwhalsError) as reason:
        raise TableError(message(f"The table cannot be written as Parquet: {in_words(reason)}")) from reason
    return buffer.getvalue()


def data_frame(columns: Mapping[str, Any]) -> DataFrame:
    """Return a data frame of these columns: lists, one-dimensional arrays or series.

    Raises:
        TableError: they differ in length, or one of them mixes types.

    >>> data_frame({"x": [1.5, 2.5], "answer": ["yes", "no"]}).rows()
    [(1.5, 'yes'), (2.5, 'no')]
    """
    try:
        return pl.DataFrame({str(name): values for name, values in columns.items()})
    except (pl.exceptions.PolarsError, TypeError) as reason:
        raise TableError(message(f"The columns do not make a table: {in_words(reason)}")) from reason


def is_data_frame(given: object) -> bool:
    """Return whether it is a data frame of some library: pandas, polars, pyarrow, ...

    >>> is_data_frame(data_frame({"x": [1.5]})), is_data_frame([[1.5]])
    (True, False)
    """
    return bool(nw.dependencies.is_into_dataframe(given))


def as_table(frame: FrameLike) -> Table:
    """Return the columns of a data frame as plain NumPy arrays.

    Arguments:
        frame: see `FrameLike`; a Table is returned as it is, the columns of a 2-D array are named x1, x2, ...
            Text loses the spaces around it; an empty text is missing, as are None, NaN and NaT.

    Raises:
        TableError: it is no table, or two columns have the same name.

    >>> table = as_table({"x": [1.5, None], "answer": ["yes", "no"]})
    >>> table.names, table.n_rows, table.column("x").missing
    (('x', 'answer'), 2, array([False,  True]))
    """
    if isinstance(frame, Table):
        return frame
    columns = [_column(str(name), values) for name, values in _named_series(frame)]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise TableError(message("The columns must have the same length", found=str(sorted(lengths))))
    by_name = {column.name: column for column in columns}
    if len(by_name) < len(columns):
        raise TableError("The columns must have different names, also after their names are made text.")
    return Table(by_name, lengths.pop() if lengths else 0)


def _bytes(path: PathLike) -> bytes:
    require_path(path, TableError)
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        hint = did_you_mean(Path(path).name, _neighbors(Path(path)))
        raise TableError(message(f"There is no file {quoted(path)}", hint=hint)) from None
    except (OSError, ValueError) as reason:
        why = "it is a folder" if Path(path).is_dir() else in_words(reason)
        raise TableError(message(f"{quoted(path)} cannot be read: {why}")) from reason


def _parquet(data: bytes, source: str, written: Dialect) -> DataFrame:
    if written != AUTO:
        asked = f"{source} is a Parquet file, which knows its names and numbers"
        raise TableError(message(asked, hint="Leave out header, delimiter and decimal."))
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except _BROKEN as reason:
        asked = f"{source} begins like a Parquet file and cannot be read: {in_words(reason)}"
        raise TableError(message(asked, hint="Fetch or save it again.")) from None
    if frame.is_empty():
        raise TableError(f"{source} holds no rows.")
    return frame


def _neighbors(path: Path) -> list[str]:
    """Return the names in the same folder, where it can be listed."""
    try:
        return [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return []


def _plain_texts(layout: csv_text.Layout) -> pl.DataFrame | None:
    """Split the fields with polars; None where it sees the text differently from the layout."""
    try:
        frame = pl.read_csv(
            io.BytesIO(layout.data),
            infer_schema=False,
            has_header=layout.header,
            separator=layout.delimiter,
            new_columns=layout.names,
        )
    except pl.exceptions.PolarsError:
        return None
    return frame.filter(~pl.Series(layout.blank)) if frame.height == len(layout.blank) else None


def _stripped(text: pl.Expr) -> pl.Expr:
    """Return text without the spaces around it, missing where nothing is left."""
    bare = text.str.strip_chars()
    return pl.when(bare.str.len_bytes() > 0).then(bare)


def _has_decimal_comma(columns: Iterable[pl.Series], delimiter: str) -> bool:
    """Whether some column is numbers with commas that cannot be those of thousands, and none has points."""
    if delimiter == ",":
        return False
    written = False
    for text in columns:
        values = text.drop_nulls()
        if (
            values.str.contains(".", literal=True).any()
            and values.cast(pl.Float64, strict=False).null_count() == 0
        ):
            return False
        numbers = values.str.contains(_COMMA_NUMBER).all() and values.str.contains(",", literal=True).any()
        written |= numbers and not values.str.contains(_THOUSANDS).all()
    return written


def _typed(text: pl.Series, comma: bool = False) -> pl.Series:
    """Return whole numbers, numbers, booleans or the text: the first as which every value can be read."""
    if comma and text.str.contains(".", literal=True).any():
        return text
    spelled = text.str.replace(",", ".", literal=True) if comma else text
    for dtype in (pl.Int64, pl.Float64):
        numbers = spelled.cast(dtype, strict=False)
        if numbers.null_count() == text.null_count():
            return numbers
    lower = text.drop_nulls().unique().str.to_lowercase()
    return text.str.to_lowercase() == "true" if lower.is_in(["true", "false"]).all() else text


def _native(frame: FrameLike) -> nw.DataFrame[Any]:
    """Return any data frame behind one interface."""
    try:
        known = nw.from_native(frame)
        return known.collect() if isinstance(known, nw.LazyFrame) else known
    except (TypeError, nw.exceptions.NarwhalsError) as reason:
        allowed = "a pandas, polars or pyarrow data frame, a dict of columns, a 2-D NumPy array"
        found = type(frame).__name__ if isinstance(reason, TypeError) else in_words(reason)
        raise TableError(message("The table cannot be used", found=found, allowed=allowed)) from reason


def _named_series(frame: FrameLike) -> Iterable[tuple[object, Any]]:
    if isinstance(frame, Mapping):
        return frame.items()
    if isinstance(frame, np.ndarray):
        if frame.ndim != 2:
            raise TableError(message("An array must have the shape (n, p)", found=f"shape {frame.shape}"))
        return [(f"x{place}", frame[:, place - 1]) for place in range(1, frame.shape[1] + 1)]
    return [(series.name, series) for series in _native(frame).iter_columns()]


def _column(name: str, values: Any) -> Column:
    """Return a column from a series, an array or a list."""
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return _series_column(name, series)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise TableError(
                message(f"Column {name!r} must be one-dimensional", found=f"shape {values.shape}")
            )
        if values.dtype.kind in "fiubU":
            return _series_column(name, nw.from_native(pl.Series(values), series_only=True))
        values = values.tolist()
    return _object_column(name, list(values))


def _series_column(name: str, series: nw.Series[Any]) -> Column:
    dtype = series.dtype
    if dtype.is_integer() or dtype == nw.Boolean:
        return _whole_column(name, series)
    if dtype.is_numeric():
        numbers = np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
        return _new(name, "number", numbers, np.isnan(numbers), dtype)
    missing = np.asarray(series.is_null().to_numpy(), dtype=bool)
    if dtype == nw.String:
        return _text_column(name, series.fill_null("").to_list(), dtype)
    if dtype in (nw.Categorical, nw.Enum, nw.Object) or missing.all():
        column = _object_column(name, series.to_list())
        return replace(column, dtype=str(dtype), categorical=dtype in (nw.Categorical, nw.Enum))
    return _new(name, "other", np.zeros(len(series), np.int64), missing, dtype)


def _whole_column(name: str, series: nw.Series[Any]) -> Column:
    """Return integers and booleans as int64, integers that need more bits as floats."""
    missing = np.asarray(series.is_null().to_numpy(), dtype=bool)
    if series.dtype == nw.Boolean:
        whole = series.fill_null(False).cast(nw.Int64).to_numpy()
        return _new(name, "boolean", np.asarray(whole, np.int64), missing, series.dtype)
    filled = series.fill_null(0)
    numbers = np.asarray(filled.cast(nw.Float64).to_numpy(), np.float64)
    if (np.abs(numbers) >= 2**63).any():
        return _new(name, "number", np.where(missing, np.nan, numbers), missing, series.dtype)
    return _new(
        name, "integer", np.asarray(filled.cast(nw.Int64).to_numpy(), np.int64), missing, series.dtype
    )


def _text_column(name: str, texts: list[str], dtype: object) -> Column:
    """Return text as codes into its sorted distinct values; an empty text is missing."""
    text = pl.select(_stripped(pl.lit(pl.Series("text", texts, dtype=pl.String))))["text"]
    levels = text.drop_nulls().unique().sort()
    codes = text.cast(pl.Enum(levels)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return _new(name, "text", codes, codes < 0, dtype, tuple(levels))


def _object_column(name: str, values: list[Any]) -> Column:
    """Return a column of Python objects, by the types that are found in it."""
    missing = np.array([_is_missing(value) for value in values], dtype=bool)
    types = {type(value) for value, gone in zip(values, missing, strict=True) if not gone}
    kind, dtype = _kind_of(types), "/".join(sorted(kind.__name__ for kind in types))
    if kind == "text":
        texts = ["" if gone else str(value) for value, gone in zip(values, missing, strict=True)]
        return _text_column(name, texts, dtype)
    if kind == "other":
        return _new(name, kind, np.zeros(len(values), np.int64), missing, dtype)
    filled = [0 if gone else value for value, gone in zip(values, missing, strict=True)]
    if kind == "number" or any(abs(value) >= 2**63 for value in filled):
        return _new(name, "number", np.where(missing, np.nan, np.array(filled, np.float64)), missing, dtype)
    return _new(name, kind, np.array(filled, np.int64), missing, dtype)


def _kind_of(types: set[type]) -> Kind:
    def all_are(*bases: type) -> bool:
        return all(issubclass(kind, bases) for kind in types)

    if not types:
        return "number"
    if all_are(bool, np.bool_):
        return "boolean"
    if all_are(int, np.integer, np.bool_):
        return "integer"
    if all_are(int, float, np.integer, np.floating, np.bool_, Decimal):
        return "number"
    return "text" if all_are(str, int, float, np.number, np.bool_, Decimal) else "other"


def _is_missing(value: object) -> bool:
    """None, NaN, and pandas' NA and NaT (known by their names: pandas need not be installed)."""
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _new(
    name: str,
    kind: Kind,
    values: NDArray[Any],
    missing: NDArray[np.bool_],
    dtype: object,
    levels: tuple[str, ...] = (),
) -> Column:
    return Column(name, kind, values, missing, row_numbers(len(values)), levels, str(dtype))
