"""How the program fails: one sentence on stderr and an exit code, never a traceback.

1: the data or a file cannot be used. 2: the command is not understood. 130: interrupted by Ctrl-C.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from deltarule.cli.display import error, mute
from deltarule.cli.help_pages import HelpPages
from deltarule.errors import DeltaruleError

RUNTIME, USAGE, INTERRUPTED = 1, 2, 130
TRACEBACK = "DELTARULE_TRACEBACK"
"""Set this variable in the environment, and an error that should not happen shows where it happened."""

_UsageError: Any = typer.BadParameter.__mro__[1]  # typer brings its own click and does not name this class


class Program(HelpPages, TyperGroup):
    """The group of all verbs, with our way of failing."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line; a command that is not understood is answered here."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        _force_no_colors()
        standalone, extra["standalone_mode"] = extra.get("standalone_mode", True), False
        if not standalone:
            return super().main(*args, **extra)
        try:
            code = super().main(*args, **extra)
        except _UsageError as refused:
            error(_with_hint(refused))
            code = USAGE
        sys.exit(code)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the command line; Ctrl-C is answered here too."""
        return guarded(lambda: super(Program, self).make_context(*args, **extra))

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; what goes wrong while it runs is answered here."""
        return guarded(lambda: super(Program, self).invoke(ctx))


def guarded(run: Callable[[], Any]) -> Any:
    """Run something; turn every failure into a sentence and an exit code."""
    try:
        return run()
    except DeltaruleError as refused:
        error(with_options(str(refused)))
    except KeyboardInterrupt:
        ignore_interrupts()
        error("Interrupted; nothing was written.")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # whoever read our output has enough, as `head` does
        mute(sys.stdout)
        raise typer.Exit from None
    except MemoryError:
        error("There is not enough memory for this table and this network. Try fewer columns or units.")
    except (typer.Exit, typer.Abort, _UsageError):
        raise
    except Exception as bug:
        if os.environ.get(TRACEBACK):
            raise
        what = f"{type(bug).__name__}: {bug}"
        error(f"This should not have happened ({what}). {TRACEBACK}=1 shows where; please report it.")
    raise typer.Exit(RUNTIME)


def with_options(text: str) -> str:
    """Return a sentence of the library with its arguments as options.

    >>> with_options("Leave it out of `numeric`.")
    'Leave it out of --numeric.'
    """
    return re.sub("`([a-z_]+)`", lambda name: f"--{name[1].replace('_', '-')}", text)


def ignore_interrupts() -> None:
    """From here on Ctrl-C does nothing: the end is near, and what is being written shall be whole."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _force_no_colors() -> None:
    """Undo typer's colors in a pipe where these variables are set; rich asks the terminal and FORCE_COLOR."""
    if not os.environ.keys().isdisjoint(("GITHUB_ACTIONS", "PY_COLORS")):
        from typer import rich_utils

        rich_utils.FORCE_TERMINAL = None


def _with_hint(refused: Any) -> str:
    """What is wrong with the command, and how to see what is right."""
    said = refused.format_message().strip().rstrip(".")
    asked = refused.ctx.command_path if refused.ctx is not None else "deltarule"
    end = "" if said.endswith("?") else "."
    return f"{said[:1].upper()}{said[1:]}{end} Try '{asked} --help'."
