"""Sparse X: how much of it is made dense at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from deltarule.core.arrays import Array
from deltarule.core.objective import Objective, Rows, Selection
from deltarule.engines.reference import ROWS_PER_BLOCK, ReferenceEngine

DENSE_VALUES = 1 << 23
"""An X of up to so many values (64 MiB in float64) is made dense as a whole: every engine can take that."""

REASON = "a sparse X of this size is made dense batch by batch"


class DenseOnDemand:
    """The X of rows whose values are sparse: taking rows gives a dense array, and only they are ever dense.

    It stands where an array (n, i) would, for an engine that does nothing but take rows.
    """

    def __init__(self, X: Any, dtype: Any) -> None:
        self._rows = X.tocsr().astype(dtype)
        self.shape, self.dtype = X.shape, np.dtype(dtype)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Selection) -> Array:
        taken: Array = self._rows[rows].toarray()
        return taken


class SparseEngine(ReferenceEngine):
    """The reference engine, for rows whose X is made dense on demand: the steps have the same bits."""

    def losses(self, objective: Objective, theta: Array, rows: Rows) -> tuple[float, float]:
        """Sum over blocks that are not too large to be made dense."""
        parts = [super(SparseEngine, self).losses(objective, theta, rows.take(b)) for b in blocks_of(rows.X)]
        return sum(loss for loss, _ in parts), sum(weight for _, weight in parts)


def inputs_of(X: Any, dtype: Any, whole: bool = False) -> Any:
    """Return X as rows of an engine have it: an array, or what gives its rows as arrays where it is large."""
    if sparse.issparse(X) and not whole and X.shape[0] * X.shape[1] > DENSE_VALUES:
        return DenseOnDemand(X, dtype)
    return np.ascontiguousarray(dense(X), dtype=dtype)


def dense(X: Any) -> Any:
    """Return a sparse matrix as an array, and an array as it is."""
    return X.toarray() if sparse.issparse(X) else X


def blocks_of(X: Any) -> list[slice]:
    """Divide the rows of X into blocks, of which none is too large to be made dense."""
    rows = ROWS_PER_BLOCK
    if not isinstance(X, np.ndarray):
        rows = max(1, min(rows, DENSE_VALUES // max(1, X.shape[1])))
    return [slice(start, start + rows) for start in range(0, X.shape[0], rows)]
