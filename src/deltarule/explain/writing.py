"""Writing expressions: what all renderings have in common — order, parentheses, numbers for symbols."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    Part,
    Power,
    Product,
    Quotient,
    Stacked,
    Sum,
    Symbol,
    Total,
    Transpose,
    Values,
)

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
"""How tightly an expression holds together; what holds less than its surroundings gets parentheses."""


SETTINGS = ("N", "eta", "mu", "lambda", "epsilon", "beta", "rho", "decay")
"""How the keys of numbers begin that are given, not computed."""
HAT = "\u0302"
SECOND_LETTERS = {"gradient": "J", "loss_gradient": "ℓ", "slope": "z"}


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
    """A writer, the digits it writes, the number of rows of the batch, and whether these are columns.

    Arguments:
        decimals: digits after the point; None for six significant ones.
        values: numbers to write in the place of symbols; None leaves the symbols.
    """

    writer: Writer
    rows: int
    decimals: int | None = None
    values: Values | None = None
    columns: bool = False

    def with_numbers(self, values: Values) -> Page:
        """The same page, with numbers in the place of symbols."""
        return replace(self, values=values)

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
        """Write a symbol; of its entry, the row of the data is left out where there is only one."""
        if symbol.scale != 1.0:
            return self.write(_without_scale(symbol))
        starts = symbol.start[2 - len(symbol.place) :]
        indices = [place + start for place, start in zip(symbol.place, starts, strict=True)]
        is_single = self.columns if is_bias(symbol) else self.rows == 1 and not is_parameter(symbol)
        if len(indices) == 2 and is_single:
            del indices[1 if self.columns else 0]
        return self.writer.symbol(symbol, indices)

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
                over_rows = (axis == 0) != self.columns
                return writer.total("r" if over_rows else "k", self.write(of, PRODUCT)), PRODUCT
            case Stacked() | Part():
                return self._block(expression), ATOM
        raise TypeError(f"not an expression: {expression!r}")

    def _block(self, expression: Stacked | Part) -> str:
        """Blocks side by side; all but the first row has a hat, the first row is number 0."""
        if self.values is not None:
            return self.array(expression.evaluate(self.values))
        if isinstance(expression, Stacked):
            blocks = [self.write(block) for block in expression.blocks]
            return self.writer.array([blocks] if expression.axis == 1 else [[block] for block in blocks])
        if expression.first:
            return self.writer.symbol(expression.of, [0])
        return self.symbol(with_hat(expression.of))

    def _quotient(self, quotient: Quotient) -> str:
        over, under = (PRODUCT, ATOM) if self.writer.fraction_strength == PRODUCT else (0, 0)
        return self.writer.fraction(self.write(quotient.over, over), self.write(quotient.under, under))

    def _base(self, base: Expression) -> str:
        """What is raised to a power; a layer's number is no exponent."""
        text = self.write(base, ATOM)
        symbol = base.of if isinstance(base, Part) else base
        if not isinstance(symbol, Symbol) or symbol.scale != 1.0:
            return text
        layered = symbol.layer is not None and self.values is None
        return self.writer.parentheses(text) if layered else text

    def _number(self, text: str) -> tuple[str, int]:
        strength = SUM if text.startswith("-") else PRODUCT if "/" in text else ATOM
        return self.writer.number(text), strength

    def _symbol(self, symbol: Symbol) -> tuple[str, int]:
        if self.values is None:
            return (self.symbol(symbol), ATOM) if symbol.scale == 1.0 else self._write(_without_scale(symbol))
        value = np.asarray(self.values[symbol.key])
        if stem_of(symbol) in SETTINGS:
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


def stem_of(symbol: Symbol) -> str:
    """Return the beginning of a key: without what follows the first _, and the layer."""
    return symbol.key.split("_")[0].rstrip("0123456789")


def is_parameter(symbol: Symbol) -> bool:
    """Say whether a quantity belongs to a parameter, not to the rows."""
    return re.match(r"(d|step_|[mv]_)?[Wb]\d", symbol.key) is not None


def is_bias(symbol: Symbol) -> bool:
    """Say whether a quantity belongs to a bias."""
    return re.match(r"(d|step_|[mv]_)?b\d", symbol.key) is not None


def with_hat(symbol: Symbol) -> Symbol:
    """The symbol of a matrix without its row of biases."""
    return replace(symbol, letter=symbol.letter + HAT)


def parts_of(symbol: Symbol) -> tuple[str, str, str]:
    """Return a symbol's letter, what hangs below it, as in v_W, and the hat of either mark or letter."""
    head, _, below = symbol.letter.partition("_")
    plain = unicodedata.normalize("NFD", head).removesuffix(HAT)
    hat = HAT if symbol.mark == "hat" or plain != unicodedata.normalize("NFD", head) else ""
    return plain, below, hat


def second_letter(symbol: Symbol) -> str:
    """The J of ∂J/∂W, the z of φ′(z)."""
    return symbol.other or SECOND_LETTERS[symbol.mark]


def _without_scale(symbol: Symbol) -> Expression:
    """The symbol with the number in front that it stands for: -∂J/∂W."""
    plain = replace(symbol, scale=1.0)
    size = abs(symbol.scale)
    scaled = plain if size == 1.0 else Product((Number(size), plain))
    return Negative(scaled) if symbol.scale < 0 else scaled
