"""Small tables for the tests of table models."""

from __future__ import annotations

import numpy as np
import polars as pl


def rents(n: int = 300, seed: int = 0) -> pl.DataFrame:
    """A regression: rent = 200 + 150 rooms + 80 if north + noise of 10; some rooms are missing."""
    rng = np.random.default_rng(seed)
    rooms, north = rng.integers(1, 7, n), rng.integers(0, 2, n).astype(bool)
    return pl.DataFrame(
        {
            "rooms": [None if row % 25 == 3 else int(value) for row, value in enumerate(rooms)],
            "district": np.where(north, "north", "south"),
            "furnished": rng.integers(0, 2, n).astype(bool),
            "rent": 200.5 + 150 * rooms + 80 * north + rng.normal(0, 10, n),
        }
    )


def flowers(n: int = 240, seed: int = 0) -> pl.DataFrame:
    """Three classes that two measurements tell apart, mostly."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    table = {"length": 4 + 2 * kind + rng.normal(0, 0.5, n), "width": 3 - kind + rng.normal(0, 0.5, n)}
    return pl.DataFrame({**table, "kind": np.array(["iris", "lily", "rose"])[kind]})


def exams(n: int = 120, seed: int = 0) -> pl.DataFrame:
    """Two classes, whole numbers 3 and 7."""
    rng = np.random.default_rng(seed)
    hours = rng.uniform(0, 10, n)
    return pl.DataFrame({"hours": hours, "grade": np.where(hours + rng.normal(0, 1, n) > 4, 7, 3)})
