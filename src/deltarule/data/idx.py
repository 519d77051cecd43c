"""IDX, the file format of MNIST: one array of numbers, big-endian, often compressed with gzip.

Two zero bytes, a byte for the type, a byte for the number of dimensions, 4 bytes for each, the values in C
order. Not where the files come from (downloads.py).
"""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule.errors import DataSetError, message
from deltarule.storage.atomic import PathLike, in_words, quoted, require_path, write_bytes
from deltarule.storage.recognize import GZIP, known_kind

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The types by their byte in the header."""
ALLOWED = "uint8, int8, int16, int32, float32, float64"

MOST_DIMENSIONS = 64
"""NumPy's limit; the format would allow 255."""
MOST_EXPANSION = 1032
"""One byte of gzip never stands for more bytes than this."""
CHUNK = 2**20


def read_idx(path: PathLike) -> NDArray[Any]:
    """Read an IDX file, compressed with gzip or not, as an array of its own type and shape.

    Whether it is compressed is seen from its first bytes, not from its name. A header that announces more
    than the file can hold is refused before memory is taken for it.

    Arguments:
        path: of the file.

    Returns:
        An array of uint8, int8, int16, int32, float32 or float64 in the byte order of this computer.

    Raises:
        DataSetError: the file is missing, no IDX file, cut off, longer than its header says, or damaged.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section on the file formats.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "small.idx.gz"
    >>> write_idx(np.array([[1, 2], [3, 4]], dtype=np.int16), path)
    >>> read_idx(path)
    array([[1, 2], [3, 4]], dtype=int16)
    """
    require_path(path, DataSetError)
    try:
        with Path(path).open("rb") as file:
            return _read(file, quoted(path))
    except FileNotFoundError:
        raise DataSetError(message(f"There is no file {quoted(path)}")) from None
    except (OSError, ValueError) as reason:  # ValueError: a zero byte in the path
        raise DataSetError(message(f"{quoted(path)} cannot be read: {in_words(reason)}")) from reason


def write_idx(array: ArrayLike, path: PathLike) -> None:
    """Write an array as an IDX file, completely or not at all; one whose name ends in .gz is compressed.

    Arguments:
        array: uint8, int8, int16, int32, float32 or float64, with 1 to 64 dimensions.
        path: of the file; an old one is replaced.

    Raises:
        DataSetError: the array has another type or no dimensions, or the path cannot be written.

    Source: see `read_idx`.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "labels.idx"
    >>> write_idx(np.array([7, 2, 1], dtype=np.uint8), path)
    >>> path.read_bytes().hex(" ")
    '00 00 08 01 00 00 00 03 07 02 01'
    """
    values = np.asarray(array)
    codes = {np.dtype(kind).newbyteorder("="): code for code, kind in DTYPES.items()}
    code = codes.get(values.dtype.newbyteorder("="))
    if code is None:
        hint = "Convert it, for example with .astype(np.int32)."
        raise DataSetError(
            message("IDX has no such type", found=str(values.dtype), allowed=ALLOWED, hint=hint)
        )
    if values.ndim == 0 or max(values.shape) >= 2**32:
        asked = "An IDX array must have at least one dimension, each shorter than 2**32"
        raise DataSetError(message(asked, found=f"shape {values.shape}"))
    header = struct.pack(f">HBB{values.ndim}I", 0, code, values.ndim, *values.shape)
    data = header + values.astype(DTYPES[code]).tobytes()
    require_path(path, DataSetError)
    write_bytes(path, gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data, DataSetError)


def idx_array(data: bytes, source: str) -> NDArray[Any]:
    """Return the array of an IDX file that has been read.

    Arguments:
        data: the whole file, not compressed.
        source: the file, in quotes, for messages.

    Raises:
        DataSetError: as `read_idx`.
    """
    return _array(io.BytesIO(data), len(data), source)


def _read(file: BinaryIO, source: str) -> NDArray[Any]:
    size = os.fstat(file.fileno()).st_size
    zipped = file.read(len(GZIP)) == GZIP
    file.seek(0)
    if not zipped:
        return _array(file, size, source)
    try:
        with gzip.GzipFile(fileobj=file) as plain:
            return _array(cast(BinaryIO, plain), size * MOST_EXPANSION, source)
    except (EOFError, gzip.BadGzipFile, zlib.error) as reason:
        raise DataSetError(message(f"{source} is damaged: {in_words(reason)}")) from reason


def _array(stream: BinaryIO, available: int, source: str) -> NDArray[Any]:
    """Return the array; `available` is the largest number of bytes that the stream can have."""
    dtype, shape = _header(stream, source)
    size = math.prod(shape) * dtype.itemsize
    values = _up_to(stream, size + 1) if size <= available else bytearray()
    if len(values) != size:
        found = "more" if len(values) > size else f"{len(values):,}"
        found = f"a file that can hold {available:,} at most" if size > available else found
        asked = f"{source} must hold {size:,} bytes of values, by the shape {shape} in its header"
        hint = "The file is cut off or damaged; get it again."
        raise DataSetError(message(asked, found=found, hint=hint))
    try:
        array: NDArray[Any] = np.ndarray(shape, dtype, values)
    except ValueError as reason:
        raise DataSetError(message(f"{source} has an impossible shape: {in_words(reason)}")) from reason
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(stream: BinaryIO, source: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the type of the values and the shape."""
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in DTYPES:
        kinds = ", ".join(f"0x{code:02x}" for code in DTYPES)
        asked = f"{source} is no IDX file: it must begin with two zero bytes and a type"
        found = known_kind(start) or repr(start)
        raise DataSetError(message(asked, found=found, allowed=f"the types {kinds} ({ALLOWED})"))
    n_dimensions = start[3]
    if not 1 <= n_dimensions <= MOST_DIMENSIONS:
        asked = f"{source} must have 1 to {MOST_DIMENSIONS} dimensions"
        raise DataSetError(message(asked, found=str(n_dimensions)))
    sizes = stream.read(4 * n_dimensions)
    if len(sizes) < 4 * n_dimensions:
        raise DataSetError(message(f"{source} is cut off: its header ends after {4 + len(sizes)} bytes"))
    return np.dtype(DTYPES[start[2]]), struct.unpack(f">{n_dimensions}I", sizes)


def _up_to(stream: BinaryIO, size: int) -> bytearray:
    """Return up to so many bytes; memory grows with what is there, not with what was announced."""
    data = bytearray()
    while len(data) < size and (chunk := stream.read(min(CHUNK, size - len(data)))):
        data += chunk
    return data
