"""From a table and the caller's wishes to rows, arrays, a loss, a network and a run that can be started."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deltarule import inputs
from deltarule.core.activations import IDENTITY, SIGMOID, SOFTMAX, Activation
from deltarule.core.arrays import OPEN_UNIT, POSITIVE, Array, require_integer, require_number
from deltarule.core.losses import LOSSES, Loss
from deltarule.core.metrics import METRICS, Metric
from deltarule.core.optimizers import LBFGS, OPTIMIZERS, AnyOptimizer
from deltarule.data.batches import Indices
from deltarule.data.columns import Table
from deltarule.data.splitting import Purpose, split_rows
from deltarule.data.targets import TargetTransform, Task, TaskName, choose_task, class_codes, with_target
from deltarule.data.transforms import TableTransform
from deltarule.errors import InputError, TableError, message
from deltarule.network import Network
from deltarule.table_model.fitted import Fitted, RowCounts
from deltarule.training.loop import Training
from deltarule.training.stopping import EarlyStopping

Auto = Literal["auto"]

LEARNING_RATES = {"sgd": 0.05, "rmsprop": 0.001, "adam": 0.003, "adamw": 0.003}
"""For standardized inputs and batches of 32; other optimizers keep the rate of their own."""


class Parts(NamedTuple):
    """Which rows serve for what: numbers (from 0, ascending) among the rows that have a target."""

    train: Indices
    validation: Indices
    held_out: Indices
    n_without_target: int


class Prepared(NamedTuple):
    """X and y of all rows that have a target, and what was fitted on the training rows."""

    table: Table
    parts: Parts
    task: Task
    inputs: TableTransform
    target: TargetTransform
    loss: Loss
    output: Activation
    X: NDArray[np.float64]
    y: NDArray[np.float64]

    def rows(self, which: Indices) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return X and y of some rows."""
        return self.X[which], self.y[which]

    def network(self, widths: Sequence[int], activation: str | Activation, **settings: Any) -> Network:
        """Return an untrained network for X and y; `widths` and `activation` are those of its hidden layers.

        The settings are arguments of ``Network``.
        """
        activations = [activation] * len(widths) + [self.output]
        return Network([self.X.shape[1], *widths, self.y.shape[1]], activations, **settings)

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
        watched = self.parts.validation
        return network.training(
            *self.rows(self.parts.train),
            loss=self.loss,
            validation=self.rows(watched) if len(watched) else None,
            metrics=metrics_of(metrics, self.task.name),
            target_scaler=self.target.standardizer,
            early_stopping=early_stopping if len(watched) else None,
            **settings,
        )

    def fitted(self) -> Fitted:
        """Return what belongs to a model beside its network; the scores come later."""
        train, validation, held_out, n_without_target = self.parts
        counts = RowCounts(len(train), len(validation), len(held_out), n_without_target)
        return Fitted(self.inputs, self.target, self.y[train].mean(axis=0), counts)


def prepare(
    table: Table,
    target: str,
    *,
    task: str,
    loss: str | Loss,
    fractions: tuple[float, float],
    seed: int,
    exclude: Collection[str],
    numeric: Collection[str],
    categorical: Collection[str],
    ddof: float,
) -> Prepared:
    """Set rows aside (fractions: held out, for validation), fit the transforms on the others, encode all.

    Raises:
        TableError: the table, its target or a column cannot be used.
        InputError: the loss or another argument cannot be used.
    """
    chosen = choose_task(table, target, task)
    kept = with_target(table, target)
    strata = class_codes(kept.table, target) if chosen.name == "classification" else None
    parts = _parts(kept.table.n_rows, fractions, seed, strata, kept.n_dropped)
    training_rows = kept.table.take(parts.train)
    transform = TableTransform.fit(
        training_rows, [target, *exclude], ddof=ddof, numeric=numeric, categorical=categorical
    )
    n_labels = 0 if strata is None else int(strata.max()) + 1
    loss_, output = loss_and_output(loss, chosen.name, n_labels)
    fitted = TargetTransform.fit(training_rows, target, chosen.name, ddof, standardize=output is IDENTITY)
    y = fitted.encode(kept.table)
    _require_targets(kept.table, target, loss_, y)
    X = transform.transform(kept.table)
    return Prepared(kept.table, parts, chosen, transform, fitted, loss_, output, X, y)


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


def optimizer_of(given: str | AnyOptimizer, learning_rate: float | Auto) -> AnyOptimizer:
    """Return the optimizer with its learning rate: the one asked for, that of the record, or ours for tables.

    Raises:
        InputError: there is no such optimizer, or the rate is not positive.
    """
    record = inputs.record(OPTIMIZERS, given)
    if learning_rate == "auto":
        if not isinstance(given, str) or record.name not in LEARNING_RATES:
            return record
        learning_rate = LEARNING_RATES[record.name]
    require_number("learning_rate", learning_rate, POSITIVE)
    return _with_rate(record, learning_rate)


def metrics_of(given: Sequence[str | Metric] | Auto, task: TaskName) -> list[Metric]:
    """Return the metrics to be watched; "auto": RMSE for regression, accuracy for classification."""
    if given == "auto":
        given = ["rmse" if task == "regression" else "accuracy"]
    return [inputs.record(METRICS, metric) for metric in given]


def _with_rate(record: Any, learning_rate: float) -> AnyOptimizer:
    if isinstance(record, LBFGS):
        asked = (
            "`learning_rate` must be left out with L-BFGS, whose line search finds the length of each step"
        )
        raise InputError(message(asked, found=repr(learning_rate)))
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        asked = "`learning_rate` can be set for the optimizers of deltarule only"
        raise InputError(message(asked, found=repr(record), hint="Set it in the optimizer."))
    changed: Any = dataclasses.replace(record, learning_rate=learning_rate)
    return changed


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
