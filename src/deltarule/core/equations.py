"""The equations of a multilayer perceptron: forward, backward, output delta, and the sums over rows.

Rows are samples: x is (n, i), W is (i, o), z and a are (n, o). Derivation: docs, "The mathematics".
objective.py puts them together: J and its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deltarule.core.activations import Activation
from deltarule.core.arrays import Array
from deltarule.core.losses import Loss


class Step(NamedTuple):
    """One layer of a forward pass, for n rows, i inputs and o units.

    Attributes:
        x: its input, (n, i); of the first layer, X.
        z: its pre-activation x W + b, (n, o), before φ.
        a: its activation φ(z), (n, o); the next layer's x (without dropout), and of the last layer, ŷ.
    """

    x: Array
    z: Array
    a: Array


class Gradients(NamedTuple):
    """A backward pass; the lists have one entry per layer.

    Attributes:
        objective: J, the loss of the rows plus the penalties.
        delta: wᵣ ∂ℓᵣ/∂z of each row r, (n, o): weighted, undivided.
        dW: ∂J/∂W, (i, o), like ``net.weights``.
        db: ∂J/∂b, (o,), like ``net.biases``; None for a layer without bias.
    """

    objective: float
    delta: list[Array]
    dW: list[Array]
    db: list[Array | None]


def forward(
    x: Array,
    W: Sequence[Array],
    b: Sequence[Array | None],
    activations: Sequence[Activation],
    offset: Array | None = None,
    dropout: Sequence[Array] = (),
) -> list[Step]:
    """z = x W + b and a = φ(z), layer after layer; the offset is added to the last z.

    With dropout, the next layer's x is a ⊙ r, where r, (n, o) of each hidden layer, is 0 or 1 / (1 - p).
    """
    steps = []
    for layer, (W_l, b_l, activation) in enumerate(zip(W, b, activations, strict=True), start=1):
        z = x @ W_l
        if b_l is not None:
            z = z + b_l
        if offset is not None and layer == len(W):
            z = z + offset
        a = activation.value(z)
        steps.append(Step(x, z, a))
        x = a * dropout[layer - 1] if layer <= len(dropout) else a
    return steps


def backward(
    steps: Sequence[Step],
    W: Sequence[Array],
    activations: Sequence[Activation],
    delta: Array,
    dropout: Sequence[Array] = (),
) -> list[Array]:
    """The delta rule: d_a = delta_next W_nextᵀ, delta = d_a ⊙ φ′(z), from the last layer to the first.

    With dropout, d_a = (delta_next W_nextᵀ) ⊙ r.
    """
    deltas = [delta]
    for layer in range(len(W) - 1, 0, -1):
        step = steps[layer - 1]
        d_a = deltas[0] @ W[layer].T
        if dropout:
            d_a = d_a * dropout[layer - 1]
        deltas.insert(0, activations[layer - 1].derivative(step.z, step.a, d_a))
    return deltas


def loss_sum(y: Array, w: Array | None, output: Step, loss: Loss, activation: Activation) -> float:
    """Σ wᵢ ℓᵢ over the rows."""
    return float(np.sum(_weighted(loss.per_row(y, output.z, output.a, activation), w)))


def output_delta(y: Array, w: Array | None, output: Step, loss: Loss, activation: Activation) -> Array:
    """delta = wᵢ ∂ℓᵢ/∂z of the output layer, per row, undivided."""
    delta = loss.delta(y, output.z, output.a, activation)
    return _weighted(delta, w if w is None else w[:, np.newaxis])


def _weighted(values: Array, w: Array | None) -> Array:
    """wᵢ times the values of row i; a row of weight 0 is absent, even where its values overflow."""
    return values if w is None else np.where(w > 0.0, w * values, 0.0)


def weight_sums(steps: Sequence[Step], deltas: Sequence[Array]) -> list[Array]:
    """Σ wᵢ ∂ℓᵢ/∂W = xᵀ delta of every layer."""
    return [step.x.T @ delta for step, delta in zip(steps, deltas, strict=True)]


def bias_sums(deltas: Sequence[Array], b: Sequence[Array | None]) -> list[Array | None]:
    """Σ wᵢ ∂ℓᵢ/∂b = 1ᵀ delta of every layer that has a bias."""
    return [None if b_l is None else delta.sum(axis=0) for delta, b_l in zip(deltas, b, strict=True)]
