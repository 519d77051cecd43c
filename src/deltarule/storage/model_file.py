"""The model file: named arrays and JSON metadata in one .safetensors file.

Knows nothing of networks; reading one executes nothing and trusts nothing. The format: docs/model_file.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from deltarule.errors import ModelFileError, message
from deltarule.storage.atomic import MAX_REASON, PathLike, in_words, quoted, require_path, write_bytes
from deltarule.storage.fields import JSON, Fields, short
from deltarule.storage.recognize import looks_like

FORMAT_VERSION = 1
KEY = "deltarule"
DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("float32"),
    "F64": np.dtype("float64"),
    "I64": np.dtype("int64"),
}
HEADER_LIMIT = 2**21
"""Bytes of header that are written and read: JSON grows thirtyfold in memory, and nobody needs a megabyte."""
MAX_DIMENSIONS = 64
OTHER_COPY = "Use another copy, or train again."
WRITTEN = "Model files are written by `save`."


class Kind(NamedTuple):
    """The dtype and the shape of an array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


Promise = Callable[[Fields], Iterable[tuple[str, Kind]]]
"""Takes the metadata and yields every array that a file with them has: its name and its kind."""


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

    def array(self, name: str, kind: Kind | None = None) -> NDArray[Any]:
        """Return one array, of this kind where it is given.

        Raises:
            ModelFileError: it is missing, has another dtype or shape, or holds values that are not finite.
        """
        array = self.arrays.get(name)
        _require_kind(name, None if array is None else Kind(array.dtype, array.shape), kind, self.path)
        require_finite({name: self.arrays[name]}, self.path)
        return self.arrays[name]


def write(path: PathLike, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write one model file, completely or not at all; the same content gives the same bytes.

    Args:
        path: where to, usually ending in .safetensors; its folder must exist.
        arrays: by name; float32, float64 or int64, any shape, finite.
        metadata: what JSON can hold: texts, finite numbers, booleans, None, lists, dicts with texts as keys.
            `format_version`, `library_version` and `checksum` are added, or replaced.

    Raises:
        ModelFileError: the content or the path cannot be used. An old file at `path` is then untouched.
    """
    require_path(path)
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    require_finite(plain, path)  # it could not be read again
    data = safetensors.numpy.save(plain, {KEY: _metadata_text(plain, metadata)})
    length = int.from_bytes(data[:8], "little")
    if length > HEADER_LIMIT:
        asked = f"The metadata of a model file may take up to {HEADER_LIMIT:,} bytes"
        hint = "Leave out text columns with very many different values."
        raise ModelFileError(message(asked, found=f"{length:,}", hint=hint))
    write_bytes(path, data)


def read(path: PathLike, promise: Promise | None = None) -> ModelFile:
    """Read and check one model file; nothing in it is executed.

    Args:
        path: of the file. It is read, not mapped into memory: whoever maps a file dies when another process
            cuts it off.
        promise: which arrays a file with its metadata has. Where others are there, or these are not, the
            file is refused before memory is reserved for them.

    Raises:
        ModelFileError: a sentence that names the path and says what is wrong with it.
    """
    require_path(path)
    try:
        if problem := _kind_problem(Path(path).stat().st_mode):
            raise _unreadable(path, problem)
        with Path(path).open("rb") as file:
            data, metadata = _checked(file, path, promise)
        arrays = safetensors.numpy.load(data)
    except FileNotFoundError as reason:
        raise _unreadable(path, "there is no such file", "Check the path.") from reason
    except MemoryError as reason:
        raise _unreadable(path, "it does not fit into memory", "Free some memory.") from reason
    except ModelFileError:
        raise
    except (OSError, ValueError) as reason:  # ValueError: a zero byte in the path
        raise _unreadable(path, in_words(reason)) from reason
    except safetensors.SafetensorError as reason:
        raise _unreadable(path, f"its content is damaged ({in_words(reason)})", OTHER_COPY) from reason
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
        _require_text_keys(content)
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


def _kind_problem(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "it is a folder"
    return "" if stat.S_ISREG(mode) else "it is a device or a pipe, not a regular file"


def _checked(file: BinaryIO, path: PathLike, promise: Promise | None) -> tuple[bytes, dict[str, JSON]]:
    """Return all bytes of a file and its metadata; the arrays are read last, when their sizes are known."""
    size = os.fstat(file.fileno()).st_size
    if problem := _header_problem(file.read(512), size):
        raise _unreadable(path, problem, OTHER_COPY)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    header = file.read(length)
    entries = _json(header, "header", path)
    metadata = _metadata(entries, path)
    kinds = _kinds(entries, path)
    if promise is not None:
        _require_promised(kinds, promise(Fields(metadata, quoted(path))), path)
    n_bytes = sum(prod(kind.shape) * kind.dtype.itemsize for kind in kinds.values())
    if size != 8 + length + n_bytes:
        why = f"it is damaged: it has {size:,} bytes, and its header says {8 + length + n_bytes:,}"
        raise _unreadable(path, why, OTHER_COPY)
    return b"".join([length.to_bytes(8, "little"), header, file.read(n_bytes)]), metadata


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


def _json(text: bytes, what: str, path: PathLike) -> dict[str, JSON]:
    """Return a JSON object: finite numbers, no key twice."""
    try:
        content = json.loads(text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
        _canonical({"": content})
    except RecursionError as reason:
        raise _unreadable(path, f"its {what} is nested too deeply", OTHER_COPY) from reason
    except ValueError as reason:
        raise _unreadable(path, f"its {what} is not valid JSON ({in_words(reason)})", OTHER_COPY) from reason
    if not isinstance(content, dict):
        raise _unreadable(path, f"its {what} is not a JSON object", OTHER_COPY)
    return content


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    content: dict[str, JSON] = {}
    for name, value in pairs:
        if name in content:
            raise ValueError(f"{short(name)} is there twice")
        content[name] = value
    return content


def _no_constant(name: str) -> JSON:
    raise ValueError(f"{name} is no number")


def _metadata(header: dict[str, JSON], path: PathLike) -> dict[str, JSON]:
    """Return the metadata in a header, of a format that is known here."""
    held = header.get("__metadata__")
    text = held.get(KEY) if isinstance(held, dict) else None
    if not isinstance(text, str):
        raise _unreadable(path, "it is a safetensors file, but not written by deltarule", WRITTEN)
    content = _json(text.encode("utf-8", "replace"), "metadata", path)
    found = Fields(content, quoted(path)).integer("format_version", minimum=1)
    if found > FORMAT_VERSION:
        why = f"it has format version {short(found)}, this deltarule reads up to {FORMAT_VERSION}"
        raise _unreadable(path, why, hint="Upgrade deltarule: pip install --upgrade deltarule.")
    return content


def _kinds(header: dict[str, JSON], path: PathLike) -> dict[str, Kind]:
    """Return what the header says of every array; whether they lie side by side is safetensors' business."""
    entries = Fields(header, f"the header of {quoted(path)}")
    return {name: _kind(entries.fields(name)) for name in header if name != "__metadata__"}


def _kind(entry: Fields) -> Kind:
    shape = tuple(entry.integers("shape", minimum=0))
    if len(shape) > MAX_DIMENSIONS:
        raise entry.refuse("shape", f"have at most {MAX_DIMENSIONS} entries")
    return Kind(DTYPES[entry.text("dtype", allowed=DTYPES)], shape)


def _require_promised(
    kinds: Mapping[str, Kind], promised: Iterable[tuple[str, Kind]], path: PathLike
) -> None:
    """Refuse arrays that are missing, of another kind, or more than was promised."""
    names = set()
    for name, kind in promised:
        _require_kind(name, kinds.get(name), kind, path)
        names.add(name)
    if more := sorted(set(kinds) - names):
        asked = f"{quoted(path)} must hold the arrays of its network and no others"
        raise ModelFileError(message(asked, found=short(more[0]), hint=OTHER_COPY))


def _require_kind(name: str, found: Kind | None, asked: Kind | None, path: PathLike) -> None:
    if found is None:
        raise ModelFileError(message(f"The array {name!r} is missing in {quoted(path)}", hint=OTHER_COPY))
    if asked is not None and found != asked:
        must = f"The array {name!r} in {quoted(path)} must be {asked}"
        raise ModelFileError(message(must, found=str(found)[:MAX_REASON], hint=OTHER_COPY))


def _check_sum(path: PathLike, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, JSON]) -> None:
    if Fields(metadata, quoted(path)).text("checksum") != _checksum(arrays, metadata):
        why = "its checksum does not match its content, so it was damaged or edited after it was saved"
        raise _unreadable(path, why, OTHER_COPY)
