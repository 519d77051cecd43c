"""Conventions in which other documents write the same step, as changes to its equations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

from deltarule.explain.conventions import Conventions
from deltarule.explain.expressions import Expression, Quotient, Sum, Symbol, total_of
from deltarule.explain.notation import with_opposite_delta
from deltarule.explain.recipe import Recipe
from deltarule.explain.rewriting import doubled, halved
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

LARGEST = 3  # in how many ways a document may differ at once


class Difference(NamedTuple):
    """One way in which documents differ; of an aspect only one difference can hold."""

    aspect: str
    words: str
    change: Callable[[Recipe], Recipe]


class Convention(NamedTuple):
    """The step as another document writes it."""

    differences: tuple[str, ...]
    recipe: Recipe
    columns: bool

    @property
    def words(self) -> str:
        """What differs."""
        return ", ".join(self.differences)


def conventions(recipe: Recipe, chosen: Conventions) -> Iterator[Convention]:
    """Return all conventions in which something differs from the chosen ones, few differences first."""
    differences = list(_differences(recipe, chosen))
    for count in range(1, LARGEST + 1):
        for several in combinations(differences, count):
            aspects = {difference.aspect for difference in several}
            if len(aspects) == count:
                changed = recipe
                for difference in several:
                    changed = difference.change(changed)
                words = tuple(difference.words for difference in several)
                yield Convention(words, changed, "layout" in aspects)


def _differences(recipe: Recipe, chosen: Conventions) -> Iterator[Difference]:
    opposite = with_opposite_delta(recipe)
    yield Difference("sign", _sign_words(chosen), lambda _: opposite)  # the first: it needs all numbers
    other = {"rows": "columns", "columns": "rows"}[chosen.samples]
    yield Difference("layout", f"samples are {other}", lambda recipe: recipe)
    if is_squared(recipe):
        yield Difference("factor", "the squared error has half the factor", _each_error(halved))
        yield Difference("factor", "the squared error has twice the factor", _each_error(doubled))
    if _is_averaged(recipe):
        yield Difference("rows", "the rows are added up, not averaged", _each_line(not_averaged))
        yield Difference("rows", f"each delta is divided by {chosen.rows} already", _delta_of_the_mean)
    elif recipe.values["N"] != 1.0:
        yield Difference("rows", "the rows are averaged, not added up", _averaged)
    if averages_outputs(recipe):
        yield Difference("outputs", "the outputs are added up, not averaged", _each_line(not_over_outputs))
    elif outputs(recipe) > 1 and is_squared(recipe):
        yield Difference("outputs", "the outputs are averaged, not added up", _each_line(over_outputs_again))


def _sign_words(chosen: Conventions) -> str:
    y, y_hat = chosen.target, chosen.prediction
    if chosen.delta == "negative derivative":
        return f"the error is {y_hat} - {y} and the step is subtracted"
    if chosen.error == "target - prediction":
        return "δ is minus the derivative and the step is added"
    return f"the error is {y} - {y_hat} and the step is added"


def _each_error(factor: Callable[[Expression], Expression]) -> Callable[[Recipe], Recipe]:
    def change(recipe: Recipe) -> Recipe:
        keys = ("loss", error_line(recipe))
        return recipe.changed({key: factor(recipe.lines[key].equation) for key in keys})

    return change


def _each_line(mistake: Callable[..., Expression | None]) -> Callable[[Recipe], Recipe]:
    def change(recipe: Recipe) -> Recipe:
        found = {key: mistake(line, recipe) for key, line in recipe.lines.items()}
        return recipe.changed({key: equation for key, equation in found.items() if equation is not None})

    return change


def _is_averaged(recipe: Recipe) -> bool:
    return any("N" in reads for reads in recipe.reads.values())


def _averaged(recipe: Recipe) -> Recipe:
    """Divide J and the gradients, but not what the penalties add."""
    found: dict[str, Expression] = {}
    for key, line in recipe.lines.items():
        if key == "J" or line.symbol.mark == "gradient":
            total, *penalties = line.equation.terms if isinstance(line.equation, Sum) else [line.equation]
            found[key] = total_of([Quotient(total, Symbol("N", "N")), *penalties])
    return recipe.changed(found)


def _delta_of_the_mean(recipe: Recipe) -> Recipe:
    found = {key: not_averaged(line, recipe) for key, line in recipe.lines.items() if key != "J"}
    equations = {key: equation for key, equation in found.items() if equation is not None}
    delta = output_delta(recipe)
    equations[delta] = Quotient(recipe.lines[delta].equation, Symbol("N", "N"))
    return recipe.changed(equations)
