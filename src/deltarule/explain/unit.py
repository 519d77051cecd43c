"""Focus on one unit: all that goes into it, what it makes of it, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deltarule.core.arrays import Array, require_integer
from deltarule.explain.expressions import Values


@dataclass(frozen=True, eq=False)
class Unit:
    """One unit of a layer in one step, for n rows and i inputs; layers and units count from 1.

    Attributes:
        layer: its layer.
        unit: its number in the layer.
        inputs: what it is given, (n, i).
        weights: the weight of each input, (i,).
        bias: its bias; None where the network has none.
        z: what it adds up, (n,).
        a: what it answers, (n,).
        delta: wᵣ ∂ℓᵣ/∂z of it, (n,).
        contributions: what it adds to each z of the following layer, (n, o); None in the output layer.
        received: the blame it gets back from each unit of the following layer, (n, o), before its own slope;
            None in the output layer.
    """

    layer: int
    unit: int
    inputs: Array
    weights: Array
    bias: float | None
    z: Array
    a: Array
    delta: Array
    contributions: Array | None
    received: Array | None

    def __str__(self) -> str:
        """What it has, a line each, with six significant digits."""
        named = {
            "inputs": "inputs",
            "weights": "weights",
            "bias": "bias",
            "z": "z",
            "a": "a",
            "delta": "delta",
        }
        named |= {"contributions": "sends", "received": "gets back"}
        lines = [f"unit {self.unit} of layer {self.layer}"]
        for attribute, words in named.items():
            value = getattr(self, attribute)
            if value is not None:
                text = np.array2string(
                    np.asarray(value), precision=6, threshold=24, prefix=" " * 14, formatter={"object": str}
                )
                lines.append(f"  {words:<11} {text}")
        return "\n".join(lines)


def unit_of(values: Values, widths: tuple[int, ...], layer: int, unit: int) -> Unit:
    """Return a unit of a step; ``values`` are those of its working.

    Raises:
        InputError: there is no such layer or unit.
    """
    last = len(widths) - 1
    layer = require_integer("layer", layer, 1, last)
    j = require_integer("unit", unit, 1, widths[layer]) - 1
    a = values["y_hat"] if layer == last else values[f"a{layer}"]
    inputs = values["x"] if layer == 1 else values[f"a{layer - 1}"]
    bias = values.get(f"b{layer}")
    sends = back = None
    if layer < last:
        outgoing = values[f"W{layer + 1}"][j]
        sends, back = a[:, j : j + 1] * outgoing, values[f"delta{layer + 1}"] * outgoing
    return Unit(
        layer,
        j + 1,
        inputs,
        values[f"W{layer}"][:, j],
        None if bias is None else float(bias[j]),
        values[f"z{layer}"][:, j],
        a[:, j],
        values[f"delta{layer}"][:, j],
        sends,
        back,
    )
