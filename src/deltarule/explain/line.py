"""Line: one quantity of a step with its equation, its value and the reason; shown as in its working."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from deltarule.explain.expressions import Expression, Symbol
from deltarule.explain.reasons import OURS, Reason, Wording
from deltarule.explain.terminal import styled

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

Part: TypeAlias = Literal["forward", "objective", "backward", "update"]


class LineWriter(Protocol):
    """What writes a line as its working does."""

    def text(self, line: Line) -> str: ...

    def html(self, line: Line) -> str: ...


@dataclass(frozen=True, eq=False, repr=False)
class Line:
    """One quantity of a step; printed, or shown by a notebook, it looks as it does in its working.

    Attributes:
        key: its name in ``working[...]``, such as "delta2"; ``also`` has others.
        part: where in the step it is computed.
        symbol: how it is written.
        equation: what it is equal to, over whole arrays.
        value: its value: (n, ...) one row per row of the batch, parameters like ``net.weights``, or a number.
        reason: why it is there, as a sentence to be worded; ``why`` is the sentence.
        computed_as: the equation in another form, where ``equation`` loses digits or holds for these y only.
        writer: what writes it.
    """

    key: str
    part: Part
    symbol: Symbol
    equation: Expression
    value: Any
    reason: Reason
    also: tuple[str, ...] = ()
    layer: int | None = None
    computed_as: Expression | None = None
    wording: Wording = OURS
    writer: LineWriter | None = None

    @property
    def why(self) -> str:
        """One sentence."""
        return self.reason.written(self.wording)

    def __str__(self) -> str:
        return self.why if self.writer is None else self.writer.text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str | None:
        return None if self.writer is None else self.writer.html(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Show the plain text in a terminal, as a working does."""
        return styled(str(self), options)
