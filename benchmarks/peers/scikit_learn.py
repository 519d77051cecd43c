"""scikit-learn's MLPRegressor, where it has the output activation, over the rows as they come."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from benchmarks.peers.common import interleaved
from benchmarks.works import ADAM, Problem

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
        half = 2.0 / work.widths[-1] if problem.optimizer == "sgd" else 1.0
        self.model = MLPRegressor(
            hidden_layer_sizes=work.widths[1:-1],
            activation=ACTIVATIONS[work.hidden],
            solver=problem.optimizer,
            learning_rate_init=half * problem.learning_rate,
            batch_size=work.batch_size or work.rows,
            alpha=0.0,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
            tol=0.0,
            n_iter_no_change=10**9,
            warm_start=True,
            max_iter=1,
            **ADAM,
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
