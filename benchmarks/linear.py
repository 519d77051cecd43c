"""How the time grows: ten times the rows; and the time per (row × weight) from 128 to 1024 hidden units."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.peers import NATIVE
from benchmarks.timing import Record, alternating
from benchmarks.worker import Worker
from benchmarks.works import Work

ROWS = (20_480, 204_800)
HIDDEN = (128, 256, 512, 1024)
BATCH_SIZE = 256


def linear(seconds: float, repeats: int) -> Record:
    """Return both, for the native engine in float32 with SGD on networks like ``table``."""
    few, many = milliseconds([like_table(128, rows) for rows in ROWS], seconds, repeats)
    wider = [like_table(units, 8_192) for units in HIDDEN]
    picoseconds = [
        1e9 * ms / (work.rows * work.n_weights)
        for work, ms in zip(wider, milliseconds(wider, seconds, repeats), strict=True)
    ]
    return {
        "rows": ROWS,
        "rows_ratio": many / few,
        "hidden": HIDDEN,
        "picoseconds": picoseconds,
        "largest_over_smallest": max(picoseconds) / min(picoseconds),
    }


def like_table(units: int, rows: int) -> Work:
    """Return the work ``table`` with other numbers of hidden units and rows."""
    return Work(f"{units} units, {rows} rows", (32, units, units, 1), "relu", "identity", rows, BATCH_SIZE)


def milliseconds(works: Sequence[Work], seconds: float, repeats: int) -> list[float]:
    """Return the median milliseconds per epoch of each work, in alternating repeats."""
    with ExitStack() as stack:
        workers = {work.name: stack.enter_context(Worker(NATIVE, work, "sgd")) for work in works}
        return [statistics.median(times) for times in alternating(workers, seconds, repeats).values()]
