"""deltarule step: through the training of a small network on a table, step by step and back."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

from rich.text import Text

from deltarule.cli import parameters
from deltarule.cli.display import console, note, plain, say, warnings_as_notes
from deltarule.cli.options import (
    OPTIONS,
    ActivationName,
    BatchSize,
    Categorical,
    Decimal,
    Delimiter,
    Exclude,
    Hidden,
    LearningRate,
    LossName,
    NoHeader,
    Numeric,
    OptimizerName,
    Seed,
    TableFile,
    Target,
    Task,
    begin,
    count,
    name,
)
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.data.dialect import Dialect
from deltarule.errors import InputError, message
from deltarule.explain.conventions import CONVENTIONS, Conventions
from deltarule.explain.overview import changes_of, losses_of, place_of
from deltarule.explain.session import Session
from deltarule.explain.text import subscript
from deltarule.inputs import require_update_rule
from deltarule.table_model import TableTraining

MOST_NAMED = 6
SCREEN = "deltarule.cli.step_screen"

DetailName = Annotated[Any, name(OPTIONS, "How much is written out: ", parameters.DETAILS, parameters.detail)]
ConventionsName = Annotated[
    str, name(OPTIONS, "Whose notation, the library's or a lab's: ", CONVENTIONS, parameters.conventions)
]
Steps = Annotated[Any, count("Print so many steps instead of stepping with keys.", panel=OPTIONS)]


def step(
    table: TableFile,
    target: Target,
    task: Task = "auto",
    exclude: Exclude = None,
    categorical: Categorical = None,
    numeric: Numeric = None,
    no_header: NoHeader = False,
    delimiter: Delimiter = "auto",
    decimal: Decimal = "auto",
    hidden: Hidden = "2",
    activation: ActivationName = "tanh",
    loss: LossName = "auto",
    optimizer: OptimizerName = "sgd",
    learning_rate: LearningRate = "auto",
    batch_size: BatchSize = 1,
    seed: Seed = 0,
    detail: DetailName = "auto",
    conventions: ConventionsName = "library",
    steps: Steps = None,
) -> None:
    """Step through the training of a small network and back, every number next to its equation."""
    with warnings_as_notes():
        with_keys = steps is None and _has_keys()
        if with_keys:
            _require_textual()
        require_update_rule(OPTIMIZERS[optimizer])
        training = begin(
            table,
            target=target,
            exclude=exclude,
            categorical=categorical,
            numeric=numeric,
            written=Dialect(not no_header, delimiter, decimal),
            task=task,
            hidden=hidden,
            activation=activation,
            loss=loss,
            optimizer=optimizer,
            learning_rate=learning_rate,
            batch_size=batch_size,
            seed=seed,
            held_out=0.0,
            validation=0.0,
            engine="reference",  # what a session replays
        )
        notation = CONVENTIONS[conventions]
        say(quantities(training, notation))
        session = Session(training.job, training.model.network.theta)
        if with_keys:
            _with_keys(session, training, detail, notation)
        else:
            _print_steps(session, training, detail, notation, steps or 1)
            if steps is None:
                note("Without a screen and a keyboard this is the first step only. --steps 3 prints three.")


def quantities(training: TableTraining, notation: Conventions) -> str:
    """Say which columns of the table the inputs and the targets are."""
    y, target, names = notation.target, training.model.target, training.model.inputs.feature_names
    xs = [f"x{subscript([place])} = {name}" for place, name in enumerate(names, start=1)]
    classes = [plain(str(label)) for label in target.labels]
    if len(classes) > 2:
        ys = [f"{y}{subscript([place])} = {label}" for place, label in enumerate(classes, start=1)]
        return f"{_some(xs)}; {target.name}: {_some(ys)}"
    coded = f" (0: {classes[0]}, 1: {classes[1]})" if classes else ""
    scaled = ", standardized" if target.standardizer is not None else ""
    return f"{_some(xs)}; {y} = {target.name}{coded}{scaled}"


def _some(names: list[str]) -> str:
    """All of a few names, else the first ones and the last."""
    return ", ".join(names if len(names) <= MOST_NAMED else [*names[: MOST_NAMED - 1], f"... {names[-1]}"])


def rows_in_words(session: Session, training: TableTraining) -> str:
    """Say which rows of the table the next step uses, and what a single one holds."""
    table, rows = training.table, session.rows
    numbers = table.column(training.model.target.name).row_numbers[rows]
    if len(rows) > 1:
        more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        return f"Rows {', '.join(map(str, numbers[:MOST_NAMED]))}{more}"
    columns = [*training.model.inputs.used_columns, training.model.target.name]
    labels = [table.column(each).label(rows[0]) for each in columns]
    held = [
        f"{each} {'missing' if label is None else label}" for each, label in zip(columns, labels, strict=True)
    ]
    return f"Row {numbers[0]}: {', '.join(held)}"


def _has_keys() -> bool:
    """Whether there are a keyboard and a screen that can be drawn upon."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not console().is_dumb_terminal


def _require_textual() -> None:
    if find_spec("textual") is None:
        asked = "Stepping with keys is done by Textual"
        hint = "Install it: pip install 'deltarule[step]'. Or print: --steps 3."
        allowed = "deltarule with the extra step"
        raise InputError(message(asked, found="no package of that name", allowed=allowed, hint=hint))


def _with_keys(session: Session, training: TableTraining, detail: Any, notation: Conventions) -> None:
    """Run the screen; an end other than by `q` is answered where those of all verbs are."""
    screen = import_module(SCREEN)  # needs the extra and takes a while: only those wait who want it
    rows = partial(rows_in_words, session, training)
    ending = screen.StepScreen(session, detail, notation, quantities(training, notation), rows).run()
    if ending is None:
        raise KeyboardInterrupt
    if isinstance(ending, Exception):
        raise ending


def _print_steps(
    session: Session, training: TableTraining, detail: Any, notation: Conventions, steps: int
) -> None:
    """Print the working of some steps; it ends with whoever reads."""
    screen = console()
    for number in range(steps):
        if number:
            session.step()
        about = [rows_in_words(session, training), losses_of(session), *changes_of(session, notation)]
        heading = "\n    ".join(map(plain, [place_of(session), *about]))
        working = session.working(detail=detail, conventions=notation)
        screen.print("", Text(heading), "", working, sep="\n", soft_wrap=not screen.is_terminal)
