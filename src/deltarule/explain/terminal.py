"""A text rendering in a terminal: the same lines with styles, broken where an equation may be broken.

It computes and writes nothing; rich knows the width, the colors, and where there are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import ConsoleOptions
    from rich.text import Text

HEADING, SYMBOL, SIGN, RESULT, SHAPE = "bold magenta", "cyan", "dim", "bold", "dim"
HELD = "\ue000"
"""Stands for a space at which a line must not be broken; of no meaning to anybody (private use)."""
ROW = re.compile(r"(?:[-+⊙/] )?\S*?\[[^][]*\][^\s[]*")
PARENTHESES = re.compile(r"(?:[-+⊙/] )?\S*?\([^()]*\)[^\s(]*")
"""With what must stay beside them: an operator in front, brackets around."""
OPERATOR = re.compile(r"( [-+⊙/]) ")
SHAPE_WORDS = re.compile(r"  \([\d × ]+\)$")
NARROWEST = 16


def styled(text: str, options: ConsoleOptions) -> Iterator[Text]:
    """Yield the lines of a text rendering; where nothing is to be broken, exactly these."""
    from rich.text import Text  # rich asked for it, so it is there; others need not load it

    width = 10**6 if options.no_wrap else options.max_width
    lines = text.split("\n")
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("    "):
            left, sign, right = line.partition(" = ") if " = " in line else (line[:4], "", line[4:])
            style = RESULT if not left.strip() and not _goes_on(following) else ""
            yield from _hanging(Text.assemble((left, SYMBOL), (sign, SIGN)), right, style, width)
        else:
            style = HEADING if _underlines(line) or _underlines(following) else ""
            for part in _hanging(Text(), line, style, width):
                part.highlight_regex(SHAPE_WORDS, SHAPE)
                yield part


def _hanging(start: Text, words: str, style: str, width: int) -> Iterator[Text]:
    """Words after a start, broken in as many lines as they need; the rows of an array below one another."""
    indent, depth = start.cell_len, 0
    for line in _broken(words, max(width - indent - 1, NARROWEST)):
        yield start.append(" " * (depth > 0) + line, style)
        start, depth = type(start)(" " * indent), depth + line.count("[") - line.count("]")


def _broken(words: str, width: int) -> list[str]:
    """Break before an operator or between the rows of an array; inside parentheses only where it must be."""
    for whole in (ROW, PARENTHESES):
        words = whole.sub(
            lambda found: found[0].replace(" ", HELD) if len(found[0]) <= width else found[0], words
        )
    lines = wrap(OPERATOR.sub(rf"\1{HELD}", words), width, break_on_hyphens=False) or [""]
    return [line.replace(HELD, " ") for line in lines]


def _goes_on(line: str) -> bool:
    return line.startswith("    ") and line.lstrip().startswith("= ")


def _underlines(line: str) -> bool:
    return set(line) == {"-"}
