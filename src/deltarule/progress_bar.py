"""ProgressBar: a callback that shows in one line how far a run has come, and its losses."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from deltarule.training.reports import EpochReport


class ProgressBar:
    """A callback that shows a run in one line: epochs, loss, validation loss and the time that is left.

    It needs a terminal, or a notebook with ipywidgets; anywhere else it shows nothing. The line is written to
    stderr, stays where the run ends, and what is printed meanwhile stands above it.

    Arguments:
        transient: takes the line away where the run ends.
        console: where to show it, instead of stderr.

    >>> import deltarule as dr
    >>> net = dr.Network([1, 1], activations=["identity"])
    >>> history = net.train([[0.0], [1.0]], [1.0, 3.0], epochs=6, callbacks=[dr.ProgressBar()])
    """

    def __init__(self, *, transient: bool = False, console: Console | None = None) -> None:
        self.transient, self.console = transient, console
        self._bar: Bar | None = None

    def __call__(self, report: EpochReport) -> None:
        """Take an epoch in."""
        if self._bar is None:
            console = Console(stderr=True) if self.console is None else self.console
            self._bar = Bar("Epoch", report.epochs, console, self.transient)
        self._bar.update(report.epoch, _losses(report))

    def close(self) -> None:
        """End the line; the training loop does so however a run ends."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Bar:
    """One live line: a word, how many of how many, a text and the time; nothing where nobody can see it."""

    def __init__(self, word: str, total: int, console: Console, transient: bool) -> None:
        columns = TextColumn(word), MofNCompleteColumn(), BarColumn(None), TextColumn("{task.fields[text]}")
        self._live = Progress(
            *columns,
            _Time(compact=True),
            console=console,
            transient=transient,
            expand=True,
            redirect_stdout=sys.stdout.isatty(),
            disable=not _is_live(console),
        )
        self._task: TaskID = self._live.add_task("", total=total, text="")
        self._live.start()

    def update(self, completed: float, text: str) -> None:
        """Say how many are done, and something about the last."""
        self._live.update(self._task, completed=completed, text=text)

    def close(self) -> None:
        """Draw it a last time, or take it away."""
        self._live.stop_task(self._task)
        self._live.stop()


class _Time(TimeRemainingColumn):
    """What is left, and in the end what it took."""

    def render(self, task: Task) -> Text:
        if task.stop_time is None:
            return Text.assemble(super().render(task), " left")
        return Text(f"{task.elapsed:.1f} s", style="progress.elapsed")


def _is_live(console: Console) -> bool:
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_terminal and console.file.isatty()  # colors may be forced where nobody looks


def _losses(report: EpochReport) -> str:
    text = f"loss {report.loss:#.4g}"
    return text if report.validation_loss is None else f"{text}, validation {report.validation_loss:#.4g}"
