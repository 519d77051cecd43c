"""Measure how long `import deltarule` takes in a fresh interpreter; more than 0.3 s is a failure."""

from __future__ import annotations

import subprocess
import sys

RUNS = 5
LIMIT = 0.3
TIMED_IMPORT = """
from time import perf_counter
start = perf_counter()
import deltarule
print(perf_counter() - start)
"""


def seconds(statement: str) -> float:
    """Return the best of some fresh interpreters; the first one also fills the disk cache."""
    command = [sys.executable, "-c", statement]
    return min(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(RUNS)
    )


if __name__ == "__main__":
    best = seconds(TIMED_IMPORT)
    print(f"import deltarule: {best:.3f} s (best of {RUNS} fresh interpreters, at most {LIMIT} s)")
    sys.exit(best > LIMIT)
