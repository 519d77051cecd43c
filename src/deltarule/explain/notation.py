"""Notation: a step rewritten in the conventions of a document, equations, numbers and letters alike.

What each convention is, and which documents have it, is in conventions.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from deltarule.explain.augmented import augmented
from deltarule.explain.conventions import Conventions
from deltarule.explain.expressions import (
    Expression,
    Negative,
    Number,
    Product,
    Sum,
    Symbol,
    is_opaque,
    nodes_of,
)
from deltarule.explain.line import Line
from deltarule.explain.reasons import Wording
from deltarule.explain.recipe import Recipe
from deltarule.explain.rewriting import columns, doubled, halved, rewrite, transposed, with_signs
from deltarule.explain.slips import error_line, is_squared

FIELDS: Mapping[str, str] = {
    "y": "target",
    "y_hat": "prediction",
    "dy_hat": "prediction",
    "eta": "learning_rate",
    "z": "pre_activation",
    "a": "activation",
    "da": "activation",
    "slope": "function",
    "J": "objective",
    "N": "rows",
}
"""Which field of the conventions names a quantity, by the beginning of its key."""


def in_numbers(recipe: Recipe, conventions: Conventions) -> Recipe:
    """Return the step with the factor and the signs of the conventions; arrays keep their layout."""
    loss_by, gradient_by = factors(recipe, conventions)
    recipe = _scaled(recipe, loss_by, gradient_by)
    if conventions.error == "target - prediction":
        recipe = _with_error_turned(recipe)
    if conventions.delta == "negative derivative":
        recipe = with_opposite_delta(recipe)
    return recipe


def in_layout(recipe: Recipe, conventions: Conventions) -> Recipe:
    """Return a step in the numbers of the conventions with the bias where they have it."""
    return augmented(recipe) if conventions.bias == "augmented" else recipe


def in_letters(recipe: Recipe, letters: Letters) -> Recipe:
    """Return a step in the layout of the conventions as it is shown: rows or columns, and its letters."""
    if not letters.conventions.differences:
        return recipe
    is_turned = letters.conventions.samples == "columns"

    def written(expression: Expression) -> Expression:
        return rewrite(transposed(expression) if is_turned else expression, letters.change)

    values = {key: columns(value) if is_turned else value for key, value in recipe.values.items()}
    lines = {
        key: replace(
            line,
            symbol=cast(Symbol, written(line.symbol)),
            equation=written(line.equation),
            value=values[key],
            computed_as=line.computed_as and written(line.computed_as),
            wording=letters.wording,
        )
        for key, line in recipe.lines.items()
    }
    return Recipe(lines, values)


# -- factor ----------------------------------------------------------------------------------------------


def factors(recipe: Recipe, conventions: Conventions) -> tuple[float, float]:
    """Return by what the loss and its derivatives are multiplied."""
    return wanted_factors(recipe, conventions) if follows_the_rate(recipe) else (1.0, 1.0)


def wanted_factors(recipe: Recipe, conventions: Conventions) -> tuple[float, float]:
    """Return the same for an optimizer whose step is proportional to the learning rate and the gradient."""
    if conventions.factor == "of the loss" or not _has_factor(recipe):
        return 1.0, 1.0
    loss, derivative = {"two": (1.0, 1.0), "half": (0.5, 0.5), "in the rate": (1.0, 0.5)}[conventions.factor]
    here = 1.0 if _has_two(recipe) else 0.5
    return loss / here, derivative / here


def _has_factor(recipe: Recipe) -> bool:
    """Say whether the loss is a squared error, whose factor differs from one document to another."""
    equations = [recipe.lines["loss"].equation, recipe.lines[error_line(recipe)].equation]
    return is_squared(recipe) and not any(map(is_opaque, equations))


def follows_the_rate(recipe: Recipe) -> bool:
    """Say whether the optimizer only multiplies gradients by the learning rate, and adds up."""
    updates = [line for line in recipe.lines.values() if line.part == "update"]
    means = {"beta_1", "rho"} & recipe.values.keys()
    return not means and not any(is_opaque(line.equation) for line in updates)


def _has_two(recipe: Recipe) -> bool:
    """Whether the derivative of the squared error has its 2."""
    nodes = nodes_of(recipe.lines[error_line(recipe)].equation)
    return any(isinstance(node, Product) and node.factors[0] == Number(2.0) for node in nodes)


def _scaled(recipe: Recipe, loss_by: float, gradient_by: float) -> Recipe:
    """Multiply the loss, its derivatives, and the learning rate, so that the step stays as it is."""
    if loss_by == gradient_by == 1.0:
        return recipe
    values = dict(recipe.values)
    for key in values:
        if key.startswith("eta"):
            values[key] = _times(values[key], 1.0 / gradient_by)
    lines = {}
    for key, line in recipe.lines.items():
        if line.part == "objective":
            lines[key] = _scaled_loss(line, loss_by)
        elif line.part == "backward" and line.symbol.mark != "slope":
            lines[key] = _scaled_derivative(line, gradient_by, key == error_line(recipe))
        else:
            lines[key] = line
        values[key] = lines[key].value
    return Recipe(lines, values)


def _scaled_loss(line: Line, by: float) -> Line:
    value = _times(line.value, by)
    if line.key == "J":
        return replace(line, value=value)
    # the name of the loss speaks of its factor
    is_loss = line.key == "loss" and by != 1.0
    reason = line.reason._replace(subject="squared error") if is_loss else line.reason
    return replace(line, equation=_equation_times(line.equation, by), value=value, reason=reason)


def _scaled_derivative(line: Line, by: float, is_first: bool) -> Line:
    """The factor is in the first derivative, from which the others follow, and in those of the penalties."""
    equation = line.equation
    if is_first:
        equation = _equation_times(equation, by)
    elif line.symbol.mark == "gradient" and isinstance(equation, Sum):
        mean, *penalties = equation.terms
        equation = Sum((mean, *(_equation_times(each, by) for each in penalties)))
    return replace(line, equation=equation, value=_times(line.value, by))


def _times(value: Any, by: float) -> Any:
    """Multiply by 2, 1 or 1/2, which also keeps fractions exact."""
    return value / 2 if by == 0.5 else value * 2 if by == 2.0 else value


def _equation_times(equation: Expression, by: float) -> Expression:
    return halved(equation) if by == 0.5 else doubled(equation) if by == 2.0 else equation


# -- signs -----------------------------------------------------------------------------------------------


def _with_error_turned(recipe: Recipe) -> Recipe:
    """Write -(y - ŷ) for ŷ - y; no number changes."""
    return recipe.rewritten(
        {key: with_signs(line.equation, _turned_error) for key, line in recipe.lines.items()}
    )


def _turned_error(node: Expression) -> tuple[bool, Expression] | None:
    match node:
        case Sum((Symbol("y_hat") as y_hat, Negative(Symbol("y") as y))):
            return True, Sum((y, Negative(y_hat)))
    return None


def with_opposite_delta(recipe: Recipe) -> Recipe:
    """Return the step with minus the derivatives in their place, which are then added."""
    read = [node for line in recipe.lines.values() for node in nodes_of(line.equation)]
    symbols = [*(line.symbol for line in recipe.lines.values()), *read]
    changed = {node.key for node in symbols if isinstance(node, Symbol) and _changes_sign(node)}
    values = {key: 0 - value if key in changed else value for key, value in recipe.values.items()}
    lines = {}
    for key, line in recipe.lines.items():
        equation = _opposite(line.equation, key in changed)
        computed_as = line.computed_as and _opposite(line.computed_as, key in changed)
        lines[key] = replace(line, equation=equation, computed_as=computed_as, value=values[key])
    return Recipe(lines, values)


def _opposite(equation: Expression, changes: bool) -> Expression:
    return with_signs(Negative(equation) if changes else equation, _opposite_sign)


def _opposite_sign(node: Expression) -> tuple[bool, Expression] | None:
    return (True, node) if isinstance(node, Symbol) and _changes_sign(node) else None


def _changes_sign(symbol: Symbol) -> bool:
    """Derivatives by anything, δ, and the running mean of the gradient."""
    return (
        symbol.mark in ("gradient", "loss_gradient") or symbol.letter == "δ" or symbol.letter.startswith("m_")
    )


# -- letters ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Letters:
    """How the conventions write the quantities of one step.

    Arguments:
        conventions: the conventions.
        last: the number of layers.
        scale: what stands in the place of ∂J/∂W, as a multiple of it.
    """

    conventions: Conventions
    last: int
    scale: float

    def symbol(self, symbol: Symbol) -> Symbol:
        """Return a symbol of the library with its letters, the number of its layer, and its scale."""
        stem = symbol.key if symbol.key in FIELDS else symbol.key.rstrip("0123456789")
        letter = getattr(self.conventions, FIELDS[stem]) if stem in FIELDS else symbol.letter
        is_activation = letter == self.conventions.activation and FIELDS.get(stem) == "prediction"
        layer = self.last if is_activation else symbol.layer
        others = {"gradient": self.conventions.objective, "slope": self.conventions.pre_activation}
        return replace(
            symbol,
            letter=letter,
            layer=None if layer is None else layer + self.conventions.input_layer,
            other=others.get(symbol.mark, ""),
            scale=self.scale if symbol.mark in ("gradient", "loss_gradient") else 1.0,
        )

    def change(self, node: Expression) -> Expression | None:
        """The same as a change of an expression."""
        return self.symbol(node) if isinstance(node, Symbol) else None

    @property
    def wording(self) -> Wording:
        """What the sentences of the lines name as these conventions do."""
        chosen, negative = self.conventions, self.conventions.delta == "negative derivative"
        return Wording(
            chosen.input_layer,
            chosen.pre_activation,
            chosen.learning_rate,
            "target minus prediction" if negative else "prediction minus target",
            "falls" if negative else "changes",
            "minus the gradient" if negative else "the gradient",
            "row" if chosen.samples == "rows" else "sample",
        )


def letters_of(recipe: Recipe, conventions: Conventions) -> Letters:
    """Return how the conventions write a step of this library."""
    loss_by, gradient_by = factors(recipe, conventions)
    sign = -1.0 if conventions.delta == "negative derivative" else 1.0
    return Letters(conventions, last_layer(recipe), sign * gradient_by / loss_by)


def last_layer(recipe: Recipe) -> int:
    """Return the number of layers."""
    return sum(key.startswith("z") for key in recipe.lines)
