"""One run, here or in processes of their own, several at a time.

Each process is told one run after the other through a pipe of its own: one that dies takes one run with it,
and it is known which. A pool of concurrent.futures would lose all that are under way.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection, wait

import threadpoolctl

from deltarule.comparison.planning import Run
from deltarule.comparison.results import Outcome, Result
from deltarule.data.columns import Table
from deltarule.engines.native.threads import automatic_threads, set_threads
from deltarule.errors import DeltaruleError
from deltarule.storage.atomic import in_words
from deltarule.table_model import TableModel, TableTraining

Tell = Callable[[float], object]
"""Called with how many runs are done; one that is under way counts by its epochs."""

SPAWN = multiprocessing.get_context("spawn")  # a fork would have the locks of threads, but not the threads
SECONDS_BETWEEN_NEWS = 0.1
KILLED = 9
"""The signal by which a system that has no memory left ends a process."""


def run_here(table: Table, runs: Iterable[Run], tell: Tell = bool) -> Iterator[Result]:
    """Do the runs one after the other in this process; yield each result as soon as it is there."""
    for done, run in enumerate(runs):
        yield one(table, run, partial(_tell_more, tell, done))
        tell(done + 1)


def run_in_processes(table: Table, runs: Sequence[Run], jobs: int, tell: Tell = bool) -> Iterator[Result]:
    """Do up to `jobs` runs at once, each in a process; yield each result as soon as it is there.

    The processes share the cores. One that dies gives a result too, and another one takes its place.
    """
    waiting, done, jobs = deque(runs), 0, min(jobs, len(runs))
    hire = partial(_Worker, table, max(1, automatic_threads() // max(1, jobs)))
    workers: list[_Worker] = []
    try:
        workers += [hire() for _ in range(jobs)]  # all of them start up while the first is told its table
        for worker in workers:
            worker.do(waiting.popleft())
        while workers:
            for worker, result in _results(workers):
                done += 1
                workers.remove(worker)
                workers += _busy_again(worker, result, waiting, hire)
                yield result
            tell(done + sum(worker.part for worker in workers))
    finally:
        for worker in workers:
            worker.end()


def one(table: Table, run: Run, tell: Tell = bool) -> Result:
    """Do one run; whatever goes wrong is a result too."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a divergence is the reason of the result
        try:
            training = TableModel.training(table, **run.arguments, seed=run.seed)
            for report in training:
                tell(report.epoch / report.epochs)
            return _result(run, training, time.perf_counter() - start)
        except DeltaruleError as refused:
            return Result(run.settings, run.seed, "refused", str(refused))
        except MemoryError:
            return Result(run.settings, run.seed, "failed", "There was not enough memory.")
        except Exception as bug:
            return Result(run.settings, run.seed, "failed", f"{type(bug).__name__}: {in_words(bug)}")


def _result(run: Run, training: TableTraining, seconds: float) -> Result:
    """Return what a run that has ended has given: the losses of the network that it kept."""
    model, history = training.finish(), training.history
    reason = "" if history.stop is None else history.stop.message
    number = len(history.epochs) if history.restored_epoch is None else history.restored_epoch
    kept = history.epochs[number - 1] if number else None
    loss = kept.validation_loss if kept is not None else None
    outcome: Outcome = "trained"
    if history.stop is not None and history.stop.kind == "diverged":
        outcome, loss = "diverged", None
    elif loss is None or not math.isfinite(loss):
        outcome, loss, reason = "failed", None, "The validation loss was never finite."
    return Result(
        run.settings,
        run.seed,
        outcome,
        reason,
        loss,
        _finite(kept.validation_metrics) if kept is not None and loss is not None else {},
        len(history.epochs),
        seconds,
        model.network.architecture.n_parameters,
        model.scores,
    )


class _Worker:
    """A process that does one run after the other."""

    def __init__(self, table: Table, threads: int) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_serve, args=(theirs, threads), daemon=True)
        self.run: Run | None = None
        self.part = 0.0
        self._table: Table | None = table
        with _interrupts_ignored():  # a process ignores the signals that whoever starts it ignores
            self.process.start()
        theirs.close()

    def do(self, run: Run) -> None:
        """Hand over the next run; with the first one goes the table, which stays there."""
        self.run, self.part = run, 0.0
        with contextlib.suppress(OSError):  # it is dead: `news` will say so
            if self._table is not None:
                self.pipe.send(self._table)
                self._table = None
            self.pipe.send(run)

    def news(self) -> Result | None:
        """Return the result that is there, None where there is only some progress."""
        try:
            said: Result | float = self.pipe.recv()
        except (EOFError, OSError):
            return self._killed()
        if isinstance(said, Result):
            return said
        self.part = said
        return None

    def end(self) -> None:
        """Kill the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _killed(self) -> Result:
        self.end()
        code = self.process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        how += ", as happens where memory runs out" if code == -KILLED else ""
        settings, seed, _ = self.run or Run({}, 0, {})
        return Result(settings, seed, "killed", f"Its process {how}.")


def _results(workers: Sequence[_Worker]) -> Iterator[tuple[_Worker, Result]]:
    """Wait until some workers have news, and yield those that have a result."""
    ready = wait([worker.pipe for worker in workers])
    for worker in [each for each in workers if each.pipe in ready]:
        if (result := worker.news()) is not None:
            yield worker, result


def _busy_again(
    worker: _Worker, result: Result, waiting: deque[Run], hire: Callable[[], _Worker]
) -> list[_Worker]:
    """Give the next run to the worker, or to another one in the place of a dead one; without one, it ends."""
    if not waiting:
        worker.end()
        return []
    if result.outcome == "killed":
        worker = hire()
    worker.do(waiting.popleft())
    return [worker]


def _serve(pipe: Connection, threads: int) -> None:
    """Do what comes through the pipe until its other end is closed; this is the whole of such a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_threads(threads)
    threadpoolctl.threadpool_limits(threads)
    with contextlib.suppress(EOFError, OSError):
        table = pipe.recv()
        while True:
            pipe.send(one(table, pipe.recv(), _now_and_then(pipe.send)))


def _tell_more(tell: Tell, done: int, part: float) -> None:
    tell(done + part)


def _now_and_then(tell: Tell) -> Tell:
    """Return a function that tells on at most some times per second."""
    last = time.monotonic()

    def told(part: float) -> None:
        nonlocal last
        if time.monotonic() - last > SECONDS_BETWEEN_NEWS:
            tell(part)
            last = time.monotonic()

    return told


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}
