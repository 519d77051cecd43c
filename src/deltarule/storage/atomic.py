"""Writing a file so that it is there completely or not at all.

Not a lock: of two writers at once each writes a complete file, and the last one wins.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from deltarule.errors import DeltaruleError, ModelFileError, message

PathLike = str | os.PathLike[str]
MAX_REASON = 200
"""Characters of a reason in a message: a library may quote a stranger's file in it."""


def write_bytes(path: PathLike, data: bytes, error: type[DeltaruleError] = ModelFileError) -> None:
    """Write the bytes to a temporary file in the same folder, then put it in place in one move.

    Whatever goes wrong (a full disk, Ctrl-C), the old file is untouched and no temporary file is left.
    A symbolic link is followed; the permissions of an existing file are kept.

    Raises:
        DeltaruleError: `error`, with a sentence that names the path.
    """
    require_path(path, error)
    try:
        target = Path(os.path.realpath(path))
        problem = _problem(target)
        if not problem:
            _replace(target, data)
    except (OSError, ValueError) as reason:  # ValueError: a zero byte in the path
        raise error(message(f"{quoted(path)} cannot be written: {in_words(reason)}")) from reason
    if problem:
        raise error(message(f"{quoted(path)} cannot be written: {problem}"))


def require_writable(path: PathLike, error: type[DeltaruleError] = ModelFileError) -> None:
    """Refuse what `write_bytes` could not write: to be asked before a long computation.

    Raises:
        DeltaruleError: `error`, with a sentence that names the path.
    """
    require_path(path, error)
    try:
        problem = _problem(Path(os.path.realpath(path)))
    except (OSError, ValueError) as reason:
        problem = in_words(reason)
    if problem:
        raise error(message(f"{quoted(path)} cannot be written: {problem}"))


def require_path(path: object, error: type[DeltaruleError] = ModelFileError) -> None:
    """Refuse what is no path."""
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise error(message("A path must be text or a pathlib.Path", found=repr(path)))


def quoted(path: PathLike) -> str:
    """Return the path in quotes, with control characters made visible."""
    return repr(os.fspath(path))


def in_words(reason: Exception) -> str:
    """Return what the operating system or a library said, as the rest of a sentence of bounded length."""
    text = (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
    line = "".join(character if character.isprintable() else " " for character in text[:MAX_REASON])
    return line[:1].lower() + line[1:] + ("..." if len(text) > MAX_REASON else "")


def _problem(target: Path) -> str:
    """Return why nothing can be written there, or an empty text."""
    if not target.parent.is_dir():
        return f"there is no folder {quoted(target.parent)}"
    if target.is_dir():
        return "it is a folder"
    if target.is_symlink():  # all others were followed
        return "it is a symbolic link that leads back to itself"
    if target.exists() and not target.is_file():
        return "it is a device or a pipe, not a regular file"
    if target.exists() and not os.access(target, os.W_OK):
        return "it exists and is write-protected"
    return "" if os.access(target.parent, os.W_OK) else "its folder is write-protected"


def _replace(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".deltarule-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            with contextlib.suppress(FileNotFoundError):
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))  # first: it may be for one reader only
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)  # noqa: PTH105 (one name that a test can make fail)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the move itself durable, on systems where a folder can be synchronized."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
