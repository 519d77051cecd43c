"""deltarule train: from a CSV file to a trained network in a model file."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from deltarule.cli import ending, parameters
from deltarule.cli.config import Config
from deltarule.cli.display import error, note, progress, say, warnings_as_notes
from deltarule.cli.failures import INTERRUPTED, RUNTIME, ignore_interrupts
from deltarule.cli.help_pages import HelpAll
from deltarule.cli.json_lines import json_instead, of_epoch
from deltarule.cli.options import (
    OPTIONS,
    TABLE,
    TRAINING,
    ActivationName,
    BatchSize,
    Categorical,
    Decimal,
    Delimiter,
    Exclude,
    Exposure,
    Hidden,
    LearningRate,
    LossName,
    NoHeader,
    Numeric,
    Offset,
    OptimizerName,
    ScheduleName,
    Seed,
    TableFile,
    Target,
    Task,
    Weights,
    begin,
    count,
    flags,
    number,
    option,
)
from deltarule.cli.summary import no_better_than_baseline, show_scores
from deltarule.data.columns import Table
from deltarule.data.dialect import Dialect
from deltarule.errors import ModelFileError, message
from deltarule.storage.atomic import in_words, quoted, require_writable
from deltarule.table_model import TableModel, TableTraining
from deltarule.table_model.rates import CONSTANT
from deltarule.training.reports import EpochReport, StopKind
from deltarule.training.stopping import plural

HeldOut = Annotated[
    float,
    option(
        panel=TABLE,
        help="Share of the rows kept for scores.",
        parser=parameters.fraction,
        metavar="PART",
    ),
]
Watched = Annotated[
    Any,
    option(
        panel=TABLE,
        help="Share of the others to watch, or a table.",
        parser=parameters.fraction_or_file,
        metavar="PART|FILE",
    ),
]
L1 = Annotated[Any, number("Penalty on Σ |w|, such as 1e-4.")]
L2 = Annotated[Any, number("Penalty on Σ w² / 2, such as 1e-4.")]
ClipNorm = Annotated[Any, number("Longest gradient that is allowed, or none.", parameters.norm)]
Dropout = Annotated[
    Any,
    option(
        panel=TRAINING,
        help="Share of the hidden units left out.",
        parser=parameters.fractions,
        metavar="P|P,P",
    ),
]
LabelSmoothing = Annotated[Any, number("Share of each target spread over all classes.", parameters.fraction)]
Epochs = Annotated[Any, count("Passes (lbfgs: iterations).")]
Patience = Annotated[Any, count("Epochs to wait for improvement.")]
Output = Annotated[
    Path,
    option(
        "--output",
        "-o",
        panel=OPTIONS,
        help="Where the model goes.",
        parser=parameters.file_name,
        metavar="FILE",
    ),
]

Json = Annotated[
    bool,
    option(
        "--json", panel=OPTIONS, help="Print a JSON object per epoch and one at the end; the rest on stderr."
    ),
]


def train(
    table: TableFile,
    target: Target,
    weights: Weights = None,
    offset: Offset = None,
    exposure: Exposure = None,
    task: Task = "auto",
    exclude: Exclude = None,
    categorical: Categorical = None,
    numeric: Numeric = None,
    no_header: NoHeader = False,
    delimiter: Delimiter = "auto",
    decimal: Decimal = "auto",
    hidden: Hidden = "64,64",
    activation: ActivationName = "tanh",
    loss: LossName = "auto",
    optimizer: OptimizerName = "adam",
    learning_rate: LearningRate = "auto",
    schedule: ScheduleName = CONSTANT,
    batch_size: BatchSize = "auto",
    epochs: Epochs = 200,
    patience: Patience = 20,
    l1: L1 = 0,
    l2: L2 = 0,
    clip_norm: ClipNorm = None,
    dropout: Dropout = 0,
    label_smoothing: LabelSmoothing = 0,
    seed: Seed = 0,
    held_out: HeldOut = 0.2,
    validation: Watched = 0.2,
    output: Output = Path("model.safetensors"),
    json: Json = False,
    config: Config = None,
    help_all: HelpAll = False,
) -> None:
    """Train a network on a table, CSV or Parquet, and save it with all it needs to read new tables."""
    with warnings_as_notes(), json_instead(json) as emit:
        _require_output(output)
        written = Dialect(not no_header, delimiter, decimal)
        training = begin(
            table,
            target=target,
            exclude=exclude,
            categorical=categorical,
            numeric=numeric,
            written=written,
            weights=weights,
            offset=offset,
            exposure=exposure,
            task=task,
            hidden=hidden,
            activation=activation,
            loss=loss,
            optimizer=optimizer,
            learning_rate=learning_rate,
            schedule=schedule,
            batch_size=batch_size,
            epochs=epochs,
            patience=patience,
            l1=l1,
            l2=l2,
            clip_norm=clip_norm,
            dropout=dropout,
            label_smoothing=label_smoothing,
            held_out=held_out,
            validation=validation,
            seed=seed,
        )
        stop = _run(training, nullcontext(lambda epoch: emit(of_epoch(epoch))) if json else progress())
        _save(training, output, stop, written)
        emit(_ending(training, output, stop))
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


def _run(
    training: TableTraining, reporting: AbstractContextManager[Callable[[EpochReport], None]]
) -> StopKind:
    """Train and report each epoch, tell why it ended, and refuse to go on if nothing was learned."""
    start = time.perf_counter()
    try:
        with reporting as show:
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


def _save(training: TableTraining, output: Path, stop: StopKind, written: Dialect) -> None:
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
    say(f"Next:  deltarule predict {shlex.quote(str(output))} NEW.csv{flags(written)} -o predictions.csv")


def _ending(training: TableTraining, output: Path, stop: StopKind) -> dict[str, Any]:
    """Return for programs how the run has ended."""
    history, scores = training.history, training.model.scores
    return {
        "model": str(output),
        "stop": stop,
        "epochs_trained": len(history.epochs),
        "restored_epoch": history.restored_epoch,
        "scores": None if scores is None else scores.to_dict(),
    }


def _require_use(model: TableModel, table: Table) -> None:
    """Refuse to save what a diverged run has left, unless it is better than the baseline."""
    if useless := no_better_than_baseline(model.scores or model.judge(table)):
        error(f"{useless} Nothing was saved.")
        raise typer.Exit(RUNTIME)
