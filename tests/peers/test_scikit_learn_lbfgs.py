"""L-BFGS against scikit-learn's MLP: the same parameters after twenty iterations from the same start.

scikit-learn adds alpha/n · ½ Σw², over weights only, to half the squared error or to the cross-entropy.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

import deltarule as dr

RNG = np.random.default_rng(0)
N, ITERATIONS, ALPHA = 200, 20, 0.01
X = RNG.normal(size=(N, 3))
Y = np.sin(X @ [1.0, -1.0, 0.5])
TASKS: dict[str, tuple[Any, str, str, Any]] = {
    "regression": (MLPRegressor, "identity", "half_squared_error", Y),
    "classification": (MLPClassifier, "sigmoid", "binary_cross_entropy", (Y > 0.0).astype(float)),
}
ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "identity": "identity"}


def fit(model: Any, y: Any, iterations: int) -> None:
    model.set_params(max_iter=iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)


@pytest.mark.parametrize("engine", ["reference", "auto"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("task", TASKS)
def test_twenty_iterations(task: str, activation: str, engine: str) -> None:
    make, output, loss, y = TASKS[task]
    model = make(
        hidden_layer_sizes=(5, 4),
        activation=ACTIVATIONS[activation],
        solver="lbfgs",
        alpha=ALPHA,
        tol=1e-8,
        random_state=1,
        warm_start=True,
    )
    fit(model, y, 1)  # what it has then is where both start
    net = dr.Network([3, 5, 4, 1], [activation, activation, output])
    net.weights, net.biases = model.coefs_, model.intercepts_
    start = net.theta.copy()
    fit(model, y, ITERATIONS)
    history = net.train(
        X,
        y,
        loss=loss,
        penalty=dr.L2(ALPHA / N),
        optimizer=dr.LBFGS(gradient_tolerance=1e-8),
        epochs=ITERATIONS,
        engine=engine,
    )
    assert len(history.epochs) == model.n_iter_ == ITERATIONS
    found, net.weights, net.biases = net.theta.copy(), model.coefs_, model.intercepts_
    assert np.linalg.norm(found - net.theta) < 1e-9 * np.linalg.norm(net.theta)
    assert np.linalg.norm(found - start) > 0.1 * np.linalg.norm(start)
    objective = net.gradients(X, y, loss=loss, penalty=dr.L2(ALPHA / N)).objective
    assert model.loss_ == pytest.approx(objective, rel=1e-9)
