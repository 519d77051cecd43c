"""Samples: the rows that an estimator is given, and how they become those that an engine takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from sklearn.model_selection import train_test_split

from deltarule.core.objective import Rows
from deltarule.estimators.sparse_inputs import inputs_of

TOO_FEW_ROWS = "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."


class Samples(NamedTuple):
    """X (n, i), dense or sparse, y, weights (n,) and offset (n, k): as they are given, or checked."""

    X: Any = None
    y: Any = None
    w: Any = None
    offset: Any = None


def watched(X: Any, y: Any, w: Any, offset: Any) -> Samples | None:
    """Return the validation rows of the user's own, or None where none are given.

    Raises:
        ValueError: X or y is given alone, or something that belongs to both; the sentence is scikit-learn's.
    """
    given = {"X_val": X, "y_val": y, "sample_weight_val": w, "offset_val": offset}
    there = [name for name, values in given.items() if values is not None]
    for needed in ("X_val", "y_val"):
        if there and needed not in there:
            raise ValueError(f"{there[0]} is provided, but {needed} was not provided.")
    return Samples(*given.values()) if there else None


def divide(
    samples: Samples, fraction: float, random_state: RandomState, stratify: Any
) -> tuple[Samples, Samples]:
    """Divide the rows as scikit-learn does; return those to learn from, and the others.

    Raises:
        ValueError: there are fewer than two others; the sentence is scikit-learn's.
    """
    given = [values for values in samples if values is not None]
    parts = iter(train_test_split(*given, random_state=random_state, test_size=fraction, stratify=stratify))
    pairs = [(None, None) if values is None else (next(parts), next(parts)) for values in samples]
    kept, held_out = (Samples(*side) for side in zip(*pairs, strict=True))
    if held_out.X.shape[0] < 2:
        raise ValueError(TOO_FEW_ROWS)
    return kept, held_out


def rows_of(samples: Samples, dtype: Any, whole: bool = False) -> Rows:
    """Return the rows as an engine takes them, of the network's dtype; where asked, X as one array."""
    y = np.ascontiguousarray(samples.y, dtype=dtype)
    more = (None if values is None else np.ascontiguousarray(values, dtype) for values in samples[2:])
    return Rows(inputs_of(samples.X, dtype, whole), y, *more)
