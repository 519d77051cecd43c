"""Trace: one step of training as lines, each a quantity with its equation, its value and the reason.

The values are those of core, to the last bit; the equations are expressions over them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from deltarule.core.activations import PullBack
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.equations import Gradients, Step
from deltarule.core.objective import Objective, Rows, forward_pass, weight_of
from deltarule.core.optimizers import State
from deltarule.core.penalties import L1, L2, Penalty
from deltarule.engines.base import Job, TrainingState
from deltarule.explain import formulas
from deltarule.explain.expressions import (
    Apply,
    Expression,
    MatMul,
    Number,
    Quotient,
    Symbol,
    Total,
    Transpose,
    total_of,
)
from deltarule.explain.formulas import hadamard, minus, times
from deltarule.explain.line import Line, Part
from deltarule.explain.reasons import Reason
from deltarule.explain.recipe import Recipe, with_steps
from deltarule.explain.updates import ParameterStep, update_equations

WITH_PREDICTION = "How the loss of a {row} {changes} with its prediction."


def trace(job: Job, state: TrainingState, rates: Array) -> Recipe:
    """Return the step that the job takes with all its rows from this state, at these rates."""
    with np.errstate(all="ignore"):  # what overflows is shown as it is
        tracer = _Tracer(job, state, rates)
        lines = [*tracer.forward(), *tracer.objective_lines(), *tracer.backward(), *tracer.update()]
        return with_steps(Recipe({line.key: line for line in lines}, tracer.values))


class _Tracer:
    """What the lines of one step have in common: its symbols and their values."""

    def __init__(self, job: Job, state: TrainingState, rates: Array) -> None:
        self.job, self.state, self.rates = job, state, rates
        self.objective: Objective = job.objective
        self.rows: Rows = job.rows
        self.architecture = job.objective.architecture
        self.W, self.b = self.architecture.views(state.theta)
        self.steps: list[Step] = forward_pass(self.architecture, state.theta, self.rows.X, self.rows.offset)
        self.gradients: Gradients = self.objective.gradients(state.theta, self.rows)
        self.last = len(self.W)
        self.values: dict[str, Any] = {"x": self.rows.X, "y": self.rows.y}
        for layer in range(1, self.last + 1):
            self.values[f"W{layer}"] = self.W[layer - 1]
            if self.b[layer - 1] is not None:
                self.values[f"b{layer}"] = self.b[layer - 1]
        if self.rows.w is not None:
            self.values["w"] = self.rows.w[:, np.newaxis]
        if self.rows.offset is not None:
            self.values["offset"] = self.rows.offset
        self.values["N"] = weight_of(self.rows)

    # -- symbols ------------------------------------------------------------------------------------------

    def a(self, layer: int) -> Symbol:
        """The output of a layer: x for layer 0, ŷ for the last."""
        if layer == 0:
            return Symbol("x", "x")
        return Symbol("y_hat", "ŷ") if layer == self.last else Symbol(f"a{layer}", "a", layer)

    def line(
        self,
        part: Part,
        symbol: Symbol,
        equation: Expression,
        value: Any,
        why: str,
        also: tuple[str, ...] = (),
        computed_as: Expression | None = None,
        subject: str = "",
    ) -> Line:
        """A line whose value the equations after it may use."""
        self.values[symbol.key] = value
        reason = Reason(why, symbol.layer or self.last, subject)
        return Line(symbol.key, part, symbol, equation, value, reason, also, symbol.layer, computed_as)

    def is_fused(self) -> bool:
        """Say whether the slopes of loss and output activation cancel."""
        return self.architecture.activations[-1] in self.objective.loss.fused

    def averaged(self, total: Expression) -> Expression:
        """Divide a sum over rows as the objective does; one row without a weight needs no division."""
        if self.objective.reduction == "sum" or (self.rows.w is None and len(self.rows.X) == 1):
            return total
        return Quotient(total, Symbol("N", "N"))

    # -- forward ------------------------------------------------------------------------------------------

    def forward(self) -> Iterator[Line]:
        for layer, (step, activation) in enumerate(
            zip(self.steps, self.architecture.activations, strict=True), start=1
        ):
            z = Symbol(f"z{layer}", "z", layer)
            terms: list[Expression] = [MatMul(self.a(layer - 1), Symbol(f"W{layer}", "W", layer))]
            why = "Each unit of layer {layer} adds up its inputs times its weights"
            if self.b[layer - 1] is not None:
                terms.append(Symbol(f"b{layer}", "b", layer))
                why += ", and its bias"
            if layer == self.last and self.rows.offset is not None:
                terms.append(Symbol("offset", "o"))
                why += ", and the offset of the {row}"
            yield self.line("forward", z, total_of(terms), step.z, f"{why}.")
            also = (f"a{layer}",) if layer == self.last else ()
            why = "The activation {subject} of layer {layer}, applied to each {z}"
            why += ": the prediction." if layer == self.last else "."
            equation = formulas.activation_formula(activation, z)
            yield self.line("forward", self.a(layer), equation, step.a, why, also, subject=activation.name)

    # -- objective ----------------------------------------------------------------------------------------

    def objective_lines(self) -> Iterator[Line]:
        loss, y, y_hat = self.objective.loss, Symbol("y", "y"), self.a(self.last)
        k, output = self.architecture.n_outputs, self.steps[-1]
        per_row = loss.per_row(self.rows.y, output.z, output.a, self.architecture.activations[-1])
        computed_as = None
        if formulas.knows_loss(loss):
            equation = formulas.LOSS_VALUES[loss.name](y, y_hat, k)
            if self.is_fused():
                computed_as = formulas.loss_of_z(loss, y, y_hat, Symbol(f"z{self.last}", "z", self.last), k)
        else:
            equation = Apply(loss.name, y_hat, lambda a: loss.value(self.rows.y, a)[:, np.newaxis])
        why = "The loss {subject} of each {row}: how far its prediction is from its target."
        ell = Symbol("loss", "ℓ")
        value = per_row[:, np.newaxis]
        yield self.line("objective", ell, equation, value, why, (), computed_as, loss.name)
        counted: Expression = ell if self.rows.w is None else hadamard(Symbol("w", "w"), ell)
        total = counted if len(self.rows.X) == 1 else Total(counted, axis=0)
        terms, why = [self.averaged(total)], "The objective: what the step makes smaller"
        for tag, penalty in _tagged(self.objective.penalties):
            yield self.penalty_line(tag, penalty)
            terms.append(_penalty_symbol(tag))
        yield self.line("objective", Symbol("J", "J"), total_of(terms), self.gradients.objective, f"{why}.")

    def penalty_line(self, tag: str, penalty: Penalty) -> Line:
        parts = [
            Symbol(f"{letter}{layer}", letter, layer)
            for layer in range(1, self.last + 1)
            for letter in ("W", "b")
            if f"{letter}{layer}" in self.values and (letter == "W" or penalty.biases)
        ]
        sizes = [_size(penalty, part) for part in parts]
        value = sum(penalty.value(self.values[part.key]) for part in parts)
        equation = total_of(sizes)
        if isinstance(penalty, L1 | L2):
            equation = times(_strength(tag, penalty, self.values), equation)
        if isinstance(penalty, L2):
            equation = Quotient(equation, Number(2.0))
        why = "The penalty {subject}: it keeps the parameters small."
        return self.line("objective", _penalty_symbol(tag), equation, value, why, subject=penalty.name)

    # -- backward -----------------------------------------------------------------------------------------

    def backward(self) -> Iterator[Line]:
        yield from self.output_delta()
        yield from self.parameter_gradients(self.last)
        for layer in range(self.last - 1, 0, -1):
            yield from self.hidden_delta(layer)
            yield from self.parameter_gradients(layer)

    def output_delta(self) -> Iterator[Line]:
        loss, output = self.objective.loss, self.steps[-1]
        y, y_hat, k = Symbol("y", "y"), self.a(self.last), self.architecture.n_outputs
        delta, value = Symbol(f"delta{self.last}", "δ", self.last), self.gradients.delta[-1]
        computed_as = None
        if self.is_fused() and formulas.knows_loss(loss):
            equation, computed_as, why = _fused(loss.name, y, y_hat, k, self.rows.y)
        else:
            dy_hat = Symbol("dy_hat", "ŷ", mark="loss_gradient")
            slope = loss.slope(self.rows.y, output.a)
            equation = (
                formulas.LOSS_SLOPES[loss.name](y, y_hat, k)
                if formulas.knows_loss(loss)
                else Apply(f"{loss.name}′", y_hat, lambda a: loss.slope(self.rows.y, a))
            )
            yield self.line("backward", dy_hat, equation, slope, WITH_PREDICTION)
            equation = yield from self.through_activation(self.last, dy_hat)
            why = "The chain rule: how the loss of a {row} {changes} with {z} of the output layer."
        if self.rows.w is not None:
            w, why = Symbol("w", "w"), why + " Each {row} counts with its weight."
            equation, computed_as = hadamard(w, equation), computed_as and hadamard(w, computed_as)
        yield self.line("backward", delta, equation, value, why, computed_as=computed_as)

    def through_activation(self, layer: int, d_a: Symbol) -> Generator[Line, None, Expression]:
        """The slope's line, where there is one; returns what d_a becomes on its way to z."""
        activation, step = self.architecture.activations[layer - 1], self.steps[layer - 1]
        z, a = Symbol(f"z{layer}", "z", layer), self.a(layer)
        if activation.slope is None:
            pull_back = partial(cast(PullBack, activation.pull_back), step.z, step.a)
            return formulas.pull_back_formula(activation, a, d_a, pull_back)
        slope = Symbol(f"slope{layer}", "φ", layer, mark="slope")
        equation = formulas.slope_formula(activation, z, a)
        if equation == formulas.ONE:
            return d_a
        why = "The slope of {subject} at each {z} of layer {layer}: how steeply the unit answers."
        value = activation.slope(step.z, step.a)
        yield self.line("backward", slope, equation, value, why, subject=activation.name)
        return hadamard(d_a, slope)

    def hidden_delta(self, layer: int) -> Iterator[Line]:
        following = Symbol(f"delta{layer + 1}", "δ", layer + 1)
        W = Symbol(f"W{layer + 1}", "W", layer + 1)
        d_a = Symbol(f"da{layer}", "a", layer, mark="loss_gradient")
        value = self.gradients.delta[layer] @ self.W[layer].T
        why = "Each unit of layer {layer} is blamed for what it sends to layer {next}, weight by weight."
        yield self.line("backward", d_a, MatMul(following, Transpose(W)), value, why)
        equation = yield from self.through_activation(layer, d_a)
        why = "The delta rule: the blame passes the activation and arrives at {z} of layer {layer}."
        delta = Symbol(f"delta{layer}", "δ", layer)
        yield self.line("backward", delta, equation, self.gradients.delta[layer - 1], why)

    def parameter_gradients(self, layer: int) -> Iterator[Line]:
        delta = Symbol(f"delta{layer}", "δ", layer)
        products: Expression = MatMul(Transpose(self.a(layer - 1)), delta)
        over = " averaged over" if self.objective.reduction == "mean" else " added up over"
        rows = f",{over} the {{row}}s" if len(self.rows.X) > 1 else ""
        why = f"A weight answers for its input times the delta of its unit{rows}."
        dW = self.gradients.dW[layer - 1]
        yield self.gradient_line("W", layer, self.averaged(products), dW, why)
        db = self.gradients.db[layer - 1]
        if db is not None:
            total = delta if len(self.rows.X) == 1 else Total(delta, axis=0)
            why = f"A bias is a weight whose input is always 1{rows}."
            yield self.gradient_line("b", layer, self.averaged(total), db, why)

    def gradient_line(self, letter: str, layer: int, mean: Expression, value: Array, why: str) -> Line:
        parameter = Symbol(f"{letter}{layer}", letter, layer)
        slopes = [
            _penalty_slope(tag, penalty, parameter, self.values)
            for tag, penalty in _tagged(self.objective.penalties)
            if letter == "W" or penalty.biases
        ]
        symbol = Symbol(f"d{letter}{layer}", letter, layer, mark="gradient")
        return self.line("backward", symbol, total_of([mean, *slopes]), value, why)

    # -- update -------------------------------------------------------------------------------------------

    def update(self) -> Iterator[Line]:
        optimizer, theta, before = self.job.optimizer, self.state.theta, self.state.optimizer
        sums = self.objective.sums(theta, self.rows)
        gradient = self.objective.gradient(theta, sums)
        theta_after, after = optimizer.update(theta, gradient, before, self.job.spread(self.rates))
        for layer in range(1, self.last + 1):
            eta = Symbol("eta", "η") if len(self.rates) == 1 else Symbol(f"eta{layer}", "η", layer)
            self.values[eta.key] = float(self.rates[0 if len(self.rates) == 1 else layer - 1])
            for letter in ("W", "b"):
                if f"{letter}{layer}" not in self.values:
                    continue
                part = partial(_part, self.architecture, letter, layer)
                step = ParameterStep(letter, layer, eta, part(theta_after), _memory(part, before, after))
                for symbol, equation, value, why in update_equations(optimizer, step, self.values):
                    yield self.line("update", symbol, equation, value, why, subject=optimizer.name)


def _part(architecture: Architecture, letter: str, layer: int, vector: Array) -> Array:
    """W or b of a layer in a vector like theta."""
    views = architecture.views(vector)
    return cast(Array, (views.W if letter == "W" else views.b)[layer - 1])


def _memory(part: Callable[[Array], Array], before: State, after: State) -> dict[str, tuple[Array, Array]]:
    """What the optimizer remembers of a parameter, before and after the step; its counter t as it is."""
    return {
        name: (before[name], after[name]) if name == "t" else (part(before[name]), part(after[name]))
        for name in after
    }


# -- loss and penalties ----------------------------------------------------------------------------------


def _fused(
    name: str, y: Expression, y_hat: Expression, k: int, targets: Array
) -> tuple[Expression, Expression | None, str]:
    """The delta of a pair of loss and output activation whose slope cancels; also as it is for any y."""
    if name in ("mean_squared_error", "half_squared_error", "sum_squared_error"):
        return formulas.LOSS_SLOPES[name](y, y_hat, k), None, WITH_PREDICTION
    why = "The slopes of loss and activation cancel: what is left is {difference}."
    if name != "cross_entropy":
        return minus(y_hat, y), None, why
    for_any_y = minus(hadamard(y_hat, Total(y, axis=1)), y)
    if np.array_equal(targets.sum(axis=1), np.ones(len(targets))):
        return minus(y_hat, y), for_any_y, why
    return for_any_y, None, why


def _tagged(penalties: Sequence[Penalty]) -> list[tuple[str, Penalty]]:
    """Each with its name, and a number where another one before it has the same."""
    names = [penalty.name for penalty in penalties]
    before = [names[:place].count(name) for place, name in enumerate(names)]
    tags = [f"{name}_{count + 1}" if count else name for name, count in zip(names, before, strict=True)]
    return list(zip(tags, penalties, strict=True))


def _penalty_symbol(tag: str) -> Symbol:
    return Symbol(f"penalty_{tag}", "Ω")


def _strength(tag: str, penalty: Penalty, values: dict[str, Any]) -> Expression:
    """λ of a penalty that has one."""
    symbol = Symbol(f"lambda_{tag}", "λ")
    values[symbol.key] = getattr(penalty, "strength", 1.0)
    return symbol


def _size(penalty: Penalty, parameter: Symbol) -> Expression:
    """What a penalty adds up over a parameter's entries."""
    if isinstance(penalty, L2):
        return Total(Total(formulas.square(parameter), axis=1), axis=0)
    if isinstance(penalty, L1):
        return Total(Total(Apply("abs", parameter), axis=1), axis=0)
    return Apply(penalty.name, parameter, penalty.value)


def _penalty_slope(tag: str, penalty: Penalty, parameter: Symbol, values: dict[str, Any]) -> Expression:
    if isinstance(penalty, L2):
        return times(_strength(tag, penalty, values), parameter)
    if isinstance(penalty, L1):
        return times(_strength(tag, penalty, values), Apply("sign", parameter))
    return Apply(f"{penalty.name}′", parameter, penalty.slope)
