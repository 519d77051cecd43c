"""scikit-learn's MLPRegressor, where it has the output activation, over the rows as they come."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from benchmarks.peers.common import interleaved
from benchmarks.works import Problem
from deltarule.core.optimizers import SGD, Adam

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "identity": "identity"}


class Regressor:
    """A regressor whose first fit, on two rows, makes its arrays, which then get the common start.

    Its loss is half of the sum over outputs, hence the learning rate; Adam does not depend on the factor.
    """

    def __init__(self, problem: Problem) -> None:
        work = problem.work
        if work.activations[-1] != "identity" or not work.bias:
            raise NotImplementedError("MLPRegressor has no such output activation")
        self.X, self.y = problem.rearranged
        self.model = MLPRegressor(
            hidden_layer_sizes=work.widths[1:-1],
            activation=ACTIVATIONS[work.hidden],
            batch_size=work.batch_size or work.rows,
            alpha=0.0,
            shuffle=False,
            tol=0.0,
            n_iter_no_change=10**9,
            warm_start=True,
            max_iter=1,
            **solver(problem),
        )
        self.y = self.y.ravel() if work.widths[-1] == 1 else self.y
        self.start(problem)

    def start(self, problem: Problem) -> None:
        self.fit(self.X[:2], self.y[:2])
        self.model.coefs_ = [W.copy() for W in problem.weights]
        self.model.intercepts_ = [b.copy() for b in problem.biases]

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", message="Got `batch_size`")
            self.model.fit(X, y)

    def train(self, epochs: int) -> None:
        self.model.set_params(max_iter=epochs)
        self.fit(self.X, self.y)

    def parameters(self) -> list[np.ndarray]:
        return interleaved(self.model.coefs_, self.model.intercepts_)


def solver(problem: Problem) -> dict[str, Any]:
    """Return the arguments of MLPRegressor that say how steps are taken."""
    match problem.method:
        case SGD(learning_rate=rate, momentum=momentum, nesterov=nesterov):
            half = 2.0 / problem.work.widths[-1]
            settings = {"momentum": momentum, "nesterovs_momentum": nesterov}
            return {"solver": "sgd", "learning_rate_init": half * rate, **settings}
        case Adam(learning_rate=rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon):
            settings = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
            return {"solver": "adam", "learning_rate_init": rate, **settings}
    raise NotImplementedError("MLPRegressor has no such optimizer")
