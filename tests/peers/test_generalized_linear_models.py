"""Against glum and statsmodels: a network without hidden layer, trained to the end, is the GLM.

With a constant rate and the full batch, descent with momentum reaches the optimum to about ten digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from glum import GeneralizedLinearRegressor
from sklearn.linear_model import LogisticRegression

import deltarule as dr
from deltarule.core.arrays import Array

RNG = np.random.default_rng(31)
N = 200
X = RNG.normal(size=(N, 3))
LINEAR = 0.3 + X @ np.array([0.5, -0.4, 0.2])
EXPOSURE = RNG.uniform(0.2, 3.0, N)
COUNTS = RNG.poisson(EXPOSURE * np.exp(LINEAR)).astype(float)
CLASSES = (RNG.uniform(size=N) < 1.0 / (1.0 + np.exp(-LINEAR))).astype(float)
VALUES = LINEAR + 0.5 * RNG.normal(size=N)
W = RNG.uniform(0.5, 2.0, N)
W[::9] = 0.0


def trained(output: str, loss: str, y: Array, **settings: Any) -> dr.Network:
    net = dr.Network([3, 1], [output], initializer="zeros")
    common = {"optimizer": dr.SGD(0.1, momentum=0.9), "batch_size": None, "epochs": 800}
    net.train(X, y, loss=loss, **{**common, **settings})
    return net


def coefficients(net: dr.Network) -> Array:
    """The intercept first."""
    return np.array([*net.biases[0], *net.weights[0][:, 0]])


@pytest.mark.parametrize("weights", [None, W], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("offset", [None, np.log(EXPOSURE)], ids=["plain", "offset"])
@pytest.mark.parametrize(
    ("family", "output", "loss", "y"),
    [
        (sm.families.Poisson(), "exponential", "poisson", COUNTS),
        (sm.families.Binomial(), "sigmoid", "binary_cross_entropy", CLASSES),
        (sm.families.Gaussian(), "identity", "mean_squared_error", VALUES),
    ],
    ids=["poisson", "logistic", "linear"],
)
def test_against_statsmodels(
    family: Any, output: str, loss: str, y: Array, offset: Array | None, weights: Array | None
) -> None:
    glm = sm.GLM(y, sm.add_constant(X), family=family, offset=offset, freq_weights=weights)
    expected = glm.fit(tol=1e-13, tol_criterion="params").params
    net = trained(output, loss, y, sample_weight=weights, offset=offset)
    np.testing.assert_allclose(coefficients(net), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("weights", [None, W], ids=["unweighted", "weighted"])
def test_poisson_with_exposure_against_glum(weights: Array | None) -> None:
    """An offset ln(exposure) is the same as rates weighted by exposure."""
    glum = GeneralizedLinearRegressor(family="poisson", alpha=0.0, gradient_tol=1e-11, max_iter=500)
    glum.fit(X, COUNTS, sample_weight=weights, offset=np.log(EXPOSURE))
    net = trained("exponential", "poisson", COUNTS, sample_weight=weights, offset=np.log(EXPOSURE))
    np.testing.assert_allclose(coefficients(net), [glum.intercept_, *glum.coef_], rtol=1e-7, atol=1e-8)
    w = EXPOSURE if weights is None else EXPOSURE * weights
    rates = trained("exponential", "poisson", COUNTS / EXPOSURE, sample_weight=w)
    np.testing.assert_allclose(coefficients(rates), coefficients(net), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("family", ["poisson", "binomial", "normal"])
def test_ridge_against_glum(family: str) -> None:
    """glum's objective is ours: half the mean deviance plus ½ α Σw², the intercept left alone."""
    y, output, loss = {
        "poisson": (COUNTS, "exponential", "poisson"),
        "binomial": (CLASSES, "sigmoid", "binary_cross_entropy"),
        "normal": (VALUES, "identity", "half_squared_error"),
    }[family]
    glum = GeneralizedLinearRegressor(
        family=family, alpha=0.2, l1_ratio=0.0, gradient_tol=1e-11, max_iter=500
    )
    glum.fit(X, y, sample_weight=W)
    net = trained(output, loss, y, sample_weight=W, penalty=dr.L2(0.2))
    np.testing.assert_allclose(coefficients(net), [glum.intercept_, *glum.coef_], rtol=1e-7, atol=1e-8)


def test_lasso_against_glum() -> None:
    """Plain gradient descent hovers around an exact zero, so only to three digits."""
    glum = GeneralizedLinearRegressor(family="normal", alpha=0.25, l1_ratio=1.0, gradient_tol=1e-11)
    glum.fit(X, VALUES)
    net = trained(
        "identity", "half_squared_error", VALUES, penalty=dr.L1(0.25), optimizer=dr.SGD(1e-3), epochs=8000
    )
    np.testing.assert_allclose(coefficients(net), [glum.intercept_, *glum.coef_], atol=1e-3)
    assert glum.coef_[2] == 0.0


def test_multinomial_regression_against_scikit_learn() -> None:
    """The softmax of all classes is determined only up to a shift; the ridge penalty picks the same one."""
    labels = np.searchsorted(np.quantile(VALUES, [0.3, 0.7]), VALUES)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(X, labels, sample_weight=W)
    net = dr.Network([3, 3], ["softmax"], initializer="zeros")
    net.train(
        X,
        dr.one_hot(labels),
        loss="cross_entropy",
        sample_weight=W,
        penalty=dr.L2(1.0 / W.sum()),
        optimizer=dr.SGD(0.5, momentum=0.9),
        batch_size=None,
        epochs=1500,
    )
    np.testing.assert_allclose(net.weights[0], theirs.coef_.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(net.predict(X), theirs.predict_proba(X), rtol=1e-5)
