"""TableModel: from a table to a trained network and from a table to predictions, with one file for all of it.

Not the mathematics and not the reading of columns: see Network, TableTransform and TargetTransform.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deltarule.core.activations import Activation
from deltarule.core.arrays import Array, Auto, require_integer
from deltarule.core.initializers import Initializer
from deltarule.core.learning_rates import LearningRates
from deltarule.core.losses import Loss
from deltarule.core.metrics import Metric
from deltarule.core.objective import Reduction, Rows
from deltarule.core.optimizers import AnyOptimizer
from deltarule.core.penalties import Penalty
from deltarule.data.batches import MAX_SEED, Remainder
from deltarule.data.columns import Label, Table
from deltarule.data.targets import TargetTransform, with_target
from deltarule.data.transforms import TableTransform
from deltarule.engines.base import Engine
from deltarule.errors import InputError, message
from deltarule.network import Dtype, Network
from deltarule.preparation import batch_size_of
from deltarule.storage import model_file
from deltarule.storage.atomic import PathLike
from deltarule.storage.network_parts import read_file
from deltarule.table_model.baseline import constant_outputs
from deltarule.table_model.fitted import KEY, Fitted, RowCounts, read
from deltarule.table_model.preparation import hidden_widths, prepare
from deltarule.table_model.rates import BATCH_SIZE, NamedSchedule, optimizer_of
from deltarule.table_model.reading import TableLike, share_or_table, table_of
from deltarule.table_model.row_columns import RowColumns, require_some_weight
from deltarule.table_model.running import TableTraining
from deltarule.table_model.scores import Scores, measure
from deltarule.training.reports import History
from deltarule.training.settings import Callback
from deltarule.training.stopping import EarlyStopping

EARLY_STOPPING = EarlyStopping(patience=20)


class TableModel:
    """A network, the fitted transform of its table, and that of its target.

    Make one with `TableModel.train` or `TableModel.load`; `network` is a plain `Network`.

    >>> table = {"hours": [1, 2, 3, 4, 5, 6, 7, 8, 9, 9], "passed": ["no"] * 5 + ["yes"] * 5}
    >>> model = TableModel.train(table, target="passed", learning_rate=0.1, held_out=0, validation=0)
    >>> model.predict({"hours": [0, 10]})
    array(['no', 'yes'], dtype='<U3')
    >>> model.classes, model.predict_proba({"hours": [0, 10]}).shape
    (('no', 'yes'), (2, 2))
    """

    def __init__(self, network: Network, fitted: Fitted) -> None:
        self.network = network
        self.fitted = fitted

    @property
    def inputs(self) -> TableTransform:
        """From a table to the network's X, fitted on the training rows."""
        return self.fitted.inputs

    @property
    def target(self) -> TargetTransform:
        """From the target column to y, and from predictions back to labels or units."""
        return self.fitted.target

    @property
    def rows(self) -> RowCounts:
        """How many rows served for what."""
        return self.fitted.rows

    @property
    def scores(self) -> Scores | None:
        """Metrics on the held-out rows beside those of a baseline; None where no rows were held out."""
        return self.fitted.scores

    @property
    def history(self) -> History | None:
        """The history of the training; None for a model that was loaded."""
        return self.network.history

    @property
    def classes(self) -> tuple[Label, ...]:
        """The classes in the order of the columns of `predict_proba`; empty for a regression."""
        return self.target.labels

    # -- training -----------------------------------------------------------------------------------------

    @classmethod
    def train(
        cls,
        table: TableLike,
        *,
        target: str,
        weights: str | None = None,
        offset: str | Sequence[str] | None = None,
        exposure: str | None = None,
        task: str = "auto",
        hidden: Sequence[int] = (64, 64),
        activation: str | Activation = "tanh",
        loss: str | Loss = "auto",
        optimizer: str | AnyOptimizer = "adam",
        learning_rate: LearningRates | Auto = "auto",
        schedule: NamedSchedule | None = None,
        batch_size: int | Auto | None = "auto",
        epochs: int = 200,
        penalty: str | Penalty | Sequence[Penalty] | None = None,
        clip_norm: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        held_out: float = 0.2,
        validation: float | TableLike = 0.2,
        early_stopping: EarlyStopping | None = EARLY_STOPPING,
        tol: float | None = None,
        target_loss: float | None = None,
        metrics: Sequence[str | Metric] | Auto = "auto",
        exclude: Collection[str] = (),
        numeric: Collection[str] = (),
        categorical: Collection[str] = (),
        ddof: float = 0,
        initializer: str | Initializer = "glorot_uniform",
        dtype: Dtype = "float64",
        time_limit: float | None = None,
        shuffle: bool = True,
        remainder: Remainder = "keep",
        engine: str | Engine = "auto",
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
    ) -> TableModel:
        """Train a network on a table; Ctrl-C ends it cleanly, with the best network so far.

        Arguments:
            table: a data frame, a dict of columns, or the path of a CSV or Parquet file. Rows need a target.
            target: the name of the column to predict.
            weights: the column of sample weights, wᵢ ≥ 0; no input. They count in the loss and in all scores.
            offset: the column that is added to z of the output, one per output; no input. In the unit of the
                target where the output is the identity, on the log or logit scale elsewhere.
            exposure: the column whose logarithm is an offset, for the loss poisson; no input. Predictions are
                for the exposure of their row.
            task: "regression", "classification" or "auto" (see `deltarule.data.targets` for the rule; with an
                exposure or the loss poisson, numbers are counts and so a regression).
            hidden: the widths of the hidden layers; () for none.
            activation: of the hidden layers.
            loss: "auto" is mean_squared_error for regression, or binary_cross_entropy, or cross_entropy.
            optimizer: a name or a record such as ``dr.SGD(learning_rate=0.1)``.
            learning_rate: "auto" is that of the optimizer record, or for a name one that suits tables; else
                a number or a schedule, or one per layer.
            schedule: a name such as "cosine", or ``{"name": "cosine", "warmup": 5}``; its rate is the above.
                None and "constant" keep that rate.
            batch_size: rows per step; None is the full batch, "auto" is 64 (L-BFGS: all).
            epochs: passes over the training rows, at most.
            penalty: one or several, such as ``dr.L2(1e-4)``.
            clip_norm: the longest gradient that the optimizer sees.
            dropout: p of each hidden unit to be left out, per row and epoch; one, or one per hidden layer.
            label_smoothing: ε; training targets of K classes become (1 - ε) y + ε / K.
            reduction: whether a step divides by the weight of its rows ("mean") or not ("sum").
            held_out: the fraction of the rows that is kept for `scores`; 0 for none.
            validation: the fraction of the other rows that early stopping watches; 0 for none. Or a table of
                its own, as `table` is one, with the same columns.
            early_stopping: when to stop; only with validation rows.
            tol: stop when the training loss changes by less from one epoch to the next.
            target_loss: stop when the training loss is at most this.
            metrics: after each epoch, in the unit of the target; "auto" is RMSE, or accuracy.
            exclude: columns that are no inputs.
            numeric: columns to be used as numbers, whatever the rules say.
            categorical: columns to be used as categories, such as 1, 2, 3 for a rank.
            ddof: 0 or 1, see `Standardizer.fit`.
            initializer: where the weights start.
            dtype: of the network, "float64" or "float32".
            time_limit: stop after the epoch in which this many seconds have passed.
            shuffle: whether each epoch has a new order.
            remainder: the rows left over by `batch_size`: "keep", "drop" or "merge".
            engine: "auto", a name, or an engine.
            seed: of the parts (stratified by class), the initial weights and the batches.
            callbacks: called with each ``EpochReport``; one that returns True stops the run.

        Raises:
            TableError: the table, its target or a column cannot be used.
            InputError: another argument cannot be used.
        """
        arguments = dict(locals())  # the two signatures are the same; a test compares them
        del arguments["cls"]
        return cls.training(**arguments).run()

    @classmethod
    def training(
        cls,
        table: TableLike,
        *,
        target: str,
        weights: str | None = None,
        offset: str | Sequence[str] | None = None,
        exposure: str | None = None,
        task: str = "auto",
        hidden: Sequence[int] = (64, 64),
        activation: str | Activation = "tanh",
        loss: str | Loss = "auto",
        optimizer: str | AnyOptimizer = "adam",
        learning_rate: LearningRates | Auto = "auto",
        schedule: NamedSchedule | None = None,
        batch_size: int | Auto | None = "auto",
        epochs: int = 200,
        penalty: str | Penalty | Sequence[Penalty] | None = None,
        clip_norm: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        held_out: float = 0.2,
        validation: float | TableLike = 0.2,
        early_stopping: EarlyStopping | None = EARLY_STOPPING,
        tol: float | None = None,
        target_loss: float | None = None,
        metrics: Sequence[str | Metric] | Auto = "auto",
        exclude: Collection[str] = (),
        numeric: Collection[str] = (),
        categorical: Collection[str] = (),
        ddof: float = 0,
        initializer: str | Initializer = "glorot_uniform",
        dtype: Dtype = "float64",
        time_limit: float | None = None,
        shuffle: bool = True,
        remainder: Remainder = "keep",
        engine: str | Engine = "auto",
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
    ) -> TableTraining:
        """Return a run to step by hand: iterate over it for one ``EpochReport`` per epoch; see `train`."""
        require_integer("seed", seed, 0, MAX_SEED)
        widths, optimizer_ = hidden_widths(hidden), optimizer_of(optimizer, learning_rate, schedule)
        known = table_of(table)
        ready = prepare(
            known,
            target,
            row_columns=RowColumns.of(weights, offset, exposure),
            task=task,
            loss=loss,
            held_out=held_out,
            validation=share_or_table(validation, known),
            seed=seed,
            exclude=exclude,
            numeric=numeric,
            categorical=categorical,
            ddof=ddof,
        )
        network = ready.network(widths, activation, initializer=initializer, dtype=dtype, seed=seed)
        run = ready.start(
            network,
            optimizer=optimizer_,
            batch_size=batch_size_of(batch_size, optimizer_, BATCH_SIZE),
            epochs=epochs,
            penalty=penalty,
            clip_norm=clip_norm,
            dropout=dropout,
            label_smoothing=label_smoothing,
            reduction=reduction,
            metrics=metrics,
            early_stopping=early_stopping,
            tol=tol,
            target_loss=target_loss,
            time_limit=time_limit,
            shuffle=shuffle,
            remainder=remainder,
            engine=engine,
            seed=seed,
            callbacks=callbacks,
        )
        return TableTraining(cls(network, ready.fitted()), run, ready)

    def judge(self, table: TableLike, weights: str | Auto | None = "auto") -> Scores:
        """Return the metrics of `evaluate` beside those of the best constant prediction.

        That is the mean of the training rows, or the shares of the classes among them; beside an offset it is
        the constant that fits them best.
        """
        kept = with_target(self._read(table), self.target.name)
        columns = self.fitted.row_columns.weighted_by(weights, kept.table)
        X, y = self.inputs.transform(kept.table), self.target.encode(kept.table)
        rows = Rows(X, y, columns.weights_of(kept.table), columns.offset_of(kept.table, self.target))
        require_some_weight(rows, columns.weights, "to judge")
        return self.scores_of(rows, columns.weights)._replace(without_target=kept.n_dropped)

    def scores_of(self, rows: Rows, weights: str | None) -> Scores:
        """Return the scores on rows that are encoded already, weighted by the column of this name."""
        output, n = self.network.architecture.activations[-1], len(rows.X)
        constant = constant_outputs(self.fitted.baseline, n, rows.offset, output)
        network, baseline = (
            measure(self.target, rows.y, y_hat, rows.w)
            for y_hat in (self._outputs(rows.X, rows.offset), constant)
        )
        return Scores(n, network, baseline, weights)

    # -- predictions --------------------------------------------------------------------------------------

    def outputs(self, table: TableLike) -> NDArray[np.float64]:
        """Return what the network says, (n, k), before it is made into labels, probabilities or units."""
        known = self._read(table).without(self.target.name)  # it is never meant by a misspelled input
        return self._outputs(
            self.inputs.transform(known), self.fitted.row_columns.offset_of(known, self.target)
        )

    def _outputs(self, X: Array, offset: Array | None) -> NDArray[np.float64]:
        return np.asarray(self.network.predict(X, offset), dtype=np.float64)

    def predict(self, table: TableLike) -> NDArray[Any]:
        """Return a prediction for each row, (n,): a label as in the table, or a number in the target's unit.

        The target may be missing.

        Raises:
            TableError: a column is missing or does not hold what it held in training.

        Warns:
            UnseenCategoryWarning: training never saw some categories; they count as none of the known ones.
        """
        return self.target.decode(self.outputs(table))

    def predict_proba(self, table: TableLike) -> NDArray[np.float64]:
        """Return the probability of each class, (n, len(classes)).

        Raises:
            InputError: the model is a regression.
            TableError: as `predict`.
        """
        if self.target.task != "classification":
            hint = "Use predict for the numbers themselves."
            raise InputError(message("Probabilities need a classification", found="a regression", hint=hint))
        return self.target.probabilities(self.outputs(table))

    def evaluate(self, table: TableLike, weights: str | Auto | None = "auto") -> dict[str, float]:
        """Return metrics on rows with a known target: rmse, mae and r2 in its unit, or accuracy and log_loss.

        Rows without a target are left out.

        Arguments:
            table: as in `train`.
            weights: the column by which the rows count; "auto" is that of training, None counts each as 1.

        Raises:
            TableError: a column is missing or cannot be used, or a class is new.
        """
        return dict(self.judge(table, weights).network)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that a file of this kind has to be read as text for, the target's among them."""
        labels_are_text = any(isinstance(label, str) for label in self.classes)
        return (*self.inputs.text_columns, *([self.target.name] if labels_are_text else []))

    def _read(self, table: TableLike) -> Table:
        return table_of(table, self.text_columns)

    # -- files --------------------------------------------------------------------------------------------

    def save(self, path: PathLike) -> None:
        """Write network, transforms and record to one .safetensors file, completely or not at all.

        Raises:
            ModelFileError: the file cannot be written; an old file at ``path`` is then untouched.
        """
        arrays, metadata = self.network.to_parts()
        model_file.write(path, arrays, {**metadata, KEY: self.fitted.to_dict()})

    @classmethod
    def load(cls, path: PathLike) -> TableModel:
        """Return the model in a file; nothing in the file is executed.

        Raises:
            ModelFileError: there is no such file, it is not a valid model file, or it holds a network only.
        """
        network, fitted = read(read_file(path))
        return cls(network, fitted)

    def __repr__(self) -> str:
        what = f"{len(self.classes)} classes" if self.classes else "regression"
        return f"<TableModel of {self.target.name!r} ({what}) with {self.network!r}>"
