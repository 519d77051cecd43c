"""The baseline: the best prediction that does not look at the inputs, one number per output.

With an offset it is the best network of one bias: with an identity output it adds a constant to the offset,
with an exponential one it multiplies exp(offset). For classes it is their shares, whatever the offset says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deltarule.core.activations import EXPONENTIAL, IDENTITY, Activation
from deltarule.core.arrays import Array
from deltarule.core.objective import Rows


def baseline_of(rows: Rows, output: Activation) -> NDArray[np.float64]:
    """Return the weighted mean of y, (k,); of y - offset, or Σ w y / Σ w exp(offset), where there is one.

    >>> y, offset = np.array([[1.0], [6.0]]), np.log([[1.0], [4.0]])
    >>> baseline_of(Rows(y, y, None, offset), EXPONENTIAL)
    array([1.4])
    """
    if rows.offset is not None and output is EXPONENTIAL:
        return _mean(rows.y, rows) / _mean(np.exp(rows.offset), rows)
    return _mean(rows.y - rows.offset if rows.offset is not None and output is IDENTITY else rows.y, rows)


def constant_outputs(baseline: Array, n: int, offset: Array | None, output: Activation) -> Array:
    """Return what the baseline says of n rows, (n, k)."""
    constant = np.tile(baseline, (n, 1))
    if offset is None or output not in (IDENTITY, EXPONENTIAL):
        return constant
    return constant + offset if output is IDENTITY else constant * np.exp(offset)


def _mean(values: Array, rows: Rows) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.average(values, axis=0, weights=rows.w)
    return mean
