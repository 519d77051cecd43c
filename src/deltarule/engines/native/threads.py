"""How many threads the native engine may use: the caller's limit, OMP_NUM_THREADS, threadpoolctl, the cores.

Not how many a step is worth (see engine.py). No bit of a result depends on either.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import threading
import time
from collections.abc import Iterator

import threadpoolctl

from deltarule.core.arrays import require_integer
from deltarule.errors import InputError, message

_OMP_LIST = re.compile(r"\s*(\d{1,9})\s*(?:,\s*\d+\s*)*", flags=re.ASCII)


class _Limit:
    """That of the whole process; a training reads it whenever it enters compiled code."""

    threads: int | None = None  # None: automatic_threads()


def set_threads(n: int | str) -> None:
    """Say how many threads training may use at most, in this process and from now on.

    It is a matter of speed only: the results are the same, bit for bit. A training uses fewer where more
    would not make it faster, and trainings that run at the same time, in threads of one process, share them.
    ``threadpoolctl.threadpool_limits`` sets the same limit for a while.

    Arguments:
        n: at least 1; or "auto", as at the start: as many as the process has cores to run on, at most the
            first number in the environment variable OMP_NUM_THREADS where that is set.

    Raises:
        InputError: n is neither.

    >>> set_threads(2)
    >>> get_threads()
    2
    >>> set_threads("auto")
    """
    if isinstance(n, str) and n != "auto":
        asked = "`n` must be a whole number, at least 1, or 'auto'"
        raise InputError(message(asked, found=repr(n), hint="Try 'auto'."))
    _Limit.threads = None if n == "auto" else require_integer("n", n, 1)


def get_threads() -> int:
    """Return how many threads training may use at most; see `set_threads`."""
    limit = _Limit.threads
    return automatic_threads() if limit is None else limit


SECONDS_BETWEEN_CALLS = 0.05  # of one training: as long, its share stays free for its next call
_computing: dict[threading.Thread, float] = {}  # until when each counts


@contextlib.contextmanager
def share_of_threads() -> Iterator[int]:
    """Count a call into compiled code while this lasts; return how many threads it may use beside the others.

    A call that is under way keeps the threads that it has; the next one shares.
    """
    me, now = threading.current_thread(), time.monotonic()
    _computing[me] = math.inf
    for thread, until in tuple(_computing.items()):
        if until < now or not thread.is_alive():  # in a forked process no other is
            _computing.pop(thread, None)
    try:
        yield max(1, get_threads() // len({me, *_computing}))
    finally:
        _computing[me] = time.monotonic() + SECONDS_BETWEEN_CALLS


def automatic_threads() -> int:
    """The cores that this process may run on, but not more threads than OMP_NUM_THREADS allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    listed = _OMP_LIST.fullmatch(os.environ.get("OMP_NUM_THREADS", ""))
    allowed = 0 if listed is None else int(listed[1])  # 0 threads are nonsense too, which OpenMP ignores
    return min(cores, allowed or cores)


class NativeThreads(threadpoolctl.LibController):  # type: ignore[misc]
    """Makes the limit one of those that threadpoolctl knows."""

    user_api = "deltarule"
    internal_api = "deltarule"
    filename_prefixes = ("_native",)
    check_symbols = ("deltarule_native_engine",)  # others have a library of that name too

    def get_num_threads(self) -> int:
        return get_threads()

    def set_num_threads(self, num_threads: int) -> None:
        """Set the limit; what was automatic is so again when it is put back."""
        set_threads("auto" if num_threads == automatic_threads() else num_threads)

    def get_version(self) -> None:
        """It has none of its own."""


threadpoolctl.register(NativeThreads)
