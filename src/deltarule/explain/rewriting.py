"""Rewriting: an equation with a piece replaced or left out, its sign or factor changed, or transposed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

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
    nodes_of,
    total_of,
)

Change: TypeAlias = Callable[[Expression], Expression | None]
"""What takes the place of a node; None keeps the node and looks inside it."""


def rewrite(expression: Expression, change: Change) -> Expression:
    """Return the expression with every piece replaced that the change knows."""
    new = change(expression)
    if new is not None:
        return new
    parts = {name: _rewritten(part, change) for name, part in vars(expression).items()}
    return type(expression)(**parts)


def _rewritten(part: Any, change: Change) -> Any:
    if isinstance(part, tuple):
        return tuple(_rewritten(each, change) for each in part)
    return rewrite(part, change) if isinstance(part, Expression) else part


def keys_of(expression: Expression) -> set[str]:
    """Return the keys of all quantities that an equation reads."""
    return {node.key for node in nodes_of(expression) if isinstance(node, Symbol)}


def put(expression: Expression, key: str, new: Expression) -> Expression:
    """Return the equation with a quantity replaced."""
    return rewrite(expression, lambda node: new if isinstance(node, Symbol) and node.key == key else None)


def leave_out(expression: Expression, key: str) -> Expression:
    """Return the equation without a quantity that is a term of a sum or a factor of a product."""

    def change(node: Expression) -> Expression | None:
        if isinstance(node, Sum):
            rest = [term for term in node.terms if not _is(term, key)]
            if 0 < len(rest) < len(node.terms):
                return rewrite(total_of(rest), change)
        if isinstance(node, Product):
            factors = tuple(factor for factor in node.factors if not _is(factor, key))
            if 0 < len(factors) < len(node.factors):
                rest_ = factors[0] if len(factors) == 1 else Product(factors, node.sign)
                return rewrite(rest_, change)
        return None

    return rewrite(expression, change)


def without_term(expression: Expression, key: str) -> Expression:
    """Return the equation without a quantity that is a term of the whole sum: what is added to it."""
    if not isinstance(expression, Sum):
        return expression
    rest = [term for term in expression.terms if not _is(term, key)]
    return total_of(rest) if rest else expression


def _is(expression: Expression, key: str) -> bool:
    inside = expression.of if isinstance(expression, Negative) else expression
    return isinstance(inside, Symbol) and inside.key == key


def without_ones(expression: Expression) -> Expression:
    """Return an equation with x Ŵ in the place of [1, x] W, where Ŵ is W without its row of biases."""

    def change(node: Expression) -> Expression | None:
        match node:
            case MatMul(Stacked((Number(1.0), x), axis=1), Symbol() as W):
                return MatMul(x, Part(W, 0, first=False))
        return None

    return rewrite(expression, change)


# -- factors ---------------------------------------------------------------------------------------------


def halved(expression: Expression) -> Expression:
    """Return half of it, without a 2 where there is one to cancel: 2 (ŷ - y) becomes ŷ - y."""
    match expression:
        case Negative(of):
            return Negative(halved(of))
        case Product((Number(2.0), factor)):
            return factor
        case Product((Number(2.0), *factors), sign):
            return Product(tuple(factors), sign)
        case Product((first, *others), sign) if halved(others[-1]) != Quotient(others[-1], Number(2.0)):
            return Product((first, *others[:-1], halved(others[-1])), sign)
        case Quotient(over, Number(number)):
            inside = halved(over)
            cancelled = inside != Quotient(over, Number(2.0))
            return Quotient(inside, Number(number)) if cancelled else Quotient(over, Number(2.0 * number))
    return Quotient(expression, Number(2.0))


def doubled(expression: Expression) -> Expression:
    """Return twice as much, without a division by 2 where there is one to cancel."""
    match expression:
        case Negative(of):
            return Negative(doubled(of))
        case Quotient(over, Number(number)) if number % 2.0 == 0.0:
            return over if number == 2.0 else Quotient(over, Number(number / 2.0))
    return Product((Number(2.0), expression))


# -- signs -----------------------------------------------------------------------------------------------

Sign: TypeAlias = Callable[[Expression], "tuple[bool, Expression] | None"]
"""Says what a node is when its sign is known: whether it is negative, and what is negative there."""


def with_signs(expression: Expression, sign: Sign) -> Expression:
    """Return the equation with the signs that are known pulled to the front, where they cancel."""
    negative, inside = _pulled(expression, sign)
    return Negative(inside) if negative else inside


def _pulled(expression: Expression, sign: Sign) -> tuple[bool, Expression]:
    """Whether a minus can be pulled out, and what remains."""
    return sign(expression) or _pulled_from(expression, sign)


def _pulled_from(expression: Expression, sign: Sign) -> tuple[bool, Expression]:
    match expression:
        case Sum(terms):
            pulled = [_pulled(term, sign) for term in terms]
            first = pulled[0][0]
            return first, Sum(tuple(Negative(of) if minus != first else of for minus, of in pulled))
        case Power(base, exponent):
            minus, of = _pulled(base, sign)
            return minus and exponent % 2 == 1, Power(of, exponent)
        case Apply(name, of) if name in ("abs", "sign"):
            minus, inside = _pulled(of, sign)
            return minus and name == "sign", replace(expression, of=inside)
        case Apply(_, of):
            return False, replace(expression, of=with_signs(of, sign))
        case Stacked(blocks, axis):
            return False, Stacked(tuple(with_signs(block, sign) for block in blocks), axis)
    return _factors_pulled(expression, sign)


def _factors_pulled(expression: Expression, sign: Sign) -> tuple[bool, Expression]:
    """What is linear in each of its parts: products, quotients, transposes, totals, and minus itself."""
    negative, parts = isinstance(expression, Negative), dict(vars(expression))
    for name, part in parts.items():
        several = part if isinstance(part, tuple) else (part,)
        if isinstance(expression, Symbol) or not all(isinstance(each, Expression) for each in several):
            continue
        pulled = [_pulled(each, sign) for each in several]
        negative ^= sum(minus for minus, _ in pulled) % 2 == 1
        new = tuple(of for _, of in pulled)
        parts[name] = new if isinstance(part, tuple) else new[0]
    return negative, parts["of"] if isinstance(expression, Negative) else type(expression)(**parts)


# -- rows and columns ------------------------------------------------------------------------------------


def transposed(expression: Expression) -> Expression:
    """Return the transposed equation over symbols that stand for the transposed arrays."""
    return rewrite(expression, _transpose)


def _transpose(node: Expression) -> Expression | None:
    match node:
        case Symbol():
            return replace(node, start=node.start[::-1])
        case MatMul(left, right):
            return MatMul(transposed(right), transposed(left))
        case Total() | Stacked() | Part():
            parts = {name: _rewritten(part, _transpose) for name, part in vars(node).items()}
            return type(node)(**parts | {"axis": 1 - node.axis})
        case Apply(name, of, function) if function is not None:
            return Apply(name, transposed(of), lambda values: columns(function(columns(values))))
    return None


def columns(values: Any) -> Any:
    """Return the transpose; a vector becomes a column, a number stays one."""
    return np.atleast_2d(values).T if np.ndim(values) else values
