"""Recipe: the equations of a step, which can be worked out again with one of them changed.

A change is worked through all that depends on it, and through nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from deltarule.core.arrays import Array
from deltarule.explain.expressions import Expression, Sum, Values
from deltarule.explain.line import Line
from deltarule.explain.reasons import Reason
from deltarule.explain.rewriting import keys_of, without_term

MOVES = Reason("The parameter moves by its step.")

Finish: TypeAlias = Callable[[str, Any], Any]
"""What is done with a quantity as soon as it is computed; given its key and value."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """Lines by key in the order of the step, and the numbers they start from.

    Attributes:
        lines: the lines.
        values: the value of every symbol.
    """

    lines: Mapping[str, Line]
    values: Values
    _families: dict[str, frozenset[str]] = field(default_factory=dict, init=False)

    @cached_property
    def reads(self) -> dict[str, set[str]]:
        """What each line reads."""
        return {key: keys_of(line.equation) for key, line in self.lines.items()}

    def before(self, key: str) -> frozenset[str]:
        """A quantity and all that it is computed from."""
        if key not in self._families:
            found = [self.before(each) for each in self.reads.get(key, ())]
            self._families[key] = frozenset({key}).union(*found)
        return self._families[key]

    def after(self, keys: Iterable[str]) -> set[str]:
        """The quantities and all that is computed from one of them."""
        chosen = set(keys)
        return {key for key in self.lines if not chosen.isdisjoint(self.before(key))}

    def rewritten(self, equations: Mapping[str, Expression]) -> Recipe:
        """The same step with other equations, and the values of these."""
        lines = dict(self.lines)
        for key, equation in equations.items():
            lines[key] = replace(lines[key], equation=equation)
        return Recipe(lines, self.values)

    def changed(self, equations: Mapping[str, Expression]) -> Recipe:
        """The same step with other equations, and the values that follow from them."""
        return replace(self.rewritten(equations), values=Rerun(self, equations))


class Rerun(dict[str, Any]):
    """The values of a recipe with equations changed or numbers pinned; each is computed when it is asked for.

    Arguments:
        recipe: the step.
        equations: what takes the place of the equations of some lines.
        pinned: numbers that are taken as given.
        finish: what is done with each quantity, and then everything is computed anew.
    """

    def __init__(
        self,
        recipe: Recipe,
        equations: Mapping[str, Expression],
        pinned: Mapping[str, Array] | None = None,
        finish: Finish | None = None,
    ) -> None:
        super().__init__(pinned or {})
        self.recipe, self.equations, self.finish = recipe, equations, finish
        self.reached = set(recipe.lines) if finish else recipe.after([*equations, *self])

    def __missing__(self, key: str) -> Any:
        value = self.recipe.values[key]
        if key in self.reached:
            value = self.fresh(key)
            value = self.finish(key, value) if self.finish else value
        self[key] = value
        return value

    def fresh(self, key: str) -> Array:
        """Compute one quantity from the values of those before it, even where it is pinned."""
        equation = self.equations.get(key) or self.recipe.lines[key].equation
        shape = np.shape(self.recipe.values[key])
        with np.errstate(all="ignore"):
            value = np.asarray(equation.evaluate(self), dtype=np.float64)
        return value.reshape(shape) if value.size == np.prod(shape) else np.broadcast_to(value, shape)


def with_steps(recipe: Recipe) -> Recipe:
    """Return the recipe with what is added to every parameter as a line of its own: ``step_W1``."""
    found: dict[str, Line] = {}
    known = dict(recipe.values)
    for line in recipe.lines.values():
        parameter = line.key.removesuffix("_after")
        step = replace(line.symbol, key=f"step_{parameter}", mark="step")
        equation = without_term(line.equation, parameter)
        if line.symbol.mark != "new" or equation == line.equation:
            found[line.key] = line
            continue
        known[step.key] = np.asarray(equation.evaluate(known)).reshape(np.shape(line.value))
        found[step.key] = replace(
            line, key=step.key, symbol=step, equation=equation, value=known[step.key], also=()
        )
        start = replace(line.symbol, key=parameter, mark="")
        found[line.key] = replace(line, equation=Sum((start, step)), reason=MOVES)
    return Recipe(found, known)
