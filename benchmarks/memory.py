"""How much the peak resident memory grows while a 784-32-10 network trains on arrays in memory (Linux only).

Run it as ``python -m benchmarks.memory``.
"""

from __future__ import annotations

import argparse
import multiprocessing
from itertools import product

import numpy as np

import deltarule as dr
from benchmarks.peak import Peak

LIMIT_MB = 64.0


def growth_mb(rows: int, dtype: str, batch_size: int | None, watched: bool) -> float:
    """Train and return peak minus start, in MB."""
    rng = np.random.default_rng(0)
    X = rng.random((rows, 784), dtype="float32").astype(dtype)
    y = dr.one_hot(rng.integers(0, 10, rows)).astype(dtype)
    net = dr.Network([784, 32, 10], activations=["sigmoid", "softmax"], dtype=dtype)
    peak = Peak()
    net.train(
        X,
        y,
        loss="cross_entropy",
        batch_size=batch_size,
        epochs=2,
        validation=(X[:10_000], y[:10_000]) if watched else None,
        metrics=("accuracy",) if watched else (),
    )
    growth = peak.growth_mb()
    if growth is None:
        raise SystemExit("This system does not report the peak memory of a process.")
    return growth


def main() -> None:
    """Print one line per setting; the exit code is 1 if one is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    rows = parser.parse_args().rows
    over = False
    for dtype, batch_size, watched in product(("float32", "float64"), (256, None), (False, True)):
        with multiprocessing.get_context("spawn").Pool(1) as fresh_process:
            growth = fresh_process.apply(growth_mb, (rows, dtype, batch_size, watched))
        over |= growth >= LIMIT_MB
        watching = "validation and accuracy" if watched else "unwatched"
        print(f"{dtype}, batch {batch_size or 'full'}, {watching:>23}: +{growth:.1f} MB")
    raise SystemExit(int(over))


if __name__ == "__main__":
    main()
