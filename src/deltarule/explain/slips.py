"""Slips: what goes wrong by hand, each as an equation in the place of the right one.

A slip is computed, never guessed: the step is worked out again with it, and the numbers are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from deltarule.explain.expressions import (
    Expression,
    MatMul,
    Negative,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    Transpose,
    nodes_of,
)
from deltarule.explain.formulas import ONE, SLOPES, VALUES, hadamard
from deltarule.explain.line import Line
from deltarule.explain.recipe import Recipe, Rerun
from deltarule.explain.rewriting import keys_of, leave_out, put, rewrite, without_ones

Mistake: TypeAlias = Callable[[Line, Recipe], "Expression | Mapping[str, Expression] | None"]
"""From a line to the equation with the slip, or to several by key; None where it cannot happen."""


class Kind(NamedTuple):
    """A kind of slip: its name, what went wrong in words, its equation, and whether it may be a habit.

    Who has a habit makes the slip in every layer. The words have places for letters of the conventions.
    """

    name: str
    words: str
    mistake: Mistake
    habit: bool = False


class Candidate(NamedTuple):
    """A slip at some lines, and the step with it."""

    kind: Kind
    places: tuple[str, ...]
    rerun: Rerun


TWO, N = Number(2.0), Symbol("N", "N")


def candidates(recipe: Recipe, at: str | None = None) -> Iterator[Candidate]:
    """Return every slip at every line where it can happen, and every habit; or those at one line."""
    lines = recipe.lines if at is None else {at: recipe.lines[at]}
    for kind in KINDS:
        places: list[str] = []
        all_equations: dict[str, Expression] = {}
        for key, line in lines.items():
            found = kind.mistake(line, recipe)
            equations = {key: found} if isinstance(found, Expression) else found
            if equations and equations[key] != line.equation:
                places.append(key)
                all_equations |= equations
                yield Candidate(kind, (key,), Rerun(recipe, equations))
        if kind.habit and len(places) > 1:
            yield Candidate(kind, tuple(places), Rerun(recipe, all_equations))


# -- signs and factors -----------------------------------------------------------------------------------


def _sign(line: Line, recipe: Recipe) -> Expression | None:
    return Negative(line.equation) if line.part != "update" else None


def _uphill(line: Line, recipe: Recipe) -> Expression | None:
    return Negative(line.equation) if line.key.startswith("step_") else None


def _half(line: Line, recipe: Recipe) -> Expression | None:
    return Quotient(line.equation, TWO) if line.part in ("objective", "backward") else None


def _twice(line: Line, recipe: Recipe) -> Expression | None:
    return Product((TWO, line.equation)) if line.part in ("objective", "backward") else None


def not_averaged(line: Line, recipe: Recipe) -> Expression | None:
    """Leave out the division by N."""
    if line.key != "J" and line.symbol.mark != "gradient":
        return None
    return _without_divisor(line.equation, N)


def _averaged_again(line: Line, recipe: Recipe) -> Expression | None:
    summed = line.key == "J" or line.symbol.mark == "gradient" or line.key.startswith("delta")
    return Quotient(line.equation, N) if summed and recipe.values["N"] != 1.0 else None


def _mean_averaged_again(line: Line, recipe: Recipe) -> Expression | None:
    """The same before the penalties are added."""
    is_mean = line.key == "J" or line.symbol.mark == "gradient"
    if not is_mean or _averaged_again(line, recipe) is None or not isinstance(line.equation, Sum):
        return None
    mean, *penalties = line.equation.terms
    return Sum((Quotient(mean, N), *penalties))


def not_over_outputs(line: Line, recipe: Recipe) -> Expression | None:
    """Leave out the division by the number of outputs, where the loss has one."""
    if line.key not in ("loss", error_line(recipe)) or not averages_outputs(recipe):
        return None
    return _without_divisor(line.equation, Number(float(outputs(recipe))))


def over_outputs_again(line: Line, recipe: Recipe) -> Expression | None:
    """Divide by the number of outputs."""
    if line.key not in ("loss", error_line(recipe)) or outputs(recipe) == 1:
        return None
    return Quotient(line.equation, Number(float(outputs(recipe))))


def outputs(recipe: Recipe) -> int:
    """The number of outputs."""
    return int(np.shape(recipe.values["y"])[1])


def averages_outputs(recipe: Recipe) -> bool:
    """Say whether the loss divides by the number of outputs; the slope of every such loss shows it."""
    equation, k = recipe.lines[error_line(recipe)].equation, outputs(recipe)
    return k > 1 and equation != _without_divisor(equation, Number(float(k)))


def error_line(recipe: Recipe) -> str:
    """Where the derivative of the loss first appears: in ∂ℓ/∂ŷ, or at once in the delta of the output."""
    return "dy_hat" if "dy_hat" in recipe.lines else output_delta(recipe)


def output_delta(recipe: Recipe) -> str:
    """The key of the last layer's delta."""
    return next(key for key in recipe.lines if key.startswith("delta"))


def _without_divisor(equation: Expression, divisor: Expression) -> Expression:
    """Replace the outermost x / divisor by x."""
    return rewrite(
        equation, lambda node: node.over if isinstance(node, Quotient) and node.under == divisor else None
    )


# -- forward ---------------------------------------------------------------------------------------------


def _without_bias(line: Line, recipe: Recipe) -> Expression | None:
    return leave_out(without_ones(line.equation), f"b{line.layer}") if line.key.startswith("z") else None


def _without_offset(line: Line, recipe: Recipe) -> Expression | None:
    return leave_out(line.equation, "offset") if line.key.startswith("z") else None


def _without_row_weights(line: Line, recipe: Recipe) -> Expression | None:
    return leave_out(line.equation, "w") if line.part in ("objective", "backward") else None


def _without_activation(line: Line, recipe: Recipe) -> Expression | None:
    is_output_of_unit = line.part == "forward" and not line.key.startswith("z")
    return Symbol(z_of(line, recipe), "z", _layer(line, recipe)) if is_output_of_unit else None


def _activation_in_slope_only(line: Line, recipe: Recipe) -> Mapping[str, Expression] | None:
    """The activation is forgotten, but not in its slope, where that is written in a."""
    z, slope = _without_activation(line, recipe), recipe.lines.get(f"slope{_layer(line, recipe)}")
    if z is None or slope is None:
        return None if z is None else {line.key: z}
    return {line.key: z, slope.key: put(slope.equation, line.key, line.equation)}


def z_of(line: Line, recipe: Recipe) -> str:
    """The key of z of the line's layer."""
    return f"z{_layer(line, recipe)}"


def _layer(line: Line, recipe: Recipe) -> int:
    """A line's layer; ŷ is not written with one."""
    return line.layer or int(output_delta(recipe).removeprefix("delta"))


# -- slopes ----------------------------------------------------------------------------------------------


def _slope_at_a(line: Line, recipe: Recipe) -> Expression | None:
    """φ′(a) in the place of φ′(z)."""
    if line.symbol.mark != "slope":
        return None
    a, z, activation = _unit(line, recipe)
    again = put(activation, z, a)
    marked = put(line.equation, a.key, Symbol("a of a", "a"))
    return put(put(marked, z, a), "a of a", again)


def _slope_of_z(line: Line, recipe: Recipe) -> Expression | None:
    """A slope that is written in a, such as a (1 - a), given z."""
    if line.symbol.mark != "slope":
        return None
    a, z, _ = _unit(line, recipe)
    return put(line.equation, a.key, Symbol(z, "z", line.layer))


def _unit(line: Line, recipe: Recipe) -> tuple[Symbol, str, Expression]:
    """The symbol of a of the line's layer, the key of its z, and the equation between them."""
    layer = _layer(line, recipe)
    key = f"a{layer}" if f"a{layer}" in recipe.lines else "y_hat"
    return recipe.lines[key].symbol, f"z{layer}", recipe.lines[key].equation


def slopes_of_z(recipe: Recipe) -> dict[str, Expression]:
    """The slopes that are written in a, written in z: the same, but not from a rounded a."""
    found = {}
    for key, line in recipe.lines.items():
        if line.symbol.mark == "slope":
            a, _, activation = _unit(line, recipe)
            found[key] = put(line.equation, a.key, activation)
    return found


def _without_slope(line: Line, recipe: Recipe) -> Expression | None:
    return leave_out(line.equation, f"slope{line.layer}") if line.key.startswith("delta") else None


def _slope_not_cancelled(line: Line, recipe: Recipe) -> Expression | None:
    """The slope of an output activation that the loss has cancelled already."""
    if line.key != output_delta(recipe) or "dy_hat" in recipe.lines:
        return None
    a, z, activation = _unit(line, recipe)
    symbol = Symbol(z, "z", line.layer)
    for name, slope in SLOPES.items():
        if name != "identity" and VALUES[name](symbol) == activation:
            return hadamard(line.equation, slope(symbol, a))
    return None


# -- backward --------------------------------------------------------------------------------------------


def _transposed(line: Line, recipe: Recipe) -> Expression | None:
    shape = np.shape(recipe.values[line.key])
    square = len(shape) == 2 and shape[0] == shape[1] > 1
    return Transpose(line.equation) if square else None


def _product_transposed(line: Line, recipe: Recipe) -> Expression | None:
    """The gradient of a weight, before the penalties are added."""
    if _transposed(line, recipe) is None or not isinstance(line.equation, Sum):
        return None
    mean, *penalties = line.equation.terms
    return Sum((Transpose(mean), *penalties))


def _weights_not_transposed(line: Line, recipe: Recipe) -> Expression | None:
    match line.equation:
        case MatMul(delta, Transpose(Symbol(key, "W") as W)) if len(set(np.shape(recipe.values[key]))) == 1:
            return MatMul(delta, W)
    return None


def _updated_too_early(line: Line, recipe: Recipe) -> Expression | None:
    if not line.key.startswith("da"):
        return None
    return rewrite(
        line.equation,
        lambda node: (
            replace(node, key=f"{node.key}_after")
            if isinstance(node, Symbol) and node.letter == "W"
            else None
        ),
    )


def _without_penalty(line: Line, recipe: Recipe) -> Expression | None:
    if line.key == "J" or line.symbol.mark == "gradient":
        return line.equation.terms[0] if isinstance(line.equation, Sum) else None
    return None


# -- update ----------------------------------------------------------------------------------------------


def _without_rate(line: Line, recipe: Recipe) -> Expression | None:
    equation = line.equation
    for key in keys_of(equation) if line.part == "update" else ():
        equation = put(equation, key, ONE) if key.startswith("eta") else equation
    return equation


def _without_old_value(line: Line, recipe: Recipe) -> Expression | None:
    return line.equation.terms[1] if line.key.endswith("_after") and isinstance(line.equation, Sum) else None


KINDS = (
    Kind("sign", "the sign is reversed", _sign),
    Kind("gradient added", "the {direction}", _uphill, habit=True),
    Kind("factor 2 missing", "a factor 2 is missing", _half),
    Kind("factor 2 too many", "there is a factor 2 too many", _twice),
    Kind("not averaged", "the sum over the rows is not divided by {N}", not_averaged, habit=True),
    Kind("averaged twice", "there is a division by {N} too many", _averaged_again),
    Kind("averaged twice", "there is a division by {N} too many", _mean_averaged_again),
    Kind("not averaged over outputs", "the division by the number of outputs is missing", not_over_outputs),
    Kind(
        "averaged over outputs", "there is a division by the number of outputs too many", over_outputs_again
    ),
    Kind("transposed", "rows and columns are exchanged", _transposed),
    Kind("transposed", "rows and columns are exchanged", _product_transposed),
    Kind(
        "weights not transposed", "W is not transposed on the way back", _weights_not_transposed, habit=True
    ),
    Kind(
        "updated too early",
        "the weights were updated before the delta was sent back through them",
        _updated_too_early,
        habit=True,
    ),
    Kind("slope at a", "the slope is taken at {a} instead of {z}", _slope_at_a, habit=True),
    Kind("slope of z", "the slope is written in {a}, but computed from {z}", _slope_of_z, habit=True),
    Kind("slope forgotten", "the slope of the activation is forgotten", _without_slope, habit=True),
    Kind(
        "slope not cancelled",
        "the delta is multiplied by a slope that loss and activation have cancelled",
        _slope_not_cancelled,
    ),
    Kind("bias forgotten", "the bias is forgotten", _without_bias, habit=True),
    Kind("offset forgotten", "the offset is forgotten", _without_offset),
    Kind("row weights forgotten", "the weights of the rows are forgotten", _without_row_weights, habit=True),
    Kind("activation forgotten", "the activation is forgotten", _without_activation, habit=True),
    Kind("activation forgotten", "the activation is forgotten", _activation_in_slope_only, habit=True),
    Kind("penalty forgotten", "the penalty is forgotten", _without_penalty, habit=True),
    Kind("learning rate forgotten", "the learning rate is forgotten", _without_rate, habit=True),
    Kind("old value forgotten", "the step is not added to the old value", _without_old_value, habit=True),
)
"""Every kind of slip that is recognized, the likely ones first."""


def is_squared(recipe: Recipe) -> bool:
    """Say whether the loss is a squared error, of which documents differ in a factor 2."""
    nodes = nodes_of(recipe.lines["loss"].equation)
    return any(isinstance(node, Power) and node.exponent == 2 for node in nodes)
