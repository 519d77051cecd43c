"""deltarule train: from a CSV file to a trained network in a model file."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from deltarule.cli import ending, parameters
from deltarule.cli.display import error, note, progress, say, warnings_as_notes
from deltarule.cli.failures import INTERRUPTED, RUNTIME, ignore_interrupts
from deltarule.cli.summary import no_better_than_baseline, show_columns, show_plan, show_scores
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.data.columns import Table
from deltarule.data.tables import read_table
from deltarule.data.targets import TASKS
from deltarule.errors import ModelFileError, TableError, message
from deltarule.storage.atomic import in_words, quoted, require_writable
from deltarule.table_model import TableModel, TableTraining
from deltarule.table_model.preparation import LEARNING_RATES
from deltarule.training.reports import StopKind
from deltarule.training.stopping import EarlyStopping, plural

TABLE, NETWORK, TRAINING, OPTIONS = "Table", "Network", "Training", "Options"
RATES = ", ".join(f"{rate:g} for {name}" for name, rate in LEARNING_RATES.items())


def _option(*flags: str, panel: str, help: str, parser: Any = None, **more: Any) -> Any:
    """Return a typer option in its panel; the parser's errors become usage errors."""
    parse = None if parser is None else parameters.parser(parser)
    return typer.Option(*flags, rich_help_panel=panel, help=help, parser=parse, **more)


def _columns(help: str) -> Any:
    return _option(panel=TABLE, help=help, metavar="A,B", show_default=False)


def _count(help: str) -> Any:
    return _option(panel=TRAINING, help=help, parser=parameters.count, metavar="N")


def _part(help: str) -> Any:
    return _option(panel=TABLE, help=help, parser=parameters.fraction, metavar="PART")


def _name(panel: str, help: str, names: Iterable[str], parser: Any) -> Any:
    return _option(panel=panel, help=f"{help}{', '.join(names)}.", parser=parser, metavar="NAME")


TableFile = Annotated[
    Path,
    typer.Argument(
        help="CSV file; its first line names the columns.",
        metavar="TABLE",
        callback=parameters.parser(parameters.file_name),
    ),
]
Target = Annotated[str, _option("--target", "-t", panel=TABLE, help="The column to predict.", metavar="NAME")]
Task = Annotated[str, _name(TABLE, "", ("auto", *TASKS), parameters.task)]
Exclude = Annotated[list[str] | None, _columns("Columns to leave out.")]
Categorical = Annotated[list[str] | None, _columns("Columns to use as categories.")]
Numeric = Annotated[list[str] | None, _columns("Columns to use as numbers.")]
HeldOut = Annotated[float, _part("Share of the rows kept for scores.")]
Watched = Annotated[float, _part("Share of the remaining rows, watched to stop in time.")]
Hidden = Annotated[
    Any,
    _option(panel=NETWORK, help="Widths of the hidden layers.", parser=parameters.widths, metavar="N,N|none"),
]
ActivationName = Annotated[str, _name(NETWORK, "", ACTIVATIONS, parameters.activation)]
LossName = Annotated[str, _name(NETWORK, "", ("auto", *LOSSES), parameters.loss)]
OptimizerName = Annotated[str, _name(TRAINING, "", OPTIMIZERS, parameters.optimizer)]
LearningRate = Annotated[
    Any,
    _option(
        panel=TRAINING,
        help=f"Auto: {RATES}.",
        parser=parameters.rate,
        metavar="RATE",
        show_default=False,
    ),
]
BatchSize = Annotated[Any, _count("Rows per step.")]
Epochs = Annotated[Any, _count("Passes over the rows, at most.")]
Patience = Annotated[Any, _count("Epochs without improvement before stopping.")]
Seed = Annotated[
    Any, _option(panel=TRAINING, help="Seed of all random choices.", parser=parameters.seed, metavar="N")
]
Output = Annotated[
    Path,
    _option(
        "--output",
        "-o",
        panel=OPTIONS,
        help="Where the model goes.",
        parser=parameters.file_name,
        metavar="FILE",
    ),
]


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
        if target in left_out:
            raise TableError(f"The target {target!r} cannot be left out.")
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
        concluded = training.task
        say(f"{table}: {frame.height:,} rows. A {concluded.name}: {concluded.reason}.")
        show_columns(training, left_out)
        show_plan(training)
        stop = _run(training, epochs)
        _save(training, output, stop)
    if stop == "interrupted":
        raise typer.Exit(INTERRUPTED)


def _require_output(output: Path) -> None:
    """Refuse an output that cannot be written, or that is a file of another kind, before anything is done."""
    require_writable(output)
    if not output.is_file():
        return
    other = "Choose another name with --output."
    try:
        with output.open("rb") as file:
            beginning = file.read(9)
    except OSError as reason:
        asked = f"{quoted(output)} exists and cannot be read ({in_words(reason)}), so it is not overwritten"
        raise ModelFileError(message(asked, hint=other)) from reason
    if beginning and beginning[8:] != b"{":
        asked = f"{quoted(output)} exists and is no model file, so it is not overwritten"
        raise ModelFileError(message(asked, hint=other))


def _run(training: TableTraining, epochs: int) -> StopKind:
    """Train with a live bar, tell why it ended, and refuse to go on if nothing was learned."""
    start = time.perf_counter()
    try:
        with progress(epochs) as show:
            for report in training:
                show(report)
    except KeyboardInterrupt:
        ignore_interrupts()
        training.interrupt()
    ignore_interrupts()
    seconds, history = time.perf_counter() - start, training.history
    kind = history.stop.kind if history.stop is not None else "interrupted"
    reason = ending.in_words(history, training.job)
    if not history.epochs or history.restored_epoch == 0:
        error(f"{reason} Nothing was saved.")
        raise typer.Exit(INTERRUPTED if kind == "interrupted" else RUNTIME)
    (note if kind in ("interrupted", "diverged") else say)(reason)
    if seconds >= 1.0:
        say(f"{plural(len(history.epochs), 'epoch')} took {seconds:.1f} seconds.")
    return kind


def _save(training: TableTraining, output: Path, stop: StopKind) -> None:
    """Judge the model, save it, and say where it is and what to do with it."""
    model = training.finish()
    if stop == "diverged":
        _require_use(model, training.table)
    model.save(output)
    if model.scores is not None:
        show_scores(model, model.scores)
        if useless := no_better_than_baseline(model.scores):
            note(useless)
    say(f"Model: {output}")
    say(f"Next:  deltarule predict {shlex.quote(str(output))} NEW.csv -o predictions.csv")


def _require_use(model: TableModel, table: Table) -> None:
    """Refuse to save what a diverged run has left, unless it is better than the baseline."""
    if useless := no_better_than_baseline(model.scores or model.judge(table)):
        error(f"{useless} Nothing was saved.")
        raise typer.Exit(RUNTIME)
