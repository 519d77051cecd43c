"""IDX files: what is written is read again, what is no such file is refused, absurd sizes without memory."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from deltarule.data.datasets import read_idx, write_idx
from deltarule.data.idx import idx_array
from deltarule.errors import DataSetError

DTYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]
MEGABYTE = 2**20
DIGITS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
IDX = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + DIGITS.tobytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.idx"


@given(
    data=st.data(),
    dtype=st.sampled_from(DTYPES),
    shape=arrays.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4),
    end=st.sampled_from(["idx", "idx.gz"]),
    order=st.sampled_from("<>"),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    dtype: str,
    shape: tuple[int, ...],
    end: str,
    order: str,
) -> None:
    path = tmp_path_factory.mktemp("idx") / f"some.{end}"
    array = data.draw(arrays.arrays(np.dtype(dtype).newbyteorder(order), shape))
    write_idx(array, path)
    again = read_idx(path)
    assert again.dtype == np.dtype(dtype)
    assert again.dtype.isnative
    assert again.flags.writeable
    assert again.tobytes() == array.astype(dtype).tobytes()
    assert again.shape == shape


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([258], np.int16), "00 00 0b 01 00 00 00 01 01 02"),
        (np.array([[-1], [2]], np.int32), "00 00 0c 02 00 00 00 02 00 00 00 01 ff ff ff ff 00 00 00 02"),
        (np.array([-1], np.int8), "00 00 09 01 00 00 00 01 ff"),
        (np.array([1.0], np.float32), "00 00 0d 01 00 00 00 01 3f 80 00 00"),
        (np.array([1.0], np.float64), "00 00 0e 01 00 00 00 01 3f f0 00 00 00 00 00 00"),
    ],
)
def test_bytes_by_hand(path: Path, array: NDArray[Any], expected: str) -> None:
    write_idx(array, path)
    assert path.read_bytes().hex(" ") == expected


def test_columns_are_written_row_by_row(path: Path) -> None:
    write_idx(np.asfortranarray(DIGITS), path)
    assert path.read_bytes() == IDX


def test_compression_is_seen_from_the_contents(path: Path) -> None:
    path.write_bytes(gzip.compress(IDX))
    np.testing.assert_array_equal(read_idx(path), DIGITS)
    np.testing.assert_array_equal(idx_array(IDX, "'x'"), DIGITS)


def test_the_same_array_gives_the_same_compressed_bytes(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        write_idx(DIGITS, tmp_path / name)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it must begin with two zero bytes and a type; got b''. Allowed: the types 0x08, 0x09"),
        (b"\0\0\x08", "it must begin with two zero bytes and a type"),
        (b"x,y\n1,2\n", "got b'x,y\\n'"),
        (b"PK\x03\x04zip", "a zip archive"),
        (bytes([0, 0, 10, 1]) + bytes(4), "got b'\\x00\\x00\\n\\x01'"),
        (bytes([0, 0, 8, 0]), "must have 1 to 64 dimensions; got 0"),
        (bytes([0, 0, 8, 65]) + bytes(4 * 65), "must have 1 to 64 dimensions; got 65"),
        (IDX[:10], "cut off: its header ends after 10 bytes"),
        (IDX[:-1], "must hold 24 bytes of values, by the shape (2, 3, 4) in its header; got 23"),
        (IDX + b"\0", "got more. The file is cut off or damaged"),
        (bytes([0, 0, 8, 3]) + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1), "impossible shape"),
    ],
)
def test_malformed(path: Path, data: bytes, said: str, zipped: bool) -> None:
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(DataSetError) as refused:
        read_idx(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_that_is_too_short_for_its_values(path: Path) -> None:
    path.write_bytes(IDX[:16])
    with pytest.raises(DataSetError, match=r"must hold 24 bytes .* got a file that can hold 16 at most"):
        read_idx(path)


@pytest.mark.parametrize("sizes", [(2**32 - 1,) * 2, (2**32 - 1,) * 64, (2**30,)])
@pytest.mark.parametrize("zipped", [False, True])
def test_absurd_sizes_take_no_memory(path: Path, sizes: tuple[int, ...], zipped: bool) -> None:
    data = struct.pack(f">HBB{len(sizes)}I", 0, 14, len(sizes), *sizes) + bytes(100)
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert peak_of_refusal(path) < MEGABYTE


def test_memory_grows_with_what_is_there(path: Path) -> None:
    """Compressed, this file could hold the 256 MB that it announces; it holds one."""
    noise = np.random.default_rng(0).bytes(MEGABYTE)
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, 256 * MEGABYTE) + noise, compresslevel=1))
    assert peak_of_refusal(path) < 8 * MEGABYTE


def peak_of_refusal(path: Path) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(DataSetError, match="must hold"):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("end", range(2, 40, 4))
def test_gzip_that_is_cut_off(path: Path, end: int) -> None:
    path.write_bytes(gzip.compress(IDX)[:end])
    with pytest.raises(DataSetError, match="is damaged"):
        read_idx(path)


def test_gzip_with_a_flipped_bit(path: Path) -> None:
    write_idx(np.random.default_rng(0).integers(0, 255, 1000, dtype=np.uint8), path.with_suffix(".gz"))
    data = bytearray(path.with_suffix(".gz").read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataSetError, match=r"is damaged|must hold"):
        read_idx(path)


@given(data=st.data(), zipped=st.booleans())
def test_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, zipped: bool
) -> None:
    """Bytes changed, left out or put in anywhere: an array or an error, never anything else."""
    whole = gzip.compress(IDX, mtime=0) if zipped else IDX
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(start + 4, len(whole))))
    path = tmp_path_factory.mktemp("idx") / "some.idx"
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=6)) + whole[end:])
    with suppress(DataSetError):
        assert read_idx(path).nbytes <= len(IDX)


def test_no_file_and_no_path(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="There is no file"):
        read_idx(path)
    with pytest.raises(DataSetError, match=r"cannot be read: (is a directory|permission denied)"):
        read_idx(tmp_path)
    with pytest.raises(DataSetError, match="cannot be read: embedded null"):
        read_idx("a\0b")
    with pytest.raises(DataSetError, match="A path must be text"):
        read_idx(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["int64", "uint16", "float16", "bool", "complex64", "U3"])
def test_other_types_are_refused(path: Path, dtype: str) -> None:
    with pytest.raises(DataSetError, match=r"has no such type; got .* Allowed: uint8, .* \.astype"):
        write_idx(np.zeros(3, dtype), path)
    assert not path.exists()


def test_a_number_is_no_array(path: Path) -> None:
    with pytest.raises(DataSetError, match=r"at least one dimension.*shape \(\)"):
        write_idx(np.float64(3), path)


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="there is no folder"):
        write_idx(DIGITS, tmp_path / "no" / "some.idx")
