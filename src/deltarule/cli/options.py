"""Options that verbs share, and what becomes of a table with them: a run that can be started."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from deltarule.cli import parameters
from deltarule.cli.display import say
from deltarule.cli.summary import show_columns, show_plan
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.core.penalties import L1, L2
from deltarule.core.schedules import SCHEDULES
from deltarule.data.columns import Table, listed
from deltarule.data.csv_text import NO_HEADER_HINT
from deltarule.data.dialect import AUTO, Dialect
from deltarule.data.tables import as_table, read_table
from deltarule.data.targets import TASKS
from deltarule.errors import TableError, message
from deltarule.table_model import TableModel, TableTraining
from deltarule.table_model.rates import BATCH_SIZE, CONSTANT, LEARNING_RATES
from deltarule.table_model.reading import text_columns
from deltarule.training.stopping import EarlyStopping

TABLE, NETWORK, TRAINING, OPTIONS = "Table", "Network", "Training", "Options"
RATES = ", ".join(f"{name} {rate:g}" for name, rate in LEARNING_RATES.items())


def option(*flags: str, panel: str, help: str, parser: Any = None, **more: Any) -> Any:
    """Return a typer option in its panel; the parser's errors become usage errors."""
    parse = None if parser is None else parameters.parser(parser)
    return typer.Option(*flags, rich_help_panel=panel, help=help, parser=parse, **more)


def column(help: str) -> Any:
    """Return an option for the name of one column."""
    return option(panel=TABLE, help=help, metavar="NAME", show_default=False)


def columns(help: str) -> Any:
    """Return an option for names of columns."""
    return option(panel=TABLE, help=help, metavar="A,B", show_default=False)


def count(help: str, panel: str = TRAINING) -> Any:
    """Return an option for a whole number from 1."""
    return option(panel=panel, help=help, parser=parameters.count, metavar="N")


def number(help: str, parser: Any = parameters.from_zero) -> Any:
    """Return an option for a number that is 0, nothing, unless it is given."""
    return option(panel=TRAINING, help=help, parser=parser, metavar="X", show_default=False)


def name(panel: str, help: str, names: Iterable[str], parser: Any, default: str = "") -> Any:
    """Return an option for one of the names, which its help lists and the Tab key completes.

    A default that is given here stands behind a long list, where typer would begin a new line for it.
    """
    known = tuple(names)

    def complete(incomplete: str) -> list[str]:
        return [each for each in known if each.startswith(incomplete)]

    text = f"{help}{', '.join(known)}." + (rf" [dim]\[default: {default}][/]" if default else "")
    shown = {"show_default": False} if default else {}
    return option(panel=panel, help=text, parser=parser, metavar="NAME", autocompletion=complete, **shown)


TableFile = Annotated[
    Path,
    typer.Argument(
        help="CSV or Parquet file; its first line names the columns.",
        metavar="TABLE",
        callback=parameters.parser(parameters.file_name),
    ),
]
Target = Annotated[str, option("--target", "-t", panel=TABLE, help="The column to predict.", metavar="NAME")]


def file_argument(metavar: str, help: str) -> Any:
    """Return an argument that names a file."""
    return typer.Argument(metavar=metavar, help=help, callback=parameters.parser(parameters.file_name))


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
NoHeader = Annotated[bool, option("--no-header", panel=TABLE, help="No names in line 1; columns: 1, 2, ...")]
Delimiter = Annotated[str, option(panel=TABLE, help="Between values: a character or tab.", metavar="MARK")]
Decimal = Annotated[str, option(panel=TABLE, help="Decimal mark: point or comma.", metavar="MARK")]
Task = Annotated[str, name(TABLE, "", ("auto", *TASKS), parameters.task)]
Exclude = Annotated[list[str] | None, columns("Columns to leave out.")]
Categorical = Annotated[list[str] | None, columns("Columns to use as categories.")]
Numeric = Annotated[list[str] | None, columns("Columns to use as numbers.")]
Hidden = Annotated[
    Any,
    option(panel=NETWORK, help="Widths of the hidden layers.", parser=parameters.widths, metavar="N,N|none"),
]
ActivationName = Annotated[str, name(NETWORK, "", ACTIVATIONS, parameters.activation, "tanh")]
LossName = Annotated[str, name(NETWORK, "", ("auto", *LOSSES), parameters.loss, "auto")]
Weights = Annotated[str | None, column("Column of sample weights, no input.")]
Offset = Annotated[list[str] | None, columns("Column added to the output before its activation.")]
Exposure = Annotated[str | None, column("Column that counts grow with (--loss poisson).")]
OptimizerName = Annotated[str, name(TRAINING, "", OPTIMIZERS, parameters.optimizer)]
LearningRate = Annotated[
    Any,
    option(
        panel=TRAINING,
        help=f"Auto: {RATES}.",
        parser=parameters.rate,
        metavar="RATE",
        show_default=False,
    ),
]
ScheduleName = Annotated[Any, name(TRAINING, "", (CONSTANT, *SCHEDULES), parameters.schedule, CONSTANT)]
BatchSize = Annotated[
    Any,
    option(
        panel=TRAINING,
        help=f"Rows per step (auto: {BATCH_SIZE}; lbfgs: all).",
        parser=parameters.batch_size,
        metavar="N",
    ),
]
Seed = Annotated[
    Any, option(panel=TRAINING, help="Seed of all random choices.", parser=parameters.seed, metavar="N")
]


def begin(table: Path, **chosen: Any) -> TableTraining:
    """Return a run that can be started, and print what was understood of the table; see `asked`."""
    frame, arguments = asked(table, **chosen)
    training = TableModel.training(frame, **arguments)
    say(f"{table}: {frame.n_rows:,} rows. A {training.task.name}: {training.task.reason}.")
    show_columns(training, arguments["exclude"])
    show_plan(training)
    return training


def asked(
    table: Path,
    target: str,
    exclude: Sequence[str] | None,
    categorical: Sequence[str] | None,
    numeric: Sequence[str] | None,
    written: Dialect = AUTO,
    **settings: Any,
) -> tuple[Table, dict[str, Any]]:
    """Return the table in a file and the other arguments of ``TableModel.training``.

    The settings are options, or such arguments; see `arguments_of`.
    """
    frame = as_table(read_table(table, **written._asdict()))
    names = frame.names
    if written.header and target.isdigit() and target not in names:
        raise TableError(
            message(f"There is no column {target!r} in the table", allowed=listed(names), hint=NO_HEADER_HINT)
        )
    left_out = parameters.columns(exclude or (), names)
    if target in left_out:
        raise TableError(f"The target {target!r} cannot be left out.")
    settings = arguments_of(settings)
    if settings.get("offset"):
        settings["offset"] = parameters.columns(settings["offset"], names)
    if isinstance(validation := settings.get("validation"), Path):
        watched = read_table(validation, text_columns(frame), **written._asdict())
        settings["validation"] = as_table(watched)
    return frame, {
        "target": target,
        "exclude": left_out,
        "categorical": parameters.columns(categorical or (), names),
        "numeric": parameters.columns(numeric or (), names),
        **settings,
    }


def arguments_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options, where they have other names or values, as arguments of ``TableModel.training``."""
    found = dict(options)
    if "patience" in found:
        found["early_stopping"] = EarlyStopping(patience=found.pop("patience"))
    penalties = [(kind, found.pop(name)) for name, kind in (("l1", L1), ("l2", L2)) if name in found]
    if penalties:
        found["penalty"] = [kind(strength) for kind, strength in penalties if strength]
    return found


def flags(written: Dialect) -> str:
    """Return the options that say again how a table is written, after a space."""
    words = [] if written.header else ["--no-header"]
    for name, chosen in (("--delimiter", written.delimiter), ("--decimal", written.decimal)):
        words += [] if chosen == "auto" else [name, shlex.quote(chosen)]
    return "".join(f" {word}" for word in words)
