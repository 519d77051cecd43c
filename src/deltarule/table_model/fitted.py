"""Fitted: what a table model knows beside its network, as JSON and back; nothing in a file is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deltarule.core.arrays import UNIT
from deltarule.data.targets import TargetTransform
from deltarule.data.transforms import TableTransform
from deltarule.errors import InputError, ModelFileError, message
from deltarule.network import Network
from deltarule.storage.atomic import MAX_REASON
from deltarule.storage.fields import JSON, Fields
from deltarule.storage.model_file import ModelFile
from deltarule.table_model.row_columns import RowColumns
from deltarule.table_model.scores import Scores

KEY = "table_model"
ROW_COLUMNS = "row_columns"
NO_ROW_COLUMNS = RowColumns()


class RowCounts(NamedTuple):
    """How many rows served for what; those without a target were left out.

    Where the rows to watch are a table of their own, they are counted as well.
    """

    train: int
    validation: int
    held_out: int
    without_target: int


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was fitted beside the network.

    Arguments:
        inputs: from a table to X.
        target: from the target column to y and from outputs back to predictions.
        baseline: (k,), the best constant output: the mean of y over the training rows (see baseline.py).
        rows: how many served for what.
        scores: on the held-out rows, None where there are none.
        row_columns: the columns of weights and offsets.
    """

    inputs: TableTransform
    target: TargetTransform
    baseline: NDArray[np.float64]
    rows: RowCounts
    scores: Scores | None = None
    row_columns: RowColumns = NO_ROW_COLUMNS

    def to_dict(self) -> dict[str, JSON]:
        """Return plain values that `json.dumps` can write."""
        columns = self.row_columns
        more: dict[str, JSON] = {} if columns == NO_ROW_COLUMNS else {ROW_COLUMNS: columns.to_dict()}
        return {
            "inputs": self.inputs.to_dict(),
            "target": self.target.to_dict(),
            "baseline": list(map(float, self.baseline)),
            "rows": {name: int(count) for name, count in self.rows._asdict().items()},
            "scores": None if self.scores is None else self.scores.to_dict(),
            **more,
        }


def read(file: ModelFile) -> tuple[Network, Fitted]:
    """Return the network in a model file and all that belongs to it.

    Raises:
        ModelFileError: the file holds a network only, or an entry is missing or does not fit the others.
    """
    network = Network.from_file(file)
    if not file.fields.has(KEY):
        asked = f"{file.path!r} must hold a model of a table"
        found = f"a network only, {'-'.join(map(str, network.architecture.widths))[:MAX_REASON]}"
        raise ModelFileError(message(asked, found=found, hint="Read it with dr.load."))
    fields = file.fields.fields(KEY)
    target = TargetTransform.from_dict(fields.fields("target"))
    fitted = Fitted(
        TableTransform.from_dict(fields.fields("inputs")),
        target,
        np.array(fields.numbers("baseline", count=target.n_outputs)),
        _row_counts(fields.fields("rows")),
        Scores.from_fields(fields.fields("scores")) if fields.has("scores") else None,
        RowColumns.from_fields(fields.fields(ROW_COLUMNS)) if fields.has(ROW_COLUMNS) else NO_ROW_COLUMNS,
    )
    _require_fit(network, fitted, fields)
    return network, fitted


def _require_fit(network: Network, fitted: Fitted, fields: Fields) -> None:
    """Refuse transforms that are not those of this network."""
    architecture, target = network.architecture, fitted.target
    if len(fitted.inputs.feature_names) != architecture.n_inputs:
        raise fields.refuse("inputs", f"make the {architecture.n_inputs} inputs of the network")
    if target.n_outputs != architecture.n_outputs:
        raise fields.refuse("target", f"have the {architecture.n_outputs} outputs of the network")
    output = architecture.activations[-1]
    if target.task == "classification" and not UNIT.covers(output.range):
        raise fields.refuse("target", f"be a regression: {output.name} outputs are no probabilities")
    try:
        fitted.row_columns.require_fit(output, target.n_outputs)
    except InputError:
        raise fields.refuse(ROW_COLUMNS, "fit the outputs of the network") from None


def _row_counts(fields: Fields) -> RowCounts:
    return RowCounts(*(fields.integer(name, minimum=0) for name in RowCounts._fields))
