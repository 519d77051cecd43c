"""One thread of BLAS for vectors so short that waking a second takes longer than all there is to do."""

from __future__ import annotations

import os
from functools import cache
from threading import Lock
from typing import Any


class OneThread:
    """Limits BLAS, which knows limits for the whole process only, while anybody needs it.

    On a machine with other work OpenBLAS takes milliseconds to wake a thread, and burns a core meanwhile.
    """

    def __init__(self) -> None:
        self._lock, self._users = Lock(), 0
        self._limiter: Any = None

    def begin(self) -> None:
        """Count one who needs it."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._limiter = _libraries().limit(limits=1)

    def end(self) -> None:
        """Count one less; after the last, BLAS has the threads that it had before."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._restore()

    def forget(self) -> None:
        """Begin anew in a forked process, which has none of the threads that needed it."""
        self._lock, self._users = Lock(), 0
        self._restore()

    def _restore(self) -> None:
        limiter, self._limiter = self._limiter, None
        if limiter is not None:
            limiter.restore_original_limits()


ONE_THREAD = OneThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ONE_THREAD.forget)


@cache
def _libraries() -> Any:
    """Those that are loaded; to look for them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
