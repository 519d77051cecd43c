"""This library with each of its engines: ``Network.train`` as a user calls it, its shuffling included."""

from __future__ import annotations

import numpy as np

import deltarule as dr
from benchmarks.works import SEED, Problem


class Engine:
    """A network and the engine that trains it."""

    engine: str
    dtype = "float32"
    dropout = 0.0

    def __init__(self, problem: Problem) -> None:
        work = problem.work
        self.work, (self.X, self.y) = work, problem.arrays
        self.net = dr.Network(work.widths, work.activations, bias=work.bias, dtype=self.dtype)
        self.net.weights = problem.weights
        self.optimizer = problem.method

    def train(self, epochs: int) -> None:
        history = self.net.train(
            self.X,
            self.y,
            optimizer=self.optimizer,
            batch_size=self.work.batch_size,
            epochs=epochs,
            dropout=self.dropout,
            engine=self.engine,
            seed=SEED,
        )
        if history.engine != self.engine or len(history.epochs) != epochs:
            raise RuntimeError(f"{self.engine}: {history.engine_reason}, {history.stop.message}")

    def parameters(self) -> list[np.ndarray]:
        return [self.net.theta]


class Native(Engine):
    """The native engine."""

    engine = "native"


class Reference(Engine):
    """The reference engine."""

    engine = "reference"


class Truth(Reference):
    """The reference engine in float64: what everyone's first epoch is compared with."""

    dtype = "float64"
