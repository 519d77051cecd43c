"""TableModel: from a table to a trained network and from a table to predictions, with one file for all of it.

Not the mathematics and not the reading of columns: see Network, TableTransform and TargetTransform.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deltarule.core.activations import Activation
from deltarule.core.arrays import Array, require_integer
from deltarule.core.initializers import Initializer
from deltarule.core.losses import Loss
from deltarule.core.metrics import Metric
from deltarule.core.optimizers import AnyOptimizer
from deltarule.core.penalties import Penalty
from deltarule.data.batches import MAX_SEED
from deltarule.data.columns import Label, Table
from deltarule.data.tables import FrameLike, as_table, read_table
from deltarule.data.targets import TargetTransform, with_target
from deltarule.data.transforms import TableTransform
from deltarule.engines.base import Engine, Job
from deltarule.errors import InputError, message
from deltarule.network import Dtype, Network
from deltarule.storage import model_file
from deltarule.storage.atomic import PathLike
from deltarule.storage.network_parts import read_file
from deltarule.table_model.fitted import KEY, Fitted, RowCounts, read
from deltarule.table_model.preparation import Auto, Prepared, hidden_widths, optimizer_of, prepare
from deltarule.table_model.scores import Scores, measure
from deltarule.training.loop import Training
from deltarule.training.reports import EpochReport, History
from deltarule.training.settings import Callback
from deltarule.training.stopping import EarlyStopping

TableLike: TypeAlias = FrameLike
"""A data frame, a dict of columns, a 2-D array (see `deltarule.data.tables`), the path of CSV or Parquet."""

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
        task: str = "auto",
        hidden: Sequence[int] = (16,),
        activation: str | Activation = "tanh",
        loss: str | Loss = "auto",
        optimizer: str | AnyOptimizer = "adam",
        learning_rate: float | Auto = "auto",
        batch_size: int | None = 32,
        epochs: int = 200,
        penalty: str | Penalty | Sequence[Penalty] | None = None,
        held_out: float = 0.2,
        validation: float = 0.2,
        early_stopping: EarlyStopping | None = EARLY_STOPPING,
        metrics: Sequence[str | Metric] | Auto = "auto",
        exclude: Collection[str] = (),
        numeric: Collection[str] = (),
        categorical: Collection[str] = (),
        ddof: float = 0,
        initializer: str | Initializer = "glorot_uniform",
        dtype: Dtype = "float64",
        time_limit: float | None = None,
        engine: str | Engine = "auto",
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
    ) -> TableModel:
        """Train a network on a table; Ctrl-C ends it cleanly, with the best network so far.

        Arguments:
            table: a data frame, a dict of columns, or the path of a CSV or Parquet file. Rows need a target.
            target: the name of the column to predict.
            task: "regression", "classification" or "auto" (see `deltarule.data.targets` for the rule).
            hidden: the widths of the hidden layers; () for none.
            activation: of the hidden layers.
            loss: "auto" is mean_squared_error for regression, or binary_cross_entropy, or cross_entropy.
            optimizer: a name or a record such as ``dr.SGD(learning_rate=0.1)``.
            learning_rate: "auto" is that of the optimizer record, or for a name one that suits tables.
            batch_size: rows per step; None is the full batch.
            epochs: passes over the training rows, at most.
            penalty: one or several, such as ``dr.L2(1e-4)``.
            held_out: the fraction of the rows that is kept for `scores`; 0 for none.
            validation: the fraction of the other rows that early stopping watches; 0 for none.
            early_stopping: when to stop; only with validation rows.
            metrics: after each epoch, in the unit of the target; "auto" is RMSE, or accuracy.
            exclude: columns that are no inputs.
            numeric: columns to be used as numbers, whatever the rules say.
            categorical: columns to be used as categories, such as 1, 2, 3 for a rank.
            ddof: 0 or 1, see `Standardizer.fit`.
            initializer: where the weights start.
            dtype: of the network, "float64" or "float32".
            time_limit: stop after the epoch in which this many seconds have passed.
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
        task: str = "auto",
        hidden: Sequence[int] = (16,),
        activation: str | Activation = "tanh",
        loss: str | Loss = "auto",
        optimizer: str | AnyOptimizer = "adam",
        learning_rate: float | Auto = "auto",
        batch_size: int | None = 32,
        epochs: int = 200,
        penalty: str | Penalty | Sequence[Penalty] | None = None,
        held_out: float = 0.2,
        validation: float = 0.2,
        early_stopping: EarlyStopping | None = EARLY_STOPPING,
        metrics: Sequence[str | Metric] | Auto = "auto",
        exclude: Collection[str] = (),
        numeric: Collection[str] = (),
        categorical: Collection[str] = (),
        ddof: float = 0,
        initializer: str | Initializer = "glorot_uniform",
        dtype: Dtype = "float64",
        time_limit: float | None = None,
        engine: str | Engine = "auto",
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
    ) -> TableTraining:
        """Return a run to step by hand: iterate over it for one ``EpochReport`` per epoch; see `train`."""
        require_integer("seed", seed, 0, MAX_SEED)
        widths, optimizer_ = hidden_widths(hidden), optimizer_of(optimizer, learning_rate)
        ready = prepare(
            _table_of(table),
            target,
            task=task,
            loss=loss,
            fractions=(held_out, validation),
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
            batch_size=batch_size,
            epochs=epochs,
            penalty=penalty,
            metrics=metrics,
            early_stopping=early_stopping,
            time_limit=time_limit,
            engine=engine,
            seed=seed,
            callbacks=callbacks,
        )
        return TableTraining(cls(network, ready.fitted()), run, ready)

    def judge(self, table: TableLike) -> Scores:
        """Return the metrics of `evaluate` beside those of the best constant prediction.

        That is the mean of the training rows, or the shares of the classes among them.
        """
        known = with_target(self._read(table), self.target.name).table
        return self._scores(known, self.inputs.transform(known))

    def _scores(self, known: Table, X: Array) -> Scores:
        outputs, constant = self._outputs(X), np.tile(self.fitted.baseline, (len(X), 1))
        return Scores(len(X), measure(self.target, known, outputs), measure(self.target, known, constant))

    # -- predictions --------------------------------------------------------------------------------------

    def outputs(self, table: TableLike) -> NDArray[np.float64]:
        """Return what the network says, (n, k), before it is made into labels, probabilities or units."""
        known = self._read(table).without(self.target.name)  # it is never meant by a misspelled input
        return self._outputs(self.inputs.transform(known))

    def _outputs(self, X: Array) -> NDArray[np.float64]:
        return np.asarray(self.network.predict(X), dtype=np.float64)

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

    def evaluate(self, table: TableLike) -> dict[str, float]:
        """Return metrics on rows with a known target: rmse, mae and r2 in its unit, or accuracy and log_loss.

        Rows without a target are left out.

        Raises:
            TableError: a column is missing or cannot be used, or a class is new.
        """
        return dict(self.judge(table).network)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that a file of this kind has to be read as text for, the target's among them."""
        labels_are_text = any(isinstance(label, str) for label in self.classes)
        return (*self.inputs.text_columns, *([self.target.name] if labels_are_text else []))

    def _read(self, table: TableLike) -> Table:
        return _table_of(table, self.text_columns)

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


def _table_of(table: TableLike, text: Collection[str] = ()) -> Table:
    """Return a table, read from a CSV file where a path is given."""
    return as_table(read_table(table, text) if isinstance(table, str | os.PathLike) else table)


class TableTraining(Iterator[EpochReport]):
    """A run in progress: iterate over it for one report per epoch, then call `finish`.

    `model` always has the current parameters and can be used at any time; `table` holds the rows that have a
    target, and `task` says what was concluded from it.

    >>> table = {"x": [0.0, 1.0, 2.0, 3.0, 4.0], "y": [1.0, 3.0, 5.0, 7.0, 9.0]}
    >>> training = TableModel.training(table, target="y", hidden=(), epochs=2, held_out=0.2, validation=0.0)
    >>> [report.epoch for report in training]
    [1, 2]
    >>> training.finish().scores.n_rows
    1
    """

    def __init__(self, model: TableModel, run: Training, prepared: Prepared) -> None:
        self.model = model
        self.task, self.table = prepared.task, prepared.table
        self._run = run
        self._held_out = prepared.parts.held_out
        self._X_held_out = prepared.X[prepared.parts.held_out]

    @property
    def history(self) -> History:
        """All epochs so far, and at the end why it stopped."""
        return self._run.history

    @property
    def job(self) -> Job:
        """What an epoch does: its objective, its optimizer, its rows and its batches."""
        return self._run.job

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> EpochReport:
        """Train one more epoch and return its report."""
        return next(self._run)

    def run(self) -> TableModel:
        """Train to the end and return the model with its scores."""
        self._run.run()
        return self.finish()

    def interrupt(self) -> None:
        """End the run here; the network gets the best parameters back where early stopping keeps them."""
        self._run.interrupt()

    def finish(self) -> TableModel:
        """Judge the model on the held-out rows, if there are any, and return it."""
        if len(self._held_out):
            scores = self.model._scores(self.table.take(self._held_out), self._X_held_out)
            self.model = TableModel(self.model.network, replace(self.model.fitted, scores=scores))
        return self.model
