"""JAX: one jit-compiled call for any number of epochs, each a scan over its steps and a short last step."""

from __future__ import annotations

from math import log
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.common import interleaved
from benchmarks.works import Problem
from deltarule.core.optimizers import SGD, AdamW, RMSProp

ACTIVATIONS: dict[str, Any] = {
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "exponential": jnp.exp,
    "identity": lambda z: z,
}


class Scan:
    """Gradients by ``jax.grad``, the update written out, the state's memory given back to each call."""

    def __init__(self, problem: Problem) -> None:
        self.activations = [ACTIVATIONS[name] for name in problem.work.activations]
        self.method = problem.method
        self.data = tuple(jnp.asarray(array) for array in problem.arrays)
        self.full, self.short = split(problem)
        W = [jnp.asarray(w) for w in problem.weights]
        b = [jnp.asarray(b) for b in problem.biases]
        memory = [jax.tree.map(jnp.zeros_like, (W, b)) for _ in range(n_arrays(self.method))]
        self.state = (W, b), memory, jnp.float32(0.0)
        self.run = jax.jit(self.epochs, donate_argnums=0)

    def loss(self, parameters: Any, a: jax.Array, y: jax.Array) -> jax.Array:
        W, b = parameters
        for layer, activation in enumerate(self.activations):
            z = a @ W[layer] + b[layer] if b else a @ W[layer]
            a = activation(z)
        return jnp.mean((a - y) ** 2)

    def update(self, state: Any, a: jax.Array, y: jax.Array) -> Any:
        parameters, memory, t = state
        g = jax.grad(self.loss)(parameters, a, y)
        if isinstance(self.method, SGD):
            return *sgd_step(self.method, parameters, memory, g), t
        if isinstance(self.method, RMSProp):
            return *rmsprop_step(self.method, parameters, memory, g), t
        return adam_step(self.method, parameters, memory, t + 1.0, g)

    def epochs(self, state: Any, data: Any, full: Any, short: Any, count: Any) -> Any:
        X, y = data

        def step(state: Any, rows: Any) -> Any:
            return self.update(state, X[rows], y[rows]), None

        def epoch(e: Any, state: Any) -> Any:
            if full is None:
                return self.update(state, X, y)
            state, _ = jax.lax.scan(step, state, full[e % len(full)])
            return state if short is None else step(state, short[e % len(short)])[0]

        return jax.lax.fori_loop(0, count, epoch, state)

    def train(self, epochs: int) -> None:
        self.state = self.run(self.state, self.data, self.full, self.short, epochs)
        jax.block_until_ready(self.state)

    def parameters(self) -> list[np.ndarray]:
        W, b = self.state[0]
        return interleaved(W, b)


def split(problem: Problem) -> tuple[jax.Array | None, jax.Array | None]:
    """Return the rows of the full batches, (epochs, steps, size), and of the short ones, (epochs, rest)."""
    size, rows = problem.work.batch_size, problem.work.rows
    if size is None:
        return None, None
    orders = jnp.asarray(np.array([np.concatenate(order) for order in problem.orders]), dtype=jnp.int32)
    whole = rows // size * size
    full = orders[:, :whole].reshape(len(orders), -1, size)
    return full, orders[:, whole:] if whole < rows else None


def n_arrays(method: Any) -> int:
    """Return how many arrays like the parameters the optimizer remembers."""
    if isinstance(method, SGD):
        return int(method.momentum > 0.0)
    return 1 if isinstance(method, RMSProp) else 2


def sgd_step(method: SGD, parameters: Any, memory: Any, g: Any) -> Any:
    """Return parameters and memory after a step of gradient descent."""
    rate, mu = method.learning_rate, method.momentum
    if not mu:
        return jax.tree.map(lambda p, d: p - rate * d, parameters, g), memory
    v = jax.tree.map(lambda v, d: mu * v - rate * d, memory[0], g)
    step = jax.tree.map(lambda v, d: mu * v - rate * d, v, g) if method.nesterov else v
    return jax.tree.map(jnp.add, parameters, step), [v]


def rmsprop_step(method: RMSProp, parameters: Any, memory: Any, g: Any) -> Any:
    """Return parameters and memory after a step of RMSProp."""
    rate, rho, epsilon = method.learning_rate, method.rho, method.epsilon
    v = jax.tree.map(lambda v, d: rho * v + (1 - rho) * d * d, memory[0], g)
    return jax.tree.map(lambda p, d, v: p - rate * d / (jnp.sqrt(v) + epsilon), parameters, g, v), [v]


def adam_step(method: Any, parameters: Any, memory: Any, t: Any, g: Any) -> Any:
    """Return parameters, memory and t after a step of Adam or AdamW."""
    rate, beta_1, beta_2, epsilon = method.learning_rate, method.beta_1, method.beta_2, method.epsilon
    kept = 1 - rate * method.weight_decay if isinstance(method, AdamW) else 1.0
    m = jax.tree.map(lambda s, d: beta_1 * s + (1 - beta_1) * d, memory[0], g)
    v = jax.tree.map(lambda s, d: beta_2 * s + (1 - beta_2) * d * d, memory[1], g)
    scale = (
        -1 / jnp.expm1(t * log(beta_1)),
        -1 / jnp.expm1(t * log(beta_2)),
    )  # 1 / (1 - βᵗ), exact for small t
    parameters = jax.tree.map(
        lambda p, m, v: kept * p - rate * (m * scale[0]) / (jnp.sqrt(v * scale[1]) + epsilon),
        parameters,
        m,
        v,
    )
    return parameters, [m, v], t
