"""The model file: named arrays and JSON metadata in one .safetensors file.

Knows nothing of networks; reading one executes nothing and trusts nothing. The format: docs/model_file.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from deltarule.errors import ModelFileError, message
from deltarule.storage.atomic import PathLike, in_words, quoted, require_path, write_bytes
from deltarule.storage.fields import JSON, Fields
from deltarule.storage.recognize import looks_like

FORMAT_VERSION = 1
KEY = "deltarule"
DTYPES = {"F32": np.dtype("float32"), "F64": np.dtype("float64"), "I64": np.dtype("int64")}
HEADER_LIMIT = 2**21
"""Bytes of header that are written and read: JSON grows thirtyfold in memory, and nobody needs a megabyte."""


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds: arrays by name, metadata as JSON, and the path it was read from."""

    arrays: dict[str, NDArray[Any]]
    metadata: dict[str, JSON]
    path: str = ""

    @property
    def fields(self) -> Fields:
        """The metadata, ready to be read entry by entry with checks."""
        return Fields(self.metadata, quoted(self.path))

    def array(self, name: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
        """Return one array, of this shape where it is given.

        Raises:
            ModelFileError: it is missing, has another shape or holds values that are not finite.
        """
        if name not in self.arrays:
            raise ModelFileError(message(f"The array {name!r} is missing in {quoted(self.path)}"))
        array = self.arrays[name]
        if shape is not None and array.shape != shape:
            asked = f"The array {name!r} in {quoted(self.path)} must have the shape {shape}"
            raise ModelFileError(message(asked, found=str(array.shape)))
        require_finite({name: array}, self.path)
        return array


def write(path: PathLike, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write one model file, completely or not at all; the same content gives the same bytes.

    Args:
        path: where to, usually ending in .safetensors; its folder must exist.
        arrays: by name; float32, float64 or int64, any shape.
        metadata: what JSON can hold: texts, finite numbers, booleans, None, lists, dicts with texts as keys.
            `format_version`, `library_version` and `checksum` are added, or replaced.

    Raises:
        ModelFileError: the content or the path cannot be used. An old file at `path` is then untouched.
    """
    require_path(path)
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    data = safetensors.numpy.save(plain, {KEY: _metadata_text(plain, metadata)})
    length = int.from_bytes(data[:8], "little")
    if length > HEADER_LIMIT:
        asked = f"The metadata of a model file may take up to {HEADER_LIMIT:,} bytes"
        hint = "Leave out text columns with very many different values."
        raise ModelFileError(message(asked, found=f"{length:,}", hint=hint))
    write_bytes(path, data)


def read(path: PathLike) -> ModelFile:
    """Read and check one model file; nothing in it is executed.

    Raises:
        ModelFileError: a sentence that names the path and says what is wrong with it.
    """
    require_path(path)
    _check_before_opening(path)
    try:
        with safetensors.safe_open(os.fspath(path), framework="numpy") as file:
            metadata = _parse((file.metadata() or {}).get(KEY), path)
            arrays = {name: _array(file, name, path) for name in sorted(file.keys())}
    except (safetensors.SafetensorError, OSError, ValueError, MemoryError) as reason:
        if isinstance(reason, ModelFileError):
            raise
        raise _unreadable(path, f"its content is damaged ({in_words(reason)})") from reason
    _check_sum(path, arrays, metadata)
    return ModelFile(arrays, metadata, os.fspath(path))


def require_finite(arrays: Mapping[str, NDArray[Any]], path: PathLike) -> None:
    """Raise ModelFileError where an array holds NaN or infinity, naming the array and the first of them."""
    for name, array in arrays.items():
        bad = ~np.isfinite(array)
        if bad.any():
            first = [int(index) for index in np.unravel_index(np.argmax(bad), array.shape)]
            asked = f"The array {name!r} in {quoted(path)} must hold finite numbers only"
            found = f"{array[tuple(first)]} at {first}, {bad.sum()} such entries in all"
            raise ModelFileError(message(asked, found=found))


def _plain(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return the array as safetensors takes it (it copies raw memory): C order, little-endian."""
    if name in ("", "__metadata__"):
        raise ModelFileError(message("An array needs a name other than '__metadata__'", found=repr(name)))
    if np.dtype(array.dtype).newbyteorder("=") not in DTYPES.values():
        asked = f"The array {name!r} must have a dtype that a model file can hold"
        raise ModelFileError(message(asked, found=str(array.dtype), allowed="float32, float64, int64"))
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _metadata_text(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> str:
    content = {**metadata, "format_version": FORMAT_VERSION, "library_version": _library_version()}
    try:
        content["checksum"] = _checksum(arrays, content)
        return _canonical(content)
    except (TypeError, ValueError, RecursionError) as reason:
        raise ModelFileError(
            message(f"The metadata cannot be written as JSON: {in_words(reason)}")
        ) from reason


def _library_version() -> str:
    try:
        return version("deltarule")
    except PackageNotFoundError:
        return "unknown"


def _canonical(content: Mapping[str, JSON]) -> str:
    """Return the one JSON text of this content; ValueError where there is none (NaN, half a surrogate)."""
    _require_text_keys(content)
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text.encode("utf-8")
    return text


def _require_text_keys(value: Any) -> None:
    """Refuse other keys, which `json` would turn into texts without a word."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"keys must be texts, not {key!r}")
            _require_text_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _require_text_keys(inner)


def _checksum(arrays: Mapping[str, NDArray[Any]], content: Mapping[str, JSON]) -> str:
    """Return the SHA-256 of the metadata (without the checksum) and of every array, its name and shape."""
    digest = hashlib.sha256(_canonical({k: v for k, v in content.items() if k != "checksum"}).encode("utf-8"))
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\0{name}\0{array.dtype.name}{array.shape}\0".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _check_before_opening(path: PathLike) -> None:
    """Refuse what is no model file before a single large block is read or reserved."""
    try:
        status = Path(path).stat()
        problem = _kind_problem(status.st_mode)
        if not problem:
            with Path(path).open("rb") as file:
                problem = _header_problem(file.read(512), status.st_size)
    except FileNotFoundError as reason:
        raise _unreadable(path, "there is no such file") from reason
    except (OSError, ValueError) as reason:  # ValueError: a zero byte in the path
        raise _unreadable(path, in_words(reason)) from reason
    if problem:
        raise _unreadable(path, problem)


def _kind_problem(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "it is a folder"
    return "" if stat.S_ISREG(mode) else "it is a device or a pipe, not a regular file"


def _header_problem(beginning: bytes, size: int) -> str:
    """Return what is wrong with the length of the header (8 bytes) and its first character, or nothing."""
    if beginning[8:9] != b"{":
        return looks_like(beginning)
    length = int.from_bytes(beginning[:8], "little")
    if length > size - 8:
        return f"it is cut off: its header alone has {length:,} bytes, the file {size:,}"
    if length > HEADER_LIMIT:
        return f"its header has {length:,} bytes, more than any model file of deltarule ({HEADER_LIMIT:,})"
    return ""


def _unreadable(path: PathLike, why: str, hint: str = "") -> ModelFileError:
    return ModelFileError(message(f"{quoted(path)} cannot be read as a model file: {why}", hint=hint))


def _parse(text: str | None, path: PathLike) -> dict[str, JSON]:
    """Return the metadata as a dict, of a format that is known here."""
    if text is None:
        raise _unreadable(path, "it is a safetensors file, but not written by deltarule")
    try:
        content = json.loads(text)
        _canonical({"": content})
    except RecursionError as reason:
        raise _unreadable(path, "its metadata is nested too deeply") from reason
    except ValueError as reason:
        raise _unreadable(path, f"its metadata is not valid JSON ({in_words(reason)})") from reason
    if not isinstance(content, dict):
        raise _unreadable(path, "its metadata is not a JSON object")
    found = Fields(content, quoted(path)).integer("format_version", minimum=1)
    if found > FORMAT_VERSION:
        why = f"it has format version {found}, this deltarule reads up to {FORMAT_VERSION}"
        raise _unreadable(path, why, hint="Upgrade deltarule: pip install --upgrade deltarule.")
    return content


def _array(file: Any, name: str, path: PathLike) -> NDArray[Any]:
    dtype = file.get_slice(name).get_dtype()
    if dtype not in DTYPES:
        raise _unreadable(
            path, f"its array {name[:100]!r} has the dtype {dtype}, allowed are {', '.join(DTYPES)}"
        )
    array: NDArray[Any] = file.get_tensor(name)
    return array


def _check_sum(path: PathLike, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, JSON]) -> None:
    if Fields(metadata, quoted(path)).text("checksum") != _checksum(arrays, metadata):
        why = "its checksum does not match its content, so it was damaged or edited after it was saved"
        raise _unreadable(path, why, hint="Use another copy, or train again.")
