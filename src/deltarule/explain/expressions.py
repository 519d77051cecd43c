"""Expressions: an equation over whole arrays, its scalar entries, and its value.

Every rendering, the spreadsheet and the answer check read the same tree; nothing is written down twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from scipy.special import ndtr, xlogy

Values: TypeAlias = Mapping[str, Any]
"""The array or number that each symbol stands for, by key."""
At: TypeAlias = tuple[int, int]
"""A row and a column, from 0."""

FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "ln": np.log,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sign": lambda x: np.sign(x) + 0 * x,  # a fraction stays one
    "positive": lambda z: np.maximum(z, 0),
    "negative": lambda z: np.minimum(z, 0),
    "step": lambda z: (np.asarray(z) > 0) + 0 * z,
    "normal_cdf": ndtr,
    "x_ln_x": lambda x: xlogy(x, x),
}
"""Functions that every rendering knows by name; ``positive`` is max(0, z), ``step`` is [z > 0]."""


class Expression(ABC):
    """A node of the tree."""

    @abstractmethod
    def evaluate(self, values: Values) -> Any:
        """Return what it is worth; any numbers will do that can be added and multiplied."""

    @abstractmethod
    def entry(self, at: At, values: Values) -> Expression:
        """Return the scalar expression of one entry, every sum written out; axes of length 1 repeat."""


@dataclass(frozen=True)
class Number(Expression):
    """A number of the equation itself, such as the 2 of 2 (ŷ - y)."""

    number: float

    def evaluate(self, values: Values) -> Any:
        return int(self.number) if float(self.number).is_integer() else self.number

    def entry(self, at: At, values: Values) -> Expression:
        return self


@dataclass(frozen=True)
class Symbol(Expression):
    """A quantity: its key among the values, its letter, its layer (from 1), a mark and its entry (from 0).

    Marks: "hat", "gradient" for ∂J/∂, "loss_gradient" for ∂ℓ/∂, "slope" for φ′(z), "step" for Δ, "new" and
    "old". ``other`` is the second letter that a mark may need, the J of ∂J/∂W; ``scale`` is written in front,
    as in -∂J/∂W; ``start`` are the numbers of the first row and column.
    """

    key: str
    letter: str
    layer: int | None = None
    mark: str = ""
    place: tuple[int, ...] = ()
    other: str = ""
    scale: float = 1.0
    start: At = (1, 1)

    def evaluate(self, values: Values) -> Any:
        return np.asarray(values[self.key])[self.place] if self.place else values[self.key]

    def entry(self, at: At, values: Values) -> Symbol:
        shape = np.shape(values[self.key])
        places = zip(shape, at[2 - len(shape) :], strict=True)
        return replace(self, place=tuple(0 if length == 1 else place for length, place in places))


@dataclass(frozen=True)
class Sum(Expression):
    """a + b + ...; a negative term is subtracted."""

    terms: tuple[Expression, ...]

    def evaluate(self, values: Values) -> Any:
        first, *others = (term.evaluate(values) for term in self.terms)
        return sum(others, first)

    def entry(self, at: At, values: Values) -> Expression:
        return Sum(tuple(term.entry(at, values) for term in self.terms))


@dataclass(frozen=True)
class Negative(Expression):
    """-a."""

    of: Expression

    def evaluate(self, values: Values) -> Any:
        return -self.of.evaluate(values)

    def entry(self, at: At, values: Values) -> Expression:
        return Negative(self.of.entry(at, values))


@dataclass(frozen=True)
class Product(Expression):
    """a b ..., entry by entry; a row, a column or a number is repeated."""

    factors: tuple[Expression, ...]
    sign: str = ""  # what stands between them: "", "⊙" between arrays, "·" between numbers

    def evaluate(self, values: Values) -> Any:
        result, *others = (factor.evaluate(values) for factor in self.factors)
        for other in others:
            result = result * other
        return result

    def entry(self, at: At, values: Values) -> Expression:
        return Product(tuple(factor.entry(at, values) for factor in self.factors), "·")


@dataclass(frozen=True)
class MatMul(Expression):
    """a @ b."""

    left: Expression
    right: Expression

    def evaluate(self, values: Values) -> Any:
        return self.left.evaluate(values) @ self.right.evaluate(values)

    def entry(self, at: At, values: Values) -> Expression:
        row, column = at
        inner = np.shape(self.left.evaluate(values))[1]
        return total_of(
            [
                Product((self.left.entry((row, m), values), self.right.entry((m, column), values)), "·")
                for m in range(inner)
            ]
        )


@dataclass(frozen=True)
class Transpose(Expression):
    """aᵀ."""

    of: Expression

    def evaluate(self, values: Values) -> Any:
        return np.transpose(self.of.evaluate(values))

    def entry(self, at: At, values: Values) -> Expression:
        return self.of.entry((at[1], at[0]), values)


@dataclass(frozen=True)
class Quotient(Expression):
    """a / b, entry by entry."""

    over: Expression
    under: Expression

    def evaluate(self, values: Values) -> Any:
        return self.over.evaluate(values) / self.under.evaluate(values)

    def entry(self, at: At, values: Values) -> Expression:
        return Quotient(self.over.entry(at, values), self.under.entry(at, values))


@dataclass(frozen=True)
class Power(Expression):
    """a to a whole power, entry by entry."""

    base: Expression
    exponent: int

    def evaluate(self, values: Values) -> Any:
        return self.base.evaluate(values) ** self.exponent

    def entry(self, at: At, values: Values) -> Expression:
        return Power(self.base.entry(at, values), self.exponent)


@dataclass(frozen=True)
class Apply(Expression):
    """A function of one variable, entry by entry; ``function`` computes it where the name is not enough."""

    name: str
    of: Expression
    function: Callable[[Any], Any] | None = None

    def evaluate(self, values: Values) -> Any:
        return (self.function or FUNCTIONS[self.name])(self.of.evaluate(values))

    def entry(self, at: At, values: Values) -> Expression:
        return Apply(self.name, self.of.entry(at, values), self.function)


@dataclass(frozen=True)
class Total(Expression):
    """Σ over an axis, which stays with length 1: 0 over rows, 1 over columns."""

    of: Expression
    axis: int

    def evaluate(self, values: Values) -> Any:
        return np.sum(np.atleast_2d(self.of.evaluate(values)), axis=self.axis, keepdims=True)

    def entry(self, at: At, values: Values) -> Expression:
        row, column = at
        count = np.atleast_2d(self.of.evaluate(values)).shape[self.axis]
        ats = [(m, column) if self.axis == 0 else (row, m) for m in range(count)]
        return total_of([self.of.entry(each, values) for each in ats])


@dataclass(frozen=True)
class Stacked(Expression):
    """Blocks below one another (axis 0) or side by side (axis 1); a number is repeated."""

    blocks: tuple[Expression, ...]
    axis: int

    def evaluate(self, values: Values) -> Any:
        arrays = [np.atleast_2d(block.evaluate(values)) for block in self.blocks]
        length = max(array.shape[1 - self.axis] for array in arrays)
        dtype = np.result_type(
            *(a for a, block in zip(arrays, self.blocks, strict=True) if not isinstance(block, Number))
        )
        sizes = [array.shape[self.axis] for array in arrays]
        shapes = [(size, length) if self.axis == 0 else (length, size) for size in sizes]
        repeated = [np.broadcast_to(a, shape).astype(dtype) for a, shape in zip(arrays, shapes, strict=True)]
        return np.concatenate(repeated, self.axis)

    def entry(self, at: At, values: Values) -> Expression:
        place = at[self.axis]
        for block in self.blocks[:-1]:
            size = np.atleast_2d(block.evaluate(values)).shape[self.axis]
            if place < size:
                return block.entry(_moved(at, self.axis, place), values)
            place -= size
        return self.blocks[-1].entry(_moved(at, self.axis, place), values)


@dataclass(frozen=True)
class Part(Expression):
    """The first row (axis 0) or column (axis 1), or all but the first."""

    of: Symbol
    axis: int
    first: bool

    def evaluate(self, values: Values) -> Any:
        cut = slice(0, 1) if self.first else slice(1, None)
        return self.of.evaluate(values)[(slice(None),) * self.axis + (cut,)]

    def entry(self, at: At, values: Values) -> Expression:
        return self.of.entry(_moved(at, self.axis, 0 if self.first else at[self.axis] + 1), values)


def _moved(at: At, axis: int, place: int) -> At:
    return (place, at[1]) if axis == 0 else (at[0], place)


def nodes_of(expression: Expression) -> Iterator[Expression]:
    """Return the expression and all that it is made of."""
    yield expression
    for part in vars(expression).values():
        for each in part if isinstance(part, tuple) else (part,):
            if isinstance(each, Expression):
                yield from nodes_of(each)


def is_opaque(expression: Expression) -> bool:
    """Say whether only a function of the caller's own knows the value; it wants whole arrays."""
    return isinstance(expression, Apply) and expression.function is not None


def total_of(terms: Sequence[Expression]) -> Expression:
    """Return their sum, or the one there is."""
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))
