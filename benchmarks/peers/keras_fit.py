"""Keras on JAX: ``Model.fit`` over the rows as they come, its callbacks asked once per epoch."""

from __future__ import annotations

import os

import numpy as np

from benchmarks.works import Problem
from deltarule.core.optimizers import SGD, Adam, AdamW, RMSProp

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
    """Return the same optimizer of Keras, whose RMSprop adds its ε inside the root."""
    kinds = keras.optimizers
    match problem.method:
        case SGD(learning_rate=rate, momentum=momentum, nesterov=nesterov):
            return kinds.SGD(rate, momentum, nesterov)
        case RMSProp(learning_rate=rate, rho=rho, epsilon=epsilon):
            return kinds.RMSprop(rate, rho, epsilon=epsilon**2)
        case Adam(learning_rate=rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon):
            return kinds.Adam(rate, beta_1, beta_2, epsilon)
        case AdamW(learning_rate=rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, weight_decay=decay):
            return kinds.AdamW(rate, decay, beta_1, beta_2, epsilon)
    raise NotImplementedError("Keras has no such optimizer")
