"""Metrics: one number that says how good predictions are, in the units of the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deltarule.core.arrays import Array
from deltarule.registry import Registry


@dataclass(frozen=True, eq=False)
class Metric:
    """A weighted mean over rows of how predictions compare with targets.

    Arguments:
        name: the name under which training reports it.
        value: from y (n, k), ŷ (n, k) and weights (n,) to one number.
        formula: as LaTeX.
        higher_is_better: the direction of improvement.

    >>> round(METRICS["rmse"].value(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]), np.ones(2)), 6)
    1.414214
    """

    name: str
    value: Callable[[Array, Array, Array], float]
    formula: str = ""
    higher_is_better: bool = False


def _row_mean(per_row: Array, w: Array) -> float:
    return float(per_row @ w / np.sum(w))


def _mean_squared_error(y: Array, y_hat: Array, w: Array) -> float:
    return _row_mean(np.mean((y_hat - y) ** 2, axis=1), w)


def _rmse(y: Array, y_hat: Array, w: Array) -> float:
    return float(np.sqrt(_mean_squared_error(y, y_hat, w)))


def _mae(y: Array, y_hat: Array, w: Array) -> float:
    return _row_mean(np.mean(np.abs(y_hat - y), axis=1), w)


def _sum_squared_error(y: Array, y_hat: Array, w: Array) -> float:
    return float(np.sum((y_hat - y) ** 2, axis=1) @ w)


def _r2(y: Array, y_hat: Array, w: Array) -> float:
    residual = w @ (y_hat - y) ** 2
    total = w @ (y - np.average(y, axis=0, weights=w)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean(1.0 - residual / total))


def _accuracy(y: Array, y_hat: Array, w: Array) -> float:
    if y.shape[1] == 1:
        correct = (y_hat[:, 0] > 0.5) == (y[:, 0] > 0.5)
    else:
        correct = np.argmax(y_hat, axis=1) == np.argmax(y, axis=1)
    return _row_mean(correct.astype(w.dtype), w)


METRICS: Registry[Metric] = Registry("metric", Metric)
"""The metrics that are known, by name."""
for _metric in (
    Metric(
        "mean_squared_error",
        _mean_squared_error,
        r"\frac{1}{K \sum_r w_r} \sum_{r,k} w_r (\hat y_{rk} - y_{rk})^2",
    ),
    Metric("rmse", _rmse, r"\sqrt{\frac{1}{K \sum_r w_r} \sum_{r,k} w_r (\hat y_{rk} - y_{rk})^2}"),
    Metric("mae", _mae, r"\frac{1}{K \sum_r w_r} \sum_{r,k} w_r |\hat y_{rk} - y_{rk}|"),
    Metric("sum_squared_error", _sum_squared_error, r"\sum_{r,k} w_r (\hat y_{rk} - y_{rk})^2"),
    Metric(
        "r2",
        _r2,
        r"\frac{1}{K} \sum_k \left(1 - \frac{\sum_r w_r (\hat y_{rk} - y_{rk})^2}"
        r"{\sum_r w_r (y_{rk} - \bar y_k)^2}\right)",
        higher_is_better=True,
    ),
    Metric("accuracy", _accuracy, r"\frac{1}{\sum_r w_r} \sum_r w_r [\text{class of } \hat y_r = y_r]", True),
):
    METRICS.register(_metric)
