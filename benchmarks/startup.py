"""Starting up: from a fresh ``python -c`` to the first trained epoch, and the growth of peak memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from benchmarks.peers import Peer
from benchmarks.timing import Record
from benchmarks.worker import Worker, WorkerError
from benchmarks.works import WORKS, Work

STARTED = next(work for work in WORKS if work.name == "table")  # everyone can do it
HELD = next(work for work in WORKS if work.name == "mnist")  # has the largest arrays
REPEATS = 3
EPOCHS = 2


def startup(peers: Iterable[Peer]) -> list[Record]:
    """Return a record per peer: seconds to the first epoch, and MB with batches and with the full batch."""
    peers = list(peers)
    seconds: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for _ in range(REPEATS):
        for peer in peers:
            with suppress(WorkerError):
                seconds[peer.name].append(seconds_to_first_epoch(peer, STARTED))
    return [
        {
            "peer": peer.name,
            "seconds": statistics.median(seconds[peer.name]) if seconds[peer.name] else None,
            "growth_mb": growth_mb(peer, HELD),
            "full_batch_growth_mb": growth_mb(peer, replace(HELD, batch_size=None)),
        }
        for peer in peers
    ]


def seconds_to_first_epoch(peer: Peer, work: Work) -> float:
    """Return the seconds from starting a process to the end of its first epoch."""
    start = time.perf_counter()
    with Worker(peer, work, "sgd", known_epochs=1) as worker:
        worker.train(1)
        return time.perf_counter() - start


def growth_mb(peer: Peer, work: Work) -> float | None:
    """Return how far the peak of memory rises in two epochs, the arrays being in memory before."""
    with suppress(WorkerError), Worker(peer, work, "sgd") as worker:
        return worker.train(EPOCHS).growth_mb
    return None
