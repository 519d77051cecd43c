"""deltarule train: from a CSV file to a trained network in a model file."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from deltarule.cli import parameters
from deltarule.cli.display import error, note, progress, say, warnings_as_notes
from deltarule.cli.failures import INTERRUPTED, RUNTIME
from deltarule.cli.summary import better_than_baseline, show_columns, show_plan, show_scores
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.data.tables import read_table
from deltarule.data.targets import TASKS
from deltarule.errors import ModelFileError, message
from deltarule.storage.atomic import quoted, require_writable
from deltarule.table_model import TableModel, TableTraining
from deltarule.table_model.preparation import LEARNING_RATES
from deltarule.training.reports import Stop
from deltarule.training.stopping import EarlyStopping

COLUMNS, NETWORK, TRAINING, FILES = "Columns", "Network", "Training", "Rows and files"


def _option(*flags: str, panel: str, help: str, parser: Any = None, metavar: str = "", **more: Any) -> Any:
    """Return a typer option in its panel; the parser's errors become usage errors."""
    parse = None if parser is None else parameters.parser(parser)
    return typer.Option(
        *flags, rich_help_panel=panel, help=help, parser=parse, metavar=metavar or None, **more
    )


_RATES = "auto: " + ", ".join(f"{rate:g} for {name}" for name, rate in LEARNING_RATES.items())

TableFile = Annotated[Path, typer.Argument(help="CSV file; its first line names the columns.")]
Target = Annotated[
    str, _option("--target", "-t", panel=COLUMNS, help="The column to predict.", metavar="NAME")
]
Task = Annotated[
    str, _option(panel=COLUMNS, help=f"{', '.join(TASKS)}, or auto.", parser=parameters.task, metavar="TASK")
]
Exclude = Annotated[list[str] | None, _option(panel=COLUMNS, help="Columns to leave out.", metavar="A,B")]
Categorical = Annotated[
    list[str] | None, _option(panel=COLUMNS, help="Columns to use as categories.", metavar="A,B")
]
Numeric = Annotated[
    list[str] | None, _option(panel=COLUMNS, help="Columns to use as numbers.", metavar="A,B")
]
Hidden = Annotated[
    Any,
    _option(
        panel=NETWORK,
        help="Widths of the hidden layers, or none.",
        parser=parameters.widths,
        metavar="16,8",
    ),
]
ActivationName = Annotated[
    str,
    _option(
        panel=NETWORK,
        help=f"Of the hidden layers: {', '.join(ACTIVATIONS)}.",
        parser=parameters.activation,
        metavar="NAME",
    ),
]
LossName = Annotated[
    str,
    _option(panel=TRAINING, help=f"auto, {', '.join(LOSSES)}.", parser=parameters.loss, metavar="NAME"),
]
OptimizerName = Annotated[
    str,
    _option(panel=TRAINING, help=f"{', '.join(OPTIMIZERS)}.", parser=parameters.optimizer, metavar="NAME"),
]
LearningRate = Annotated[
    Any,
    _option(
        panel=TRAINING, help="Of the optimizer.", parser=parameters.rate, metavar="RATE", show_default=_RATES
    ),
]
BatchSize = Annotated[int, _option(panel=TRAINING, help="Rows per step.", min=1, metavar="N")]
Epochs = Annotated[int, _option(panel=TRAINING, help="Passes over the rows, at most.", min=1, metavar="N")]
Patience = Annotated[
    int, _option(panel=TRAINING, help="Epochs without improvement before stopping.", min=1, metavar="N")
]
Seed = Annotated[
    int, _option(panel=TRAINING, help="Of the parts, the weights, the batches.", min=0, metavar="N")
]
HeldOut = Annotated[
    float, _option(panel=FILES, help="Part kept for the scores.", parser=parameters.fraction, metavar="PART")
]
Watched = Annotated[
    float,
    _option(panel=FILES, help="Part of the rest to watch.", parser=parameters.fraction, metavar="PART"),
]
Output = Annotated[Path, _option("--output", "-o", panel=FILES, help="The model file.", metavar="FILE")]


def train(
    table: TableFile,
    target: Target,
    task: Task = "auto",
    exclude: Exclude = None,
    categorical: Categorical = None,
    numeric: Numeric = None,
    hidden: Hidden = "16",
    activation: ActivationName = "tanh",
    loss: LossName = "auto",
    optimizer: OptimizerName = "adam",
    learning_rate: LearningRate = None,
    batch_size: BatchSize = 32,
    epochs: Epochs = 200,
    patience: Patience = 20,
    seed: Seed = 0,
    held_out: HeldOut = 0.2,
    validation: Watched = 0.2,
    output: Output = Path("model.safetensors"),
) -> None:
    """Train a network on a table and save it, with all that it needs to read new tables of this kind."""
    with warnings_as_notes():
        _require_output(output)
        frame = read_table(table)
        names = frame.columns
        left_out = parameters.columns(exclude or (), names)
        training = TableModel.training(
            frame,
            target=target,
            task=task,
            hidden=hidden,
            activation=activation,
            loss=loss,
            optimizer=optimizer,
            learning_rate="auto" if learning_rate is None else learning_rate,
            batch_size=batch_size,
            epochs=epochs,
            early_stopping=EarlyStopping(patience=patience),
            held_out=held_out,
            validation=validation,
            exclude=left_out,
            categorical=parameters.columns(categorical or (), names),
            numeric=parameters.columns(numeric or (), names),
            seed=seed,
        )
        say(
            f"{table}: {frame.height:,} rows. The target suggests a {training.task.name}: {training.task.reason}"
        )
        show_columns(training, left_out)
        show_plan(training)
        stop = _run(training)
        _save(training, output)
    if stop.kind == "interrupted":
        raise typer.Exit(INTERRUPTED)


def _require_output(output: Path) -> None:
    """Refuse an output that cannot be written, or that is a file of another kind, before anything is done."""
    require_writable(output)
    if output.is_file():
        with output.open("rb") as file:
            beginning = file.read(9)
        if beginning and beginning[8:] != b"{":
            asked = f"{quoted(output)} exists and is no model file, so it is not overwritten"
            raise ModelFileError(message(asked, hint="Choose another name with --output."))


def _run(training: TableTraining) -> Stop:
    """Train with a live bar, tell why it ended, and refuse to go on with a network that has learned nothing."""
    start = time.perf_counter()
    try:
        with progress(training.epochs) as show:
            for report in training:
                show(report)
    except KeyboardInterrupt:
        training.interrupt()
    history = training.history
    stop = history.stop or Stop("interrupted", "interrupted")
    reason = f"{stop.message[:1].upper()}{stop.message[1:]}"
    if not history.epochs or history.restored_epoch == 0:
        error(f"{reason}. Nothing was saved.")
        raise typer.Exit(INTERRUPTED if stop.kind == "interrupted" else RUNTIME)
    if stop.kind in ("interrupted", "diverged"):
        note(f"{reason}.")
    else:
        say(f"Training: {reason}.")
    say(f"{len(history.epochs)} epochs took {time.perf_counter() - start:.1f} seconds.")
    return stop


def _save(training: TableTraining, output: Path) -> None:
    """Judge the model, save it, and say where it is and what to do with it."""
    model = training.finish()
    model.save(output)
    if model.scores is not None:
        show_scores(model, model.scores)
        if not better_than_baseline(model.scores):
            note("On these rows the network is no better than the baseline.")
    say(f"Model: {output}")
    say(f"Next:  deltarule predict {shlex.quote(str(output))} NEW.csv -o predictions.csv")
