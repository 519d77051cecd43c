"""Gradient check: the hand-derived gradient against central differences, in float64.

An entry whose two sides lie on different sides of a kink (relu at 0) has no derivative to compare with;
it is counted, not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isnan, nan
from typing import NamedTuple

import numpy as np

from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.equations import Step
from deltarule.core.objective import Objective, Rows, forward_pass

H = float(np.finfo(np.float64).eps) ** (1.0 / 3.0)
ENTRIES_PER_LAYER = 200


class Entry(NamedTuple):
    """One parameter: its layer from 1, its name as in code, both derivatives; NaN for one at a kink."""

    layer: int
    name: str
    derived: float
    numeric: float


class LayerCheck(NamedTuple):
    """One layer, counted from 1: ‖g - ĝ‖ / (‖g‖ + ‖ĝ‖) over the checked entries."""

    layer: int
    relative_error: float
    entries: int
    kinks: int
    ok: bool


@dataclass(frozen=True, repr=False)
class GradientCheck:
    """The result of a gradient check; shown, it says so in words.

    Attributes:
        layers: one record per layer: ``layer`` (from 1), ``relative_error`` ‖g - ĝ‖ / (‖g‖ + ‖ĝ‖), the
            numbers of ``entries`` compared and of ``kinks`` left out, and ``ok``.
        worst: the entry whose derivatives are farthest apart: ``layer`` (from 1), ``name`` as in code,
            ``derived`` and ``numeric``; None where every entry crosses a kink.
        tolerance: the largest relative error that is right.
    """

    layers: tuple[LayerCheck, ...]
    worst: Entry | None
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether every layer agrees within the tolerance."""
        return all(layer.ok for layer in self.layers)

    @property
    def kinks(self) -> int:
        """Entries that were left out because they cross a kink."""
        return sum(layer.kinks for layer in self.layers)

    @property
    def relative_error(self) -> float:
        """The largest relative error of a layer."""
        return max(layer.relative_error for layer in self.layers)

    def __repr__(self) -> str:
        verdict = "agrees with" if self.ok else "DIFFERS from"
        lines = [f"The hand-derived gradient {verdict} central differences (tolerance {self.tolerance:g})."]
        for layer in self.layers:
            skipped = f", {layer.kinks} left out at kinks" if layer.kinks else ""
            lines.append(
                f"  layer {layer.layer}: relative error {layer.relative_error:.2e} "
                f"over {layer.entries} entries{skipped}"
            )
        if self.worst is not None:
            lines.append(
                f"  worst entry: {self.worst.name} of layer {self.worst.layer}, "
                f"derived {self.worst.derived:.10g}, numeric {self.worst.numeric:.10g}"
            )
        return "\n".join(lines)


def check(
    objective: Objective, theta: Array, rows: Rows, tolerance: float, rng: np.random.Generator
) -> GradientCheck:
    """Compare ∂J/∂theta with (J(θ + h) - J(θ - h)) / 2h at up to 200 entries of each layer."""
    with np.errstate(all="ignore"):
        derived = objective.gradient(theta, objective.sums(theta, rows))
        rounding = 10.0 * H * H * abs(objective.value(theta, *objective.losses(theta, rows)))
        entries = [
            Entry(layer, name, float(derived[p]), _central_difference(objective, theta, rows, p))
            for p, layer, name in _chosen(objective.architecture, rng)
        ]
        numbers = range(1, objective.architecture.n_layers + 1)
        layers = [_judge(n, [e for e in entries if e.layer == n], tolerance, rounding) for n in numbers]
    smooth = [entry for entry in entries if not isnan(entry.numeric)]
    worst = max(smooth, key=_difference, default=None)
    return GradientCheck(tuple(layers), worst, tolerance)


def _chosen(architecture: Architecture, rng: np.random.Generator) -> Iterator[tuple[int, int, str]]:
    """The place in theta, layer and name of every parameter to be checked."""
    for layer, place in enumerate(architecture.places, start=1):
        places = np.arange(place.W.start, place.b.stop)
        if len(places) > ENTRIES_PER_LAYER:
            places = np.sort(rng.choice(places, ENTRIES_PER_LAYER, replace=False))
        for p in places.tolist():
            yield p, layer, parameter_name(architecture, p)


def _judge(layer: int, entries: list[Entry], tolerance: float, rounding: float) -> LayerCheck:
    """Judge one layer by the norm of its differences; a non-finite derivative is never right."""
    smooth = [(entry.derived, entry.numeric) for entry in entries if not isnan(entry.numeric)]
    g, numeric = np.array(smooth).reshape(-1, 2).T
    difference, size = np.linalg.norm(g - numeric), np.linalg.norm(g) + np.linalg.norm(numeric)
    relative = 0.0 if difference == 0.0 else float(difference / size)
    ok = bool(difference <= tolerance * size + rounding * len(g) ** 0.5)
    return LayerCheck(layer, relative, len(g), len(entries) - len(g), ok)


def _central_difference(objective: Objective, theta: Array, rows: Rows, entry: int) -> float:
    """(J(θ + h) - J(θ - h)) / 2h along one parameter; NaN where it crosses a kink."""
    step = H * max(1.0, abs(theta[entry]))
    values, passes = [], []
    for sign in (1.0, -1.0):
        moved = theta.copy()
        moved[entry] += sign * step
        steps = forward_pass(objective.architecture, moved, rows.X, rows.offset)
        passes.append(steps)
        values.append(objective.value(moved, *objective.losses(moved, rows)))
    if _crosses_kink(objective, rows, *passes):
        return nan
    slope = (values[0] - values[1]) / (2.0 * step)
    return inf if isnan(slope) else slope


def _crosses_kink(objective: Objective, rows: Rows, above: list[Step], below: list[Step]) -> bool:
    """Whether any unit, or any error of the loss, lies on two sides of a kink in the two passes."""
    pairs = [
        (high.z - kink, low.z - kink)
        for high, low, activation in zip(above, below, objective.architecture.activations, strict=True)
        for kink in activation.kinks
    ]
    pairs += [(above[-1].a - rows.y - kink, below[-1].a - rows.y - kink) for kink in objective.loss.kinks]
    return any(bool(np.any(np.sign(high) != np.sign(low))) for high, low in pairs)


def parameter_name(architecture: Architecture, entry: int) -> str:
    """Return how an entry of theta is written in code: ``weights[0][2, 1]`` or ``biases[0][1]``."""
    for layer, (place, (_, fan_out)) in enumerate(
        zip(architecture.places, architecture.shapes(), strict=True)
    ):
        if entry < place.W.stop:
            row, column = divmod(entry - place.W.start, fan_out)
            return f"weights[{layer}][{row}, {column}]"
        if entry < place.b.stop:
            return f"biases[{layer}][{entry - place.b.start}]"
    raise IndexError(entry)


def _difference(entry: Entry) -> float:
    """How far the two derivatives are apart; NaN is farther than any number."""
    difference = abs(entry.derived - entry.numeric)
    return inf if isnan(difference) else difference
