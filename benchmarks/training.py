"""Training speed: this library's engines and its peers, in one run, on the same arrays, starts and batches.

Prints milliseconds per epoch (medians of alternating repeats) and ratios; ``--json`` writes them to a file.
A peer that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import deltarule as dr
from deltarule.data.batches import BatchPlan

Epochs = Callable[[int], float]
"""Trains some more epochs and returns the seconds they took."""


@dataclass(frozen=True)
class Work:
    """One network, its data and how it is trained."""

    name: str
    widths: tuple[int, ...]
    hidden: str
    output: str
    rows: int
    batch_size: int | None
    bias: bool = True

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the same inputs and targets every time."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.rows, self.widths[0]), dtype=np.float32)
        return X, rng.random((self.rows, self.widths[-1]), dtype=np.float32)

    def network(self) -> dr.Network:
        """Return the network from which everyone starts."""
        activations = [self.hidden] * (len(self.widths) - 2) + [self.output]
        return dr.Network(self.widths, activations, bias=self.bias, dtype="float32", seed=0)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return the rows of each step of an epoch."""
        plan = BatchPlan(self.rows, self.batch_size, seed=0)
        return [np.arange(self.rows)[batch] for batch in plan.epoch(epoch)]


WORKS = (
    Work("lab", (3, 2, 1), "sigmoid", "exponential", 10_000, None, bias=False),
    Work("parity", (10, 3, 2), "sigmoid", "sigmoid", 700, 8),
    Work("mnist", (784, 32, 10), "sigmoid", "sigmoid", 60_000, 256),
    Work("table", (32, 128, 128, 1), "relu", "identity", 50_000, 256),
    Work("wide", (256, 512, 512, 1), "relu", "identity", 20_000, 512),
    Work("deep", (20, *[16] * 6, 1), "tanh", "identity", 10_000, 64),
    Work("tiny-batch", (784, 32, 10), "sigmoid", "sigmoid", 5_000, 1),
)
RATE = {"sgd": 1e-3, "adam": 1e-3}


def ours(engine: str) -> Callable[[Work, str], Epochs]:
    """This library with one of its engines."""

    def prepare(work: Work, optimizer: str) -> Epochs:
        X, y = work.arrays()
        net = work.network()
        record = dr.SGD(RATE["sgd"]) if optimizer == "sgd" else dr.Adam(RATE["adam"])

        def epochs(count: int) -> float:
            start = time.perf_counter()
            history = net.train(
                X, y, optimizer=record, batch_size=work.batch_size, epochs=count, engine=engine
            )
            if history.engine != engine:
                raise RuntimeError(f"{engine} refused: {history.engine_reason}")
            return time.perf_counter() - start

        return epochs

    return prepare


def pytorch(work: Work, optimizer: str) -> Epochs:
    """PyTorch, eager, with its data as tensors and the rows of a step taken by index."""
    import torch

    nonlinear = {"sigmoid": torch.sigmoid, "relu": torch.relu, "tanh": torch.tanh, "identity": lambda z: z}
    nonlinear["exponential"] = torch.exp
    X, y = (torch.from_numpy(array) for array in work.arrays())
    start = work.network()
    W = [torch.tensor(np.array(w), requires_grad=True) for w in start.weights]
    b = [torch.tensor(np.array(v), requires_grad=True) for v in start.biases if v is not None]
    make = torch.optim.SGD if optimizer == "sgd" else torch.optim.Adam
    descent = make([*W, *b], lr=RATE[optimizer])
    order = [torch.from_numpy(batch) for batch in work.batches(0)]

    def epochs(count: int) -> float:
        begin = time.perf_counter()
        for _ in range(count):
            for batch in order:
                a, target = (X, y) if len(order) == 1 else (X[batch], y[batch])
                for layer, weight in enumerate(W):
                    z = torch.addmm(b[layer], a, weight) if b else a @ weight
                    a = nonlinear[work.output if layer == len(W) - 1 else work.hidden](z)
                descent.zero_grad()
                ((a - target) ** 2).mean().backward()
                descent.step()
        return time.perf_counter() - begin

    return epochs


def jax_scan(work: Work, optimizer: str) -> Epochs:
    """JAX: one jit-compiled scan over the steps of an epoch (plain SGD or Adam written out)."""
    import jax
    import jax.numpy as jnp

    nonlinear: dict[str, Any] = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "tanh": jnp.tanh}
    nonlinear |= {"identity": lambda z: z, "exponential": jnp.exp}
    X, y = (jnp.asarray(array) for array in work.arrays())
    start = work.network()
    params = [
        (jnp.asarray(w), None if v is None else jnp.asarray(v))
        for w, v in zip(start.weights, start.biases, strict=True)
    ]
    size = work.batch_size or work.rows
    order = jnp.asarray(np.stack([batch for batch in work.batches(0) if len(batch) == size]))

    def loss(params: Any, rows: Any) -> Any:
        a, target = (X, y) if work.batch_size is None else (X[rows], y[rows])
        for layer, (w, v) in enumerate(params):
            z = a @ w if v is None else a @ w + v
            a = nonlinear[work.output if layer == len(params) - 1 else work.hidden](z)
        return jnp.mean((a - target) ** 2)

    def step(carry: Any, rows: Any) -> Any:
        params, m, v, t = carry
        value, g = jax.value_and_grad(loss)(params, rows)
        if optimizer == "sgd":
            params = jax.tree.map(lambda p, d: p - RATE["sgd"] * d, params, g)
            return (params, m, v, t), value
        return jax_adam(params, m, v, t + 1, g), value

    @jax.jit
    def run(carry: Any) -> Any:
        return jax.lax.scan(step, carry, order)

    zeros = jax.tree.map(jnp.zeros_like, params)
    state = [(params, zeros, zeros, jnp.float32(0))]

    def epochs(count: int) -> float:
        begin = time.perf_counter()
        for _ in range(count):
            state[0], values = run(state[0])
        values.block_until_ready()
        return time.perf_counter() - begin

    return epochs


def jax_adam(params: Any, m: Any, v: Any, t: Any, g: Any) -> Any:
    """One step of Adam on trees of parameters."""
    import jax

    m = jax.tree.map(lambda s, d: 0.9 * s + 0.1 * d, m, g)
    v = jax.tree.map(lambda s, d: 0.999 * s + 0.001 * d * d, v, g)
    c1, c2 = 1 - 0.9**t, 1 - 0.999**t
    params = jax.tree.map(
        lambda p, s, q: p - RATE["adam"] * (s / c1) / ((q / c2) ** 0.5 + 1e-8), params, m, v
    )
    return params, m, v, t


def scikit_learn(work: Work, optimizer: str) -> Epochs:
    """scikit-learn's MLPRegressor where it has the activations."""
    import warnings

    from sklearn.neural_network import MLPRegressor

    if work.output != "identity" or not work.bias:
        raise NotImplementedError("no such output activation")
    X, y = work.arrays()
    names = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}

    def epochs(count: int) -> float:
        model = MLPRegressor(
            hidden_layer_sizes=work.widths[1:-1],
            activation=names[work.hidden],
            solver=optimizer,
            alpha=0.0,
            batch_size=work.batch_size or work.rows,
            learning_rate_init=RATE[optimizer],
            max_iter=count,
            momentum=0.0,
            nesterovs_momentum=False,
            tol=0.0,
            n_iter_no_change=10**6,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begin = time.perf_counter()
            model.fit(X, y.ravel() if y.shape[1] == 1 else y)
        return time.perf_counter() - begin

    return epochs


RUNNERS: dict[str, tuple[str, Callable[[Work, str], Epochs]]] = {
    "deltarule native": ("deltarule", ours("native")),
    "deltarule reference": ("deltarule", ours("reference")),
    "PyTorch": ("torch", pytorch),
    "JAX": ("jax", jax_scan),
    "scikit-learn": ("sklearn", scikit_learn),
}


def measure(work: Work, optimizer: str, seconds: float, repeats: int) -> dict[str, float]:
    """Return milliseconds per epoch of everyone who can do this work, medians of alternating repeats."""
    ready: dict[str, tuple[Epochs, int]] = {}
    for name, (package, prepare) in RUNNERS.items():
        if importlib.util.find_spec(package) is None:
            continue
        try:
            epochs = prepare(work, optimizer)
        except NotImplementedError:
            continue
        epochs(1)  # warm-up: compilation, first touch of memory
        once = epochs(1)
        ready[name] = epochs, max(1, int(seconds / repeats / max(once, 1e-6)))
    times: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(repeats):
        for name, (epochs, count) in ready.items():
            times[name].append(1e3 * epochs(count) / count)
    return {name: statistics.median(values) for name, values in times.items()}


def machine() -> dict[str, Any]:
    """Return what the numbers belong to."""
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    return {"processor": model, "cores": os.cpu_count(), "python": platform.python_version()}


def main() -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--works", nargs="*", default=[work.name for work in WORKS])
    parser.add_argument("--optimizers", nargs="*", default=["sgd", "adam"])
    parser.add_argument("--seconds", type=float, default=3.0, help="for each peer and work")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "milliseconds": {}}
    print(results["machine"])
    missing = [name for name, (package, _) in RUNNERS.items() if importlib.util.find_spec(package) is None]
    print("Not installed:", ", ".join(missing) or "nothing")
    for optimizer in asked.optimizers:
        for work in WORKS:
            if work.name not in asked.works:
                continue
            found = measure(work, optimizer, asked.seconds, asked.repeats)
            results["milliseconds"][f"{work.name} {optimizer}"] = found
            mine = found["deltarule native"]
            cells = [f"{name} {ms:.4g} ms ({ms / mine:.1f}x)" for name, ms in found.items()]
            print(f"{work.name:>10} {optimizer:<4} " + " | ".join(cells), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
