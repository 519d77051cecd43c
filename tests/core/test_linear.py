"""least_squares: the closed form against other solvers, basis functions, and what networks converge to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import PolynomialFeatures

import deltarule as dr

RNG = np.random.default_rng(12)
X = RNG.normal(size=(30, 3))
Y = X @ RNG.normal(size=(3, 2)) + 0.7 + 0.3 * RNG.normal(size=(30, 2))
W = RNG.uniform(0.2, 3.0, 30)
W[::5] = 0.0


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("weights", [None, W], ids=["unweighted", "weighted"])
def test_against_scikit_learn(weights: np.ndarray | None, bias: bool) -> None:
    ours = dr.least_squares(X, Y, sample_weight=weights, bias=bias)
    theirs = LinearRegression(fit_intercept=bias).fit(X, Y, sample_weight=weights)
    np.testing.assert_allclose(ours.weights, theirs.coef_.T, rtol=1e-10)
    np.testing.assert_allclose(ours.bias, theirs.intercept_ * np.ones(2), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)


def test_against_statsmodels() -> None:
    ours = dr.least_squares(X, Y[:, 0], sample_weight=W)
    theirs = sm.WLS(Y[:, 0], sm.add_constant(X), weights=W).fit().params
    np.testing.assert_allclose([*ours.bias, *ours.weights[:, 0]], theirs, rtol=1e-10)


def test_normal_equations_hold() -> None:
    """Φᵀ w (y - ŷ) = 0."""
    model = dr.least_squares(X, Y, sample_weight=W)
    residual = W[:, np.newaxis] * (Y - model.predict(X))
    np.testing.assert_allclose(np.column_stack([np.ones(30), X]).T @ residual, 0.0, atol=1e-12)


def test_weight_two_is_the_row_twice() -> None:
    times = np.arange(30) % 3
    weighted = dr.least_squares(X, Y, sample_weight=times)
    repeated = dr.least_squares(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0))
    np.testing.assert_allclose(weighted.weights, repeated.weights, rtol=1e-11)
    np.testing.assert_allclose(weighted.bias, repeated.bias, rtol=1e-11)


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_polynomial_against_numpy_and_scikit_learn(degree: int) -> None:
    x, y = X[:, 0], Y[:, 1]
    model = dr.least_squares(x, y, basis=dr.polynomial(degree))
    np.testing.assert_allclose(
        [*model.bias, *model.weights[:, 0]], np.polynomial.polynomial.polyfit(x, y, degree), rtol=1e-8
    )
    features = PolynomialFeatures(degree, include_bias=False).fit_transform(x[:, np.newaxis])
    np.testing.assert_allclose(
        model.predict(x)[:, 0], LinearRegression().fit(features, y).predict(features), rtol=1e-8
    )


def test_a_basis_of_ones_own() -> None:
    x = np.linspace(-1.0, 1.0, 20)
    y = 2.0 * np.sin(3.0 * x) - 0.5 * x**2 + 1.0
    model = dr.least_squares(x, y, basis=[lambda X: np.sin(3.0 * X), lambda X: X[:, 0] ** 2])
    np.testing.assert_allclose(model.weights[:, 0], [2.0, -0.5], rtol=1e-12)
    np.testing.assert_allclose(model.bias, [1.0], rtol=1e-12)
    np.testing.assert_allclose(model.predict(x)[:, 0], y, rtol=1e-12)


def test_a_singular_problem_has_the_shortest_solution() -> None:
    twice = np.column_stack([X[:, 0], X[:, 0]])
    model = dr.least_squares(twice, Y[:, 0])
    assert model.weights[0, 0] == pytest.approx(model.weights[1, 0], rel=1e-10)
    np.testing.assert_allclose(
        model.predict(twice), dr.least_squares(X[:, :1], Y[:, 0]).predict(X[:, :1]), rtol=1e-9
    )


def test_rows_must_agree() -> None:
    with pytest.raises(dr.InputError, match="same number of rows; got 30 and 29"):
        dr.least_squares(X, Y[:-1])


def test_only_the_ratios_of_the_weights_matter() -> None:
    expected = dr.least_squares(X, Y, sample_weight=W).weights
    for factor in (1e-300, 1e300):
        found = dr.least_squares(X, Y, sample_weight=W * factor).weights
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def with_weights(w: Any) -> Any:
    return dr.least_squares(X, Y, sample_weight=w)


def with_basis(*basis: Any) -> Any:
    return dr.least_squares(X, Y, basis=basis)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: with_weights([np.nan] * 30), "`sample_weight` must be finite; got nan in row 0"),
        (lambda: with_weights([-1.0] * 30), "`sample_weight` must not be negative; got -1"),
        (lambda: with_weights([1.0]), r"`sample_weight` must have shape \(30,\); got shape \(1,\)"),
        (lambda: with_weights("a"), "`sample_weight` must hold numbers"),
        (lambda: dr.least_squares(X[:, :, np.newaxis], Y), r"`X` must have shape .*; got shape \(30, 3, 1\)"),
        (lambda: dr.least_squares([["a"]] * 30, Y), "`X` must hold numbers"),
        (lambda: dr.least_squares([[1], [1, 2]], [1, 2]), "`X` must hold numbers"),
        (lambda: dr.least_squares(X * np.nan, Y), "`X` must be finite; got nan in row 0, column 0"),
        (lambda: dr.least_squares([], []), "`X` must have at least one row"),
        (lambda: dr.least_squares(X, Y, bias="no"), "`bias` must be True or False"),
        (lambda: dr.least_squares([0.0, 5e-324], [0.0, 1e308], bias=False), "the solution must be finite"),
        (lambda: dr.polynomial(0), "`degree` must be at least 1; got 0"),
        (lambda: dr.polynomial("a"), "`degree` must be a whole number"),
        (lambda: dr.least_squares(X, Y, basis=np.sin), "`basis` must be a list"),
        (with_basis, r"`basis` must be a list of functions .*Try dr.polynomial\(2\)"),
        (lambda: with_basis(3), "`basis` must be a list of functions"),
        (lambda: with_basis(lambda X: X[:2]), r"`basis\[0\]\(X\)` must have one row per row of X, 30"),
        (lambda: with_basis(np.sin, lambda X: 1.0), r"`basis\[1\]\(X\)` must have shape"),
        (lambda: with_basis(lambda X: np.log(X - 99)), r"`basis\[0\]\(X\)` must be finite; got nan"),
        (lambda: with_basis(lambda X: (X + 99) ** 999), r"`basis\[0\]\(X\)` must be finite; got inf"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(dr.InputError, match=words):
        call()


@pytest.mark.parametrize("basis", [None, dr.polynomial(2)], ids=["plain", "polynomial"])
@pytest.mark.parametrize(
    ("values", "words"),
    [(X[:, :2], r"`X` must have .*got shape \(30, 2\)"), (X * np.nan, "finite"), ([["a"] * 3], "numbers")],
    ids=["columns", "nan", "text"],
)
def test_what_cannot_be_predicted_is_refused_in_words(values: Any, words: str, basis: Any) -> None:
    with pytest.raises(dr.InputError, match=words):
        dr.least_squares(X, Y, basis=basis).predict(values)


@pytest.mark.parametrize("weights", [None, W], ids=["unweighted", "weighted"])
def test_a_network_without_hidden_layer_converges_to_it(weights: np.ndarray | None) -> None:
    net = dr.Network([3, 2], ["identity"])
    model = dr.least_squares(X, Y, sample_weight=weights)
    net.train(X, Y, sample_weight=weights, optimizer=dr.SGD(0.2, momentum=0.5), batch_size=None, epochs=400)
    np.testing.assert_allclose(net.weights[0], model.weights, rtol=1e-10)
    np.testing.assert_allclose(net.biases[0], model.bias, rtol=1e-10)
