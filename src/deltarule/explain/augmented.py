"""Augmented weights: the bias as the first row of W, with an input that is always 1."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from deltarule.explain.expressions import (
    Expression,
    MatMul,
    Negative,
    Number,
    Part,
    Quotient,
    Stacked,
    Sum,
    Symbol,
    Total,
    Transpose,
    total_of,
)
from deltarule.explain.line import Line
from deltarule.explain.recipe import Recipe
from deltarule.explain.rewriting import rewrite

PARAMETER = re.compile(r"^(d|step_|[mv]_)?([Wb])(?=\d)")
"""How the keys of a parameter begin, and of its gradient, its step and what an optimizer remembers of it."""


def augmented(recipe: Recipe) -> Recipe:
    """Return the step with W and b of each layer, their gradients and so on, as one array each."""
    both = {key: _key_of("b", key) for key in recipe.values if _letter(key) == "W"}
    if "b1" not in recipe.values:
        return recipe
    values = {key: value for key, value in recipe.values.items() if _letter(key) != "b"}
    for W, b in both.items():
        values[W] = np.vstack([np.atleast_2d(recipe.values[b]), recipe.values[W]])
    lines = {}
    for key, line in recipe.lines.items():
        if key in both:
            lines[key] = _merged_line(line, recipe.lines[both[key]], values[key])
        elif _letter(key) != "b":
            lines[key] = replace(line, equation=rewrite(line.equation, _split))
    return Recipe(lines, values)


def _letter(key: str) -> str:
    found = PARAMETER.match(key)
    return found[2] if found else ""


def _key_of(letter: str, key: str) -> str:
    """The key of the same for W or for b."""
    return PARAMETER.sub(lambda found: (found[1] or "") + letter, key)


def _whole(symbol: Symbol) -> Symbol:
    """The augmented array, from the symbol of its weights or its biases; its rows count from 0."""
    if not _letter(symbol.key):
        return symbol
    letter = symbol.letter.replace("b", "W")
    return replace(symbol, key=_key_of("W", symbol.key), letter=letter, start=(0, 1))


def _split(node: Expression) -> Expression | None:
    """In the place of x W + b the augmented product; elsewhere W without its first row, and b as this row."""
    match node:
        case Sum((MatMul(x, Symbol(key) as W), Symbol(b), *others)) if b == _key_of("b", key):
            return total_of([MatMul(_with_ones(x), _whole(W)), *others])
        case Symbol(key) if _letter(key):
            return Part(_whole(node), 0, _letter(key) == "b")
    return None


def _with_ones(x: Expression) -> Expression:
    return Stacked((Number(1.0), x), 1)


# -- the lines of W and b as one -------------------------------------------------------------------------


def _merged_line(of_W: Line, of_b: Line, value: Any) -> Line:
    equation = _merged_sum(of_W.equation, of_b.equation)
    return replace(of_W, symbol=_whole(of_W.symbol), equation=equation, value=value)


def _merged_sum(of_W: Expression, of_b: Expression) -> Expression:
    """Term by term; what is added to the weights alone, as most penalties are, adds 0 to the biases."""
    left = list(of_W.terms if isinstance(of_W, Sum) else [of_W])
    right = list(of_b.terms if isinstance(of_b, Sum) else [of_b])
    if len(left) == len(right) == 1:
        return _merged(of_W, of_b)
    merged = [_merged(left[0], right.pop(0))]
    for term in left[1:]:
        if right and _same_for_bias(term) == right[0]:
            merged.append(_merged(term, right.pop(0)))
        else:
            merged.append(_for_weights_only(term))
    return Sum(tuple(merged)) if not right else _stacked(of_W, of_b)


def _for_weights_only(term: Expression) -> Expression:
    if isinstance(term, Negative):
        return Negative(_for_weights_only(term.of))
    return Stacked((Number(0.0), rewrite(term, _split)), 0)


def _stacked(of_W: Expression, of_b: Expression) -> Expression:
    return Stacked((rewrite(of_b, _split), rewrite(of_W, _split)), 0)


def _same_for_bias(term: Expression) -> Expression:
    return rewrite(term, lambda node: _of_bias(node) if isinstance(node, Symbol) else None)


def _of_bias(symbol: Symbol) -> Symbol:
    if _letter(symbol.key) != "W":
        return symbol
    return replace(symbol, key=_key_of("b", symbol.key), letter=symbol.letter.replace("W", "b"))


def _merged(of_W: Expression, of_b: Expression) -> Expression:
    """One expression for both; where they differ in more than W and b, one below the other."""
    match of_W, of_b:
        case MatMul(Transpose(x), delta), _ if of_b in (delta, Total(delta, 0)):
            return MatMul(Transpose(_with_ones(x)), delta)
        case Quotient(over, under), Quotient(over_b, under_b) if under == under_b:
            return Quotient(_merged(over, over_b), under)
    if _same_for_bias(of_W) == of_b:
        return rewrite(of_W, lambda node: _whole(node) if isinstance(node, Symbol) else None)
    return _stacked(of_W, of_b)
