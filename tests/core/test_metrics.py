"""Metrics against scikit-learn, with weights, one and several outputs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

import deltarule as dr
from deltarule.core.arrays import Array
from deltarule.core.metrics import METRICS, Metric

each_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))

THEIRS = {
    "mean_squared_error": sk.mean_squared_error,
    "mae": sk.mean_absolute_error,
    "r2": sk.r2_score,
    "sum_squared_error": lambda y, y_hat, sample_weight: (
        y.shape[1] * sample_weight.sum() * sk.mean_squared_error(y, y_hat, sample_weight=sample_weight)
    ),
}


def draw(k: int, seed: int = 0) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng([seed, k])
    w = rng.uniform(0.1, 2.0, 40)
    w[::7] = 0.0
    return rng.normal(size=(40, k)), rng.normal(size=(40, k)), w


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", THEIRS)
def test_against_scikit_learn(name: str, k: int) -> None:
    y, y_hat, w = draw(k)
    assert METRICS[name].value(y, y_hat, w) == pytest.approx(
        THEIRS[name](y, y_hat, sample_weight=w), rel=1e-12
    )


def test_rmse_of_one_output_is_scikit_learns() -> None:
    y, y_hat, w = draw(1)
    expected = sk.root_mean_squared_error(y, y_hat, sample_weight=w)
    assert METRICS["rmse"].value(y, y_hat, w) == pytest.approx(expected, rel=1e-13)


def test_rmse_is_the_root_of_the_mean_squared_error() -> None:
    y, y_hat, w = draw(3)
    assert METRICS["rmse"].value(y, y_hat, w) ** 2 == pytest.approx(
        METRICS["mean_squared_error"].value(y, y_hat, w), rel=1e-13
    )


def test_accuracy_of_classes_and_of_one_probability() -> None:
    _, scores, w = draw(4)
    labels = np.random.default_rng(1).integers(0, 4, 40)
    expected = sk.accuracy_score(labels, scores.argmax(axis=1), sample_weight=w)
    assert METRICS["accuracy"].value(dr.one_hot(labels, range(4)), scores, w) == pytest.approx(expected)
    _, p, w = draw(1)
    y = (labels[:, np.newaxis] > 1).astype(float)
    expected = sk.accuracy_score(y[:, 0], p[:, 0] > 0.5, sample_weight=w)
    assert METRICS["accuracy"].value(y, p, w) == pytest.approx(expected)


@each_metric
def test_a_row_with_weight_two_is_the_row_twice(metric: Metric) -> None:
    y, y_hat, _ = draw(2)
    times = np.arange(40) % 3
    repeated = np.repeat(y, times, axis=0), np.repeat(y_hat, times, axis=0), np.ones(times.sum())
    assert metric.value(y, y_hat, times.astype(float)) == pytest.approx(metric.value(*repeated), rel=1e-12)


@each_metric
def test_a_perfect_prediction(metric: Metric) -> None:
    y = dr.one_hot(np.arange(12) % 3)
    assert metric.value(y, y, np.ones(12)) == (1.0 if metric.higher_is_better else 0.0)
    assert metric.formula
    assert isinstance(
        metric.value(y.astype(np.float32), y.astype(np.float32), np.ones(12, np.float32)), float
    )


def test_one_hot() -> None:
    labels = ["b", "a", "c", "a"]
    np.testing.assert_array_equal(dr.one_hot(labels), np.eye(3)[[1, 0, 2, 0]])
    np.testing.assert_array_equal(dr.one_hot(labels, ["c", "b", "a", "z"]), np.eye(4)[[1, 2, 0, 2]])
    with pytest.raises(dr.InputError, match="row 2"):
        dr.one_hot(labels, ["a", "b"])
