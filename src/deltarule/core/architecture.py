"""Architecture: widths and activations, and how one flat vector theta holds every W and b.

Order in theta: W1, b1, W2, b2, ... in C order; W and b are views on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from deltarule.core.activations import Activation
from deltarule.core.arrays import Array


class Parameters(NamedTuple):
    """The weights and biases of every layer: W (i, o) and b (o,), or None where there is no bias."""

    W: list[Array]
    b: list[Array | None]


class Place(NamedTuple):
    """Where one layer's W and b lie in theta."""

    W: slice
    b: slice


@dataclass(frozen=True)
class Architecture:
    """Widths, activations (one per layer after the input) and whether units have a bias."""

    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    bias: bool

    @property
    def n_inputs(self) -> int:
        return self.widths[0]

    @property
    def n_outputs(self) -> int:
        return self.widths[-1]

    @property
    def n_layers(self) -> int:
        """Layers with weights; the input is not counted."""
        return len(self.activations)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where each layer's W and b lie in theta."""
        places, start = [], 0
        for i, o in self.shapes():
            middle = start + i * o
            end = middle + (o if self.bias else 0)
            places.append(Place(slice(start, middle), slice(middle, end)))
            start = end
        return tuple(places)

    @property
    def n_parameters(self) -> int:
        return self.places[-1].b.stop

    def shapes(self) -> Iterator[tuple[int, int]]:
        """The (fan-in, fan-out) of each layer."""
        return zip(self.widths, self.widths[1:], strict=False)

    def views(self, theta: Array) -> Parameters:
        """Return W and b of every layer as views on theta, (p,)."""
        W: list[Array] = []
        b: list[Array | None] = []
        for place, shape in zip(self.places, self.shapes(), strict=True):
            W.append(theta[place.W].reshape(shape))
            b.append(theta[place.b] if self.bias else None)
        return Parameters(W, b)

    def flatten(self, dW: Sequence[Array], db: Sequence[Array | None]) -> Array:
        """Join arrays shaped like W and b into one vector in the order of theta, (p,)."""
        pairs = zip(dW, db, strict=True)
        return np.concatenate([part.ravel() for pair in pairs for part in pair if part is not None])

    def per_layer(self, values: Sequence[float], dtype: np.dtype[np.floating]) -> Array:
        """Return a vector like theta, (p,), that holds each layer's value at its parameters."""
        spread = np.empty(self.n_parameters, dtype)
        for place, value in zip(self.places, values, strict=True):
            spread[place.W.start : place.b.stop] = value
        return spread
