"""Symptoms: what can be seen in the rows, the parameters and one pass that hinders learning.

Each function looks for one thing and yields its findings; the learning rate is in diagnosis.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deltarule.core.activations import Activation
from deltarule.core.arrays import Array, Interval
from deltarule.core.equations import Step
from deltarule.core.objective import Objective, Rows
from deltarule.explain.findings import Finding, listed

# -- thresholds ------------------------------------------------------------------------------------------

LARGE_INPUT = 3.0
"""Root mean square of a column: at √10 ≈ 3, J curves ten times as much as along a standardized one."""
SMALL_INPUT = 0.01
"""Largest entry of a column: its weights learn 100 times more slowly than if it reached 1."""
OFF_CENTER = 10.0
"""|mean| / standard deviation: J curves 100 times as much along what all rows share as along the rest."""
SATURATED_SLOPE = 0.05
"""Slope over the largest slope around 0: below, a unit learns 20 times more slowly than it could."""
SATURATED_ROWS = 0.9
"""Share of rows: a unit that is flat on fewer may be a good switch.

Activations that are unbounded on one side, such as elu, rest on many rows by design: for them it is all rows.
"""
AROUND_ZERO = np.linspace(-1.0, 1.0, 201)
"""Where z lies at the start for standardized inputs and usual initializers: the slopes to compare with."""
STUCK_ERROR = 0.5
"""Mean |ŷ - y| over the targets' own mean deviation: a flat output with less has learned its targets."""
CONSTANT = 1e-6
"""Standard deviation of a over its largest |a|: a unit that varies less is a second bias."""
EQUAL = 1e-9
"""Difference of weights over the largest: random weights do not come this close, rounding does."""
VANISHING = 1e-3
"""‖δ‖ over that of the output layer: a learning rate that suits one layer is wrong by 1000 for the other."""
EXPLODING = 1.0 / VANISHING


class Evidence(NamedTuple):
    """What the symptoms are read from, in float64: one pass over the rows, and every layer's delta."""

    objective: Objective
    theta: Array
    rows: Rows
    steps: list[Step]
    deltas: list[Array]

    @property
    def activations(self) -> tuple[Activation, ...]:
        return self.objective.architecture.activations


# -- rows ------------------------------------------------------------------------------------------------


def inputs(evidence: Evidence) -> Iterator[Finding]:
    """Columns of X that are constant, or far from mean 0 and standard deviation 1.

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), section 4.3.
    """
    X = evidence.rows.X
    if len(X) < 2:
        return
    mean, std = X.mean(axis=0), X.std(axis=0)
    constant = X.max(axis=0) == X.min(axis=0)
    useless = constant & ~_bias_column(evidence, constant & (mean != 0.0))
    if useless.any():
        columns = _counted(useless)
        yield Finding(
            "constant_inputs",
            f"Constant in all {len(X)} rows: {listed('input', columns)}. Nothing can be learned from that.",
            "Leave the column out, or check how it was read.",
            layer=0,
            units=columns,
            numbers={"value": _numbers(mean[useless])},
        )
    off = (np.abs(mean) > OFF_CENTER * std) | (np.hypot(mean, std) > LARGE_INPUT)
    off |= np.abs(X).max(axis=0) < SMALL_INPUT
    indicator = np.isin(X, (0.0, 1.0)).all(axis=0)
    unscaled = off & ~constant & ~indicator
    if unscaled.any():
        yield _unscaled(unscaled, mean, std)


def _unscaled(unscaled: NDArray[np.bool_], mean: Array, std: Array) -> Finding:
    columns = _counted(unscaled)
    worst = int(np.argmax(np.where(unscaled, np.abs(np.log(np.hypot(mean, std))), -1.0)))
    return Finding(
        "unscaled_inputs",
        f"Not scaled: {listed('input', columns)}. Input {worst + 1} has mean {mean[worst]:.3g} and "
        f"standard deviation {std[worst]:.3g}; the closer to 0 and 1, the rounder is J.",
        "Standardize the inputs: dr.Standardizer.fit(X).transform(X).",
        layer=0,
        units=columns,
        numbers={"mean": _numbers(mean[unscaled]), "standard_deviation": _numbers(std[unscaled])},
    )


def _bias_column(evidence: Evidence, constant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The first of the constant columns, where it does what a bias would do."""
    first = np.arange(len(constant)) == np.argmax(constant)
    return constant & first & (not evidence.objective.architecture.bias)


def targets(evidence: Evidence) -> Iterator[Finding]:
    """Targets that the output activation cannot reach, however large its weights become.

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), section 4.5.
    """
    y, activation = evidence.rows.y, evidence.activations[-1]
    span = activation.range
    reachable = Interval(span.low, span.high, closed_low=True, closed_high=True)  # an open end, in the limit
    outside = ~reachable.holds(y)
    units = outside.any(axis=0)
    if units.any():
        share = outside.mean(axis=0)[units]
        yield Finding(
            "targets_out_of_range",
            f"Out of the range {span} of {activation.name}: {_percent(share.max())} of the targets of "
            f"{listed('output', _counted(units))}, which reach from {y.min():.4g} to {y.max():.4g}.",
            f"Take the output activation identity, or scale the targets into {span}.",
            layer=len(evidence.steps),
            units=_counted(units),
            numbers={
                "share_of_rows": _numbers(share),
                "smallest": _numbers(y.min(axis=0)[units]),
                "largest": _numbers(y.max(axis=0)[units]),
            },
        )


# -- the pass --------------------------------------------------------------------------------------------


def not_finite(evidence: Evidence) -> Iterator[Finding]:
    """The first layer, forward and then backward, at which numbers are infinite or NaN."""
    layers = list(enumerate(zip(evidence.steps, evidence.deltas, strict=True), start=1))
    forward = ((layer, ~(np.isfinite(step.z) & np.isfinite(step.a))) for layer, (step, _) in layers)
    backward = ((layer, ~np.isfinite(delta)) for layer, (_, delta) in reversed(layers))
    for layer, bad in (*forward, *backward):
        if bad.any():
            units = bad.any(axis=0)
            yield Finding(
                "not_finite",
                f"Infinite or NaN in layer {layer} ({evidence.activations[layer - 1].name}), "
                f"on {_percent(bad.any(axis=1).mean())} of the rows: {listed('unit', _counted(units))}.",
                "Standardize the inputs and start again from smaller weights.",
                layer=layer,
                units=_counted(units),
                numbers={"share_of_rows": _numbers(bad.mean(axis=0)[units])},
            )
            return


def units(evidence: Evidence) -> Iterator[Finding]:
    """Units that are dead, saturated or constant on the rows.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    (2010).
    """
    if len(evidence.rows.X) < 2:
        return  # on a single row every unit is constant, and half of all relus are off
    for layer, (step, activation) in enumerate(
        zip(evidence.steps, evidence.activations, strict=True), start=1
    ):
        flat, dead = _flat_and_dead(step, activation)
        if layer == len(evidence.steps):
            stuck = _stuck_outputs(evidence)
            flat[:, ~stuck], dead = False, dead & stuck
        saturated = (flat.mean(axis=0) >= _share_needed(activation)) & ~dead
        a = np.abs(step.a).max(axis=0)
        still = (step.a.std(axis=0) <= CONSTANT * a) & ~dead & ~saturated
        where = f"in layer {layer} ({activation.name})"
        if dead.any():
            yield _dead(layer, where, dead, step.z.max(axis=0))
        if saturated.any():
            yield _saturated(layer, where, saturated, flat.mean(axis=0))
        if still.any() and layer < len(evidence.steps):
            yield _constant(layer, where, still, step.a.mean(axis=0))


def _flat_and_dead(step: Step, activation: Activation) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the slope is small and fading, (n, o), and which units have the slope 0 on every row, (o,)."""
    if activation.slope is None:
        return np.zeros(step.z.shape, dtype=bool), np.zeros(step.z.shape[1], dtype=bool)
    usual = np.abs(activation.slope(AROUND_ZERO, activation.value(AROUND_ZERO))).max()
    slope, beyond = np.abs(activation.slope(step.z, step.a)), 2.0 * step.z
    is_fading = np.abs(activation.slope(beyond, activation.value(beyond))) < slope  # leaky_relu's stays
    dead = (slope == 0.0).all(axis=0) & (_share_needed(activation) == 1.0)
    return (slope < SATURATED_SLOPE * usual) & (is_fading | (slope == 0.0)), dead


def _share_needed(activation: Activation) -> float:
    """On how many rows a unit must be flat: most, or all where the activation is unbounded on one side."""
    bounded = np.isfinite(activation.range.low) and np.isfinite(activation.range.high)
    return SATURATED_ROWS if bounded else 1.0


def _stuck_outputs(evidence: Evidence) -> NDArray[np.bool_]:
    """Outputs whose flat slope holds the delta back, while they are still far from their targets, (k,)."""
    y, y_hat = evidence.rows.y, evidence.steps[-1].a
    if evidence.activations[-1] in evidence.objective.loss.fused:
        return np.zeros(y.shape[1], dtype=bool)
    spread = np.abs(y - y.mean(axis=0)).mean(axis=0)
    return np.abs(y_hat - y).mean(axis=0) > STUCK_ERROR * spread


def _dead(layer: int, where: str, dead: NDArray[np.bool_], highest: Array) -> Finding:
    return Finding(
        "dead_units",
        f"Dead {where}: {listed('unit', _counted(dead))}. The slope is 0 on every row; no gradient passes.",
        'Start again from initializer="he_normal" with a lower learning rate, or take leaky_relu.',
        layer=layer,
        units=_counted(dead),
        numbers={"largest_z": _numbers(highest[dead])},
    )


def _saturated(layer: int, where: str, saturated: NDArray[np.bool_], share: Array) -> Finding:
    lowest, highest = share[saturated].min(), share[saturated].max()
    rows = f"{'at least ' if lowest < highest else ''}{_percent(lowest)} of the rows"
    return Finding(
        "saturated_units",
        f"Saturated {where}: {listed('unit', _counted(saturated))}. On {rows} the slope is "
        f"below {_percent(SATURATED_SLOPE)} of its largest around z = 0.",
        "Make z smaller: standardize the inputs, and start from smaller weights.",
        layer=layer,
        units=_counted(saturated),
        numbers={"share_of_rows": _numbers(share[saturated])},
    )


def _constant(layer: int, where: str, still: NDArray[np.bool_], value: Array) -> Finding:
    return Finding(
        "constant_units",
        f"Constant {where}: {listed('unit', _counted(still))}. Equal on every row, a unit is a second bias.",
        'Start from random weights, for example initializer="glorot_uniform".',
        layer=layer,
        units=_counted(still),
        numbers={"value": _numbers(value[still])},
    )


def deltas(evidence: Evidence) -> Iterator[Finding]:
    """Layers whose ‖δ‖ is 1000 times smaller or larger than that of the output layer.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    (2010).
    """
    norms = delta_norms(evidence)
    if norms[-1] == 0.0:
        return
    relative = norms[:-1] / norms[-1]
    with_next = np.where(norms[1:] > 0.0, norms[:-1] / norms[1:], 0.0)
    vanishing, exploding = relative <= VANISHING, relative >= EXPLODING
    numbers = {"norms": _numbers(norms), "ratios": _numbers(with_next)}
    ratios = f"Each layer's ‖δ‖ over that of the next: {', '.join(f'{ratio:.2g}' for ratio in with_next)}."
    if vanishing.any():
        layer = int(np.argmin(relative)) + 1
        yield Finding(
            "vanishing_deltas",
            f"Vanishing: ‖δ‖ of layer {layer} is {relative[layer - 1]:.2g} times the output's. {ratios}",
            'Take tanh or relu with initializer="glorot_uniform" or "he_normal", or fewer layers.',
            layer=layer,
            numbers=numbers,
        )
    if exploding.any():
        layer = int(np.argmax(relative)) + 1
        yield Finding(
            "exploding_deltas",
            f"Exploding: ‖δ‖ of layer {layer} is {relative[layer - 1]:.2g} times the output's. {ratios}",
            'Start from smaller weights: initializer="glorot_uniform" or "he_normal".',
            layer=layer,
            numbers=numbers,
        )


def delta_norms(evidence: Evidence) -> Array:
    """‖δ‖ of each layer over all rows, (layers,)."""
    return np.array([np.linalg.norm(delta) for delta in evidence.deltas])


# -- parameters ------------------------------------------------------------------------------------------


def symmetric(evidence: Evidence) -> Iterator[Finding]:
    """Hidden units with equal weights in, biases and weights out: gradient descent keeps them equal.

    Source: Rumelhart, Hinton and Williams, "Learning internal representations by error propagation" (1986).
    """
    W, b = evidence.objective.architecture.views(evidence.theta)
    for layer, (W_in, b_in, W_out) in enumerate(zip(W, b, W[1:], strict=False), start=1):
        own = W_in.T if b_in is None else np.column_stack([W_in.T, b_in])
        for group in _equal_rows(np.column_stack([own, W_out])):
            yield Finding(
                "symmetric_units",
                f"Equal in layer {layer}: {listed('unit', group)}. With the same weights in and out they get "
                "the same gradient and stay equal, so they count as one unit.",
                'Start from random weights, for example initializer="glorot_uniform".',
                layer=layer,
                units=group,
            )


def _equal_rows(rows: Array) -> Iterator[tuple[int, ...]]:
    """Groups of equal rows, counted from 1; along a random direction equal rows are neighbors."""
    order = np.argsort(rows @ np.random.default_rng(0).normal(size=rows.shape[1]), kind="stable")
    close = np.abs(np.diff(rows[order], axis=0)).max(axis=1) <= EQUAL * np.abs(rows).max()
    for group in np.split(order, np.flatnonzero(~close) + 1):
        if len(group) > 1:
            yield tuple(sorted((group + 1).tolist()))


def _counted(chosen: NDArray[np.bool_] | np.bool_) -> tuple[int, ...]:
    """The numbers of what was chosen, from 1."""
    return tuple((np.flatnonzero(chosen) + 1).tolist())


def _percent(share: float) -> str:
    return f"{100.0 * share:.3g} %"


def _numbers(values: Array) -> tuple[float, ...]:
    return tuple(values.tolist())
