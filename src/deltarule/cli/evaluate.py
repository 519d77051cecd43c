"""deltarule evaluate: a model judged on a table whose target is known, beside the baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deltarule.cli.display import note, warnings_as_notes
from deltarule.cli.json_lines import say_json
from deltarule.cli.options import Decimal, Delimiter, Json, NoHeader, file_argument
from deltarule.cli.predict import ModelPath
from deltarule.cli.summary import no_better_than_baseline, show_scores
from deltarule.data.columns import Table
from deltarule.data.dialect import Dialect
from deltarule.data.tables import as_table, read_table
from deltarule.table_model import TableModel

TableFile = Annotated[
    Path,
    file_argument("TABLE", "CSV or Parquet file with the columns and the target the model was trained on."),
]

NONE = "none"
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|none",
        help=r"Column by which the rows count. [dim]\[default: as in training][/]",
        show_default=False,
    ),
]


def evaluate(
    model: ModelPath,
    table: TableFile,
    weights: Weights = None,
    no_header: NoHeader = False,
    delimiter: Delimiter = "auto",
    decimal: Decimal = "auto",
    json: Json = False,
) -> None:
    """Judge a model on a table whose target is known, beside the baseline."""
    with warnings_as_notes():
        loaded = TableModel.load(model)
        written = Dialect(not no_header, delimiter, decimal)
        frame = as_table(read_table(table, loaded.text_columns, **written._asdict()))
        scores = loaded.judge(frame, _column_of(weights, frame))
        if json:
            of = {"model": str(model), "table": str(table), "target": loaded.target.name}
            rows = {"without_target": scores.without_target, "weights": scores.weights}
            say_json({**of, "task": loaded.target.task, **scores.to_dict(), **rows})
            return
        show_scores(loaded, scores, f"the rows of {table} with a target")
        if useless := no_better_than_baseline(scores):
            note(useless)


def _column_of(weights: str | None, table: Table) -> str | None:
    """Return the column that was asked for: "auto" where none was, None for the word none."""
    if weights is None:
        return "auto"
    return None if weights == NONE and NONE not in table.names else weights
