"""MLPRegressor: numbers, counts and other targets of a multilayer perceptron."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from deltarule.core.activations import Activation
from deltarule.core.losses import LOSSES, Loss
from deltarule.estimators import parameters
from deltarule.estimators.perceptron import BasePerceptron
from deltarule.estimators.samples import Samples, watched


class MLPRegressor(RegressorMixin, BasePerceptron):
    """A multilayer perceptron that predicts numbers, with the parameters of scikit-learn's and more.

    Arguments:
        loss: "squared_error" (½ Σ over outputs), "poisson" (half deviance, exponential output), or any loss
            of deltarule by name or as a record.
        hidden_layer_sizes: the number of units in each hidden layer; ``()`` for none.
        activation: of the hidden layers, one or one for each: a name or a ``dr.Activation``.
        solver: "lbfgs", "sgd", "adam", or any optimizer of deltarule by name or as a record, such as
            ``dr.AdamW(dr.CosineDecay(0.01))``.
        learning_rate_init: a number or a schedule, or one per layer; not used by a record, which has its own.
        alpha, ..., max_fun: as in scikit-learn.
        output_activation: of the output layer; "auto" is that which goes with the loss.
        dropout: p of each hidden unit to be left out, per row and epoch; one, or one per hidden layer.
        clip_norm: a longer gradient is shortened to this length.
        alpha_scaling: "batch" divides ``alpha`` by the weight of each batch, as scikit-learn; "data" by that
            of all rows, so that its strength does not depend on ``batch_size``.
        engine: "auto", a name, or an engine.
        dtype: of the network; "auto" is that of X where it is float32, otherwise float64.
        standardize: trains on inputs of mean 0 and standard deviation 1 (``scaling_``), and folds that into
            ``coefs_`` and ``intercepts_``, which are for X as it is. A sparse X is divided only.
            Targets are scaled, too, where they may be any number and the output is the identity: the loss is
            then in their standard deviations.
        categorical_features: "auto" takes data frames with text, categories and missing values: numbers are
            standardized, categories one-hot, as ``transform_.describe()`` says. A list names columns that are
            categories whatever they hold. With None, and where all columns are numbers, X is taken as it is.
        callbacks: functions that are called with each ``EpochReport``; one that returns True stops the fit.
            Those of scikit-learn's own protocol are given to ``set_callbacks``.

    >>> X, y = [[0.1 * row] for row in range(20)], list(range(20))
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
        learning_rate_init: Any = 0.001,
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
        dtype: str = "auto",
        standardize: bool = False,
        categorical_features: Any = "auto",
        callbacks: Any = (),
    ) -> None:
        self._keep(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        offset: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        offset_val: Any = None,
    ) -> Any:
        """Train on X, (n, i), dense or sparse, and y, (n,) or (n, k), with weights of the rows, (n,).

        An offset, (n, k) or (n,), is added to z of the output layer. ``X_val``, ``y_val`` and what belongs to
        them are rows to watch: their loss is in ``history_``, and early stopping looks at their score.
        """
        watching = watched(X_val, y_val, sample_weight_val, offset_val)
        return self._fit(Samples(X, y, sample_weight, offset), watching)

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        offset: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        offset_val: Any = None,
    ) -> Any:
        """Train for one more epoch; the arguments are those of ``fit``."""
        watching = watched(X_val, y_val, sample_weight_val, offset_val)
        return self._fit(Samples(X, y, sample_weight, offset), watching, incremental=True)

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Return R² of the predictions for X, (n, i), beside y, (n,) or (n, k)."""
        return float(r2_score(y, self.predict(X, offset), sample_weight=sample_weight))

    def _learn_targets(self, y: Any, incremental: bool) -> None:
        """Numbers need no encoding."""

    def _encoded(self, y: Any) -> Any:
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _effective_weights(self, samples: Samples) -> Any:
        return samples.w

    def _output(self) -> Activation:
        if self.output_activation != "auto":
            return parameters.activation(self.output_activation)
        return parameters.natural_output(parameters.loss(self.loss))

    def _loss(self) -> Loss:
        return parameters.loss(self.loss)

    def _labels(self, y: Any) -> Any:
        return y

    def _predict(self, X: Any, offset: Any = None, check_input: bool = True) -> Any:
        y_hat = self._outputs(X, offset, check_input)
        return y_hat.ravel() if y_hat.shape[1] == 1 else y_hat
