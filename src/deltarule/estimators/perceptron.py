"""What MLPClassifier and MLPRegressor have in common: from parameters and data to a run of the loop."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import RandomState
from sklearn.base import is_classifier
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, check_X_y, column_or_1d
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import _check_sample_weight, validate_data

from deltarule import inputs, preparation
from deltarule.core.activations import IDENTITY, Activation
from deltarule.core.arrays import REALS, Array
from deltarule.core.losses import Loss
from deltarule.core.objective import Objective, Rows, weight_of
from deltarule.core.optimizers import LBFGS
from deltarule.core.penalties import L2
from deltarule.data.batches import BatchPlan
from deltarule.engines.base import Job, TrainingState
from deltarule.engines.selection import Choice, choose
from deltarule.errors import InputError, message
from deltarule.estimators import parameters, sentences
from deltarule.estimators.frames import transform_for
from deltarule.estimators.going_on import Layers, continued
from deltarule.estimators.parameters import RateOfEpoch
from deltarule.estimators.predicting import Predicting
from deltarule.estimators.samples import Samples, divide, rows_of
from deltarule.estimators.scaling import Scaling, scaling_of
from deltarule.estimators.shuffling import ShuffledBatches
from deltarule.estimators.sparse_inputs import REASON, DenseOnDemand, SparseEngine
from deltarule.estimators.tasks import FitTasks
from deltarule.estimators.watch import Follow, Watch
from deltarule.network import Network
from deltarule.training.loop import Training
from deltarule.training.reports import History, Stop
from deltarule.training.settings import Settings

SKLEARN_NAMES = {name: alias for alias, name in parameters.ALIASES.items()}


def _weights(w: Any, X: Any) -> Any:
    return None if w is None else _check_sample_weight(w, X, dtype=X.dtype, ensure_non_negative=True)


class Call(NamedTuple):
    """How a fit was called: with which generator, for one more epoch only, and who is told of its epochs."""

    random_state: RandomState
    incremental: bool
    tasks: FitTasks | None


class BasePerceptron(CallbackSupportMixin, Predicting):
    """A multilayer perceptron with scikit-learn's interface."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = parameters.CONSTRAINTS

    history_: History
    best_loss_: float | None
    best_validation_score_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    scaling_: Scaling | None
    label_smoothing: float = 0.0  # of classes
    _best_theta: Array | None
    _solver_state: tuple[TrainingState, RateOfEpoch | None, str] | None

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of the constructor as they are, as scikit-learn asks."""
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)

    def _validate_params(self) -> None:
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            raise InvalidParameterError(sentences.with_a_guess(str(error), self)) from None

    # -- what is fitted -----------------------------------------------------------------------------------

    @property
    def coefs_(self) -> Any:
        """W of each layer, (fan_in, fan_out): views on the network's parameters, which can be assigned."""
        return Layers("coefs_", self.network_.weights)

    @coefs_.setter
    def coefs_(self, values: Any) -> None:
        self.coefs_.assign(values)

    @property
    def intercepts_(self) -> Any:
        """b of each layer, (fan_out,): views on the network's parameters, which can be assigned."""
        return Layers("intercepts_", self.network_.biases)

    @intercepts_.setter
    def intercepts_(self, values: Any) -> None:
        self.intercepts_.assign(values)

    # -- fitting ------------------------------------------------------------------------------------------

    def _fit(self, given: Samples, watched: Samples | None = None, incremental: bool = False) -> Any:
        hidden = parameters.hidden_widths(self.hidden_layer_sizes)
        first = not hasattr(self, "network_") or (not self.warm_start and not incremental)
        samples = self._checked(given, first, incremental)
        random_state = check_random_state(self.random_state)
        widths = [samples.X.shape[1], *hidden, samples.y.shape[1]]
        if first:
            self._initialize(widths, samples.X.dtype, random_state)
        else:
            self._go_on(widths)
        validation = None if watched is None else self._checked(watched)
        if incremental and self.early_stopping and validation is None:
            raise ValueError(sentences.NO_ROWS_TO_WATCH)
        tasks = None if incremental else FitTasks(self, given, self.max_iter)
        self._train(samples, validation, Call(random_state, incremental, tasks))
        if not np.isfinite(self.network_.theta).all():
            raise ValueError(sentences.NOT_FINITE)
        if tasks is not None:
            tasks.end(dict)
        return self

    def _checked(self, given: Samples, first: bool = False, incremental: bool | None = None) -> Samples:
        """The rows once they are known to be good, y as the network is to answer.

        ``incremental`` is None for validation rows, from which nothing is learned.
        """
        X, y = self._validated(given.X, given.y, first)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        if incremental is not None:
            self._learn_targets(y, incremental)
        y = self._encoded(y)
        kind = "validation " if incremental is None else ""
        if kind and y.shape[1] != self.n_outputs_:
            asked = "`y_val` must have as many columns as `y`"
            raise InputError(message(asked, found=f"{y.shape[1]}, not {self.n_outputs_}"))
        w = _weights(given.w, X)
        offset = inputs.offset_of(given.offset, X.shape[0], y.shape[1], X.dtype, kind)
        return Samples(X, y, w, offset)

    def _validated(self, X: Any, y: Any, first: bool) -> tuple[Any, Any]:
        """X and y as scikit-learn checks them, once the columns of a data frame are numbers."""
        numeric, dtype = not is_classifier(self), parameters.DTYPES[self.dtype]
        if first:
            self.transform_ = transform_for(X, self.categorical_features)
        if self.transform_ is not None:
            X = self._numbers_of(X, self.transform_, first)
            return check_X_y(X, y, multi_output=True, y_numeric=numeric, dtype=dtype, estimator=self)
        return validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=numeric,
            dtype=dtype,
            reset=first,
        )

    def _initialize(self, widths: list[int], dtype: Any, random_state: RandomState) -> None:
        """Set what a first fit starts from; parameters are drawn as scikit-learn draws them."""
        self.n_iter_ = self.t_ = 0
        self.n_outputs_, self.n_layers_ = widths[-1], len(widths)
        self.network_ = Network(widths, self._activations(widths), initializer="zeros", dtype=dtype.name)
        for W, b in zip(self.coefs_, self.intercepts_, strict=True):
            bound = np.sqrt((2.0 if self.activation == "logistic" else 6.0) / sum(W.shape))
            W[:] = random_state.uniform(-bound, bound, W.shape)
            b[:] = random_state.uniform(-bound, bound, b.shape)
        self.scaling_, self.loss_curve_, self._solver_state = None, [], None
        self._start_watching()

    def _go_on(self, widths: list[int]) -> None:
        """Go on with the parameters that are there."""
        self.network_ = continued(self.network_, widths, self._activations(widths))
        if self._watches_scores() == (self.validation_scores_ is None):
            self._start_watching()

    def _activations(self, widths: list[int]) -> list[Activation]:
        output = self._output()
        self.out_activation_ = SKLEARN_NAMES.get(output.name, output.name)
        return [*parameters.activations_of(self.activation, len(widths) - 2), output]

    def _watches_scores(self) -> bool:
        return self.early_stopping and not self._is_quasi_newton()

    def _start_watching(self) -> None:
        """Nothing is known yet of what early stopping looks at: scores, or else the loss."""
        scores = self._watches_scores()
        self._best_theta, self._no_improvement_count = None, 0
        self.best_loss_ = None if scores else np.inf
        self.validation_scores_ = [] if scores else None
        self.best_validation_score_ = -np.inf if scores else None

    def _train(self, samples: Samples, validation: Samples | None, call: Call) -> None:
        """Run the training loop on the rows, less those that are held out to be watched."""
        if self._watches_scores() and validation is None:
            stratify = samples.y if is_classifier(self) and self.n_outputs_ == 1 else None
            samples, validation = divide(samples, self.validation_fraction, call.random_state, stratify)
        if not self.standardize:
            self._run(samples, validation, call)
            return
        scaling = self._scaling(samples)
        try:
            watched = None if validation is None else scaling.of(validation)
            self._run(scaling.of(samples), watched, call)
        finally:
            scaling.fold(self.network_)

    def _run(self, samples: Samples, validation: Samples | None, call: Call) -> None:
        """Run the training loop to its end."""
        before = self._solver_state[1] if call.incremental and self._solver_state else None
        rate = parameters.rate_of(self, before)
        epochs = 1 if call.incremental else self.max_iter
        job = self._job(samples, rate, call.random_state, epochs)
        state = self._state_for(job, call.incremental)
        scored = validation if self.early_stopping else None
        score = None if scored is None else partial(self._score_of, scored, self._labels(scored.y))
        watch = Follow(self) if self._is_quasi_newton() else Watch(self, job, rate, score)
        watched = self._rows_to_watch(validation, job.objective)
        follow = watch if call.tasks is None else call.tasks.following(watch, self._fitted_so_far)
        settings = Settings(epochs, watched, callbacks=(follow, *self.callbacks))
        training = Training(self._engine_for(job, watched), job, state, settings)
        training.warns = False
        if self._best_theta is None:  # until there is a score, that is where it starts
            self._best_theta = self.network_.theta.copy()
        self.n_iter_ = 0
        self.history_ = training.run()
        self._solver_state = state, rate, job.optimizer.name
        self._conclude(watch, training, call.incremental)

    def _fitted_so_far(self) -> dict[str, Any]:
        """What makes a copy one that is fitted as far as the run has come."""
        network = self.network_.copy()
        if self.standardize and self.scaling_ is not None:
            self.scaling_.fold(network)
        return {"network_": network}

    def _scaling(self, samples: Samples) -> Scaling:
        """The scaling that a first fit has learned; the parameters become those for scaled rows."""
        known = self.scaling_
        is_new = known is None and not self.loss_curve_
        if known is None:
            output = self.network_.architecture.activations[-1]
            takes_any = self._loss().y_domain == REALS and not is_classifier(self)
            self.scaling_ = known = scaling_of(samples, output is IDENTITY and takes_any)
        if not is_new:
            known.unfold(self.network_)
        return known

    def _engine_for(self, job: Job, watched: Rows | None) -> Choice:
        asked = choose(self.engine, job)
        rows = [job.rows] if watched is None else [job.rows, watched]
        on_demand = any(isinstance(part.X, DenseOnDemand) for part in rows)
        return Choice(SparseEngine(), REASON) if on_demand else asked

    def _is_quasi_newton(self) -> bool:
        return self.solver == "lbfgs" or isinstance(self.solver, LBFGS)

    def _rows_to_watch(self, validation: Samples | None, objective: Objective) -> Rows | None:
        """The rows whose loss goes into the history; none where they have no weight."""
        rows = (
            None if validation is None else rows_of(validation, self.network_.dtype, self._is_quasi_newton())
        )
        if rows is None or weight_of(rows) == 0.0:
            return None
        inputs.require_targets(rows.y, objective.loss, objective.architecture.activations[-1], "validation ")
        return rows

    def _job(self, samples: Samples, rate: RateOfEpoch | None, random_state: RandomState, epochs: int) -> Job:
        weighted = samples._replace(w=_weights(self._effective_weights(samples), samples.X))
        rows = rows_of(weighted, self.network_.dtype, whole=self._is_quasi_newton())
        objective = self._objective(rows)
        rows = preparation.smoothed(objective, rows, self.label_smoothing)
        architecture = objective.architecture
        optimizer = parameters.optimizer_of(self, rate, architecture.n_layers)
        drops = preparation.dropout_of(self.dropout, architecture, self._dropout_seed(random_state))
        plan = self._plan(len(rows.X), random_state)
        return preparation.job_of(objective, optimizer, rows, plan, True, epochs, self.clip_norm, drops)

    def _objective(self, rows: Rows) -> Objective:
        architecture = self.network_.architecture
        loss = inputs.loss_for(self._loss(), architecture.activations[-1])
        inputs.require_targets(rows.y, loss, architecture.activations[-1])
        averages = self.alpha_scaling == "batch"
        strength = self.alpha if averages else self.alpha / weight_of(rows)
        return Objective(architecture, loss, (L2(strength),) if strength else (), averages_penalties=averages)

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
            warnings.warn(sentences.BATCH_TOO_LARGE.format(self.batch_size, n), stacklevel=2)
        return int(np.clip(self.batch_size, 1, n))

    def _dropout_seed(self, random_state: RandomState) -> int:
        """A seed for each fit; a generator is advanced only where dropout is asked for."""
        return int(random_state.randint(2**31)) + self.t_ if np.any(self.dropout) else 0

    def _state_for(self, job: Job, incremental: bool) -> TrainingState:
        """The state of a new run, or in partial_fit the memory of the optimizer so far."""
        theta = self.network_.theta
        if incremental:
            parameters.require_no_schedule(job.learning_rates)
        new = TrainingState(theta, job.optimizer.init(theta))
        if not incremental or self._solver_state is None:
            return new
        before, _, name = self._solver_state
        if name != job.optimizer.name or before.optimizer.keys() != new.optimizer.keys():
            return new  # another optimizer, which remembers other things
        return TrainingState(theta, before.optimizer, 0, before.step)

    def _conclude(self, watch: Watch | Follow, training: Training, incremental: bool) -> None:
        """Say how the run ended, and take the best parameters where validation rows were scored."""
        stop, said = self.history_.stop or ("", "")
        if stop == "diverged":
            self._conclude_diverged(watch, said)
        if stop == "interrupted":
            warnings.warn(sentences.INTERRUPTED.format(self.n_iter_, training.settings.epochs), stacklevel=2)
        if isinstance(watch, Follow):
            watch.conclude(training, stop)
            return
        if stop == "callback":  # the user's own, where it was not scikit-learn's rule
            self.history_.stop = watch.stop or self.history_.stop
        if stop == "epochs" and not incremental:
            warnings.warn(sentences.NOT_CONVERGED.format(self.max_iter), ConvergenceWarning, stacklevel=2)
        if self.early_stopping and self._best_theta is not None:
            self.network_.theta = self._best_theta
            self.history_.restored_epoch = watch.best_epoch

    def _conclude_diverged(self, watch: Watch | Follow, said: str) -> None:
        """Refuse a first epoch whose numbers are not finite, and warn of a later one."""
        if self.n_iter_ == 0:
            raise ValueError(f"{sentences.NOT_FINITE} Training {said}.")
        watch.diverged()
        if self._watches_scores():
            said = f"{said.partition(';')[0]}; the network has the parameters of the best score"
            self.history_.stop = Stop("diverged", said)
        warnings.warn(f"Training {said}.", ConvergenceWarning, stacklevel=2)

    # -- judging ------------------------------------------------------------------------------------------

    def _score_of(self, samples: Samples, y: Any) -> float:
        """The score of rows that were checked before, y as the caller has it; NaN where ŷ is not finite."""
        predicted = self._predict(samples.X, samples.offset, check_input=False)
        if np.issubdtype(predicted.dtype, np.floating) and not np.isfinite(predicted).all():
            return np.nan
        return float(self._metric(y, predicted, sample_weight=samples.w))

    def _check_solver(self) -> bool:
        if self._is_quasi_newton():
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
    def _learn_targets(self, y: Any, incremental: bool) -> None: ...

    @abstractmethod
    def _encoded(self, y: Any) -> Any: ...

    @abstractmethod
    def _effective_weights(self, samples: Samples) -> Any: ...

    @abstractmethod
    def _output(self) -> Activation: ...

    @abstractmethod
    def _loss(self) -> Loss: ...

    @abstractmethod
    def _labels(self, y: Any) -> Any: ...
