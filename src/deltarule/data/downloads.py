"""Files from the internet: fetched once into the data folder, checked whenever they are read.

Not what is in them. And not pooch, which would bring requests and its packages for what urllib and
storage.atomic do here, and which knows one checksum for a file where the headers of gzip vary.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from deltarule.errors import DataSetError, message
from deltarule.storage.atomic import in_words, quoted, require_writable, write_bytes
from deltarule.storage.recognize import GZIP

FOLDER = "DELTARULE_DATA"
"""The environment variable that names the data folder."""

SILENCE = 30.0
"""After so many seconds without a byte, a server counts as gone."""
MARGIN = 65_536
"""By this much a file may be larger than its contents: headers of gzip."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to be downloaded, and how it is recognized.

    Arguments:
        name: of the file.
        md5: one of these must fit: digests of the file as it is, of its contents without gzip, or of these
            without quotes and carriage returns.
        size: bytes of its contents; what is larger is not read.
    """

    name: str
    md5: tuple[str, ...]
    size: int


@dataclass(frozen=True)
class RemoteFolder:
    """The files of a data set: where they are to be, and where they come from.

    Arguments:
        name: of the folder in the data folder.
        mirrors: addresses of folders that have the files, ending in a slash, in the order in which they are
            tried.
        files: all of them.
    """

    name: str
    mirrors: tuple[str, ...]
    files: tuple[RemoteFile, ...]

    @property
    def path(self) -> Path:
        """Where the files are to be on this computer."""
        return data_folder() / self.name

    def missing(self) -> list[RemoteFile]:
        """Return the files that are not on this computer."""
        return [file for file in self.files if not _find(self, file).is_file()]


def data_folder() -> Path:
    """Return the folder in which data sets are looked for, and to which they are downloaded.

    It is the folder that the environment variable DELTARULE_DATA names, otherwise the cache folder of this
    system (of Linux ~/.cache/deltarule, of macOS ~/Library/Caches/deltarule, of Windows deltarule/Cache in
    %LOCALAPPDATA%). Each data set has a folder in it: `mnist`, `fashion_mnist`, `admissions`.

    Raises:
        DataSetError: the name begins with ~ and a user who is not known here.

    >>> from unittest.mock import patch
    >>> with patch.dict("os.environ", DELTARULE_DATA="data"):
    ...     data_folder().name
    'data'
    """
    chosen = os.environ.get(FOLDER)
    if not chosen:
        return platformdirs.user_cache_path("deltarule", appauthor=False)
    try:
        return Path(chosen).expanduser()
    except RuntimeError:
        asked = f"{FOLDER} must name a folder, and ~ at its beginning a home folder that is known"
        raise DataSetError(message(asked, found=repr(chosen), hint="Write the path without ~.")) from None


def fetch(folder: RemoteFolder, download: bool = True) -> list[Path]:
    """Return the paths of all files of a data set; those that are missing are downloaded.

    A file appears in the folder when it is complete and has been checked, in one move. Two processes may do
    this at the same time.

    Arguments:
        folder: what is needed.
        download: False refuses to use the network.

    Raises:
        DataSetError: a file is not here and cannot be downloaded, or the folder cannot be written.
    """
    missing = folder.missing()
    if missing and not download:
        raise _unavailable(folder, missing, "nothing, and the network is not to be used")
    for place, file in enumerate(missing):
        try:
            _make_room(folder, file)
            write_bytes(folder.path / file.name, _download(folder, file), DataSetError)
        except _NoMirrorError as reason:
            raise _unavailable(folder, missing[place:], str(reason)) from None
    return [_find(folder, file) for file in folder.files]


def contents(folder: RemoteFolder, download: bool = True) -> list[bytes]:
    """Return the contents of all files of a data set, without gzip, checked.

    Arguments:
        folder: what is needed.
        download: False refuses to use the network.

    Raises:
        DataSetError: see `fetch`; or a file on this computer is not the right one.
    """
    return [_checked(path, file) for path, file in zip(fetch(folder, download), folder.files, strict=True)]


class _NoMirrorError(Exception):
    """No mirror had the file; the text says what each of them did."""


def _find(folder: RemoteFolder, file: RemoteFile) -> Path:
    """Return where the file is; a browser may have left out gzip and the end of the name."""
    path = folder.path / file.name
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    return plain if plain.is_file() and not path.is_file() else path


def _make_room(folder: RemoteFolder, file: RemoteFile) -> None:
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        hint = f"{FOLDER} can name another folder."
        asked = f"The folder {quoted(folder.path)} cannot be made: {in_words(reason)}"
        raise DataSetError(message(asked, hint=hint)) from reason
    require_writable(folder.path / file.name, DataSetError)


def _download(folder: RemoteFolder, file: RemoteFile) -> bytes:
    """Return the file from the first mirror that has it."""
    failures = []
    for mirror in folder.mirrors:
        try:
            data = _get(mirror + file.name, file.size + MARGIN)
        except (OSError, http.client.HTTPException) as reason:
            failures.append(f"{_why(reason)} from {_host(mirror)}")
            continue
        if _plain(data, file) is not None:
            return data
        failures.append(f"another file, with the MD5 {_md5(data)}, from {_host(mirror)}")
    raise _NoMirrorError("; ".join(failures))


def _get(url: str, most: int) -> bytes:
    """Return what a server answers, and no more than so many bytes.

    Raises:
        OSError: no connection, an error of the server, or an answer that is cut off or too large.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "deltarule"})  # some refuse Python's own
    with urllib.request.urlopen(request, timeout=SILENCE) as response:
        announced = int(response.headers.get("Content-Length") or 0)
        data: bytes = response.read(most + 1)
    if len(data) > most:
        raise OSError(f"an answer of more than {most:,} bytes")
    if len(data) < announced:
        raise OSError(f"a connection that ended after {len(data):,} of {announced:,} bytes")
    return data


def _why(reason: Exception) -> str:
    """Return in words why a download failed."""
    if isinstance(reason, urllib.error.HTTPError):
        return f"the answer {reason.code} {reason.reason}"
    if isinstance(reason, urllib.error.URLError) and isinstance(reason.reason, Exception):
        return _why(reason.reason)
    if isinstance(reason, TimeoutError):
        return f"no answer for {SILENCE:g} seconds"
    if isinstance(reason, http.client.IncompleteRead):
        return f"a connection that ended after {len(reason.partial):,} bytes"
    return in_words(reason)


def _checked(path: Path, file: RemoteFile) -> bytes:
    """Return the contents of a file on this computer, or refuse it."""
    try:
        with path.open("rb") as stream:
            data = stream.read(file.size + MARGIN)
    except OSError as reason:
        raise DataSetError(message(f"{quoted(path)} cannot be read: {in_words(reason)}")) from reason
    plain = _plain(data, file)
    if plain is None:
        asked = f"{quoted(path)} must be the file of the data set"
        hint = "Delete it, and it is downloaded again."
        found, allowed = f"one with the MD5 {_md5(data)}", f"the MD5 {' or '.join(file.md5)}"
        raise DataSetError(message(asked, found=found, allowed=allowed, hint=hint))
    return plain


def _plain(data: bytes, file: RemoteFile) -> bytes | None:
    """Return the contents without gzip where this is the right file, otherwise None."""
    plain = _without_gzip(data, file.size)
    return plain if any(_md5(form) in file.md5 for form in _forms(data, plain)) else None


def _forms(data: bytes, plain: bytes) -> Iterator[bytes]:
    """Yield the file as it is, without gzip, and as text without what systems add to it."""
    yield data
    yield plain
    yield plain.replace(b"\r", b"").replace(b'"', b"")


def _without_gzip(data: bytes, size: int) -> bytes:
    """Return the contents, and no more than one byte beyond their size."""
    if not data.startswith(GZIP):
        return data
    try:
        return zlib.decompressobj(wbits=31).decompress(data, size + 1)
    except zlib.error:
        return b""


def _host(mirror: str) -> str:
    return urllib.parse.urlsplit(mirror).netloc


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _unavailable(folder: RemoteFolder, missing: list[RemoteFile], found: str) -> DataSetError:
    """Say what is missing, what happened, where it can be had, and where to put it."""
    names = ", ".join(file.name for file in missing)
    return DataSetError(
        message(
            f"The data set {folder.name} needs {names} in {quoted(folder.path)}",
            found=found,
            allowed=f"the files of {' or '.join(folder.mirrors)}",
            hint="Get them by other means and put them in that folder, or let "
            f"{FOLDER} name a folder that has {folder.name}{os.sep}{missing[0].name}.",
        )
    )
