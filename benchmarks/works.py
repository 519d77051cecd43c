"""The works: networks, their data, where everyone starts, and the rows of every step.

NumPy, the batches and the optimizers of this library, and nothing else: a peer's fresh process loads what it
needs and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deltarule.core.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp
from deltarule.data.batches import BatchPlan, Selection

Floats = NDArray[np.float32]

SEED = 0
OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(0.01),
    "momentum": SGD(0.01, momentum=0.9),
    "nesterov": SGD(0.01, momentum=0.9, nesterov=True),
    "rmsprop": RMSProp(0.001),
    "adam": Adam(0.001),
    "adamw": AdamW(0.001),
}
KNOWN_EPOCHS = 16
"""Peers are given the orders of so many epochs, made before the clock runs, and take them in turn."""


@dataclass(frozen=True)
class Work:
    """One network, its data and how it is trained; the loss is always the mean squared error."""

    name: str
    widths: tuple[int, ...]
    hidden: str
    output: str
    rows: int
    batch_size: int | None
    bias: bool = True

    @property
    def activations(self) -> list[str]:
        """The activation of each layer after the input."""
        return [self.hidden] * (len(self.widths) - 2) + [self.output]

    @property
    def n_weights(self) -> int:
        """The number of weights, biases not counted."""
        return sum(i * o for i, o in zip(self.widths, self.widths[1:], strict=False))


@dataclass(frozen=True)
class Problem:
    """A work with its arrays in memory, the same in every process."""

    work: Work
    optimizer: str
    known_epochs: int = KNOWN_EPOCHS

    @property
    def method(self) -> Any:
        """The optimizer's record: its settings are the same for everyone."""
        return OPTIMIZERS[self.optimizer]

    @cached_property
    def arrays(self) -> tuple[Floats, Floats]:
        """X, (n, i), standard normal, and y, (n, k), uniform in [0, 1)."""
        rng = np.random.default_rng(SEED)
        X = rng.standard_normal((self.work.rows, self.work.widths[0]), dtype=np.float32)
        return X, rng.random((self.work.rows, self.work.widths[-1]), dtype=np.float32)

    @cached_property
    def weights(self) -> list[Floats]:
        """The initial W of each layer, (fan_in, fan_out), Glorot-uniform; biases start at 0."""
        rng = np.random.default_rng(SEED + 1)
        shapes = list(zip(self.work.widths, self.work.widths[1:], strict=False))
        limits = [np.sqrt(6.0 / (i + o)) for i, o in shapes]
        return [
            rng.uniform(-limit, limit, shape).astype(np.float32)
            for limit, shape in zip(limits, shapes, strict=True)
        ]

    @cached_property
    def biases(self) -> list[Floats]:
        """The initial b of each layer, (fan_out,); empty where the work has none."""
        return [np.zeros(width, dtype=np.float32) for width in self.work.widths[1:] if self.work.bias]

    def start(self) -> NDArray[np.float64]:
        """Return the initial parameters as one vector, W1, b1, W2, b2, ..."""
        biases = self.biases or [np.zeros(0, dtype=np.float32)] * len(self.weights)
        layers = zip(self.weights, biases, strict=True)
        return np.concatenate([part.ravel() for layer in layers for part in layer]).astype(np.float64)

    @cached_property
    def orders(self) -> list[list[Selection]]:
        """The rows of every step of the first epochs, as this library shuffles them."""
        plan = BatchPlan(self.work.rows, self.work.batch_size, seed=SEED)
        return [list(plan.epoch(epoch)) for epoch in range(self.known_epochs)]

    @cached_property
    def rearranged(self) -> tuple[Floats, Floats]:
        """X and y in the order of the first epoch, for peers that take rows as they come."""
        X, y = self.arrays
        if self.work.batch_size is None:
            return X, y
        order = np.concatenate(self.orders[0])
        return X[order], y[order]


WORKS = (
    Work("lab", (3, 2, 1), "sigmoid", "exponential", 10_000, None, bias=False),
    Work("parity", (10, 3, 2), "sigmoid", "sigmoid", 700, 8),
    Work("mnist", (784, 32, 10), "sigmoid", "sigmoid", 60_000, 256),
    Work("table", (32, 128, 128, 1), "relu", "identity", 50_000, 256),
    Work("wide", (256, 512, 512, 1), "relu", "identity", 20_000, 512),
    Work("deep", (20, *[16] * 6, 1), "tanh", "identity", 10_000, 64),
    Work("tiny-batch", (784, 32, 10), "sigmoid", "sigmoid", 5_000, 1),
)
