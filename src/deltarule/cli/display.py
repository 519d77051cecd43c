"""How the program speaks: sentences, notes, errors and the progress bar; plain text outside a terminal."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from deltarule.errors import DeltaruleWarning, DivergenceWarning
from deltarule.progress_bar import Bar, ProgressBar
from deltarule.training.reports import EpochReport

WIDTH_OF_A_FILE = 100


class Screen(Console):
    """A rich console that does not end the program where nobody reads; `show` knows what to do."""

    def on_broken_pipe(self) -> None:
        """Leave the failure to the caller."""
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Return the terminal, or the file or pipe that stands in for it."""
    width = None if (sys.stderr if stderr else sys.stdout).isatty() else WIDTH_OF_A_FILE
    return Screen(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def plain(text: str) -> str:
    r"""Return text in one line, control characters made visible: it may come from a stranger's table.

    >>> plain("a\x1b[31m")
    'a\\x1b[31m'
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def say(text: str = "", *, stderr: bool = False) -> None:
    """Print one sentence; only a terminal breaks its lines."""
    _print(Text(plain(text)), stderr)


def note(text: str) -> None:
    """Print a remark on stderr."""
    _print(Text.assemble(("Note:", "yellow"), " ", plain(text)), stderr=True)


def error(text: str) -> None:
    """Print on stderr why the program fails."""
    _print(Text.assemble(("Error:", "bold red"), " ", plain(text)), stderr=True)


def show(what: RenderableType, *, stderr: bool = False, soft_wrap: bool = False) -> None:
    """Print something; once whoever reads has enough, as `head` does, all the rest goes nowhere."""
    try:
        console(stderr=stderr).print(what, soft_wrap=soft_wrap)
    except BrokenPipeError:
        mute(sys.stderr if stderr else sys.stdout)


def mute(stream: TextIO) -> None:
    """Let everything that is still to be written to this stream go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _print(text: Text, stderr: bool) -> None:
    show(text, stderr=stderr, soft_wrap=not console(stderr=stderr).is_terminal)


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Collect Python's warnings and print ours as notes; a divergence is told where training ends."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in caught:
                ours = isinstance(warning.message, DeltaruleWarning)
                if ours and not isinstance(warning.message, DivergenceWarning):
                    note(str(warning.message))


@contextmanager
def progress() -> Iterator[Callable[[EpochReport], None]]:
    """Yield a function that shows a report in a live bar; it does nothing where there is no terminal."""
    with closing(ProgressBar(transient=True, console=console())) as show:
        yield show


@contextmanager
def bar(word: str, total: int) -> Iterator[Callable[[float, str], None]]:
    """Yield a function that moves a live bar and sets its text; without a terminal it does nothing."""
    with closing(Bar(word, total, console(), transient=True)) as live:
        yield live.update
