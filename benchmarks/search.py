"""A search over settings on two workers beside a serial one: our MLPClassifier and scikit-learn's.

24 settings in 5 folds on breast cancer, with joblib's backends. Processes of loky share the cores; those of
multiprocessing know nothing of each other. Linux only. Run it as ``python -m benchmarks.search``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from typing import Any, NamedTuple

import joblib
import sklearn.neural_network
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler

import deltarule as dr
from benchmarks.machine import cores
from benchmarks.runnable import Runnable

HIDDEN = {
    "small": [(8,), (16,), (16, 8)],
    "default": [(100,), (50,), (100, 10)],
    "wide": [(256, 256), (512,), (256,)],
}
MODELS = {"deltarule": dr.MLPClassifier, "scikit-learn": sklearn.neural_network.MLPClassifier}
WAYS = {
    "serial": ("loky", 1),
    "loky": ("loky", 2),
    "threading": ("threading", 2),
    "multiprocessing": ("multiprocessing", 2),
}


class Search(NamedTuple):
    """What a search took, and how many threads wanted to run, sample by sample."""

    seconds: float
    runnable: list[int]


def search(model: Any, hidden: list[tuple[int, ...]], way: str) -> Search:
    """Search over the settings, in workers that have imported everything before."""
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    grid = {
        "hidden_layer_sizes": hidden,
        "activation": ["relu", "tanh"],
        "alpha": [1e-4, 1e-2],
        "learning_rate_init": [0.001, 0.01],
    }
    backend, n_jobs = WAYS[way]
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        cross_val_score(model(max_iter=1), X, y, cv=2 * n_jobs)
        with Runnable() as sampled:
            start = time.perf_counter()
            GridSearchCV(model(max_iter=30, random_state=0), grid, cv=5, refit=False).fit(X, y)
            seconds = time.perf_counter() - start
    return Search(seconds, sampled.counts)


def line(found: list[Search], serial: list[Search]) -> str:
    """Return the time beside the serial one, repeat by repeat, and the threads that wanted to run."""
    ratio = statistics.median(one.seconds / other.seconds for one, other in zip(found, serial, strict=True))
    counts = [count for one in found for count in one.runnable]
    over = statistics.mean(count > cores() for count in counts)
    return f"{ratio:.2f} ({statistics.mean(counts):.2f} runnable, over {cores()} in {over:.0%})"


def main() -> None:
    """Print a line per grid and model; all ways take turns, and the median counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grids", nargs="+", default=["small", "default"], choices=HIDDEN)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # none has converged after 30 epochs
    os.environ["PYTHONWARNINGS"] = "ignore"
    for grid in asked.grids:
        for name, model in MODELS.items():
            rounds = [{way: search(model, HIDDEN[grid], way) for way in WAYS} for _ in range(asked.repeats)]
            found = {way: [each[way] for each in rounds] for way in WAYS}
            seconds = statistics.median(one.seconds for one in found["serial"])
            ratios = ", ".join(f"{way} {line(found[way], found['serial'])}" for way in WAYS)
            print(f"{grid}, {name}: serial {seconds:.3g} s; time / serial: {ratios}", flush=True)


if __name__ == "__main__":
    main()
