"""The same parameters, curves and scores as scikit-learn's MLP, to the last digits that rounding leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.datasets import make_classification, make_regression

import deltarule as dr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NUMBERS = make_regression(120, 6, noise=3.0, random_state=0)
COUNTS = NUMBERS[0], np.random.default_rng(1).poisson(np.exp(0.3 * NUMBERS[0][:, 0])).astype(float)
TWO = make_classification(130, 6, random_state=0)
THREE = make_classification(130, 6, n_classes=3, n_informative=4, random_state=0)
PROBLEMS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "numbers": ("MLPRegressor", (NUMBERS[0], NUMBERS[1] / 50.0), {}),
    "counts": ("MLPRegressor", COUNTS, {"loss": "poisson"}),
    "two classes": ("MLPClassifier", TWO, {}),
    "three classes": ("MLPClassifier", THREE, {}),
}
SOLVERS: dict[str, dict[str, Any]] = {
    "sgd": {"solver": "sgd"},
    "no momentum": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    "plain momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "power_t": 0.2,
        "learning_rate_init": 0.05,
    },
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
    "adam": {"solver": "adam", "beta_1": 0.8, "epsilon": 1e-4},
    "early stopping": {"solver": "adam", "early_stopping": True, "n_iter_no_change": 3},
    "adaptive early stopping": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "early_stopping": True,
        "n_iter_no_change": 1,
        "learning_rate_init": 0.01,
    },
}
ATTRIBUTES = (
    *("loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_", "n_iter_", "t_"),
    *("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"),
)


def both(problem: str, weighted: bool = False, **settings: Any) -> tuple[Any, Any]:
    """Their estimator and ours, fitted in the same way."""
    name, (X, y), own = PROBLEMS[problem]
    w = np.random.default_rng(2).random(len(X)) if weighted else None
    settings = (
        {"hidden_layer_sizes": (7, 5), "max_iter": 20, "random_state": 3, "batch_size": 32} | own | settings
    )
    return tuple(getattr(module, name)(**settings).fit(X, y, sample_weight=w) for module in (theirs, dr))  # type: ignore[return-value]


def assert_same(a: Any, b: Any) -> None:
    for mine, other in zip([*b.coefs_, *b.intercepts_], [*a.coefs_, *a.intercepts_], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())
    for name in ATTRIBUTES:
        found, expected = getattr(b, name), getattr(a, name)
        if expected is None or isinstance(expected, str):
            assert found == expected, name
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_twenty_iterations(problem: str, solver: str, activation: str) -> None:
    for shuffle in (False, True):
        assert_same(*both(problem, activation=activation, shuffle=shuffle, alpha=0.01, **SOLVERS[solver]))


@pytest.mark.parametrize("solver", ["sgd", "adam", "early stopping"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_weighted_rows(problem: str, solver: str) -> None:
    assert_same(*both(problem, weighted=True, alpha=0.1, **SOLVERS[solver]))


@pytest.mark.parametrize("batch_size", [1, 50, "auto", 120])
def test_batch_sizes(batch_size: Any) -> None:
    assert_same(*both("numbers", batch_size=batch_size, max_iter=5))


def test_warm_start_and_partial_fit_go_on_alike() -> None:
    _, (X, y), _ = PROBLEMS["two classes"]
    settings: dict[str, Any] = {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "max_iter": 4,
        "random_state": 1,
    }
    pair = [module.MLPClassifier((5,), warm_start=True, **settings) for module in (theirs, dr)]
    for estimator in pair:
        estimator.fit(X, y).fit(X, y)
        for _ in range(3):
            estimator.partial_fit(X, y)
    assert_same(*pair)


def test_a_random_state_is_advanced_alike() -> None:
    _, (X, y), _ = PROBLEMS["two classes"]
    left = []
    for module in (theirs, dr):
        state = np.random.RandomState(5)
        module.MLPClassifier((4,), max_iter=3, random_state=state, early_stopping=True).fit(X, y)
        left.append(state.randint(2**31))
    assert left[0] == left[1]


@pytest.mark.parametrize("name", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("problem", ["two classes", "three classes"])
def test_predictions(problem: str, name: str) -> None:
    X = PROBLEMS[problem][1][0]
    a, b = both(problem, solver="adam")
    if name == "predict":
        np.testing.assert_array_equal(b.predict(X), a.predict(X))
    else:
        np.testing.assert_allclose(getattr(b, name)(X), getattr(a, name)(X), rtol=1e-7, atol=1e-12)


def test_several_outputs_follow_their_gradient() -> None:
    """What they print for several outputs is not what they descend; the parameters are the same."""
    X, y = make_regression(60, 4, n_targets=3, random_state=0)
    pair = [
        module.MLPRegressor(
            "squared_error", (5,), max_iter=8, random_state=0, tol=0.0, n_iter_no_change=50, alpha=0.0
        ).fit(X, y / 50)
        for module in (theirs, dr)
    ]
    for mine, other in zip(pair[1].coefs_, pair[0].coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(pair[1].loss_curve_, 3.0 * np.array(pair[0].loss_curve_), rtol=1e-9)
