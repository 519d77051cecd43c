"""What a data set is where it is no table: arrays, or arrays in two parts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Arrays(NamedTuple):
    """Inputs X (n, p) and targets y (n, k), one row for each sample."""

    X: Floats
    y: Floats


class Split(NamedTuple):
    """A data set in two parts that its makers have fixed: rows to learn from, and rows to be judged by.

    Each X is (n, p), one row for each sample; shape and type of y are said by the function that returns it.
    """

    X_train: NDArray[Any]
    y_train: NDArray[Any]
    X_test: NDArray[Any]
    y_test: NDArray[Any]
