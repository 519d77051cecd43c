"""Speed: milliseconds per epoch of everyone who can do a work, medians of alternating repeats."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from benchmarks.peers import TRUTH, Peer
from benchmarks.worker import Worker, WorkerError
from benchmarks.works import Problem, Work

TOLERANCE = {"sgd": 1e-3, "momentum": 1e-2, "nesterov": 1e-2, "rmsprop": 0.2, "adam": 0.1, "adamw": 0.1}
"""How far a peer's first epoch may be from that of the reference engine in float64 (see ``deviation``).

Momentum adds up rounding errors. The last three divide by √v, so that small differences grow: Keras and
scikit-learn add ε elsewhere, which alone makes 0.118 for RMSProp on ``table``.
"""

Record = dict[str, Any]


def alternating(workers: Mapping[str, Worker], seconds: float, repeats: int) -> dict[str, list[float]]:
    """Return milliseconds per epoch, one number per repeat; in each repeat everyone has a turn."""
    counts = {name: epochs_in(seconds / repeats, worker) for name, worker in workers.items()}
    times: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(repeats):
        for name, worker in workers.items():
            times[name].append(1e3 * worker.train(counts[name]).seconds / counts[name])
    return times


def epochs_in(seconds: float, worker: Worker) -> int:
    """Return about how many epochs fit into so many seconds, at least 1."""
    one = worker.train(1).seconds
    some = max(1, int(min(0.05, seconds) / max(one, 1e-6)))
    return (
        max(1, int(seconds * some / worker.train(some).seconds)) if some > 1 else max(1, int(seconds / one))
    )


def speed(work: Work, optimizer: str, peers: Iterable[Peer], seconds: float, repeats: int) -> list[Record]:
    """Return a record per peer: its first epoch and how right it was, its median and its repeats."""
    with ExitStack() as stack:
        workers, records = everyone(stack, work, optimizer, peers)
        settings = {name: worker.tune() for name, worker in workers.items()}
        times = alternating(workers, seconds, repeats)
    for record in records:
        if record["peer"] in times:
            repeated = times[record["peer"]]
            record |= {"milliseconds": statistics.median(repeated), "repeats": repeated}
            record |= {"setting": settings[record["peer"]]}
    return records


def check(work: Work, optimizer: str, peers: Iterable[Peer]) -> list[Record]:
    """Return a record per peer: its first epoch and how right it was."""
    with ExitStack() as stack:
        return everyone(stack, work, optimizer, peers)[1]


def everyone(
    stack: ExitStack, work: Work, optimizer: str, peers: Iterable[Peer]
) -> tuple[dict[str, Worker], list[Record]]:
    """Start a process for each peer, train the first epoch, and compare it."""
    truth, workers, records = first_epoch(work, optimizer), {}, []
    start = Problem(work, optimizer).start()
    for peer in peers:
        record: Record = {"work": work.name, "optimizer": optimizer, "peer": peer.name}
        records.append(record)
        try:
            worker = stack.enter_context(Worker(peer, work, optimizer))
            record["first_seconds"] = worker.train(1).seconds
            record["deviation"] = deviation(worker.parameters(), truth, start)
            workers[peer.name] = worker
        except WorkerError as reason:
            record["reason"] = str(reason)
    return workers, records


def first_epoch(work: Work, optimizer: str) -> np.ndarray:
    """Return the parameters after one epoch of the reference engine in float64."""
    with Worker(TRUTH, work, optimizer) as worker:
        worker.train(1)
        return worker.parameters()


def deviation(theta: np.ndarray, truth: np.ndarray, start: np.ndarray) -> float:
    """Return ‖θ - θ*‖ / ‖θ* - θ₀‖: how far off the change of all parameters is, relative to that change.

    >>> deviation(np.array([1.25, 0.0]), np.array([1.0, 0.0]), np.zeros(2))
    0.25
    """
    return float(np.linalg.norm(theta - truth) / np.linalg.norm(truth - start))


def disagreements(records: Sequence[Record]) -> list[str]:
    """Return a sentence for each peer whose first epoch is not the common one."""
    return [
        f"{r['peer']} on {r['work']} with {r['optimizer']}: off by {r['deviation']:.2g}"
        for r in records
        if r.get("deviation", 0.0) > TOLERANCE[r["optimizer"]]
    ]
