"""The objective J over rows: sums and weights travel together, and one place divides.

J = Σ wᵢ ℓᵢ / Σ wᵢ + penalties for ``reduction="mean"``, Σ wᵢ ℓᵢ + penalties for ``"sum"``. Where penalties
are averaged too, as in scikit-learn, J = (Σ wᵢ ℓᵢ + penalties) / Σ wᵢ: larger steps weaken them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from deltarule.core import equations
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.equations import Gradients, Step
from deltarule.core.losses import Loss
from deltarule.core.penalties import Penalty, penalty_gradient, penalty_value

Reduction: TypeAlias = Literal["mean", "sum"]
Reduced = TypeVar("Reduced", float, Array)
Selection: TypeAlias = slice | NDArray[np.integer]


class Rows(NamedTuple):
    """Rows to learn from: inputs (n, i), targets (n, k), weights (n,) or None, offset (n, k) or None."""

    X: Array
    y: Array
    w: Array | None = None
    offset: Array | None = None

    def take(self, rows: Selection) -> Rows:
        """Return the chosen rows; a slice gives views."""
        w = None if self.w is None else self.w[rows]
        offset = None if self.offset is None else self.offset[rows]
        return Rows(self.X[rows], self.y[rows], w, offset)


class Sums(NamedTuple):
    """What rows contribute, and what workers add up: Σ wᵢ ℓᵢ, Σ wᵢ and Σ wᵢ ∇ℓᵢ, (p,)."""

    loss: float
    weight: float
    gradient: Array


@dataclass(frozen=True)
class Objective:
    """What is minimized: the loss of an architecture's predictions, reduced over rows, plus penalties."""

    architecture: Architecture
    loss: Loss
    penalties: tuple[Penalty, ...] = ()
    reduction: Reduction = "mean"
    averages_penalties: bool = False

    def losses(self, theta: Array, rows: Rows) -> tuple[float, float]:
        """Σ wᵢ ℓᵢ and Σ wᵢ, without a backward pass."""
        output = forward_pass(self.architecture, theta, rows.X, rows.offset)[-1]
        loss = equations.loss_sum(rows.y, rows.w, output, self.loss, self.architecture.activations[-1])
        return loss, weight_of(rows)

    def sums(self, theta: Array, rows: Rows, dropout: Sequence[Array] = ()) -> Sums:
        """Σ wᵢ ℓᵢ, Σ wᵢ and Σ wᵢ ∇ℓᵢ of the rows, with the factors r of hidden layers, if any."""
        loss, _, dW, db = self._backward(theta, rows, dropout)
        return Sums(loss, weight_of(rows), self.architecture.flatten(dW, db))

    def gradient(self, theta: Array, sums: Sums) -> Array:
        """∂J/∂theta from the sums of a step's rows."""
        gradient = self.reduce(sums.gradient, sums.weight)
        if self.penalties:
            of_penalties = penalty_gradient(self.penalties, self.architecture, theta)
            gradient = gradient + self.share(of_penalties, sums.weight)
        return gradient

    def value(self, theta: Array, loss: float, weight: float) -> float:
        """J from Σ wᵢ ℓᵢ and Σ wᵢ."""
        return self.reduce(loss, weight) + self.share(self.penalty(theta), weight)

    def reduce(self, total: Reduced, weight: Any) -> Reduced:
        """Divide a sum over rows by their weight, if the reduction is "mean": the one place that divides."""
        return total / weight if self.reduction == "mean" else total

    def share(self, penalties: Reduced, weight: Any) -> Reduced:
        """What penalties add to a J over rows of that weight; of several J, arrays."""
        return self.reduce(penalties, weight) if self.averages_penalties else penalties

    def penalty(self, theta: Array) -> float:
        """The sum of all penalties."""
        return penalty_value(self.penalties, self.architecture, theta)

    def gradients(self, theta: Array, rows: Rows) -> Gradients:
        """J, every delta, ∂J/∂W and ∂J/∂b as a record."""
        loss, deltas, dW, db = self._backward(theta, rows)
        sums = Sums(loss, weight_of(rows), self.architecture.flatten(dW, db))
        W_b = self.architecture.views(self.gradient(theta, sums))
        return Gradients(self.value(theta, loss, sums.weight), deltas, W_b.W, W_b.b)

    def _backward(
        self, theta: Array, rows: Rows, dropout: Sequence[Array] = ()
    ) -> tuple[float, list[Array], list[Array], list[Array | None]]:
        W, b = self.architecture.views(theta)
        activations = self.architecture.activations
        steps = equations.forward(rows.X, W, b, activations, rows.offset, dropout)
        loss = equations.loss_sum(rows.y, rows.w, steps[-1], self.loss, activations[-1])
        delta = equations.output_delta(rows.y, rows.w, steps[-1], self.loss, activations[-1])
        deltas = equations.backward(steps, W, activations, delta, dropout)
        return loss, deltas, equations.weight_sums(steps, deltas), equations.bias_sums(deltas, b)


def forward_pass(
    architecture: Architecture, theta: Array, X: Array, offset: Array | None = None
) -> list[Step]:
    """Every layer's x, z and a."""
    W, b = architecture.views(theta)
    return equations.forward(X, W, b, architecture.activations, offset)


def weight_of(rows: Rows) -> float:
    """Σ wᵢ; without weights every row counts 1."""
    return float(rows.X.shape[0]) if rows.w is None else float(np.sum(rows.w, dtype=np.float64))
