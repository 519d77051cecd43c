"""MLPRegressor: numbers, counts and other targets of a multilayer perceptron."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from deltarule.core.activations import Activation
from deltarule.core.losses import LOSSES, Loss
from deltarule.estimators import parameters
from deltarule.estimators.perceptron import BasePerceptron


class MLPRegressor(RegressorMixin, BasePerceptron):
    """A multilayer perceptron that predicts numbers, with the parameters of scikit-learn's and more.

    Arguments:
        loss: "squared_error" (½ Σ over outputs), "poisson" (half deviance, exponential output), or any loss
            of deltarule by name or as a record.
        hidden_layer_sizes: the number of units in each hidden layer; ``()`` for none.
        activation: of the hidden layers, one or one for each: a name or a ``dr.Activation``.
        solver, ..., max_fun: as in scikit-learn.
        output_activation: of the output layer; "auto" is that which goes with the loss.
        dropout: p of each hidden unit to be left out, per row and epoch; one, or one per hidden layer.
        clip_norm: a longer gradient is shortened to this length.
        alpha_scaling: "batch" divides ``alpha`` by the weight of each batch, as scikit-learn; "data" by that
            of all rows, so that its strength does not depend on ``batch_size``.
        engine: "auto", a name, or an engine.

    >>> X, y = np.arange(20.0).reshape(-1, 1) / 10.0, np.arange(20.0)
    >>> model = MLPRegressor(hidden_layer_sizes=(), learning_rate_init=0.1, max_iter=2000, random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.99)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **parameters.CONSTRAINTS,
        "output_activation": [StrOptions({"auto"}), *parameters.ACTIVATION],
        "loss": [StrOptions({*LOSSES, *parameters.LOSS_ALIASES}), Loss],
    }
    _metric = staticmethod(r2_score)

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        output_activation: Any = "auto",
        dropout: Any = 0.0,
        clip_norm: float | None = None,
        alpha_scaling: str = "batch",
        engine: Any = "auto",
    ) -> None:
        self._keep(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on X, (n, i), dense or sparse, and y, (n,) or (n, k), with weights of the rows, (n,)."""
        return self._fit(X, y, sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one more epoch on X, (n, i), and y, (n,) or (n, k), with weights of the rows, (n,)."""
        return self._fit(X, y, sample_weight, incremental=True)

    def _validate(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _output(self) -> Activation:
        if self.output_activation != "auto":
            return parameters.activation(self.output_activation)
        return parameters.natural_output(parameters.loss(self.loss))

    def _loss(self) -> str | Loss:
        return parameters.loss(self.loss)

    def _labels(self, y: Any) -> Any:
        return y

    def _predict(self, X: Any, check_input: bool = True) -> Any:
        y_hat = self._outputs(X, check_input)
        return y_hat.ravel() if y_hat.shape[1] == 1 else y_hat
