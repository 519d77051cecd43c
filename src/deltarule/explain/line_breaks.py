"""Line breaks: a LaTeX equation that is wider than the page goes on on the next line, before + or -."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

WIDTH = 60
"""How many characters fit on a line of an article; indices and fractions take less room than they count."""

OPEN, CLOSE = ("{", r"\left", r"\begin"), ("}", r"\right", r"\end")
TOKENS = re.compile(r"\\[a-zA-Z]+|[{}]| [+-] |.", re.DOTALL)
NO_ROOM = re.compile(r"\\(?:left|right|bigl|bigr|frac|mathrm)\b|[{}_^ ]")
SINGLE = re.compile(r"[\w.]+")
COMMAND = re.compile(r"\\[a-zA-Z]+")


def broken(equations: Sequence[str]) -> list[str]:
    r"""Return equations ``left &= right``, those that are too wide on several lines, which start with ``&``.

    >>> broken(["x &= " + " + ".join(["1234567890"] * 9)])[1]
    '&\\quad + 1234567890 + 1234567890 + 1234567890 + 1234567890'
    """
    room = WIDTH - max(width(equation.partition("&")[0]) for equation in equations)
    return [line for equation in equations for line in _lines(equation, room)]


def _lines(equation: str, room: int) -> Iterator[str]:
    """The lines of an equation beside whose left side there is so much room."""
    left, _, right = equation.partition("&")
    if width(right) <= room:
        yield equation
        return
    line, start = "", f"{left}&"
    for term in _terms(_unstacked(right)):
        if line and width(line) + width(term) > room:
            yield start + line
            line, start = "", r"&\quad"
        line += term
    yield start + line


def width(latex: str) -> int:
    """About how many characters are seen of it."""
    return len(COMMAND.sub("x", NO_ROOM.sub("", latex)))


def _unstacked(right: str) -> str:
    """A right side that is a sum over one number or letter, as a quotient on the line, to be broken."""
    start, _, rest = right.partition(r"\frac{")
    over = _group(rest)
    under = _group(rest[len(over) + 2 :])
    whole = start + r"\frac{" + over + "}{" + under + "}" == right
    return rf"{start}\bigl({over}\bigr) / {under}" if whole and SINGLE.fullmatch(under) else right


def _group(latex: str) -> str:
    """What stands before the brace that closes the group."""
    depth, length = 1, 0
    for token in TOKENS.findall(latex):
        depth += (token == "{") - (token == "}")
        if depth == 0:
            break
        length += len(token)
    return latex[:length]


def _terms(latex: str) -> Iterator[str]:
    """The parts between plus and minus signs that stand outside of all braces, each with its sign."""
    depth, part = 0, ""
    for token in TOKENS.findall(latex):
        depth += (token in OPEN) - (token in CLOSE)
        if depth == 0 and token in (" + ", " - "):
            yield part
            part = ""
        part += token
    yield part
