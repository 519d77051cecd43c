"""A fresh process per peer: it trains when it is told to, says how long that took, and waits.

Each peer has a process of its own, so that no library's threads, memory or settings reach another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peak import Peak
from benchmarks.peers import Peer
from benchmarks.works import KNOWN_EPOCHS, Problem, Work

ROOT = Path(__file__).parents[1]


class WorkerError(RuntimeError):
    """A peer cannot do the work; the message is its own last line."""


class Trained(NamedTuple):
    """What some epochs took."""

    seconds: float
    cpu_seconds: float
    growth_mb: float | None  # of the peak memory, since the network was built


# -- the side that measures ------------------------------------------------------------------------------


class Worker:
    """A peer in a process of its own, built and not yet trained.

    Arguments:
        peer: who trains.
        work: what.
        optimizer: one of `works.OPTIMIZERS`.
        known_epochs: of how many epochs the peer has the orders before it starts.

    Raises:
        WorkerError: the peer cannot do the work.
    """

    def __init__(self, peer: Peer, work: Work, optimizer: str, known_epochs: int = KNOWN_EPOCHS) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the worker)
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from benchmarks.worker import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
        )
        try:
            self._ask(asdict(peer), asdict(work), optimizer, known_epochs)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def train(self, epochs: int) -> Trained:
        """Train so many epochs more."""
        return Trained(*self._ask("train", epochs))

    def tune(self) -> str:
        """Let the peer choose among its settings, by trying them; return what it chose."""
        return str(self._ask("tune"))

    def parameters(self) -> np.ndarray:
        """Return W1, b1, W2, b2, ... in one vector of float64."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "parameters.npy"
            self._ask("save", str(path))
            return np.load(path)

    def close(self) -> None:
        """End the process."""
        with suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=10)
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _ask(self, *order: object) -> Any:
        try:
            print(json.dumps(order), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._process.wait()
            self._errors.seek(0)
            raise WorkerError(last_line(self._errors.read()))
        return json.loads(answer)


def last_line(text: str) -> str:
    r"""Return the last line that says something.

    >>> last_line("Traceback:\n  File ...\nValueError: too large\n\n")
    'ValueError: too large'
    """
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")


# -- the side that trains --------------------------------------------------------------------------------


def serve() -> None:
    """Answer each line of standard input with a line; what libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        peer, work, optimizer, known_epochs = json.loads(sys.stdin.readline())
        problem = Problem(Work(**work), optimizer, known_epochs)
        try:
            trainer = Peer(**peer).build(problem)
        except NotImplementedError as reason:
            raise SystemExit(str(reason)) from None
        print("true", file=answers, flush=True)
        peak = Peak()
        for line in sys.stdin:
            order, *arguments = json.loads(line)
            answer = ORDERS[order](trainer, peak, *arguments)
            print(json.dumps(answer), file=answers, flush=True)


def train(trainer: Any, peak: Peak, epochs: int) -> Trained:
    """Train and read the clocks around it."""
    start, cpu = time.perf_counter(), time.process_time()
    trainer.train(epochs)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    return Trained(seconds, cpu_seconds, peak.growth_mb())


def tune(trainer: Any, peak: Peak) -> str:
    """Let those choose who have something to choose."""
    return trainer.tune() if hasattr(trainer, "tune") else ""


def save(trainer: Any, peak: Peak, path: str) -> None:
    """Write all parameters to a file."""
    np.save(path, np.concatenate([array.ravel() for array in trainer.parameters()]).astype(np.float64))


ORDERS = {"train": train, "tune": tune, "save": save}
