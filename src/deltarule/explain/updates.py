"""The equations of an optimizer for one parameter array: its memory, line by line, and the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from deltarule.core.arrays import Array
from deltarule.core.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp
from deltarule.explain.expressions import Apply, Expression, Negative, Power, Quotient, Symbol
from deltarule.explain.formulas import ONE, minus, plus, square, times

Equation: TypeAlias = tuple[Symbol, Expression, Any, str]
"""A quantity, what it is equal to, its value, and why."""


MOVES_BY_RATE = "Each entry moves by about {learning_rate}, downhill."


class ParameterStep(NamedTuple):
    """W or b of a layer, its learning rate, its value after the step, and the optimizer's memory of it."""

    letter: str
    layer: int
    eta: Symbol
    after: Array
    memory: Mapping[str, tuple[Array, Array]]  # before and after, by the optimizer's names

    def symbol(self, mark: str = "") -> Symbol:
        """The parameter: itself, its gradient, or its new value."""
        key = {"": "{}{}", "gradient": "d{}{}", "new": "{}{}_after"}[mark].format(self.letter, self.layer)
        return Symbol(key, self.letter, self.layer, mark)

    def remembered(self, name: str, mark: str = "") -> Symbol:
        """The optimizer's m or v of the parameter, old or new or corrected."""
        suffix = {"": "", "old": "_before", "hat": "_hat"}[mark]
        return Symbol(f"{name}_{self.letter}{self.layer}{suffix}", f"{name}_{self.letter}", self.layer, mark)


def update_equations(optimizer: Optimizer, step: ParameterStep, values: dict[str, Any]) -> list[Equation]:
    """Return the lines of one parameter's update; the optimizer's constants are added to the values."""
    match optimizer:
        case SGD(momentum=0.0):
            descent = minus(step.symbol(), times(step.eta, step.symbol("gradient")))
            return [_last(step, descent, "A step against the gradient, downhill.")]
        case SGD():
            return _momentum(optimizer, step, values)
        case RMSProp():
            return _rmsprop(optimizer, step, values)
        case Adam() | AdamW():
            return _adam(optimizer, step, values)
    own = Apply(optimizer.name, step.symbol("gradient"), lambda gradient: step.after)
    return [_last(step, own, "The optimizer {subject} takes its step.")]


def _last(step: ParameterStep, equation: Expression, why: str) -> Equation:
    return step.symbol("new"), equation, step.after, why


def _constant(key: str, letter: str, value: float, values: dict[str, Any]) -> Symbol:
    values[key] = value
    return Symbol(key, letter)


# -- momentum --------------------------------------------------------------------------------------------


def _momentum(sgd: SGD, step: ParameterStep, values: dict[str, Any]) -> list[Equation]:
    mu = _constant("mu", "μ", sgd.momentum, values)
    old, new = step.remembered("v", "old"), step.remembered("v")
    values[old.key], after = step.memory["v"]
    downhill = times(step.eta, step.symbol("gradient"))
    velocity = (
        new,
        minus(times(mu, old), downhill),
        after,
        "The velocity: part of the last step, plus downhill.",
    )
    if not sgd.nesterov:
        return [velocity, _last(step, plus(step.symbol(), new), "The step is the velocity.")]
    ahead = plus(step.symbol(), times(mu, new), Negative(downhill))
    return [velocity, _last(step, ahead, "Nesterov: the step looks ahead along the velocity.")]


# -- running means of squares ----------------------------------------------------------------------------


def _rmsprop(rmsprop: RMSProp, step: ParameterStep, values: dict[str, Any]) -> list[Equation]:
    rho = _constant("rho", "ρ", rmsprop.rho, values)
    epsilon = _constant("epsilon", "ε", rmsprop.epsilon, values)
    g, old, v = step.symbol("gradient"), step.remembered("v", "old"), step.remembered("v")
    values[old.key], after = step.memory["v"]
    mean = plus(times(rho, old), times(minus(ONE, rho), square(g)))
    move = times(step.eta, Quotient(g, plus(Apply("sqrt", v), epsilon)))
    return [
        (v, mean, after, "A running mean of the square of {gradient}."),
        _last(step, minus(step.symbol(), move), MOVES_BY_RATE),
    ]


def _adam(adam: Adam | AdamW, step: ParameterStep, values: dict[str, Any]) -> list[Equation]:
    beta_1 = _constant("beta_1", "β₁", adam.beta_1, values)
    beta_2 = _constant("beta_2", "β₂", adam.beta_2, values)
    epsilon = _constant("epsilon", "ε", adam.epsilon, values)
    t = int(step.memory["t"][1][0])
    g, m, v = step.symbol("gradient"), step.remembered("m"), step.remembered("v")
    for name in ("m", "v"):
        values[step.remembered(name, "old").key] = step.memory[name][0]
    m_mean = plus(times(beta_1, step.remembered("m", "old")), times(minus(ONE, beta_1), g))
    v_mean = plus(times(beta_2, step.remembered("v", "old")), times(minus(ONE, beta_2), square(g)))
    lines: list[Equation] = [
        (m, m_mean, step.memory["m"][1], "A running mean of {gradient}."),
        (v, v_mean, step.memory["v"][1], "A running mean of its square."),
    ]
    correction_1, correction_2 = minus(ONE, Power(beta_1, t)), minus(ONE, Power(beta_2, t))
    m_hat, v_hat = step.remembered("m", "hat"), step.remembered("v", "hat")
    m_value, v_value = step.memory["m"][1], step.memory["v"][1]
    c_1, c_2 = 1.0 - adam.beta_1**t, 1.0 - adam.beta_2**t
    if adam.epsilon_form == "before_bias_correction":
        rate = Quotient(times(step.eta, Apply("sqrt", correction_2)), correction_1)
        move = times(rate, Quotient(m, plus(Apply("sqrt", v), epsilon)))
    else:
        corrected = "Corrected for its start at zero."
        lines.append((m_hat, Quotient(m, correction_1), m_value / c_1, corrected))
        lines.append((v_hat, Quotient(v, correction_2), v_value / c_2, corrected))
        move = times(step.eta, Quotient(m_hat, plus(Apply("sqrt", v_hat), epsilon)))
    if isinstance(adam, Adam) or not adam.weight_decay:
        return [*lines, _last(step, minus(step.symbol(), move), MOVES_BY_RATE)]
    decay = _constant("decay", "λ₀", adam.weight_decay, values)
    shrink = times(step.eta, decay, step.symbol())
    both = plus(step.symbol(), Negative(shrink), Negative(move))
    return [*lines, _last(step, both, f"{MOVES_BY_RATE[:-1]}, and a little towards zero.")]
