"""How much the peak resident memory grows while a 784-32-10 network trains at batch 256 on arrays in memory.

Linux only: the kernel's own high-water mark (VmHWM) is reset before training and read after it.
"""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path

import numpy as np

import deltarule as dr

LIMIT_MB = 64.0


def resident_mb(field: str) -> float:
    """Return a memory reading of this process, in MB: VmRSS is now, VmHWM the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"{field} is not reported by this kernel.")


def growth_mb(rows: int, dtype: str, batch_size: int | None, watched: bool) -> float:
    """Train and return peak minus start, in MB."""
    rng = np.random.default_rng(0)
    X = rng.random((rows, 784), dtype="float32").astype(dtype)
    y = dr.one_hot(rng.integers(0, 10, rows)).astype(dtype)
    net = dr.Network([784, 32, 10], activations=["sigmoid", "softmax"], dtype=dtype)
    Path("/proc/self/clear_refs").write_text("5")
    start = resident_mb("VmRSS")
    net.train(
        X,
        y,
        loss="cross_entropy",
        batch_size=batch_size,
        epochs=2,
        validation=(X[:10_000], y[:10_000]) if watched else None,
        metrics=("accuracy",) if watched else (),
    )
    return resident_mb("VmHWM") - start


def main() -> None:
    """Print one line per setting; the exit code is 1 if one is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    rows = parser.parse_args().rows
    over = False
    for dtype in ("float32", "float64"):
        for watched in (False, True):
            with multiprocessing.get_context("spawn").Pool(1) as fresh_process:
                growth = fresh_process.apply(growth_mb, (rows, dtype, 256, watched))
            over |= growth >= LIMIT_MB
            watching = "validation and accuracy" if watched else "unwatched"
            print(f"{dtype}, batch 256, {watching:>23}: +{growth:.1f} MB")
    raise SystemExit(int(over))


if __name__ == "__main__":
    main()
