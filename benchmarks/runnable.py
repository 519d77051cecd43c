"""How many threads want to run, here and in the processes started from here; Linux only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from select import select
from types import TracebackType
from typing import IO, cast

from benchmarks.worker import ROOT

SECONDS_BETWEEN_SAMPLES = 0.02
PROCESSES = Path("/proc")


class Runnable:
    """While this lasts, a process of its own counts, some fifty times per second; then ``counts`` has them.

    A thread that waits for a core counts as one that has it: more of them than cores is oversubscription.
    """

    def __enter__(self) -> Runnable:
        """Start it, and wait until it counts."""
        self._sampler = subprocess.Popen(
            [sys.executable, "-c", "from benchmarks.runnable import sample; sample()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self.counts = [int(cast(IO[bytes], self._sampler.stdout).readline())]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._sampler:  # which closes and waits
            cast(IO[bytes], self._sampler.stdin).close()
            self.counts += [int(line) for line in cast(IO[bytes], self._sampler.stdout)]


def sample() -> None:
    """Print a count and wait, until standard input closes."""
    parent, ended = os.getppid(), False
    while not ended:
        print(sum(running(process) for process in family(parent)), flush=True)
        ended = bool(select([sys.stdin], [], [], SECONDS_BETWEEN_SAMPLES)[0])


def family(ancestor: int) -> list[int]:
    """Return a process and all that were started from it, this one left out."""
    parents = {
        int(process.name): int(status[1])
        for process in PROCESSES.glob("[0-9]*")
        if int(process.name) != os.getpid()
        for status in fields(process / "stat")
    }
    found = [ancestor]
    for process in found:  # it grows meanwhile
        found += [child for child, parent in parents.items() if parent == process]
    return found


def running(process: int) -> int:
    """Return how many threads of a process run or wait for a core."""
    tasks = (PROCESSES / str(process) / "task").glob("*/stat")
    return sum(status[0] == "R" for task in tasks for status in fields(task))


def fields(file: Path) -> Iterator[list[str]]:
    """Yield what follows the name in a status, state and parent first; nothing where it has ended."""
    with suppress(OSError):
        yield file.read_text().rpartition(")")[2].split()
