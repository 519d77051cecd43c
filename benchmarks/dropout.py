"""Milliseconds per epoch with dropout: this library's engines beside PyTorch and JAX, and without it.

The same arrays, start, orders and optimizer, in float32; masks are drawn by everyone's own generator, so not
the parameters but the losses are compared. Run it as ``python -m benchmarks.dropout``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import deltarule as dr
from benchmarks.peers.jax_scan import Scan
from benchmarks.peers.ours import Native, Reference
from benchmarks.peers.pytorch import Eager
from benchmarks.works import SEED, WORKS, Problem

P = 0.5
EPOCHS = 5
TOLERANCE = 0.2
"""How far losses after some epochs may differ, relative to the larger one, by masks alone."""


class OursDropping(Native):
    """The native engine with dropout."""

    dropout = P


class ReferenceDropping(Reference):
    """The reference engine with dropout."""

    dropout = P


class PyTorchDropping(Eager):
    """PyTorch with dropout after each hidden layer."""

    def step(self, rows: torch.Tensor | None) -> None:
        self.optimizer.zero_grad()
        a, y = self.take(rows)
        for layer, activation in enumerate(self.activations):
            a = activation(torch.addmm(self.b[layer], a, self.W[layer]))
            if layer + 1 < len(self.activations):
                a = torch.nn.functional.dropout(a, P)
        torch.nn.functional.mse_loss(a, y).backward()
        self.optimizer.step()


class JAXDropping(Scan):
    """JAX with a key for each step, split for each hidden layer; its fastest generator on a CPU."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.state = self.state, jnp.uint32(0)

    def update(self, state: Any, a: jax.Array, y: jax.Array) -> Any:
        inner, count = state
        self.key = jax.random.fold_in(jax.random.key(SEED, impl="rbg"), count)
        return super().update(inner, a, y), count + 1

    def loss(self, parameters: Any, a: jax.Array, y: jax.Array) -> jax.Array:
        W, b = parameters
        for layer, activation in enumerate(self.activations):
            a = activation(a @ W[layer] + b[layer])
            if layer + 1 < len(self.activations):
                stays = jax.random.bernoulli(jax.random.fold_in(self.key, layer), 1.0 - P, a.shape)
                a = jnp.where(stays, a / (1.0 - P), 0.0)
        return jnp.mean((a - y) ** 2)

    def parameters(self) -> list[np.ndarray]:
        whole, self.state = self.state, self.state[0]
        found = super().parameters()
        self.state = whole
        return found


WITHOUT = "native without dropout"
PEERS = {
    "native": OursDropping,
    "reference": ReferenceDropping,
    "PyTorch": PyTorchDropping,
    "JAX": JAXDropping,
    WITHOUT: Native,
}


def loss(problem: Problem, peer: Any) -> float:
    """Return the loss of all rows where a peer is now, with all units."""
    net, (X, y) = dr.Network(problem.work.widths, problem.work.activations, dtype="float32"), problem.arrays
    net.theta = np.concatenate([np.ravel(part) for part in peer.parameters()])
    return float(np.mean((net.predict(X) - y) ** 2))


def milliseconds(peer: Any) -> float:
    """Return those of one epoch."""
    start = time.perf_counter()
    peer.train(EPOCHS)
    return 1e3 * (time.perf_counter() - start) / EPOCHS


def main() -> None:
    """Print a line per work; all take turns, and the median counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--works", nargs="+", default=["table", "wide"], choices=["mnist", "table", "wide"])
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    for work in [work for work in WORKS if work.name in asked.works]:
        problem = Problem(work, "sgd")
        peers = {name: make(problem) for name, make in PEERS.items()}
        for peer in peers.values():
            peer.train(EPOCHS)
        losses = {name: loss(problem, peer) for name, peer in peers.items() if name != WITHOUT}
        if max(losses.values()) > (1.0 + TOLERANCE) * min(losses.values()):
            raise SystemExit(f"{work.name}: after {EPOCHS} epochs the losses differ: {losses}")
        rounds = [{name: milliseconds(peer) for name, peer in peers.items()} for _ in range(asked.repeats)]
        found = {name: statistics.median(each[name] for each in rounds) for name in peers}
        each = ", ".join(f"{name} {value:.3g} ms" for name, value in found.items())
        fastest = min(found["PyTorch"], found["JAX"])
        print(f"{work.name}: {each}; faster framework / native {fastest / found['native']:.2f}", flush=True)


if __name__ == "__main__":
    main()
