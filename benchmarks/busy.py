"""A busy machine: training while one competitor process runs pinned on each core (Linux only).

The competitors share a session of their own, as the work of another user or terminal does. Where the kernel
groups processes by session (autogroup), both sessions get equal shares, whatever the number of their threads.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import IO, cast

from benchmarks.machine import cores
from benchmarks.peers import Peer
from benchmarks.timing import Record, epochs_in
from benchmarks.worker import ROOT, Worker, WorkerError
from benchmarks.works import Work

AT_LEAST = 2.0  # seconds of training, quiet and busy
SLICE = 0.1  # of quiet seconds per call
SETTLE = 0.5


class Competitors:
    """While this context lasts, every core that we may use has a process that never sleeps."""

    def __enter__(self) -> int:
        """Start them; return the number of their session."""
        self._leader = subprocess.Popen(
            [sys.executable, "-c", "from benchmarks.busy import compete; compete()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        cast(IO[bytes], self._leader.stdout).read(cores())  # each says that it has its core
        time.sleep(SETTLE)
        return self._leader.pid

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leader.communicate()  # until the last one has let go of standard output
        time.sleep(SETTLE)


def compete() -> None:
    """Occupy every core until standard input closes, as it does when whoever started this is gone."""
    for core in os.sched_getaffinity(0):
        if os.fork() == 0:
            os.sched_setaffinity(0, {core})
            os.write(1, b".")
            while True:
                pass
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def busy(work: Work, optimizer: str, peers: Iterable[Peer], repeats: int) -> list[Record]:
    """Return a record per peer: busy wall time over quiet wall time, and the share of the cores it got."""
    records = []
    for peer in peers:
        record: Record = {"work": work.name, "optimizer": optimizer, "peer": peer.name}
        try:
            with Worker(peer, work, optimizer) as worker:
                record |= slowdown(worker, repeats)
        except WorkerError as reason:
            record["reason"] = str(reason)
        records.append(record)
    return records


def slowdown(worker: Worker, repeats: int) -> Record:
    """Return the medians of alternating repeats, quiet and busy."""
    worker.train(1)
    worker.tune()
    epochs = epochs_in(SLICE, worker)
    quiet, loaded = [], []
    for _ in range(repeats):
        quiet.append(sustained(worker, epochs))
        with Competitors():
            loaded.append(sustained(worker, epochs))
    ratios = [b[0] / q[0] for q, b in zip(quiet, loaded, strict=True)]
    return {
        "slowdown": statistics.median(ratios),
        "slowdowns": ratios,
        "quiet_share": statistics.median(share for _, share in quiet),
        "busy_share": statistics.median(share for _, share in loaded),
    }


def sustained(worker: Worker, epochs: int) -> tuple[float, float]:
    """Train for two seconds at least; return seconds per epoch, and CPU time over wall time times cores."""
    seconds = cpu_seconds = 0.0
    calls = 0
    while seconds < AT_LEAST:
        trained = worker.train(epochs)
        seconds, cpu_seconds, calls = seconds + trained.seconds, cpu_seconds + trained.cpu_seconds, calls + 1
    return seconds / (calls * epochs), cpu_seconds / (seconds * cores())
