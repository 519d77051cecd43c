"""How many threads are faster now: found by trying, because nobody says how busy the cores are.

Threads that wait for each other lose more than they give where other programs are on the cores, and a short
call feels it most: it may wait milliseconds until the second thread has its turn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

SHORT = 0.01  # seconds of a call; a longer one is not worth a trial, which may cost as much again
FIRST, LAST = 4, 64  # calls between two trials: as many more each time, while nothing changes
NEWEST = 0.3  # what the latest call counts in the mean


class Pace:
    """The number of threads, at most so many, of calls that do the same; now and then another is tried."""

    def __init__(self, most: int) -> None:
        self.threads = self.most = most  # the fastest known
        self.seconds = math.inf  # of a call with that many, smoothed
        self._interval = self._until_trial = FIRST
        self._tried_more = False

    def choose(self) -> int:
        """Return how many threads the next call is to use."""
        if self._until_trial > 0:
            return self.threads
        self._tried_more = self.threads == 1 or (self.threads < self.most and not self._tried_more)
        return min(2 * self.threads, self.most) if self._tried_more else self.threads // 2

    def note(self, threads: int, seconds: float) -> None:
        """Take in how long a call took."""
        if threads == self.threads:
            known = seconds if math.isinf(self.seconds) else self.seconds
            self.seconds = known + NEWEST * (seconds - known)
            self._until_trial -= seconds < SHORT
            return
        self._interval = min(2 * self._interval, LAST)
        if seconds < self.seconds:
            self.threads, self.seconds, self._interval = threads, seconds, FIRST
        self._until_trial = self._interval


@lru_cache(maxsize=256)
def pace_of(most: int, *kind: object) -> Pace:
    """Return the pace of a kind of call, by whatever tells kinds apart."""
    return Pace(most)


@contextmanager
def paced(pace: Pace) -> Iterator[int]:
    """Give the number of threads for what is done while this lasts, and note how long it took."""
    threads, start = pace.choose(), time.perf_counter()
    yield threads
    pace.note(threads, time.perf_counter() - start)
