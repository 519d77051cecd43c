"""What MLPClassifier and MLPRegressor have in common: from parameters and data to a run of the loop."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.random import RandomState
from scipy import sparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from deltarule import inputs, preparation
from deltarule.core.activations import Activation
from deltarule.core.arrays import Array
from deltarule.core.losses import Loss
from deltarule.core.objective import Objective, Rows, weight_of
from deltarule.core.optimizers import LBFGS
from deltarule.core.penalties import L2
from deltarule.data.batches import BatchPlan
from deltarule.engines.base import Job, TrainingState
from deltarule.engines.reference import blocks
from deltarule.engines.selection import choose
from deltarule.estimators import parameters
from deltarule.estimators.parameters import RateOfEpoch
from deltarule.estimators.shuffling import ShuffledBatches
from deltarule.estimators.watch import Follow, Watch
from deltarule.network import Network
from deltarule.training.loop import Training
from deltarule.training.reports import History
from deltarule.training.settings import Settings

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
    "preprocessed."
)
TOO_FEW_ROWS = "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
BATCH_TOO_LARGE = "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
NOT_CONVERGED = (
    "Stochastic Optimizer: Maximum iterations ({}) reached and the optimization hasn't converged yet."
)
SKLEARN_NAMES = {name: alias for alias, name in parameters.ALIASES.items()}


class BasePerceptron(BaseEstimator, ABC):
    """A multilayer perceptron with scikit-learn's interface."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = parameters.CONSTRAINTS

    network_: Network
    history_: History
    best_loss_: float | None
    best_validation_score_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    _solver_state: tuple[TrainingState, RateOfEpoch]

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of the constructor as they are, as scikit-learn asks."""
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)

    # -- what is fitted -----------------------------------------------------------------------------------

    @property
    def coefs_(self) -> Any:
        """W of each layer, (fan_in, fan_out): views on the network's parameters, which can be assigned."""
        return self.network_.weights

    @coefs_.setter
    def coefs_(self, values: Any) -> None:
        self.network_.weights = values

    @property
    def intercepts_(self) -> Any:
        """b of each layer, (fan_out,): views on the network's parameters, which can be assigned."""
        return self.network_.biases

    @intercepts_.setter
    def intercepts_(self, values: Any) -> None:
        self.network_.biases = values

    # -- fitting ------------------------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, sample_weight: Any = None, incremental: bool = False) -> Any:
        hidden = parameters.hidden_widths(self.hidden_layer_sizes)
        first = not hasattr(self, "network_") or (not self.warm_start and not incremental)
        X, y = self._validate(X, y, incremental, first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        random_state = check_random_state(self.random_state)
        if first:
            self._initialize([X.shape[1], *hidden, y.shape[1]], X.dtype, random_state)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        self._train(X, y, sample_weight, random_state, incremental)
        if not np.isfinite(self.network_.theta).all():
            raise ValueError(NOT_FINITE)
        return self

    def _initialize(self, widths: list[int], dtype: Any, random_state: RandomState) -> None:
        """Set what a first fit starts from; parameters are drawn as scikit-learn draws them."""
        self.n_iter_ = self.t_ = 0
        self.n_outputs_, self.n_layers_ = widths[-1], len(widths)
        output = self._output()
        self.out_activation_ = SKLEARN_NAMES.get(output.name, output.name)
        activations = [*parameters.activations_of(self.activation, len(widths) - 2), output]
        self.network_ = Network(widths, activations, initializer="zeros", dtype=dtype.name)
        for W, b in zip(self.coefs_, self.intercepts_, strict=True):
            bound = np.sqrt((2.0 if self.activation == "logistic" else 6.0) / sum(W.shape))
            W[:] = random_state.uniform(-bound, bound, W.shape)
            b[:] = random_state.uniform(-bound, bound, b.shape)
        self._best_theta = self.network_.theta.copy()
        self._no_improvement_count, self.loss_curve_ = 0, []
        self.best_loss_ = None if self.early_stopping else np.inf
        self.validation_scores_ = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None

    def _train(self, X: Any, y: Any, w: Any, random_state: RandomState, incremental: bool) -> None:
        """Run the training loop on the rows, less those that are held out to be scored."""
        score = None
        if self.early_stopping and not self._is_quasi_newton():
            X, y, w, score = self._hold_out(X, y, w, random_state)
        before = self._solver_state[1] if incremental and hasattr(self, "_solver_state") else None
        rate = RateOfEpoch(self.learning_rate_init if before is None else before.now)
        epochs = 1 if incremental else self.max_iter
        job = self._job(_rows(X, y, w), rate, random_state, epochs)
        state = self._state_for(job, incremental)
        watch = Follow(self) if self._is_quasi_newton() else Watch(self, job, rate, score)
        settings = Settings(epochs=epochs, callbacks=(watch,))
        training = Training(choose(self.engine, job), job, state, settings)
        training.warns = False
        self.n_iter_ = 0
        self.history_ = training.run()
        self._solver_state = state, rate
        self._conclude(watch, training, incremental)

    def _is_quasi_newton(self) -> bool:
        return self.solver == "lbfgs" or isinstance(self.solver, LBFGS)

    def _hold_out(
        self, X: Any, y: Any, w: Any, random_state: RandomState
    ) -> tuple[Any, Any, Any, Callable[[], float]]:
        """Divide the rows as scikit-learn does; return those to learn from, and the score of the others."""
        stratify = y if is_classifier(self) and self.n_outputs_ == 1 else None
        given = (X, y) if w is None else (X, y, w)
        parts = train_test_split(
            *given, random_state=random_state, test_size=self.validation_fraction, stratify=stratify
        )
        X, X_val, y, y_val, w, w_val = (*parts, None, None)[:6]
        if X_val.shape[0] < 2:
            raise ValueError(TOO_FEW_ROWS)
        y_val = self._labels(y_val)
        return X, y, w, lambda: self._score(X_val, y_val, w_val)

    def _job(self, rows: Rows, rate: RateOfEpoch, random_state: RandomState, epochs: int) -> Job:
        architecture, n = self.network_.architecture, len(rows.X)
        loss_ = inputs.loss_for(self._loss(), architecture.activations[-1])
        inputs.require_targets(rows.y, loss_, architecture.activations[-1])
        strength = self.alpha if self.alpha_scaling == "batch" else self.alpha / weight_of(rows)
        penalties = (L2(strength),) if strength else ()
        objective = Objective(
            architecture, loss_, penalties, averages_penalties=self.alpha_scaling == "batch"
        )
        optimizer = parameters.optimizer_of(self, rate)
        drops = preparation.dropout_of(self.dropout, architecture, self._dropout_seed(random_state))
        return preparation.job_of(
            objective, optimizer, rows, self._plan(n, random_state), True, epochs, self.clip_norm, drops
        )

    def _plan(self, n: int, random_state: RandomState) -> BatchPlan:
        """The batches of each epoch, in scikit-learn's orders."""
        if self._is_quasi_newton():
            return BatchPlan(n)
        size = self._batch_size(n)
        own = ShuffledBatches(n, size, random_state) if self.shuffle else None
        return BatchPlan(n, size, shuffle=False, own=own)

    def _batch_size(self, n: int) -> int:
        if self.batch_size == "auto":
            return min(200, n)
        if self.batch_size > n:
            warnings.warn(BATCH_TOO_LARGE, stacklevel=2)
        return int(np.clip(self.batch_size, 1, n))

    def _dropout_seed(self, random_state: RandomState) -> int:
        """A seed for each fit; a generator is advanced only where dropout is asked for."""
        return int(random_state.randint(2**31)) + self.t_ if np.any(self.dropout) else 0

    def _state_for(self, job: Job, incremental: bool) -> TrainingState:
        """The state of a new run, or in partial_fit the memory of the optimizer so far."""
        theta = self.network_.theta
        if not incremental or not hasattr(self, "_solver_state"):
            return TrainingState(theta, job.optimizer.init(theta))
        before = self._solver_state[0]
        return TrainingState(theta, before.optimizer, 0, before.step)

    def _conclude(self, watch: Watch | Follow, training: Training, incremental: bool) -> None:
        """Say how the run ended, and take the best parameters where validation rows were scored."""
        stop, said = self.history_.stop or ("", "")
        if stop == "diverged":
            if self.n_iter_ == 0:
                raise ValueError(f"{NOT_FINITE} Training {said}.")
            watch.diverged()
            warnings.warn(f"Training {said}.", ConvergenceWarning, stacklevel=2)
        if stop == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=2)
        if isinstance(watch, Follow):
            watch.conclude(training, stop)
            return
        if stop == "callback":
            self.history_.stop = watch.stop
        if stop == "epochs" and not incremental:
            warnings.warn(NOT_CONVERGED.format(self.max_iter), ConvergenceWarning, stacklevel=2)
        if self.early_stopping:
            self.network_.theta = self._best_theta

    # -- predicting ---------------------------------------------------------------------------------------

    def _outputs(self, X: Any, check_input: bool = True) -> Array:
        """The outputs ŷ of the network, (n, k)."""
        if check_input:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        return self.network_.predict(_dense(X))

    def _scores(self, X: Any) -> Array:
        """The last pre-activation z, (n, k), block by block."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        parts = [self.network_.forward(_dense(X[block]))[-1].z for block in blocks(X.shape[0])]
        return np.concatenate(parts)

    def _score(self, X: Any, y: Any, sample_weight: Any) -> float:
        """The score of rows that were checked before; NaN where a prediction is not finite."""
        predicted = self._predict(X, check_input=False)
        if np.issubdtype(predicted.dtype, np.floating) and not np.isfinite(predicted).all():
            return np.nan
        return float(self._metric(y, predicted, sample_weight=sample_weight))

    def predict(self, X: Any) -> Any:
        """Return the predictions for X, (n, i): (n,), or (n, k) for several outputs."""
        check_is_fitted(self)
        return self._predict(X)

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- what differs between classes and numbers ---------------------------------------------------------

    _metric: ClassVar[Any]

    @abstractmethod
    def _validate(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]: ...

    @abstractmethod
    def _output(self) -> Activation: ...

    @abstractmethod
    def _loss(self) -> str | Loss: ...

    @abstractmethod
    def _labels(self, y: Any) -> Any: ...

    @abstractmethod
    def _predict(self, X: Any, check_input: bool = True) -> Any: ...


def _dense(X: Any) -> Any:
    return X.toarray() if sparse.issparse(X) else X


def _rows(X: Any, y: Any, w: Any) -> Rows:
    X = np.ascontiguousarray(_dense(X))
    return Rows(X, np.ascontiguousarray(y, dtype=X.dtype), w)
