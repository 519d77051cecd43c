"""Spreadsheet: a step as blocks of cells on one sheet, every computed number a formula over other cells.

How the sheet looks, and the file, are in workbook.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from deltarule.core.arrays import Array
from deltarule.errors import InputError, message
from deltarule.explain.expressions import (
    Apply,
    Expression,
    Negative,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    Values,
    nodes_of,
)
from deltarule.explain.line import Line
from deltarule.explain.renderings import PARTS, Shown, page_of
from deltarule.explain.text import TextWriter
from deltarule.explain.writing import ATOM, POWER, PRODUCT, SUM, stem_of

MOST_FORMULAS = 10_000
"""Cells with a formula; more would be read by nobody."""
LONGEST_FORMULA = 8192
"""Characters, the equals sign included; Excel takes no more."""
ELSEWHERE = "working.to_html() has no such limit."

HEADER_ROW, FIRST_COLUMN = 3, 3
"""The row of the column titles where there are no notes, and where the numbers begin; from 0."""

Cell: TypeAlias = Callable[[Symbol], str]
"""The address of an entry."""


@dataclass(frozen=True)
class Block:
    """A quantity on the sheet.

    Attributes:
        symbol: the quantity.
        part: the heading that it stands under.
        name: how it is written.
        equation: what it is equal to, as text; empty for what is given.
        why: one sentence.
        value: as in the working.
        row: the first row of its numbers, from 0.
        formulas: one per number, with the equals sign; empty for what one may change.
    """

    symbol: Symbol
    part: str
    name: str
    equation: str
    why: str
    value: Any
    row: int = 0
    formulas: Sequence[Sequence[str]] = ()

    @property
    def numbers(self) -> Array:
        """The value, (rows, columns); a vector is one row."""
        return np.atleast_2d(np.asarray(self.value, dtype=np.float64))

    def cells(self) -> str:
        """All of it, as a spreadsheet writes a range."""
        rows, columns = self.numbers.shape
        return f"{self.cell((0, 0))}:{self.cell((rows - 1, columns - 1))}"

    def cell(self, place: tuple[int, ...]) -> str:
        """The address of an entry."""
        row, column = (0, 0, *place)[-2:]
        from xlsxwriter.utility import xl_rowcol_to_cell

        return str(xl_rowcol_to_cell(self.row + row, FIRST_COLUMN + column))


# -- formulas --------------------------------------------------------------------------------------------

FUNCTIONS: Mapping[str, str] = {
    "exp": "EXP({0})",
    "ln": "LN({0})",
    "tanh": "TANH({0})",
    "sqrt": "SQRT({0})",
    "abs": "ABS({0})",
    "sign": "SIGN({0})",
    "positive": "MAX(0,{0})",
    "negative": "MIN(0,{0})",
    "step": "IF({0}>0,1,0)",
    "normal_cdf": "_xlfn.NORM.S.DIST({0},TRUE)",
    "x_ln_x": "IF({0}>0,{1}*LN({0}),0)",
}
"""{1} is the argument as a factor."""


def formula(expression: Expression, cell: Cell, strength: int = 0) -> str:
    """Write a scalar expression, in parentheses where it holds less tightly than ``strength``.

    >>> x = Symbol("x", "x")
    >>> formula(Negative(Power(x, 2)), lambda symbol: "A1")
    '-(A1^2)'
    """
    text, own = _formula(expression, cell)
    return f"({text})" if own < strength else text


def _formula(expression: Expression, cell: Cell) -> tuple[str, int]:
    """The text, and how tightly it holds together; a minus in front holds tighter than ^ in a spreadsheet."""
    match expression:
        case Symbol():
            return cell(expression), ATOM
        case Number(number):
            return f"{number:.17g}" if number % 1 == 0 else repr(number), ATOM if number >= 0 else SUM
        case Negative(of):
            return "-" + formula(of, cell, ATOM), SUM
        case Sum((first, *others)):
            return formula(first, cell, SUM) + "".join(_term(term, cell) for term in others), SUM
    return _tighter(expression, cell)


def _tighter(expression: Expression, cell: Cell) -> tuple[str, int]:
    match expression:
        case Product((first, *others)):
            factors = [formula(first, cell, PRODUCT), *(formula(factor, cell, POWER) for factor in others)]
            return "*".join(factors), PRODUCT
        case Quotient(over, under):
            return f"{formula(over, cell, PRODUCT)}/{formula(under, cell, POWER)}", PRODUCT
        case Power(base, exponent):
            return f"{formula(base, cell, ATOM)}^{exponent}", POWER
        case Apply(name, of):
            return FUNCTIONS[name].format(formula(of, cell), formula(of, cell, POWER)), ATOM
    raise TypeError(f"not a scalar expression: {expression!r}")


def _term(term: Expression, cell: Cell) -> str:
    if isinstance(term, Negative):
        return "-" + formula(term.of, cell, PRODUCT)
    return "+" + formula(term, cell, PRODUCT)


# -- blocks ----------------------------------------------------------------------------------------------

DATA, PARAMETERS, SETTINGS = "Data", "Parameters", "Settings"
GIVEN: Mapping[str, tuple[str, str]] = {
    "x": (DATA, "The inputs."),
    "y": (DATA, "The targets."),
    "w": (DATA, "How much each row counts."),
    "offset": (DATA, "What is added to {z} of the output layer."),
    "N": (DATA, "What the sums over the rows are divided by."),
    "W": (PARAMETERS, "The weights into layer {layer}: {i}, {j} leads from unit i to unit j."),
    "b": (PARAMETERS, "The biases of layer {layer}."),
    "eta": (SETTINGS, "The learning rate."),
    "lambda": (SETTINGS, "The strength of the penalty {rest}."),
    "mu": (SETTINGS, "The momentum: how much of the last velocity is kept."),
    "beta": (SETTINGS, "How much of a running mean is kept."),
    "rho": (SETTINGS, "How much of a running mean is kept."),
    "decay": (SETTINGS, "The weight decay: how strongly parameters are drawn to zero."),
    "epsilon": (SETTINGS, "It keeps the divisor off zero."),
    "m": (SETTINGS, "What the optimizer remembers of the steps before: zero at the first."),
    "v": (SETTINGS, "What the optimizer remembers of the steps before: zero at the first."),
}
"""The heading and the meaning of what no line computes, by the beginning of its key."""


def blocks(working: Shown) -> list[Block]:
    """Return what stands on the sheet from top to bottom: first what is given, then what is computed.

    Raises:
        InputError: there are too many numbers, or one that no formula of a spreadsheet computes.
    """
    _require_size(working)
    for line in working.lines:
        _require_known(line)
        _require_finite(line, working.values)
    found = _placed(
        [*_given(working), *(_computed(line, working) for line in working.lines)], header_row(working)
    )
    by_key = {block.symbol.key: block for block in found}
    lines = {line.key: line for line in working.lines}

    def cell(symbol: Symbol) -> str:
        return by_key[symbol.key].cell(symbol.place)

    for key, block in by_key.items():
        if key in lines:
            by_key[key] = replace(block, formulas=_formulas(lines[key], working.values, cell))
        elif key == "N":
            count = "COLUMNS" if working.conventions.samples == "columns" else "ROWS"
            total = f"=SUM({by_key['w'].cells()})" if "w" in by_key else f"={count}({by_key['x'].cells()})"
            by_key[key] = replace(block, formulas=[[total]])
    return list(by_key.values())


def header_row(working: Shown) -> int:
    """Return the row of the column titles, from 0: below the notes."""
    return HEADER_ROW + len(working.notes) + bool(working.notes)


def _placed(found: Sequence[Block], header: int) -> list[Block]:
    """Below one another: two rows for a new heading, one around blocks of several rows."""
    placed, row, part, height = [], header + 1, "", 1
    for block in found:
        heading, gap = block.part != part, max(height, len(block.numbers)) > 1
        row += 2 if heading else gap
        placed.append(replace(block, row=row))
        part, height = block.part, len(block.numbers)
        row += height
    return placed


def _computed(line: Line, working: Shown) -> Block:
    page = page_of(working, TextWriter())
    equations = [line.equation] if line.computed_as is None else [line.equation, line.computed_as]
    equation = " = ".join(page.write(each) for each in equations)
    return Block(line.symbol, PARTS[line.part], page.symbol(line.symbol), equation, line.why, line.value)


def _given(working: Shown) -> list[Block]:
    """What the equations use and no line computes."""
    computed = {line.key for line in working.lines}
    nodes = [node for line in working.lines for node in nodes_of(_live(line))]
    used = {node.key: node for node in nodes if isinstance(node, Symbol) and node.key not in computed}
    ranks = {stem: rank for rank, stem in enumerate(GIVEN)} | {"b": list(GIVEN).index("W")}
    in_order = sorted(used.values(), key=lambda symbol: (ranks[stem_of(symbol)], symbol.layer or 0))
    return [_given_block(symbol, working) for symbol in in_order]


def _given_block(symbol: Symbol, working: Shown) -> Block:
    part, why = GIVEN[stem_of(symbol)]
    i, j = ("column i", "row j") if working.conventions.samples == "columns" else ("row i", "column j")
    z, rest = working.conventions.pre_activation, symbol.key.partition("_")[2]
    why = why.format(layer=symbol.layer, rest=rest, z=z, i=i, j=j)
    if 0 in symbol.start:
        why += f" The first {i.split()[0]} holds the biases."
    equation = "" if symbol.key != "N" else "the sum of w" if "w" in working.values else "the number of rows"
    value = working.values[symbol.key]
    return Block(symbol, part, page_of(working, TextWriter()).symbol(symbol), equation, why, value)


def _live(line: Line) -> Expression:
    """The equation that goes on to hold when numbers are changed."""
    return line.computed_as or line.equation


def _formulas(line: Line, values: Values, cell: Cell) -> list[list[str]]:
    equation = _live(line)
    rows, columns = np.atleast_2d(line.value).shape
    return [
        [_short_enough(line, "=" + formula(equation.entry((i, j), values), cell)) for j in range(columns)]
        for i in range(rows)
    ]


# -- what is refused -------------------------------------------------------------------------------------


def _require_size(working: Shown) -> None:
    count = sum(np.size(line.value) for line in working.lines)
    if count > MOST_FORMULAS:
        raise InputError(
            message(
                "A workbook has a formula for every number of the step",
                found=f"{count} numbers",
                allowed=f"up to {MOST_FORMULAS}",
                hint=f"Show fewer rows or a smaller network; {ELSEWHERE}",
            )
        )


def _short_enough(line: Line, text: str) -> str:
    if len(text) > LONGEST_FORMULA:
        raise InputError(
            message(
                "A formula of a workbook has every sum written out",
                found=f"{len(text)} characters for {line.key}",
                allowed=f"up to {LONGEST_FORMULA}",
                hint=f"Show fewer rows or a smaller network; {ELSEWHERE}",
            )
        )
    return text


def _require_known(line: Line) -> None:
    for node in nodes_of(_live(line)):
        if isinstance(node, Apply) and node.function is not None:
            raise InputError(
                message(
                    "A workbook needs a formula for every quantity",
                    found=f"{node.name!r} in {line.key}, which has none",
                    allowed="the activations, losses, penalties and optimizers that come with deltarule",
                    hint=ELSEWHERE,
                )
            )


def _require_finite(line: Line, values: Values) -> None:
    """A spreadsheet has no infinity: what overflows on the way is an error there."""
    wide = {key: np.asarray(value, dtype=np.float64) for key, value in values.items()}
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            finite = bool(np.all(np.isfinite(_live(line).evaluate(wide))))
    except FloatingPointError:
        finite = False
    if not finite or not np.all(np.isfinite(line.value)):
        raise InputError(
            message(
                "A workbook needs numbers that a spreadsheet can compute",
                found=f"an overflow or ln 0 in {line.key}",
                allowed="exponents up to 709 and what follows from them",
                hint="Scale the inputs, or start from smaller weights.",
            )
        )
