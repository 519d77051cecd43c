"""Model files: what is written is what is read, and everything else is a sentence."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as arrays_of

from deltarule.errors import ModelFileError
from deltarule.storage import atomic, model_file

SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ARRAYS = arrays_of.arrays(
    st.sampled_from(["float32", "float64", "int64", ">f8", ">f4"]),
    arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
).map(lambda array: np.nan_to_num(array, copy=False))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
NAMES = TEXT.filter(lambda name: name not in ("", "__metadata__"))
ADDED = {"format_version", "library_version", "checksum"}


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Return whether the arrays are equal to the bit, byte order aside."""
    return first.keys() == second.keys() and all(
        a.shape == b.shape
        and a.dtype == b.dtype.newbyteorder("=")
        and a.tobytes() == b.astype(a.dtype).tobytes()
        for a, b in ((first[name], second[name]) for name in first)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path: Path) -> bytes:
    """A small model file, its bytes."""
    theta = np.arange(12.0).reshape(3, 4)
    metadata = {"task": "regression", "widths": [3, 4], "note": "größer"}
    model_file.write(path, {"theta": theta, "mean": np.ones(3, np.float32)}, metadata)
    return path.read_bytes()


def raw(header: bytes | dict[str, Any], body: bytes = b"") -> bytes:
    """Return a file of the safetensors layout with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def with_metadata(text: str) -> bytes:
    return safetensors.numpy.save({"theta": np.ones(2)}, {model_file.KEY: text})


# Round trip


@SETTINGS
@given(
    arrays=st.dictionaries(NAMES, ARRAYS, max_size=4), metadata=st.dictionaries(TEXT, JSON_VALUES, max_size=4)
)
def test_what_is_written_is_read(path: Path, arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    model_file.write(path, arrays, metadata)
    back = model_file.read(path)
    assert same(back.arrays, arrays)
    assert {k: v for k, v in back.metadata.items() if k not in ADDED} == {
        k: v for k, v in metadata.items() if k not in ADDED
    }
    assert back.metadata["format_version"] == 1
    assert isinstance(back.metadata["library_version"], str)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_memory_layout_does_not_matter(path: Path) -> None:
    values = np.arange(24.0).reshape(4, 6)
    model_file.write(path, {"t": values.T, "s": values[::2, ::-1]}, {})
    back = model_file.read(path).arrays
    np.testing.assert_array_equal(back["t"], values.T)
    np.testing.assert_array_equal(back["s"], values[::2, ::-1])


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    model_file.write(first, {"a": np.ones(2), "b": np.zeros(3)}, {"x": 1, "y": {"p": 2, "q": 3}})
    model_file.write(second, {"b": np.zeros(3), "a": np.ones(2)}, {"y": {"q": 3, "p": 2}, "x": 1})
    assert first.read_bytes() == second.read_bytes()


def test_what_was_read_can_be_written_again(path: Path, saved: bytes) -> None:
    back = model_file.read(path)
    model_file.write(path, back.arrays, back.metadata)
    assert path.read_bytes() == saved


def test_arrays_are_the_readers_own(path: Path, saved: bytes) -> None:
    theta = model_file.read(path).arrays["theta"]
    theta[0, 0] = 7.0
    assert path.read_bytes() == saved


def test_other_tools_can_read_it(path: Path, saved: bytes) -> None:
    np.testing.assert_array_equal(safetensors.numpy.load(saved)["theta"], np.arange(12.0).reshape(3, 4))


# Damage


@SETTINGS
@given(data=st.data())
def test_a_cut_file_is_refused(path: Path, saved: bytes, data: st.DataObject) -> None:
    path.write_bytes(saved[: data.draw(st.integers(0, len(saved) - 1))])
    with pytest.raises(ModelFileError, match=r"model\.safetensors"):
        model_file.read(path)


@settings(SETTINGS, max_examples=400)
@given(data=st.data())
def test_a_flipped_bit_is_noticed(path: Path, saved: bytes, data: st.DataObject) -> None:
    original = model_file.read(_put(path, saved))
    damaged = bytearray(saved)
    for bit in data.draw(st.sets(st.integers(0, 8 * len(saved) - 1), min_size=1, max_size=3)):
        damaged[bit // 8] ^= 1 << (bit % 8)
    refused_or_equal(_put(path, bytes(damaged)), original)


@SETTINGS
@given(data=st.data())
def test_bytes_added_removed_or_replaced_are_noticed(path: Path, saved: bytes, data: st.DataObject) -> None:
    original = model_file.read(_put(path, saved))
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(saved))] * 2)))
    refused_or_equal(_put(path, saved[:start] + data.draw(st.binary(max_size=20)) + saved[stop:]), original)


@SETTINGS
@given(content=st.binary(max_size=200))
def test_binary_rubbish_is_refused(path: Path, content: bytes) -> None:
    with pytest.raises(ModelFileError):
        model_file.read(_put(path, content))


def _put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refused_or_equal(path: Path, original: model_file.ModelFile) -> None:
    try:
        back = model_file.read(path)
    except ModelFileError:
        return
    assert same(back.arrays, original.arrays)
    assert back.metadata == original.metadata


def test_swapped_arrays_are_noticed(path: Path) -> None:
    model_file.write(path, {"mean": np.ones(4), "std!": np.zeros(4)}, {})
    content = path.read_bytes()
    path.write_bytes(
        content.replace(b'"mean"', b'"temp"').replace(b'"std!"', b'"mean"').replace(b'"temp"', b'"std!"')
    )
    with pytest.raises(ModelFileError, match="checksum"):
        model_file.read(path)


TENSOR = {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}
OURS = {"__metadata__": {model_file.KEY: '{"format_version": 1, "checksum": ""}'}}


@pytest.mark.parametrize(
    "content",
    [
        raw({**OURS, "a": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}}),
        raw({**OURS, "a": {"dtype": "F64", "shape": [2**40, 2**40], "data_offsets": [0, 16]}}, b"0" * 16),
        raw({**OURS, "a": {"dtype": "F64", "shape": [0, 2**63], "data_offsets": [0, 0]}}),
        raw({**OURS, "a": {"dtype": "F64", "shape": [-2], "data_offsets": [0, 16]}}, b"0" * 16),
        raw({**OURS, "a": {"dtype": "F64", "shape": [1] * 90, "data_offsets": [0, 8]}}, b"0" * 8),
        raw({**OURS, "a": TENSOR, "b": TENSOR}, b"0" * 16),
        raw({**OURS, "a": TENSOR}, b"0" * 17),
        raw({**OURS, "a": TENSOR}, b"0" * 15),
        raw({**OURS, "a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, b"0" * 4),
        raw({**OURS, "a": {"dtype": 5, "shape": [2], "data_offsets": [0, 16]}}, b"0" * 16),
        raw({**OURS, "a": {"dtype": "F64", "shape": 2, "data_offsets": [0, 16]}}, b"0" * 16),
        raw({**OURS, "a": {"dtype": "F64", "shape": [2], "data_offsets": [16, 0]}}, b"0" * 16),
        raw({**OURS, "a": {"dtype": "F64", "shape": [2]}}, b"0" * 16),
        raw({**OURS, "a": {"dtype": "\x1b[31m" * 10**5, "shape": [2], "data_offsets": [0, 16]}}, b"0" * 16),
        raw({**OURS, "a": {**TENSOR, "\x1b" * 10**5: 1}}, b"0" * 16),
        raw({**OURS, "a": [TENSOR]}, b"0" * 16),
        raw(json.dumps({**OURS, "a": TENSOR})[:-1].encode() + b', "a": {}}', b"0" * 16),
        raw(b'{"a": "\xff"}'),
        raw({"__metadata__": 3}),
        raw({"__metadata__": {"deltarule": 3}}),
        raw(b'{"a":' + b"[" * 100_000),
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2**63) + b"{" + b" " * 100,
        struct.pack("<Q", 2**22) + b"{" + b" " * 2**22,
    ],
)
def test_a_hostile_header_is_refused(path: Path, content: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"model\.safetensors'") as error:
        model_file.read(_put(path, content))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"format_version": 1, "x": NaN}', "not valid JSON"),
        ('{"format_version": 1, "x": 1e999}', "not valid JSON"),
        ('{"format_version": 1, "x": "\\ud800"}', "not valid JSON"),
        ('{"format_version": 1, "x": ' + "9" * 5000 + "}", "not valid JSON"),
        ('{"format_version": 1, "x": 1, "x": 2}', "'x' is there twice"),
        ('{"format_version": 1, "x": [{"y": 1, "y": 1}]}', "'y' is there twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("{}", "`format_version` is missing"),
        ('{"format_version": "1"}', "whole number"),
        ('{"format_version": true}', "whole number"),
        ('{"format_version": 0}', "at least 1"),
        ('{"format_version": 7}', "format version 7, this deltarule reads up to 1. Upgrade deltarule"),
        ('{"format_version": 1}', "`checksum` is missing"),
        ('{"format_version": 1, "checksum": "00"}', "damaged or edited"),
    ],
)
def test_hostile_metadata_is_refused(path: Path, text: str, words: str) -> None:
    with pytest.raises(ModelFileError, match=r"model\.safetensors") as error:
        model_file.read(_put(path, with_metadata(text)))
    assert words in str(error.value)
    assert len(str(error.value)) < 400


def test_a_model_of_another_program(path: Path) -> None:
    path.write_bytes(safetensors.numpy.save({"w": np.ones(2)}, {"format": "pt"}))
    with pytest.raises(ModelFileError, match="a safetensors file, but not written by deltarule"):
        model_file.read(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (pickle.dumps([1, 2]), "a pickle, which is never loaded"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 50, "HDF5"),
        (b"\x93NUMPY\x01\x00", ".npy"),
        (b"PAR1....", "Parquet"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        ("größe,gpa\n1,2\n".encode(), "a table"),
        (b"just words\n", "it looks like a text file."),
        (b'{"a": 1}\n', "JSON"),
        (bytes(range(128, 200)), "not a safetensors file"),
    ],
)
def test_other_kinds_of_files_are_recognized(path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ModelFileError) as error:
        model_file.read(_put(path, content))
    assert words in str(error.value)


def test_a_zip_archive_is_recognized(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights", "1")
    with pytest.raises(ModelFileError, match="zip archive"):
        model_file.read(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [("none", "no such file"), ("", "it is a folder"), ("a\0b", "null"), ("x" * 300, "name too long")],
)
def test_reading_a_path_that_is_no_file(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        model_file.read(tmp_path / name)


# Reading the content


def test_array_checks_name_kind_and_values(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = np.array([[1.0, np.nan], [np.inf, 2.0]])
    with monkeypatch.context() as patch:
        patch.setattr(model_file, "require_finite", lambda *_: None)
        model_file.write(path, {"good": np.ones((2, 3)), "broken": broken, "counts": np.arange(3)}, {"k": 1})
    file = model_file.read(path)
    assert file.array("good", model_file.Kind(np.dtype("float64"), (2, 3))) is file.arrays["good"]
    assert file.array("counts").dtype == np.int64
    assert file.fields.integer("k") == 1
    for wrong in (model_file.Kind(np.dtype("float64"), (3, 2)), model_file.Kind(np.dtype("float32"), (2, 3))):
        with pytest.raises(
            ModelFileError, match=r"'good' in '.*' must be float.* got float64 of shape \(2, 3\)"
        ):
            file.array("good", wrong)
    with pytest.raises(ModelFileError, match="'theta' is missing"):
        file.array("theta")
    with pytest.raises(
        ModelFileError, match=r"finite numbers only; got nan at \[0, 1\], 2 such entries in all"
    ):
        file.array("broken")


# Writing


@pytest.mark.parametrize(
    "metadata", [{"x": float("nan")}, {"x": {1: 2}}, {"x": [{None: 2}]}, {"x": object()}, {"\ud800": 1}]
)
def test_metadata_that_is_no_json_is_refused(path: Path, saved: bytes, metadata: dict[str, Any]) -> None:
    with pytest.raises(ModelFileError, match="cannot be written as JSON"):
        model_file.write(path, {}, metadata)
    assert path.read_bytes() == saved


def test_metadata_in_a_circle_is_refused(path: Path) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ModelFileError, match="cannot be written as JSON"):
        model_file.write(path, {}, {"x": circle})


@pytest.mark.parametrize(
    "array", [np.ones(2, np.float16), np.ones(2, complex), np.array(["a"]), np.array([None])]
)
def test_other_dtypes_are_refused(path: Path, array: Any) -> None:
    with pytest.raises(ModelFileError, match="Allowed: float32, float64, int64"):
        model_file.write(path, {"a": array}, {})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_could_not_be_read_again_is_not_written(path: Path, saved: bytes, bad: float) -> None:
    with pytest.raises(ModelFileError, match=r"'a' in '.*' must hold finite numbers only"):
        model_file.write(path, {"a": np.array([1.0, bad])}, {})
    assert path.read_bytes() == saved


@pytest.mark.parametrize("name", ["", "__metadata__"])
def test_reserved_names_are_refused(path: Path, name: str) -> None:
    with pytest.raises(ModelFileError, match="needs a name"):
        model_file.write(path, {name: np.ones(1)}, {})


def test_too_much_metadata_is_refused(path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"up to 2,097,152 bytes; got 3,\d+,\d+"):
        model_file.write(path, {}, {"levels": "x" * 3_000_000})
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [("none/model", "no folder"), ("", "is a folder"), ("a\0b", "null"), ("x" * 300, "name")],
)
def test_writing_to_an_impossible_path(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        model_file.write(tmp_path / name, {}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [True, False])
def test_a_failing_write_leaves_the_old_file(
    path: Path, saved: bytes, monkeypatch: pytest.MonkeyPatch, step: str, failure: BaseException, old: bool
) -> None:
    def fail(*_: object) -> None:
        raise failure

    if not old:
        path.unlink()
    monkeypatch.setattr(atomic.os, step, fail)
    with pytest.raises((ModelFileError, KeyboardInterrupt)) as error:
        model_file.write(path, {"theta": np.zeros(9)}, {})
    monkeypatch.undo()
    if isinstance(failure, OSError):
        assert "model.safetensors' cannot be written: no space left on device." in str(error.value)
    assert [p.name for p in path.parent.iterdir()] == ([path.name] if old else [])
    assert not old or path.read_bytes() == saved


def test_a_folder_that_cannot_be_synchronized_is_no_failure(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(atomic.os, "open", fail)
    model_file.write(path, {}, {})
    monkeypatch.undo()
    assert model_file.read(path).arrays == {}
