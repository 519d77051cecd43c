"""Problems with one solution, which any method must find: linear models beside those of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

import deltarule as dr


def _scaled(X: Any, y: Any) -> tuple[Any, Any]:
    return StandardScaler().fit_transform(X), y / y.std()


DIABETES = _scaled(*load_diabetes(return_X_y=True))
_X, _y = load_breast_cancer(return_X_y=True)
BREAST_CANCER = StandardScaler().fit_transform(_X), _y


def assert_near(found: Any, expected: Any) -> None:
    assert np.linalg.norm(found - expected) <= 1e-4 * np.linalg.norm(expected)


@pytest.mark.parametrize("alpha", [0.01, 1.0, 100.0])
def test_without_hidden_layer_it_is_ridge_regression(alpha: float) -> None:
    X, y = DIABETES
    model = dr.MLPRegressor("squared_error", (), solver="lbfgs", alpha=alpha, tol=1e-10, max_iter=5000)
    expected = Ridge(alpha=alpha, tol=1e-12).fit(X, y)
    assert_near(model.fit(X, y).coefs_[0].ravel(), expected.coef_)
    assert_near(model.intercepts_[0], expected.intercept_)


@pytest.mark.parametrize("alpha", [0.01, 1.0, 100.0])
def test_without_hidden_layer_it_is_logistic_regression(alpha: float) -> None:
    X, y = BREAST_CANCER
    model = dr.MLPClassifier((), solver="lbfgs", alpha=alpha, tol=1e-10, max_iter=5000).fit(X, y)
    expected = LogisticRegression(C=1 / alpha, tol=1e-12, max_iter=5000, solver="newton-cholesky").fit(X, y)
    assert_near(model.coefs_[0].ravel(), expected.coef_[0])
    assert_near(model.intercepts_[0], expected.intercept_)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_hidden_layer_of_the_identity_is_as_good_as_none(seed: int) -> None:
    """A linear net, theirs and ours: from anywhere to least squares, but for the penalty."""
    X, y = DIABETES
    settings: dict[str, Any] = {"activation": "identity", "solver": "lbfgs", "alpha": 1e-2, "tol": 1e-10}
    settings |= {"hidden_layer_sizes": (20,), "max_iter": 5000, "random_state": seed}
    theirs = sklearn.neural_network.MLPRegressor(**settings).fit(X, y).predict(X)
    np.testing.assert_allclose(dr.MLPRegressor(**settings).fit(X, y).predict(X), theirs, rtol=1e-3)
    assert np.abs(theirs - LinearRegression().fit(X, y).predict(X)).max() < 1e-2
