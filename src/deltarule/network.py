"""Network: the friendly face of everything below it. Parameters, forward, gradients, training, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from os import PathLike
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from deltarule import inputs, prediction, preparation
from deltarule.core.activations import Activation
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array, Auto, require_choice, require_flag, require_integer
from deltarule.core.equations import Gradients, Step
from deltarule.core.initializers import INITIALIZERS, Initializer, draw_parameters
from deltarule.core.losses import Loss
from deltarule.core.metrics import METRICS, Metric
from deltarule.core.objective import Reduction, forward_pass
from deltarule.core.optimizers import AnyOptimizer
from deltarule.core.penalties import Penalty
from deltarule.data.batches import MAX_SEED, BatchPlan, OwnBatches, Remainder
from deltarule.engines.base import Engine, Job, TrainingState
from deltarule.engines.selection import choose
from deltarule.layer_arrays import LayerArrays
from deltarule.storage import model_file
from deltarule.storage.fields import JSON
from deltarule.storage.network_parts import NetworkParts, network_arrays, network_metadata, read_parts
from deltarule.training.loop import Training
from deltarule.training.record import outcome_record, settings_record
from deltarule.training.reports import History
from deltarule.training.settings import Callback, Settings, TargetScaler
from deltarule.training.stopping import EarlyStopping

Path: TypeAlias = str | PathLike[str]
Dtype: TypeAlias = Literal["float32", "float64"]


class Network:
    """A multilayer perceptron: z = a_prev W + b and a = φ(z), layer after layer.

    Arguments:
        widths: the number of inputs, of units in each hidden layer, and of outputs.
        activations: one name or ``dr.Activation`` for each layer after the input.
        bias: whether units have a bias.
        initializer: where the weights start: a name or a record such as ``dr.Uniform(-0.1, 0.1)``.
        bias_initializer: where the biases start.
        dtype: "float64" or "float32"; everything the network computes has this dtype.
        seed: of the initial parameters; the same seed gives the same bits.

    Raises:
        InputError: an argument cannot be used.

    >>> net = Network([3, 2, 1], activations=["sigmoid", "exponential"], bias=False)
    >>> net.weights[0].shape, net.theta.shape
    ((3, 2), (8,))
    """

    def __init__(
        self,
        widths: Sequence[int],
        activations: Sequence[str | Activation],
        *,
        bias: bool = True,
        initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        dtype: Dtype = "float64",
        seed: int = 0,
    ) -> None:
        self._architecture = inputs.architecture_of(widths, activations, bias)
        require_choice("dtype", dtype, ("float32", "float64"))
        weights = inputs.record(INITIALIZERS, initializer)
        biases = inputs.record(INITIALIZERS, bias_initializer)
        rng = np.random.default_rng(require_integer("seed", seed, 0))
        self._theta = draw_parameters(self._architecture, weights, biases, rng).astype(dtype)
        self._settings: Mapping[str, JSON] = {}
        self._history: History | None = None

    # -- parameters ---------------------------------------------------------------------------------------

    @property
    def architecture(self) -> Architecture:
        """Widths, activations and whether there are biases."""
        return self._architecture

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The dtype of all parameters and results."""
        return self._theta.dtype

    @property
    def theta(self) -> Array:
        """All parameters in one vector, (p,): W1, b1, W2, b2, ... in C order."""
        return self._theta

    @theta.setter
    def theta(self, values: ArrayLike) -> None:
        self._theta[:] = inputs.vector("theta", values, self._theta.size, self.dtype)

    @property
    def weights(self) -> LayerArrays:
        """W of each layer, (fan_in, fan_out): views on theta; ``weights[0]`` is W⁽¹⁾ and can be assigned."""
        return LayerArrays("weights", self._architecture.views(self._theta).W)

    @weights.setter
    def weights(self, values: Sequence[ArrayLike | None]) -> None:
        self.weights.assign(values)

    @property
    def biases(self) -> LayerArrays:
        """b of each layer, (fan_out,): views on theta; None where the network has no biases."""
        return LayerArrays("biases", self._architecture.views(self._theta).b)

    @biases.setter
    def biases(self, values: Sequence[ArrayLike | None]) -> None:
        self.biases.assign(values)

    @property
    def history(self) -> History | None:
        """The history of the last training in this process, or None."""
        return self._history

    @property
    def training_record(self) -> Mapping[str, JSON]:
        """Loss, optimizer, settings and outcome of the last training; empty before the first."""
        outcome = {} if self._history is None else outcome_record(self._history)
        return {**self._settings, **outcome}

    def astype(self, dtype: Dtype) -> Network:
        """Return a copy with parameters of another dtype."""
        require_choice("dtype", dtype, ("float32", "float64"))
        return Network._of(NetworkParts(self._architecture, self._theta.astype(dtype)), self.training_record)

    def copy(self) -> Network:
        """Return a network with the same parameters in memory of its own."""
        return Network._of(NetworkParts(self._architecture, self._theta.copy()), self.training_record)

    __copy__ = copy  # parameters in shared memory would be trained twice

    # -- one pass -----------------------------------------------------------------------------------------

    def forward(self, X: ArrayLike, offset: ArrayLike | None = None) -> list[Step]:
        """Return every layer's input x, pre-activation z = x W + b and activation a = φ(z).

        Arguments:
            X: inputs, (n, i).
            offset: added to z of the output layer, (n, k) or (n,).

        Raises:
            InputError: X or the offset cannot be used.

        >>> net = Network([1, 1], activations=["identity"], initializer="constant")
        >>> net.forward([[2.0]])[0].z
        array([[0.2]])
        """
        X_ = inputs.matrix("X", X, self._architecture.n_inputs, self.dtype)
        offset_ = inputs.offset_of(offset, len(X_), self._architecture.n_outputs, self.dtype)
        return forward_pass(self._architecture, self._theta, X_, offset_)

    _prediction = cached_property(lambda self: prediction.Prediction(self._architecture))

    def predict(self, X: ArrayLike, offset: ArrayLike | None = None) -> Array:
        """Return the outputs ŷ, (n, k), block by block of rows, without keeping what lies between.

        Arguments:
            X: inputs, (n, i).
            offset: added to z of the output layer, (n, k) or (n,).

        Raises:
            InputError: X or the offset cannot be used.
        """
        return self._prediction(self._theta, X, offset)

    def gradients(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: str | Loss = "mean_squared_error",
        reduction: Reduction = "mean",
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        penalty: str | Penalty | Sequence[Penalty] | None = None,
    ) -> Gradients:
        """Return J, each layer's delta = wᵢ ∂ℓᵢ/∂z (per row, undivided), ∂J/∂W and ∂J/∂b.

        Arguments:
            X: inputs, (n, i).
            y: targets, (n, k) or, for one output, (n,).
            loss: a name or a ``dr.Loss``.
            reduction: "mean" divides by Σ wᵢ, "sum" does not.
            sample_weight: wᵢ ≥ 0, (n,).
            offset: added to z of the output layer, (n, k) or (n,).
            penalty: one or several, added to J once.

        Raises:
            InputError: an argument cannot be used, or the loss does not go with the output activation.

        >>> net = Network([1, 1], activations=["identity"], initializer="constant", bias=False)
        >>> g = net.gradients([[2.0]], [1.0])
        >>> g.delta[0], g.dW[0]
        (array([[-1.6]]), array([[-3.2]]))
        """
        objective = preparation.objective_of(self._architecture, loss, reduction, penalty)
        rows = preparation.rows_for(objective, self.dtype, X, y, sample_weight, offset)
        return objective.gradients(self._theta, rows)

    # -- training -----------------------------------------------------------------------------------------

    def train(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: str | Loss = "mean_squared_error",
        optimizer: str | AnyOptimizer = "sgd",
        batch_size: int | Auto | None = "auto",
        epochs: int = 100,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        penalty: str | Penalty | Sequence[Penalty] | None = None,
        clip_norm: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        validation: preparation.Validation | None = None,
        metrics: Sequence[str | Metric] = (),
        target_scaler: TargetScaler | None = None,
        early_stopping: EarlyStopping | None = None,
        tol: float | None = None,
        target_loss: float | None = None,
        time_limit: float | None = None,
        shuffle: bool = True,
        remainder: Remainder = "keep",
        batches: Sequence[ArrayLike] | OwnBatches | None = None,
        record_steps: bool = False,
        engine: str | Engine = "auto",
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
    ) -> History:
        """Train from the current parameters and return the history; Ctrl-C ends it cleanly.

        Arguments:
            X: inputs, (n, i). Never changed.
            y: targets, (n, k) or, for one output, (n,).
            loss: a name or a ``dr.Loss``.
            optimizer: a name or a record such as ``dr.SGD(learning_rate=0.1)``.
            batch_size: rows per step; None is the full batch, 1 stochastic descent, "auto" 32 (L-BFGS: all).
            epochs: passes over the rows, at most; of L-BFGS, iterations.
            sample_weight: wᵢ ≥ 0, (n,).
            offset: added to z of the output layer, (n, k) or (n,).
            penalty: one or several, added to J once per step.
            clip_norm: a longer gradient is shortened to this length, ‖∂J/∂θ‖, before the optimizer sees it.
            dropout: p of each hidden unit to be left out, per row and epoch; one, or one per hidden layer.
            label_smoothing: ε; training targets of K classes become (1 - ε) y + ε / K, in cross-entropies.
            reduction: whether a step divides by the weight of its rows ("mean") or not ("sum").
            validation: (X, y), (X, y, sample_weight) or (X, y, sample_weight, offset), or the fraction of
                the rows to set aside, chosen by ``seed``.
            metrics: names such as "rmse" or "accuracy", for training and validation rows after each epoch.
            target_scaler: its ``inverse`` turns y and ŷ into original units for the metrics.
            early_stopping: when to stop for lack of improvement on the validation rows.
            tol: stop after the epoch whose training loss differs by less from that of the epoch before.
            target_loss: stop when the training loss is at most this.
            time_limit: stop after the epoch in which this many seconds have passed.
            shuffle: whether each epoch has a new order; a full batch is never shuffled.
            remainder: the rows left over by ``batch_size``: "keep", "drop" or "merge".
            batches: the caller's own: index arrays used in every epoch, or a function of the epoch (from 0),
                which may be asked for an epoch again and must then give the same.
            record_steps: whether the history keeps the loss of every step.
            engine: "auto", a name, or an engine.
            seed: of the orders and of the validation rows.
            callbacks: called with each ``EpochReport``; one that returns True stops the run.

        Raises:
            InputError: an argument cannot be used, or the loss does not go with the output activation.

        >>> net = Network([1, 1], activations=["identity"])
        >>> history = net.train([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], batch_size=None, epochs=500,
        ...     optimizer="adam")
        >>> history.loss[-1] < history.loss[0], history.stop.message
        (True, 'trained all 500 epochs')
        """
        arguments = dict(locals())  # the two signatures are the same; a test compares them
        del arguments["self"]
        return self.training(**arguments).run()

    def training(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: str | Loss = "mean_squared_error",
        optimizer: str | AnyOptimizer = "sgd",
        batch_size: int | Auto | None = "auto",
        epochs: int = 100,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        penalty: str | Penalty | Sequence[Penalty] | None = None,
        clip_norm: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        validation: preparation.Validation | None = None,
        metrics: Sequence[str | Metric] = (),
        target_scaler: TargetScaler | None = None,
        early_stopping: EarlyStopping | None = None,
        tol: float | None = None,
        target_loss: float | None = None,
        time_limit: float | None = None,
        shuffle: bool = True,
        remainder: Remainder = "keep",
        batches: Sequence[ArrayLike] | OwnBatches | None = None,
        record_steps: bool = False,
        engine: str | Engine = "auto",
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
    ) -> Training:
        """Return a run to step by hand: iterate over it for one ``EpochReport`` per epoch.

        The arguments are those of ``train``. The run's ``history`` grows as it goes, and the network always
        has the current parameters, so the caller may stop at any time.

        >>> net = Network([1, 1], activations=["identity"])
        >>> [report.epoch for report in net.training([[0.0], [1.0]], [1.0, 3.0], epochs=3)]
        [1, 2, 3]
        """
        seed = require_integer("seed", seed, 0, MAX_SEED)
        objective = preparation.objective_of(self._architecture, loss, reduction, penalty)
        rows = preparation.rows_for(objective, self.dtype, X, y, sample_weight, offset)
        preparation.require_arrays(validation, batches)
        rows, held_out = preparation.divide(objective, rows, validation, seed)
        rows = preparation.smoothed(objective, rows, label_smoothing)
        settings = Settings(
            epochs=epochs,
            validation=held_out,
            metrics=tuple(inputs.record(METRICS, metric) for metric in inputs.several("metrics", metrics)),
            target_scaler=target_scaler,
            early_stopping=early_stopping,
            tol=tol,
            target_loss=target_loss,
            time_limit=time_limit,
            callbacks=inputs.several("callbacks", callbacks),
        )
        optimizer_ = inputs.optimizer_for(optimizer, self._architecture.n_layers)
        size, own = preparation.batch_size_of(batch_size, optimizer_), inputs.batches_of(batches, len(rows.X))
        plan = BatchPlan(len(rows.X), size, require_flag("shuffle", shuffle), remainder, seed, own)
        record = require_flag("record_steps", record_steps)
        drops = preparation.dropout_of(dropout, self._architecture, seed)
        job = preparation.job_of(objective, optimizer_, rows, plan, record, epochs, clip_norm, drops)
        return self._start(job, engine, settings, {"label_smoothing": label_smoothing})

    def _start(self, job: Job, engine: str | Engine, settings: Settings, more: dict[str, JSON]) -> Training:
        preparation.warn_of_symmetry(self._architecture, self._theta)
        state = TrainingState(self._theta, job.optimizer.init(self._theta))
        training = Training(choose(engine, job), job, state, settings)
        self._settings, self._history = settings_record(job, settings, more), training.history
        return training

    # -- files --------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write the network to one .safetensors file, completely or not at all.

        Raises:
            ModelFileError: the file cannot be written; an old file at ``path`` is then untouched.
        """
        arrays, metadata = self.to_parts()
        model_file.write(path, arrays, metadata)

    def to_parts(self) -> tuple[dict[str, Array], dict[str, JSON]]:
        """Return the arrays and the JSON metadata of which a model file consists."""
        preparation.require_own_names(self._architecture)
        parts = NetworkParts(self._architecture, self._theta)
        return network_arrays(parts), {
            "network": network_metadata(parts),
            "training": dict(self.training_record),
        }

    @staticmethod
    def from_file(file: model_file.ModelFile) -> Network:
        """Return the network in a model file that was read.

        Raises:
            ModelFileError: the file holds no valid network.
        """
        return Network._of(read_parts(file), dict(file.fields.fields("training").values))

    @staticmethod
    def _of(parts: NetworkParts, training: Mapping[str, JSON]) -> Network:
        network = Network.__new__(Network)
        network._architecture, network._theta = parts
        network._settings, network._history = training, None
        return network

    def __repr__(self) -> str:
        widths = "-".join(map(str, self._architecture.widths))
        names = ", ".join(activation.name for activation in self._architecture.activations)
        return f"<Network {widths} ({names}), {self._theta.size} parameters, {self.dtype}>"
