"""Conventions in which other documents write the same step, as changes to its equations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple, TypeAlias

from deltarule.explain.expressions import (
    Expression,
    Negative,
    Number,
    Product,
    Quotient,
    Sum,
    Symbol,
    total_of,
)
from deltarule.explain.recipe import Recipe
from deltarule.explain.slips import (
    averages_outputs,
    error_line,
    is_squared,
    not_averaged,
    not_over_outputs,
    output_delta,
    outputs,
    over_outputs_again,
)

Equations: TypeAlias = Mapping[str, Expression]
LARGEST = 3  # in how many ways a document may differ at once


class Difference(NamedTuple):
    """One way in which documents differ; of an aspect only one difference can hold."""

    aspect: str
    words: str
    change: Callable[[Recipe], Equations]


class Convention(NamedTuple):
    """The step as another document writes it."""

    differences: tuple[str, ...]
    recipe: Recipe
    columns: bool

    @property
    def words(self) -> str:
        """What differs."""
        return ", ".join(self.differences)


def conventions(recipe: Recipe) -> Iterator[Convention]:
    """Return all conventions in which something differs, those with few differences first."""
    differences = list(_differences(recipe))
    for count in range(1, LARGEST + 1):
        for chosen in combinations(differences, count):
            aspects = {difference.aspect for difference in chosen}
            if len(aspects) == count:
                equations: dict[str, Expression] = {}
                for difference in chosen:
                    equations |= difference.change(recipe.rewritten(equations))
                words = tuple(difference.words for difference in chosen)
                yield Convention(words, recipe.changed(equations), "layout" in aspects)


def _differences(recipe: Recipe) -> Iterator[Difference]:
    yield Difference("sign", "the error is y - ŷ and the step is added", _error_sign)
    yield Difference("layout", "samples are columns", lambda recipe: {})
    if is_squared(recipe):
        yield Difference("factor", "the squared error has half the factor", _half)
        yield Difference("factor", "the squared error has twice the factor", _twice)
    if _is_averaged(recipe):
        yield Difference("rows", "the rows are added up, not averaged", _summed)
        yield Difference("rows", "each delta is divided by N already", _delta_of_the_mean)
    elif recipe.values["N"] != 1.0:
        yield Difference("rows", "the rows are averaged, not added up", _averaged)
    if averages_outputs(recipe):
        yield Difference("outputs", "the outputs are added up, not averaged", _each_error(not_over_outputs))
    elif outputs(recipe) > 1 and is_squared(recipe):
        yield Difference("outputs", "the outputs are averaged, not added up", _each_error(over_outputs_again))


def _error_sign(recipe: Recipe) -> Equations:
    """Minus the gradient all the way, which is then added."""
    found: dict[str, Expression] = {error_line(recipe): Negative(recipe.lines[error_line(recipe)].equation)}
    for key, line in recipe.lines.items():
        if line.symbol.mark == "gradient" and isinstance(line.equation, Sum):
            mean, *slopes = line.equation.terms
            found[key] = Sum((mean, *(Negative(slope) for slope in slopes)))
        if key.startswith("step_"):
            found[key] = Negative(line.equation)
    return found


def _half(recipe: Recipe) -> Equations:
    return {key: Quotient(recipe.lines[key].equation, Number(2.0)) for key in ("loss", error_line(recipe))}


def _twice(recipe: Recipe) -> Equations:
    return {key: Product((Number(2.0), recipe.lines[key].equation)) for key in ("loss", error_line(recipe))}


def _each_error(mistake: Callable[..., Expression | None]) -> Callable[[Recipe], Equations]:
    def change(recipe: Recipe) -> Equations:
        found = {key: mistake(recipe.lines[key], recipe) for key in ("loss", error_line(recipe))}
        return {key: equation for key, equation in found.items() if equation is not None}

    return change


def _is_averaged(recipe: Recipe) -> bool:
    return any("N" in reads for reads in recipe.reads.values())


def _summed(recipe: Recipe) -> Equations:
    found = {key: not_averaged(line, recipe) for key, line in recipe.lines.items()}
    return {key: equation for key, equation in found.items() if equation is not None}


def _averaged(recipe: Recipe) -> Equations:
    """Divide J and the gradients, but not what the penalties add."""
    found: dict[str, Expression] = {}
    for key, line in recipe.lines.items():
        if key == "J" or line.symbol.mark == "gradient":
            total, *penalties = line.equation.terms if isinstance(line.equation, Sum) else [line.equation]
            found[key] = total_of([Quotient(total, Symbol("N", "N")), *penalties])
    return found


def _delta_of_the_mean(recipe: Recipe) -> Equations:
    equations = {key: each for key, each in _summed(recipe).items() if key != "J"}
    delta = output_delta(recipe)
    return equations | {delta: Quotient(recipe.lines[delta].equation, Symbol("N", "N"))}
