"""Keras on JAX: ``Model.fit`` over the rows as they come, its callbacks asked once per epoch."""

from __future__ import annotations

import os

import numpy as np

from benchmarks.works import ADAM, Problem

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras


class Fit:
    """A Sequential model, its steps compiled; it takes the rows of the first epoch's order in every epoch."""

    def __init__(self, problem: Problem) -> None:
        work = problem.work
        self.X, self.y = problem.rearranged
        self.batch_size = work.batch_size or work.rows
        layers = [
            keras.layers.Dense(width, activation=ACTIVATIONS.get(name, name), use_bias=work.bias)
            for width, name in zip(work.widths[1:], work.activations, strict=True)
        ]
        self.model = keras.Sequential([keras.Input((work.widths[0],)), *layers])
        self.model.compile(
            optimizer=optimizer_of(problem),
            loss="mean_squared_error",
            jit_compile=True,
            steps_per_execution=-(-work.rows // self.batch_size),
        )
        biases = problem.biases or [None] * len(layers)
        for layer, W, b in zip(layers, problem.weights, biases, strict=True):
            layer.set_weights([W] if b is None else [W, b])

    def train(self, epochs: int) -> None:
        self.model.fit(self.X, self.y, batch_size=self.batch_size, epochs=epochs, shuffle=False, verbose=0)

    def parameters(self) -> list[np.ndarray]:
        return [np.asarray(array) for array in self.model.get_weights()]


ACTIVATIONS = {"identity": "linear"}


def optimizer_of(problem: Problem) -> keras.optimizers.Optimizer:
    """Return plain gradient descent or Adam."""
    if problem.optimizer == "sgd":
        return keras.optimizers.SGD(problem.learning_rate)
    return keras.optimizers.Adam(problem.learning_rate, **ADAM)
