"""Seconds per fit: MLPClassifier and MLPRegressor beside scikit-learn's, where only the import is changed.

The same rows, parameters and ``random_state``; every fit runs the same epochs. Run it as
``python -m benchmarks.estimators``; where losses end apart, it fails.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, make_classification
from sklearn.preprocessing import StandardScaler

import deltarule as dr

EPOCHS = {"iris": 200, "diabetes": 200, "breast cancer": 100, "digits": 50, "20,000 rows": 5}
TOLERANCE = 1e-6
SETTINGS: dict[str, dict[str, Any]] = {
    "as they are": {},
    "early_stopping": {"early_stopping": True},
    'solver="sgd"': {"solver": "sgd"},
    'solver="lbfgs", 20 iterations': {"solver": "lbfgs", "max_iter": 20},
    "(50, 50), batches of 32": {"hidden_layer_sizes": (50, 50), "batch_size": 32},
}


def tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return inputs, standardized, and targets by name."""
    many = make_classification(20_000, 50, n_informative=20, random_state=0)
    bundled = {
        "iris": load_iris(return_X_y=True),
        "diabetes": load_diabetes(return_X_y=True),
        "breast cancer": load_breast_cancer(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "20,000 rows": many,
    }
    return {name: (StandardScaler().fit_transform(X), y) for name, (X, y) in bundled.items()}


def fits(
    module: Any, table: str, X: np.ndarray, y: np.ndarray, settings: Mapping[str, Any]
) -> Callable[[], Any]:
    """Return what fits an estimator of a module, for as many epochs as that table is to have."""
    kind = module.MLPRegressor if table == "diabetes" else module.MLPClassifier
    target = y / y.std() if table == "diabetes" else y
    still = {"max_iter": EPOCHS[table], "tol": 0.0, "n_iter_no_change": 10**6, "random_state": 0}
    return lambda: kind(**{**still, **settings}).fit(X, target)


def seconds(fit: Callable[[], Any]) -> float:
    """Return those of one fit."""
    start = time.perf_counter()
    fit()
    return time.perf_counter() - start


def main() -> None:
    """Print a row per table and settings; both take turns, and the median counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=list(EPOCHS), choices=list(EPOCHS))
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # few converge in that many epochs
    print("| rows | settings | deltarule, ms | scikit-learn, ms | scikit-learn / deltarule |")
    print("|---|---|---:|---:|---:|")
    for table, (X, y) in tables().items():
        for name, settings in SETTINGS.items() if table in asked.tables else ():
            ours, theirs = (fits(module, table, X, y, settings) for module in (dr, sklearn.neural_network))
            ends = ours().loss_, theirs().loss_
            if not abs(ends[0] - ends[1]) <= TOLERANCE * abs(ends[1]):
                raise SystemExit(f"{table}, {name}: the losses end apart, {ends[0]} and {ends[1]}")
            both = [(seconds(ours), seconds(theirs)) for _ in range(asked.repeats)]
            own, other = (1e3 * statistics.median(column) for column in zip(*both, strict=True))
            print(f"| {table} | {name} | {own:.3g} | {other:.3g} | {other / own:.2f} |", flush=True)


if __name__ == "__main__":
    main()
