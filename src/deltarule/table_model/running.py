"""TableTraining: a run on a table in progress, epoch by epoch, and the model that comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from deltarule.engines.base import Job
from deltarule.table_model.preparation import Prepared
from deltarule.training.loop import Training
from deltarule.training.reports import EpochReport, History

if TYPE_CHECKING:
    from deltarule.table_model.model import TableModel


class TableTraining(Iterator[EpochReport]):
    """A run in progress: iterate over it for one report per epoch, then call `finish`.

    `model` always has the current parameters and can be used at any time; `table` holds the rows that have a
    target, and `task` says what was concluded from it.

    >>> from deltarule.table_model import TableModel
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
        self._rows_held_out = prepared.rows.take(self._held_out)

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
        model = self.model
        if len(self._held_out):
            scores = model.scores_of(self._rows_held_out, model.fitted.row_columns.weights)
            self.model = type(model)(model.network, replace(model.fitted, scores=scores))
        return self.model
