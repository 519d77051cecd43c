"""Milliseconds per iteration of L-BFGS: this library's engines beside scikit-learn's MLPRegressor.

The same arrays, start and iterations, in float64. Run it as ``python -m benchmarks.lbfgs``; where they end
apart, it fails.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

import deltarule as dr
from benchmarks.works import WORKS, Problem

ITERATIONS = 20
TOLERANCE = 1e-6
ACTIVATIONS = {"relu": "relu", "tanh": "tanh"}

Train = Callable[[], np.ndarray]


def ours(problem: Problem, engine: str) -> Train:
    """Return what trains a network from the common start and returns its parameters."""
    work, (X, y) = problem.work, (part.astype(np.float64) for part in problem.arrays)
    net = dr.Network(work.widths, work.activations)
    still = dr.LBFGS(gradient_tolerance=0.0)

    def train() -> np.ndarray:
        net.theta = problem.start()
        net.train(X, y, loss="half_squared_error", optimizer=still, epochs=ITERATIONS, engine=engine)
        return net.theta

    return train


def scikit_learn(problem: Problem) -> Train:
    """Return what trains an MLPRegressor, whose first fit, on two rows, makes its arrays."""
    work, (X, y) = problem.work, (part.astype(np.float64) for part in problem.arrays)
    model = MLPRegressor(
        hidden_layer_sizes=work.widths[1:-1],
        activation=ACTIVATIONS[work.hidden],
        solver="lbfgs",
        alpha=0.0,
        tol=0.0,
        warm_start=True,
        max_iter=ITERATIONS,
    )
    net = dr.Network(work.widths, work.activations)

    def train() -> np.ndarray:
        net.theta = problem.start()
        model.coefs_ = [W.copy() for W in net.weights]
        model.intercepts_ = [b.copy() for b in net.biases]
        model.fit(X, y.ravel())
        net.weights, net.biases = model.coefs_, model.intercepts_
        return net.theta

    model.fit(X[:2], y[:2].ravel())
    return train


def milliseconds(train: Train) -> float:
    """Return those of one iteration."""
    start = time.perf_counter()
    train()
    return 1e3 * (time.perf_counter() - start) / ITERATIONS


def main() -> None:
    """Print a line per work; all take turns, and the median counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--works", nargs="+", default=["deep", "table"], choices=["deep", "table", "wide"])
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    for work in [work for work in WORKS if work.name in asked.works]:
        problem = Problem(work, "sgd")
        trains = {
            "native": ours(problem, "native"),
            "reference": ours(problem, "reference"),
            "scikit-learn": scikit_learn(problem),
        }
        ends = {name: train().copy() for name, train in trains.items()}
        apart = max(float(np.linalg.norm(end - ends["scikit-learn"])) for end in ends.values())
        if not apart <= TOLERANCE * np.linalg.norm(ends["scikit-learn"]):
            raise SystemExit(f"{work.name}: after {ITERATIONS} iterations they differ by {apart:.1e}")
        rounds = [{name: milliseconds(train) for name, train in trains.items()} for _ in range(asked.repeats)]
        found = {name: statistics.median(each[name] for each in rounds) for name in trains}
        ratio = found["scikit-learn"] / found["native"]
        each = ", ".join(f"{name} {value:.3g} ms" for name, value in found.items())
        print(f"{work.name}: {each}; scikit-learn / native {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
