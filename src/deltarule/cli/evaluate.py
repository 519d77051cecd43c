"""deltarule evaluate: a model judged on a table whose target is known, beside the baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from deltarule.cli.display import note, warnings_as_notes
from deltarule.cli.json_lines import say_json
from deltarule.cli.options import Decimal, Delimiter, Json, NoHeader, file_argument
from deltarule.cli.predict import ModelPath
from deltarule.cli.summary import no_better_than_baseline, show_scores
from deltarule.data.dialect import Dialect
from deltarule.data.tables import read_table
from deltarule.table_model import TableModel

TableFile = Annotated[
    Path,
    file_argument("TABLE", "CSV or Parquet file with the columns and the target the model was trained on."),
]


def evaluate(
    model: ModelPath,
    table: TableFile,
    no_header: NoHeader = False,
    delimiter: Delimiter = "auto",
    decimal: Decimal = "auto",
    json: Json = False,
) -> None:
    """Judge a model on a table whose target is known, beside the baseline."""
    with warnings_as_notes():
        loaded = TableModel.load(model)
        written = Dialect(not no_header, delimiter, decimal)
        scores = loaded.judge(read_table(table, loaded.text_columns, **written._asdict()))
        if json:
            name, task = loaded.target.name, loaded.target.task
            say_json(
                {"model": str(model), "table": str(table), "target": name, "task": task, **scores.to_dict()}
            )
            return
        show_scores(loaded, scores, f"the rows of {table} with a target")
        if useless := no_better_than_baseline(scores):
            note(useless)
