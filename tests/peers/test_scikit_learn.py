"""Against scikit-learn: its losses, and its MLP from the same initial draws where the conventions agree.

scikit-learn adds alpha/n · ½ Σw², adds Adam's ε before the bias correction, and counts ½ Σ over outputs.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

import deltarule as dr
from deltarule.core.arrays import Array
from deltarule.core.losses import LOSSES

RNG = np.random.default_rng(4)
N, EPOCHS = 24, 6
X = RNG.normal(size=(N, 3))
LABELS = RNG.integers(0, 3, N)
W = RNG.uniform(0.2, 2.0, N)

# -- losses ----------------------------------------------------------------------------------------------


def mean_loss(name: str, y: Array, y_hat: Array) -> float:
    return float(np.average(LOSSES[name].value(y, y_hat), weights=W))


@pytest.mark.parametrize("k", [1, 4])
def test_squared_and_absolute_error(k: int) -> None:
    y, y_hat = RNG.normal(size=(N, k)), RNG.normal(size=(N, k))
    mean = sk.mean_squared_error(y, y_hat, sample_weight=W)
    assert mean_loss("mean_squared_error", y, y_hat) == pytest.approx(mean, rel=1e-13)
    assert mean_loss("sum_squared_error", y, y_hat) == pytest.approx(k * mean, rel=1e-13)
    assert mean_loss("half_squared_error", y, y_hat) == pytest.approx(0.5 * k * mean, rel=1e-13)
    mean = sk.mean_absolute_error(y, y_hat, sample_weight=W)
    assert mean_loss("absolute_error", y, y_hat) == pytest.approx(mean, rel=1e-13)


def test_cross_entropies() -> None:
    p = RNG.dirichlet(np.ones(3), N)
    expected = sk.log_loss(LABELS, p, sample_weight=W)
    assert mean_loss("cross_entropy", dr.one_hot(LABELS, range(3)), p) == pytest.approx(expected, rel=1e-13)
    y = (LABELS > 0).astype(float)
    expected = sk.log_loss(y, p[:, 0], sample_weight=W)
    assert mean_loss("binary_cross_entropy", y[:, np.newaxis], p[:, :1]) == pytest.approx(expected, rel=1e-13)


def test_poisson_is_half_the_deviance() -> None:
    y, y_hat = RNG.poisson(2.0, N).astype(float), RNG.uniform(0.5, 4.0, N)
    expected = 0.5 * sk.mean_poisson_deviance(y, y_hat, sample_weight=W)
    assert mean_loss("poisson", y[:, np.newaxis], y_hat[:, np.newaxis]) == pytest.approx(expected, rel=1e-12)


# -- the multilayer perceptron -----------------------------------------------------------------------------

TASKS: dict[str, dict[str, Any]] = {
    "regression": {
        "estimator": MLPRegressor,
        "target": RNG.normal(size=N),
        "y": None,
        "output": "identity",
        "loss": "half_squared_error",
    },
    "binary": {
        "estimator": MLPClassifier,
        "target": LABELS > 0,
        "y": (LABELS > 0).astype(float),
        "output": "sigmoid",
        "loss": "binary_cross_entropy",
    },
    "classes": {
        "estimator": MLPClassifier,
        "target": LABELS,
        "y": dr.one_hot(LABELS, range(3)),
        "output": "softmax",
        "loss": "cross_entropy",
    },
    "labels": {
        "estimator": MLPClassifier,
        "target": dr.one_hot(LABELS, range(3)).astype(int),
        "y": dr.one_hot(LABELS, range(3)),
        "output": "sigmoid",
        "loss": "binary_cross_entropy",
    },
}
SOLVERS: dict[str, tuple[dict[str, Any], dr.SGD | dr.Adam]] = {
    "sgd": ({"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1}, dr.SGD(0.1)),
    "momentum": (
        {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": False, "learning_rate_init": 0.05},
        dr.SGD(0.05, momentum=0.8),
    ),
    "nesterov": (
        {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": True, "learning_rate_init": 0.05},
        dr.SGD(0.05, momentum=0.8, nesterov=True),
    ),
    "adam": (
        {"solver": "adam", "learning_rate_init": 0.02, "epsilon": 1e-4},
        dr.Adam(0.02, epsilon=1e-4, epsilon_form="before_bias_correction"),
    ),
}


def fitted(task: dict[str, Any], batch_size: int, **settings: Any) -> Any:
    """scikit-learn's estimator after some epochs in the order of the rows."""
    common = {"hidden_layer_sizes": (5, 4), "shuffle": False, "random_state": 1, "n_iter_no_change": 1000}
    estimator = task["estimator"](batch_size=batch_size, **{**common, **settings})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, task["target"])


@pytest.mark.parametrize("batch_size", [N, 7], ids=["full", "mini"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("activation", "ours"),
    [("tanh", "tanh"), ("logistic", "sigmoid"), ("relu", "relu"), ("identity", "identity")],
)
@pytest.mark.parametrize("name", TASKS)
def test_mlp_takes_the_same_steps(
    name: str, activation: str, ours: str, solver: str, batch_size: int
) -> None:
    task, (settings, optimizer) = TASKS[name], SOLVERS[solver]
    alpha = 0.3 if batch_size == N else 0.0  # theirs is divided by the rows of each batch
    settings = {**settings, "activation": activation, "alpha": alpha}
    start = fitted(task, batch_size, **{**settings, "learning_rate_init": 1e-300, "max_iter": 1})
    theirs = fitted(task, batch_size, **settings, max_iter=EPOCHS)

    y = task["target"] if task["y"] is None else task["y"]
    net = dr.Network([3, 5, 4, start.coefs_[-1].shape[1]], [ours, ours, task["output"]])
    net.weights, net.biases = start.coefs_, start.intercepts_
    history = net.train(
        X,
        y,
        loss=task["loss"],
        optimizer=optimizer,
        penalty=dr.L2(alpha / N),
        batch_size=batch_size,
        shuffle=False,
        epochs=EPOCHS,
    )
    penalized = [report.loss + report.penalty for report in history.epochs]
    np.testing.assert_allclose(penalized, theirs.loss_curve_, rtol=1e-10)
    for layer in range(3):
        np.testing.assert_allclose(net.weights[layer], theirs.coefs_[layer], rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(net.biases[layer], theirs.intercepts_[layer], rtol=1e-8, atol=1e-11)
    predicted = theirs.predict(X) if name == "regression" else theirs.predict_proba(X)
    expected = predicted[:, 1:] if name == "binary" else predicted.reshape(N, -1)
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-8)
