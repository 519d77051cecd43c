"""The renderings of a working: plain text, Markdown, LaTeX, HTML. They read its lines and compute nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias
from unicodedata import combining

import numpy as np

from deltarule.core.arrays import Array
from deltarule.explain.conventions import Conventions
from deltarule.explain.expressions import Expression, Symbol, Values, is_opaque
from deltarule.explain.latex import LatexWriter, letter_of
from deltarule.explain.line import Line
from deltarule.explain.line_breaks import broken
from deltarule.explain.mathml import MathWriter
from deltarule.explain.notes import Note
from deltarule.explain.text import TextWriter
from deltarule.explain.writing import Page, Writer

Detail: TypeAlias = Literal["scalar", "matrix", "summary"]

PARTS = {"forward": "Forward", "objective": "Objective", "backward": "Backward", "update": "Update"}
CORNER = 3


class Shown(Protocol):
    """What a rendering asks of a working."""

    @property
    def lines(self) -> Sequence[Line]: ...

    @property
    def values(self) -> Values: ...

    @property
    def detail(self) -> Detail: ...

    @property
    def decimals(self) -> int | None: ...

    @property
    def rows(self) -> int: ...

    @property
    def conventions(self) -> Conventions: ...

    @property
    def notes(self) -> Sequence[Note]: ...

    def entries(self, key: str) -> list[tuple[Symbol, Expression, Any]]: ...


class Equation(NamedTuple):
    """One written line: what is on the left, and what it is equal to, step by step."""

    left: str
    rights: list[str]


def page_of(working: Shown, writer: Writer) -> Page:
    """Return the page that a working is written on."""
    columns = working.conventions.samples == "columns"
    return Page(writer, working.rows, working.decimals, columns=columns)


def equations(working: Shown, line: Line, writer: Writer) -> list[Equation]:
    """Return a line as equations: over arrays, or one per entry where every sum is written out."""
    page = page_of(working, writer)
    numbers = page.with_numbers(working.values)
    whole = Equation(page.symbol(line.symbol), [page.write(line.equation)])
    if working.detail == "summary":
        return [whole]
    if working.detail == "matrix" or is_opaque(line.equation):
        put_in = [] if is_opaque(line.equation) else [numbers.write(line.equation)]
        rights = [*whole.rights, *put_in, _value(page, line.value)]
        return [Equation(whole.left, _different(rights))]
    found = []
    for symbol, expression, value in working.entries(line.key):
        rights = [page.write(expression), numbers.write(expression), page.number(value)]
        found.append(Equation(page.symbol(symbol), _different(rights)))
    return found


def _value(page: Page, value: Any) -> str:
    return page.number(value) if np.ndim(value) == 0 else page.array(value)


def _different(rights: list[str]) -> list[str]:
    """Without a step that only repeats the one before."""
    return [text for place, text in enumerate(rights) if place == 0 or text != rights[place - 1]]


def shape_words(value: Any) -> str:
    """Return the shape in words: "3 × 2"; nothing for a number."""
    return " × ".join(map(str, np.shape(value)))


def summary(value: Any, page: Page) -> str:
    """Return an array's shape, norm and corner in words."""
    if np.ndim(value) == 0:
        return page.digits(value)
    corner = np.atleast_2d(value)[:CORNER, :CORNER]
    rows = "; ".join(", ".join(page.digits(v) for v in row) for row in corner.tolist())
    more = " ..." if corner.size < np.size(value) else ""
    return f"{shape_words(value)}, norm {page.digits(_norm(value))}, [{rows}{more}]"


def _norm(value: Array) -> float:
    return float(np.hypot.reduce(np.ravel(value).astype(np.float64)))  # squares could overflow


def by_part(working: Shown) -> Iterator[tuple[str, Iterator[Line]]]:
    """Return the lines of each part of the step, under its heading."""
    for part, lines in groupby(working.lines, key=lambda line: line.part):
        yield PARTS[part], lines


# -- notes -----------------------------------------------------------------------------------------------

INTRODUCTION = "To be read beside its document, this differs from the library's own notation:"


def heading_of(working: Shown) -> str:
    """Return the heading above the notes, which names the conventions."""
    return f"Notation: {working.conventions.name}"


def note_text(
    note: Note, page: Page, math: str = "{}", words: Callable[[str], str] = lambda words: words
) -> str:
    """Write a note, its symbols as ``math``, its words as ``words`` has them."""
    return "".join(words(part) if isinstance(part, str) else math.format(page.write(part)) for part in note)


# -- plain text ------------------------------------------------------------------------------------------


def text_of(working: Shown) -> str:
    """Equations below one another, the equals signs aligned, each quantity with its reason."""
    found = []
    if working.notes:
        heading, page = heading_of(working), page_of(working, TextWriter())
        items = "\n".join(f"  - {note_text(note, page)}" for note in working.notes)
        found.append(f"{heading}\n{'-' * len(heading)}\n\n{INTRODUCTION}\n{items}")
    for heading, lines in by_part(working):
        found.append(f"{heading}\n{'-' * len(heading)}")
        found += [_text_of_line(working, line) for line in lines]
    return "\n\n".join(found)


def _text_of_line(working: Shown, line: Line) -> str:
    page = page_of(working, TextWriter())
    shape = f"  ({shape_words(line.value)})" if np.ndim(line.value) else ""
    written = [_text_equation(equation) for equation in equations(working, line, page.writer)]
    if working.detail == "summary":
        written.append(f"    {summary(line.value, page)}")
        shape = ""
    return "\n".join([f"{line.why}{shape}", *written])


def _text_equation(equation: Equation) -> str:
    first, *others = equation.rights
    start = f"    {equation.left} = "
    width = sum(not combining(character) for character in start)  # the hat of v̂ takes no room of its own
    return "\n".join([start + first, *(f"{'= ':>{width}}{right}" for right in others)])


# -- Markdown and LaTeX ----------------------------------------------------------------------------------


def markdown_of(working: Shown) -> str:
    """Headings, reasons, and display equations."""
    found = []
    if working.notes:
        page = page_of(working, LatexWriter())
        items = "\n".join(f"- {note_text(note, page, '${}$')}" for note in working.notes)
        found.append(f"## {heading_of(working)}\n\n{INTRODUCTION}\n\n{items}")
    for heading, lines in by_part(working):
        found.append(f"## {heading}")
        found += [f"{line.why}\n\n$$\n{_aligned(working, line)}\n$$" for line in lines]
    return "\n\n".join(found) + "\n"


def latex_of(working: Shown) -> str:
    """A whole document; reasons as text between the equations."""
    found = [
        r"\documentclass{article}",
        r"\usepackage{amsmath}",
        r"\setcounter{MaxMatrixCols}{70}",
        r"\allowdisplaybreaks",
        r"\begin{document}",
    ]
    if working.notes:
        page = page_of(working, LatexWriter())
        items = [rf"\item[$\bullet$] {note_text(note, page, '${}$', _plain)}" for note in working.notes]
        found += [rf"\section*{{{_plain(heading_of(working))}}}", rf"\noindent {INTRODUCTION}"]
        found += [r"\begin{itemize}", *items, r"\end{itemize}"]
    for heading, lines in by_part(working):
        found.append(rf"\section*{{{heading}}}")
        found += [f"\\noindent {_plain(line.why)}\n{_broken(_aligned(working, line))}" for line in lines]
    return "\n".join([*found, r"\end{document}", ""])


def _aligned(working: Shown, line: Line) -> str:
    rows = []
    for left, (first, *others) in equations(working, line, LatexWriter()):
        rows.append(f"{left} &= {first}")
        rows += [f"&= {right}" for right in others]
    if working.detail == "summary":
        words = summary(line.value, page_of(working, LatexWriter()))
        rows.append(rf"&\quad\text{{{words.replace('×', 'by')}}}")
    inside = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{inside}\n\\end{{aligned}}"


def _broken(equations: str) -> str:
    """The same equations, which may go on on the next line and page; in ``aligned`` they run off this one."""
    begin, *rows, end = equations.replace("{aligned}", "{align*}").split("\n")
    lines = broken([row.removesuffix(r" \\") for row in rows])
    return "\n".join([begin, " \\\\\n".join(lines), end])


def _plain(words: str) -> str:
    words = words.replace("_", r"\_")
    return re.sub("[α-ω]", lambda letter: f"${letter_of(letter[0])}$", words)


# -- HTML ------------------------------------------------------------------------------------------------

STYLE = (
    "<style>.deltarule-working{font-family:system-ui,sans-serif;max-width:60em}"
    ".deltarule-working p{margin:1em 0 .2em}"
    ".deltarule-working math[display=block]{margin:.2em 0 .2em 2em;display:block}"
    ".deltarule-working .shape{color:#666;font-size:smaller}</style>"
)


def html_of(working: Shown) -> str:
    """A fragment that stands for itself in a page or a notebook."""
    found = []
    if working.notes:
        page = page_of(working, MathWriter())
        items = [f"<li>{note_text(note, page, '<math>{}</math>', escape)}</li>" for note in working.notes]
        found += [
            f"<h3>{escape(heading_of(working))}</h3>",
            f"<p>{escape(INTRODUCTION)}</p>",
            "<ul>",
            *items,
            "</ul>",
        ]
    for heading, lines in by_part(working):
        found += [f"<h3>{heading}</h3>", *(_html_of_line(working, line) for line in lines)]
    return _fragment(found)


def _fragment(found: Sequence[str]) -> str:
    return "\n".join(['<div class="deltarule-working">', STYLE, *found, "</div>"])


def _html_of_line(working: Shown, line: Line) -> str:
    page = page_of(working, MathWriter())
    words = summary(line.value, page) if working.detail == "summary" else shape_words(line.value)
    why = f'<p>{escape(line.why)} <span class="shape">{escape(words)}</span></p>'
    return "\n".join([why, *map(_math, equations(working, line, page.writer))])


def _math(equation: Equation) -> str:
    inside = "<mo>=</mo>".join([equation.left, *equation.rights])
    return f'<math display="block"><mrow>{inside}</mrow></math>'


# -- one line --------------------------------------------------------------------------------------------


class AsInWorking(NamedTuple):
    """Writes single lines of a working as they stand in the whole."""

    working: Shown

    def text(self, line: Line) -> str:
        """Return the sentence and the equations as plain text."""
        return _text_of_line(self.working, line)

    def html(self, line: Line) -> str:
        """Return them as HTML."""
        return _fragment([_html_of_line(self.working, line)])
