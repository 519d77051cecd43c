"""Rewriting: an equation with a piece replaced or left out, and the quantities that it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from deltarule.explain.expressions import Expression, Negative, Product, Sum, Symbol, nodes_of, total_of

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


def _is(expression: Expression, key: str) -> bool:
    inside = expression.of if isinstance(expression, Negative) else expression
    return isinstance(inside, Symbol) and inside.key == key
