"""deltarule predict: from a model file and a table to predictions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deltarule.cli.display import say, warnings_as_notes
from deltarule.cli.json_lines import of_columns
from deltarule.cli.options import Decimal, Delimiter, NoHeader, file_argument
from deltarule.data.dialect import Dialect
from deltarule.data.tables import DataFrame, read_table, to_bytes
from deltarule.errors import TableError, message
from deltarule.storage.atomic import quoted, require_writable, write_bytes
from deltarule.table_model import TableModel

SCREEN = Path("-")


ModelPath = Annotated[Path, file_argument("MODEL", "Model file, made by deltarule train.")]
TableFile = Annotated[
    Path, file_argument("TABLE", "CSV or Parquet file with the columns the model was trained on.")
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help=r"Where to write them: CSV or .parquet. [dim]\[default: the screen][/]",
        show_default=False,
    ),
]

Json = Annotated[bool, typer.Option("--json", help="One JSON object per row in place of CSV.")]


def predict(
    model: ModelPath,
    table: TableFile,
    no_header: NoHeader = False,
    delimiter: Delimiter = "auto",
    decimal: Decimal = "auto",
    output: Output = SCREEN,
    json: Json = False,
) -> None:
    """Predict the target of each row: the value, or the class and the probabilities of all classes."""
    with warnings_as_notes():
        if output != SCREEN:
            _require_output(output, model, table)
        loaded = TableModel.load(model)
        written = Dialect(not no_header, delimiter, decimal)
        frame = read_table(table, loaded.inputs.text_columns, **written._asdict())
        predictions = columns(loaded, frame)
        data = of_columns(predictions) if json else to_bytes(predictions, output)
        if output == SCREEN:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        write_bytes(output, data, error=TableError)
    count = len(next(iter(predictions.values())))
    say(f"{count:,} predictions of {loaded.target.name!r} are in {output}", stderr=True)


def columns(model: TableModel, table: DataFrame) -> dict[str, Any]:
    """Return the columns of the output: the prediction, and the probability of each class."""
    name = f"predicted_{model.target.name}"
    if model.target.task == "regression":
        return {name: model.predict(table)}
    y_hat = model.outputs(table)
    probabilities = model.target.probabilities(y_hat)
    shares = {f"probability_{label}": probabilities[:, k] for k, label in enumerate(model.classes)}
    return {name: model.target.decode(y_hat), **shares}


def _require_output(output: Path, *sources: Path) -> None:
    """Refuse an output that cannot be written or would destroy what is read."""
    require_writable(output, TableError)
    for source in sources:
        if _same(output, source):
            asked = f"{quoted(output)} is read, so it cannot be the output too"
            raise TableError(message(asked, hint="Choose another name with --output."))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one is not there, or cannot be looked at
        return False
