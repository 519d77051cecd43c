"""From a table and the caller's wishes to rows, arrays, a loss, a network and a run that can be started."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from deltarule import inputs
from deltarule.core.activations import IDENTITY, SIGMOID, SOFTMAX, Activation
from deltarule.core.arrays import NON_NEGATIVE, OPEN_UNIT, Array, Auto, require_integer, require_number
from deltarule.core.losses import LOSSES, Loss
from deltarule.core.metrics import METRICS, Metric
from deltarule.core.objective import Rows
from deltarule.data.batches import Indices
from deltarule.data.columns import Table
from deltarule.data.splitting import Purpose, split_rows
from deltarule.data.targets import TargetTransform, Task, TaskName, choose_task, class_codes, with_target
from deltarule.data.transforms import TableTransform
from deltarule.errors import InputError, TableError, message
from deltarule.network import Network
from deltarule.table_model.baseline import baseline_of
from deltarule.table_model.fitted import Fitted, RowCounts
from deltarule.table_model.row_columns import RowColumns, require_some_weight
from deltarule.training.loop import Training
from deltarule.training.stopping import EarlyStopping


class Parts(NamedTuple):
    """Which rows serve for what: numbers (from 0, ascending) among the rows that have a target."""

    train: Indices
    validation: Indices
    held_out: Indices
    n_without_target: int


class Prepared(NamedTuple):
    """All rows that have a target as arrays, the rows to watch, and what was fitted on the training rows."""

    table: Table
    parts: Parts
    task: Task
    inputs: TableTransform
    target: TargetTransform
    loss: Loss
    output: Activation
    row_columns: RowColumns
    rows: Rows
    watched: Rows | None

    def network(self, widths: Sequence[int], activation: str | Activation, **settings: Any) -> Network:
        """Return an untrained network for X and y; `widths` and `activation` are those of its hidden layers.

        The settings are arguments of ``Network``.
        """
        activations = [activation] * len(widths) + [self.output]
        return Network([self.rows.X.shape[1], *widths, self.rows.y.shape[1]], activations, **settings)

    def start(
        self,
        network: Network,
        *,
        metrics: Sequence[str | Metric] | Auto,
        early_stopping: EarlyStopping | None,
        **settings: Any,
    ) -> Training:
        """Return the run that trains the network on the training rows and watches the validation rows.

        The other settings are arguments of ``Network.training``.
        """
        X, y, w, offset = self.rows.take(self.parts.train)
        return network.training(
            X,
            y,
            sample_weight=w,
            offset=offset,
            loss=self.loss,
            validation=self.watched,
            metrics=metrics_of(metrics, self.task.name),
            target_scaler=self.target.standardizer,
            early_stopping=None if self.watched is None else early_stopping,
            **settings,
        )

    def fitted(self) -> Fitted:
        """Return what belongs to a model beside its network; the scores come later."""
        train, _, held_out, n_without_target = self.parts
        n_watched = 0 if self.watched is None else len(self.watched.X)
        counts = RowCounts(len(train), n_watched, len(held_out), n_without_target)
        baseline = baseline_of(self.rows.take(train), self.output)
        return Fitted(self.inputs, self.target, baseline, counts, row_columns=self.row_columns)


def prepare(
    table: Table,
    target: str,
    *,
    row_columns: RowColumns,
    task: str,
    loss: str | Loss,
    held_out: float,
    validation: float | Table,
    seed: int,
    exclude: Collection[str],
    numeric: Collection[str],
    categorical: Collection[str],
    ddof: float,
) -> Prepared:
    """Set rows aside (held out, for validation), fit the transforms on the others, encode all.

    Raises:
        TableError: the table, its target or a column cannot be used, or those of the rows to watch.
        InputError: the loss or another argument cannot be used.
    """
    row_columns.require_other_than(target)
    chosen = _task_of(table, target, task, loss, row_columns)
    kept = with_target(table, target)
    strata = class_codes(kept.table, target) if chosen.name == "classification" else None
    fraction = 0.0 if isinstance(validation, Table) else validation
    parts = _parts(kept.table.n_rows, (held_out, fraction), seed, strata, kept.n_dropped)
    training_rows = kept.table.take(parts.train)
    left_out = [target, *exclude, *(name for name, _ in row_columns.roles())]
    transform = TableTransform.fit(
        training_rows, left_out, ddof=ddof, numeric=numeric, categorical=categorical
    )
    n_labels = 0 if strata is None else int(strata.max()) + 1
    loss_, output = loss_and_output(loss, chosen.name, n_labels)
    fitted = TargetTransform.fit(training_rows, target, chosen.name, ddof, standardize=output is IDENTITY)
    row_columns.require_fit(output, fitted.n_outputs)
    encode = Encoder(transform, fitted, loss_, row_columns)
    rows = encode(kept.table)
    watched: Rows | None
    if isinstance(validation, Table):
        watched, n_dropped = _table_to_watch(validation, encode)
        parts = parts._replace(n_without_target=parts.n_without_target + n_dropped)
    else:
        watched = rows.take(parts.validation) if len(parts.validation) else None
    ready = Prepared(kept.table, parts, chosen, transform, fitted, loss_, output, row_columns, rows, watched)
    _require_weights(ready)
    return ready


def _task_of(table: Table, target: str, task: str, loss: str | Loss, row_columns: RowColumns) -> Task:
    """Return the task; counts are a regression, also those that look like class numbers."""
    counts = loss != "auto" and inputs.record(LOSSES, loss).y_domain == NON_NEGATIVE
    if task != "auto" or not (counts or row_columns.exposure is not None):
        return choose_task(table, target, task)
    reason = "the loss is one of counts" if counts else "there is an exposure"
    return choose_task(table, target, "regression")._replace(reason=reason)


class Encoder(NamedTuple):
    """From a table whose rows have a target to arrays."""

    inputs: TableTransform
    target: TargetTransform
    loss: Loss
    row_columns: RowColumns

    def __call__(self, table: Table) -> Rows:
        """Return the rows.

        Raises:
            TableError: a column is missing or cannot be used, or the loss is not defined for a target.
        """
        y = self.target.encode(table)
        _require_targets(table, self.target.name, self.loss, y)
        w, offset = self.row_columns.weights_of(table), self.row_columns.offset_of(table, self.target)
        return Rows(self.inputs.transform(table), y, w, offset)


def _table_to_watch(table: Table, encode: Encoder) -> tuple[Rows, int]:
    """Return the rows of a table of their own, and how many have no target.

    Raises:
        TableError: it is not like the one to learn from; said to be the table to watch.
    """
    try:
        kept = with_target(table, encode.target.name)
        return encode(kept.table), kept.n_dropped
    except TableError as refused:
        raise TableError(f"The table for validation cannot be used: {refused}") from None


def _require_weights(ready: Prepared) -> None:
    """Refuse weights that leave nothing of the rows for one purpose."""
    column, parts = ready.row_columns.weights, ready.parts
    require_some_weight(ready.rows.take(parts.train), column, "to learn from")
    require_some_weight(ready.rows.take(parts.held_out), column, "held out")
    if ready.watched is not None:
        require_some_weight(ready.watched, column, "to watch")


def loss_and_output(loss: str | Loss, task: TaskName, n_labels: int) -> tuple[Loss, Activation]:
    """Return the loss ("auto": the usual one of the task) and the output activation that goes with both.

    Raises:
        InputError: the loss does not exist, or does not go with the task.
    """
    natural, usual = _usual(task, n_labels)
    record = inputs.record(LOSSES, usual if loss == "auto" else loss)
    output = _output_for(record, task, natural)
    if output is not None:
        return record, output
    fitting = [each.name for each in LOSSES.values() if _output_for(each, task, natural) is not None]
    goal = "a regression" if task == "regression" else f"a classification with {n_labels} classes"
    allowed = ", ".join(("auto", *fitting))
    raise InputError(message(f"The loss must go with {goal}", found=repr(record.name), allowed=allowed))


def _output_for(loss: Loss, task: TaskName, natural: Activation) -> Activation | None:
    """Return the output activation that goes with the task and the loss; None where none does."""
    if loss.allows(natural):
        return natural
    if task == "regression" and not loss.y_hat_sums_to_one and loss.fused:
        return next(iter(loss.fused))
    return None


def hidden_widths(hidden: object) -> list[int]:
    """Return the widths of the hidden layers.

    Raises:
        InputError: it is no sequence of whole numbers from 1.
    """
    if not isinstance(hidden, list | tuple | range | np.ndarray):
        asked = "`hidden` must be the widths of the hidden layers"
        raise InputError(message(asked, found=repr(hidden), hint="Try (16, 8), or () for none."))
    return [require_integer(f"hidden[{place}]", width, 1) for place, width in enumerate(hidden)]


def metrics_of(given: Sequence[str | Metric] | Auto, task: TaskName) -> list[Metric]:
    """Return the metrics to be watched; "auto": RMSE for regression, accuracy for classification."""
    if given == "auto":
        given = ["rmse" if task == "regression" else "accuracy"]
    return [inputs.record(METRICS, metric) for metric in given]


def _usual(task: TaskName, n_labels: int) -> tuple[Activation, str]:
    if task == "regression":
        return IDENTITY, "mean_squared_error"
    return (SIGMOID, "binary_cross_entropy") if n_labels == 2 else (SOFTMAX, "cross_entropy")


def _parts(
    n: int, fractions: tuple[float, float], seed: int, strata: Indices | None, n_without_target: int
) -> Parts:
    held_out, validation = fractions
    least = 1 + sum(fraction > 0 for fraction in fractions)
    if n < least:
        asked = f"The table must have at least {least} rows with a target, one for each part"
        raise TableError(message(asked, found=str(n)))
    rest, held_out_rows = _set_aside(np.arange(n), "held_out", held_out, seed, strata)
    train, validation_rows = _set_aside(rest, "validation", validation, seed, strata)
    return Parts(train, validation_rows, held_out_rows, n_without_target)


def _set_aside(
    rows: Indices, purpose: Purpose, fraction: float, seed: int, strata: Indices | None
) -> tuple[Indices, Indices]:
    """Return the rows that stay and the rows set aside: none for a fraction of 0."""
    if fraction == 0:
        return rows, rows[:0]
    require_number(purpose, fraction, OPEN_UNIT)
    classes = None if strata is None else strata[rows]
    stay, aside = split_rows(len(rows), fraction, seed, classes, purpose)
    return rows[stay], rows[aside]


def _require_targets(table: Table, target: str, loss: Loss, y: Array) -> None:
    """Refuse targets for which the loss is not defined, with the row as it was in the table."""
    outside = ~loss.y_domain.holds(y).all(axis=1)
    if outside.any():
        column, row = table.column(target), int(np.argmax(outside))
        asked = f"The target {target!r} must lie in {loss.y_domain} for the loss {loss.name}"
        raise TableError(message(asked, found=f"{column.label(row)} {column.place(row)}"))
