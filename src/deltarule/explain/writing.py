"""Writing expressions: what all renderings have in common — order, parentheses, numbers for symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from deltarule.core.arrays import Array
from deltarule.explain.expressions import (
    Apply,
    Expression,
    MatMul,
    Negative,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    Total,
    Transpose,
    Values,
)

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
"""How tightly an expression holds together; what holds less than its surroundings gets parentheses."""


SETTINGS = ("N", "η", "μ", "λ", "ε", "β₁", "β₂")
"""Numbers that are given, not computed."""


class Writer(Protocol):
    """How one rendering writes the pieces; what it is given is written already."""

    fraction_strength: int  # whether a fraction needs parentheses around its parts, and itself

    def symbol(self, symbol: Symbol, indices: Sequence[int]) -> str: ...

    def number(self, digits: str) -> str: ...

    def array(self, rows: list[list[str]]) -> str: ...

    def operator(self, sign: str) -> str: ...

    def group(self, parts: Sequence[str]) -> str: ...

    def parentheses(self, inside: str) -> str: ...

    def fraction(self, over: str, under: str) -> str: ...

    def power(self, base: str, exponent: int) -> str: ...

    def transpose(self, of: str) -> str: ...

    def total(self, index: str, of: str) -> str: ...

    def function(self, name: str, of: str) -> str: ...


@dataclass(frozen=True)
class Page:
    """A writer, the digits it writes, and the number of rows of the batch.

    Arguments:
        decimals: digits after the point; None for six significant ones.
        values: numbers to write in the place of symbols; None leaves the symbols.
    """

    writer: Writer
    rows: int
    decimals: int | None = None
    values: Values | None = None

    def with_numbers(self, values: Values) -> Page:
        """The same page, with numbers in the place of symbols."""
        return Page(self.writer, self.rows, self.decimals, values)

    def digits(self, value: float | Fraction) -> str:
        """Write a number: a fraction as it is; what rounds to zero has no sign."""
        if isinstance(value, Fraction | int):
            return str(value)
        text = f"{value:.6g}" if self.decimals is None else f"{value:.{self.decimals}f}"
        return text.removeprefix("-") if not text.strip("-0.") else text

    def number(self, value: float | Fraction) -> str:
        return self.writer.number(self.digits(value))

    def constant(self, value: float) -> str:
        """A number that the equation or a setting gives, as short as it is."""
        return f"{value:.6g}"

    def array(self, values: Array) -> str:
        """Write an array: a number as it is, a vector as one row."""
        rows = np.atleast_2d(values)
        return self.writer.array([[self.number(value) for value in row] for row in rows.tolist()])

    def symbol(self, symbol: Symbol) -> str:
        """Write a symbol; entries count from 1, and the row is left out where there is only one."""
        entry = symbol.place
        if self.rows == 1 and len(entry) == 2 and not is_parameter(symbol):
            entry = entry[1:]
        return self.writer.symbol(symbol, [place + 1 for place in entry])

    def write(self, expression: Expression, strength: int = 0) -> str:
        """Write an expression, in parentheses where it holds less tightly than ``strength``."""
        text, own = self._write(expression)
        return self.writer.parentheses(text) if own < strength else text

    def _write(self, expression: Expression) -> tuple[str, int]:
        """The text, and how tightly it holds together."""
        match expression:
            case Number(number):
                return self._number(self.constant(number))
            case Symbol():
                return self._symbol(expression)
            case Sum() | Negative():
                return self._sum(expression), SUM
            case Product() | MatMul():
                return self._product(expression), PRODUCT
        return self._other(expression)

    def _other(self, expression: Expression) -> tuple[str, int]:
        writer = self.writer
        match expression:
            case Quotient():
                return self._quotient(expression), writer.fraction_strength
            case Transpose(of):
                return writer.transpose(self.write(of, ATOM)), POWER
            case Power(base, exponent):
                return writer.power(self._base(base), exponent), POWER
            case Apply(name, of):
                return writer.function(name, self.write(of)), ATOM
            case Total(of, axis):
                return writer.total("r" if axis == 0 else "k", self.write(of, PRODUCT)), PRODUCT
        raise TypeError(f"not an expression: {expression!r}")

    def _quotient(self, quotient: Quotient) -> str:
        over, under = (PRODUCT, ATOM) if self.writer.fraction_strength == PRODUCT else (0, 0)
        return self.writer.fraction(self.write(quotient.over, over), self.write(quotient.under, under))

    def _base(self, base: Expression) -> str:
        """What is raised to a power; a layer's number is no exponent."""
        text = self.write(base, ATOM)
        layered = isinstance(base, Symbol) and base.layer is not None and self.values is None
        return self.writer.parentheses(text) if layered else text

    def _number(self, text: str) -> tuple[str, int]:
        strength = SUM if text.startswith("-") else PRODUCT if "/" in text else ATOM
        return self.writer.number(text), strength

    def _symbol(self, symbol: Symbol) -> tuple[str, int]:
        if self.values is None:
            return self.symbol(symbol), ATOM
        value = np.asarray(self.values[symbol.key])
        if symbol.letter in SETTINGS:
            return self._number(self.constant(float(value.item())))
        if symbol.place or value.ndim == 0:
            return self._number(self.digits(value[symbol.place] if symbol.place else value.item()))
        return self.array(value), ATOM

    def _sum(self, expression: Sum | Negative) -> str:
        if isinstance(expression, Negative):
            return self.writer.group([self.writer.operator("prefix -"), self.write(expression.of, PRODUCT)])
        first, *others = expression.terms
        parts = [self.write(first, SUM)]
        for term in others:
            negative = isinstance(term, Negative)
            parts.append(self.writer.operator("-" if negative else "+"))
            parts.append(self.write(term.of if isinstance(term, Negative) else term, PRODUCT))
        return self.writer.group(parts)

    def _product(self, expression: Product | MatMul) -> str:
        if isinstance(expression, MatMul):
            expression = Product((expression.left, expression.right))
        (first, *others), sign = expression.factors, expression.sign
        if self.values is not None and any(self._is_number(factor) for factor in others):
            sign = "·"
        parts = [self.write(first, PRODUCT)]
        for factor in others:
            parts += [self.writer.operator(sign or "juxtaposed"), self.write(factor, POWER)]
        return self.writer.group(parts)

    def _is_number(self, expression: Expression) -> bool:
        if not isinstance(expression, Symbol) or self.values is None:
            return isinstance(expression, Number)
        return bool(expression.place) or np.ndim(self.values[expression.key]) == 0


def is_parameter(symbol: Symbol) -> bool:
    """Say whether a quantity belongs to a parameter, not to the rows."""
    return symbol.letter[0] in "Wbmv" and symbol.mark != "loss_gradient"
