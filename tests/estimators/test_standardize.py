"""``standardize=True``: as after a scaler of one's own, with parameters for rows as they are."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_classification, make_regression
from sklearn.preprocessing import StandardScaler

import deltarule as dr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_regression(90, 4, noise=5.0, random_state=0)
X = X * [1.0, 30.0, 1e-3, 5.0] + [0.0, 1000.0, 0.1, -7.0]
Y = np.column_stack([Y + 400.0, 0.01 * Y])
LABELS = make_classification(90, 4, n_classes=3, n_informative=3, n_redundant=0, random_state=0)[1]
W = np.linspace(0.1, 2.0, len(X))
SMALL: dict[str, Any] = {"max_iter": 8, "random_state": 0}


def scaled(values: Any, w: Any = None) -> Any:
    return StandardScaler().fit(values, sample_weight=w).transform(values)


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_inputs_and_targets_of_a_regression(loss: str, hidden: tuple[int, ...]) -> None:
    model = dr.MLPRegressor(loss, hidden, **SMALL, standardize=True).fit(X, Y, W)
    by_hand = dr.MLPRegressor(loss, hidden, **SMALL).fit(scaled(X, W), scaled(Y, W), W)
    scaler = StandardScaler().fit(Y, sample_weight=W)
    expected = scaler.inverse_transform(by_hand.predict(scaled(X, W)))
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-8)
    np.testing.assert_allclose(model.network_.predict(X), expected, rtol=1e-8)
    np.testing.assert_allclose(model.loss_curve_, by_hand.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(model.scaling_.y_mean, scaler.mean_)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_inputs_of_classes(early_stopping: bool) -> None:
    model = dr.MLPClassifier((5,), **SMALL, standardize=True, early_stopping=early_stopping).fit(X, LABELS)
    by_hand = dr.MLPClassifier((5,), **SMALL, early_stopping=early_stopping)
    at = (X - model.scaling_.x_mean) / model.scaling_.x_scale
    by_hand.fit(at, LABELS)
    np.testing.assert_allclose(model.predict_proba(X), by_hand.predict_proba(at), rtol=1e-8)
    np.testing.assert_allclose(
        model.hidden_activations(X), by_hand.hidden_activations(at), rtol=1e-8, atol=1e-9
    )
    assert model.validation_scores_ == by_hand.validation_scores_
    assert not model.scaling_.scales_targets


def test_counts_stay_counts() -> None:
    counts = np.random.default_rng(0).poisson(3.0, len(X))
    model = dr.MLPRegressor("poisson", (5,), **SMALL, standardize=True).fit(X, counts)
    by_hand = dr.MLPRegressor("poisson", (5,), **SMALL).fit(scaled(X), counts)
    np.testing.assert_allclose(model.predict(X), by_hand.predict(scaled(X)), rtol=1e-8)


def test_an_offset_keeps_the_unit_of_the_target() -> None:
    offset = np.linspace(-50.0, 50.0, len(X))
    model = dr.MLPRegressor("squared_error", (5,), **SMALL, standardize=True)
    model.fit(X, Y[:, 0] + offset, offset=offset)
    other = dr.MLPRegressor("squared_error", (5,), **SMALL, standardize=True).fit(X, Y[:, 0])
    np.testing.assert_allclose(model.predict(X, offset), other.predict(X) + offset, rtol=1e-8)


def test_it_goes_on_where_it_was() -> None:
    """The parameters are folded and unfolded between epochs, and nothing is lost."""
    model = dr.MLPRegressor("squared_error", (5,), **SMALL, standardize=True, solver="sgd")
    by_hand = dr.MLPRegressor("squared_error", (5,), **SMALL, solver="sgd")
    for _ in range(4):
        model.partial_fit(X, Y)
        by_hand.partial_fit(scaled(X), scaled(Y))
    expected = StandardScaler().fit(Y).inverse_transform(by_hand.predict(scaled(X)))
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-8)


def test_a_fit_that_is_refused_leaves_the_model_as_it_was() -> None:
    model = dr.MLPRegressor("squared_error", (5,), **SMALL, standardize=True, warm_start=True).fit(X, Y)
    before = copy.deepcopy(model)
    with pytest.raises(dr.InputError, match="one per layer"):
        model.set_params(learning_rate_init=[0.1] * 5).fit(X, Y)
    np.testing.assert_allclose(model.predict(X), before.predict(X), rtol=1e-12)


def test_sparse_inputs_are_divided_and_constant_ones_left() -> None:
    x = np.where(X.mean(axis=0) < X, X, 0.0)
    x[:, 3] = 0.0
    model = dr.MLPRegressor("squared_error", (5,), **SMALL, standardize=True).fit(sparse.csr_array(x), Y)
    scale = np.where(x.std(axis=0) > 0.0, x.std(axis=0), 1.0)
    by_hand = dr.MLPRegressor("squared_error", (5,), **SMALL).fit(x / scale, scaled(Y))
    expected = StandardScaler().fit(Y).inverse_transform(by_hand.predict(x / scale))
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-8)
    assert not model.scaling_.x_mean.any()


def test_single_precision() -> None:
    model = dr.MLPRegressor("squared_error", (5,), **SMALL, standardize=True).fit(X.astype("float32"), Y)
    other = dr.MLPRegressor("squared_error", (5,), **SMALL, standardize=True).fit(X, Y)
    assert model.network_.dtype == "float32"
    np.testing.assert_allclose(model.predict(X), other.predict(X), rtol=1e-2)
