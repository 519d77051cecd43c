"""The screen of `deltarule step`: where training stands, the working of the next step, and the keys.

Made with Textual, which is an extra: deltarule[step]. It computes nothing; all numbers are the session's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Input, Static

from deltarule.cli import parameters
from deltarule.cli.display import plain
from deltarule.errors import DeltaruleError, InputError, message
from deltarule.explain.conventions import Conventions
from deltarule.explain.overview import changes_of, losses_of, place_of
from deltarule.explain.session import Session
from deltarule.explain.working import AskedDetail, Working

DETAILS: tuple[AskedDetail, ...] = ("scalar", "matrix", "summary")
MOST_NUMBERS = 5_000
"""A step of more is shown in summary: written out it would fill hundreds of screens."""
CHUNK = 300
"""Of a long way, so many steps are taken between two looks at the keys."""
QUESTIONS = {"jump": "Jump to EPOCH BATCH", "layer": "Show LAYER", "unit": "Show LAYER UNIT"}

View: TypeAlias = Callable[[Working], RenderableType]


class Body(VerticalScroll):
    """What is scrolled; left and right are keys of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "app.move(1)", show=False),
        Binding("left", "app.move(-1)", show=False),
    ]


class StepScreen(App[Literal["left"] | Exception]):
    """Shows a session and moves it.

    Running it returns "left", or the exception that ended it, or None where it was interrupted.
    """

    CSS = """
    #standing { height: auto; padding: 0 1; background: $panel; }
    #body { padding: 0 1; }
    #shown { height: auto; }
    #answer { display: none; }
    """
    TITLE = "deltarule step"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,space", "move(1)", "Next", key_display="n"),
        Binding("b,backspace", "move(-1)", "Back", key_display="b"),
        Binding("e", "epoch(1)", "Epoch", key_display="e/E"),
        Binding("E", "epoch(-1)", show=False),
        Binding("j", "ask('jump')", "Jump"),
        Binding("l", "ask('layer')", "Layer"),
        Binding("u", "ask('unit')", "Unit"),
        Binding("a", "whole", "All"),
        Binding("d", "detail", "Detail"),
        Binding("q", "quit", "Quit"),
        Binding("escape", "stop", show=False),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    def __init__(
        self,
        session: Session,
        detail: AskedDetail,
        notation: Conventions,
        quantities: str,
        rows: Callable[[], str],
    ) -> None:
        super().__init__()
        self.session, self.detail, self.notation = session, detail, notation
        self.quantities, self.rows = quantities, rows
        self.view: View = _whole
        self.asked = ""

    def compose(self) -> ComposeResult:
        """Where training stands, above what is shown of the step, above the keys."""
        yield Static(id="standing")
        with Body(id="body"):
            yield Static(id="shown")
        yield Input(id="answer")
        yield Footer()

    def on_mount(self) -> None:
        """Show the first step."""
        self.query_one("#body").focus()
        self._do(lambda: None)

    # -- what is shown ------------------------------------------------------------------------------------

    @property
    def working(self) -> Working:
        """The working of the next step."""
        return self.session.working(detail=self.detail, conventions=self.notation)

    def _do(self, change: Callable[[], object]) -> None:
        """Change something and show it; what is refused is said, and a failure ends the program."""
        try:
            change()
            self._show()
        except DeltaruleError as refused:
            self.notify(plain(str(refused)), severity="error", markup=False)
        except Exception as failure:
            self.exit(failure)

    def _show(self) -> None:
        session = self.session
        lines = [place_of(session), self.rows(), self.quantities, losses_of(session)]
        standing = Text("\n".join(map(plain, lines)), no_wrap=True, overflow="ellipsis")
        self.query_one("#standing", Static).update(standing)
        changes = "\n".join(["The next step:", *changes_of(session, self.notation), ""])
        self.query_one("#shown", Static).update(Group(Text(changes), self.view(self.working)))

    def _look_at(self, view: View) -> None:
        """Show something else of the steps from here on; what is refused leaves what was shown."""
        view(self.working)
        self.view = view
        self.query_one("#body").scroll_home(animate=False)

    # -- keys ---------------------------------------------------------------------------------------------

    def action_move(self, n: int) -> None:
        """One step on, or back."""
        self.workers.cancel_all()
        if n < 0 and not self.session.steps:
            self.notify("This is the first step.")
            return
        self._do(self.session.step if n > 0 else self.session.back)

    def action_epoch(self, n: int) -> None:
        """To the start of the next epoch; back to that of this one or, from there, of the one before."""
        session = self.session
        self._go(max(1, session.epoch + (n if n > 0 or session.batch == 1 else 0)), 1)

    def action_whole(self) -> None:
        """All layers again."""
        self._do(partial(self._look_at, _whole))

    def action_detail(self) -> None:
        """The next way of showing the numbers."""
        self._do(self._next_detail)

    def action_stop(self) -> None:
        """Stop a long way, or leave a question without an answer."""
        self.workers.cancel_all()
        self._close_question()

    def action_interrupt(self) -> None:
        """Ctrl-C."""
        self.exit()

    async def action_quit(self) -> None:
        """The end."""
        self.exit("left")

    def action_ask(self, what: str) -> None:
        """Ask for numbers."""
        self.asked, answer = what, self.query_one("#answer", Input)
        answer.border_title, answer.value, answer.display = QUESTIONS[what], "", True
        answer.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Do what was asked for."""
        self._close_question()
        if event.value.strip():
            self._do(partial(self._answer, event.value))

    def _close_question(self) -> None:
        self.query_one("#answer").display = False
        self.query_one("#body").focus()

    def _answer(self, text: str) -> None:
        match self.asked, _counts(text):
            case "jump", [epoch, *batch] if len(batch) < 2:
                self._jump(epoch, *batch)
            case "layer", [layer]:
                self._look_at(lambda working: working.layer(layer))
            case "unit", [layer, unit]:
                self._look_at(lambda working: Text(str(working.unit(layer, unit))))
            case _:
                raise InputError(message(f"The question was: {QUESTIONS[self.asked]}", found=repr(text)))

    def _next_detail(self) -> None:
        numbers = sum(np.size(line.value) for line in self.working)
        if numbers > MOST_NUMBERS:
            found, allowed = f"{numbers:,} numbers", f"up to {MOST_NUMBERS:,}"
            raise InputError(
                message("This step is too large to be written out", found=found, allowed=allowed)
            )
        self.detail = DETAILS[(DETAILS.index(self.working.detail) + 1) % len(DETAILS)]

    def _jump(self, epoch: int, batch: int = 1) -> None:
        if batch > self.session.batches:
            found, allowed = f"batch {batch}", f"1 to {self.session.batches}"
            raise InputError(message("There is no such batch in an epoch", found=found, allowed=allowed))
        self._go(epoch, batch)

    @work(exclusive=True)
    async def _go(self, epoch: int, batch: int) -> None:
        """Go there from the last snapshot before it, in pieces: Escape and other moves stop it in between."""
        batches = self.session.batches
        steps = (epoch - 1) * batches + batch - 1  # every row has weight, so every batch is a step
        start = max(snapshot for snapshot in self.session.snapshots if snapshot <= steps)
        for taken in (*range(start, steps, CHUNK), steps):
            self._do(partial(self.session.to, taken // batches + 1, taken % batches + 1))
            await asyncio.sleep(0.01)


def _whole(working: Working) -> RenderableType:
    return working


def _counts(text: str) -> list[int]:
    return [parameters.count(word) for word in text.replace(",", " ").split()]
