"""What `train` tells about its model: the columns, the rows, the network, the scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from rich import box
from rich.table import Table

from deltarule.cli.display import plain, say, show
from deltarule.core.activations import EXPONENTIAL, IDENTITY
from deltarule.core.learning_rates import Schedule
from deltarule.data.columns import listed, shown
from deltarule.data.targets import TargetTransform
from deltarule.data.treatments import CategoricalColumn, NumericColumn, Treatment
from deltarule.engines.base import Job
from deltarule.table_model import Scores, TableModel, TableTraining
from deltarule.table_model.fitted import RowCounts

MANY_COLUMNS = 24
A_RUN = 4
MOST_LINES = 40

Line = tuple[str, str, str, str]
"""The name of a column, what it holds, what becomes of it, and how many inputs that makes."""


def show_columns(training: TableTraining, exclude: Sequence[str]) -> None:
    """Print what was understood about each column; of a wide table, runs of plain numbers in one line."""
    table, target = training.table, training.model.target
    lines: list[Line] = [(target.name, table.column(target.name).kind, target_in_words(target), "")]
    lines += role_lines(training.model)
    lines += column_lines(training.model.inputs.columns)
    lines += [(name, table.column(name).kind, "left out: as asked", "") for name in exclude]
    show_lines(lines)
    rows, columns = training.model.rows, training.model.inputs.columns
    if rows.train < training.table.n_rows and any(map(_is_measured, columns)):
        say(f"Means, medians and missing values are those of the {rows.train:,} rows to learn from.")


def role_lines(model: TableModel) -> list[Line]:
    """One line per column of weights, offset or exposure."""
    return [(name, "", role, "") for name, role in model.fitted.row_columns.roles()]


def target_in_words(target: TargetTransform) -> str:
    """Say what is predicted: a number, or one of some classes."""
    if not target.labels:
        return f"target: {target.task}"
    return f"target: {target.task}, {len(target.labels)} classes: {listed(target.labels, most=6)}"


def show_lines(lines: Sequence[Line]) -> None:
    """Print one line per column, up to a screenful."""
    screen = Table("column", "holds", "becomes", box=box.SIMPLE_HEAD, pad_edge=False)
    screen.add_column("inputs", justify="right")
    for line in lines[:MOST_LINES]:
        screen.add_row(*map(plain, line))
    show(screen)
    if len(lines) > MOST_LINES:
        say(f"... and {len(lines) - MOST_LINES} more columns.")


def show_plan(training: TableTraining) -> None:
    """Print how many rows serve for what, the network, and how it is trained."""
    rows, network = training.model.rows, training.model.network
    say(rows_in_words(rows))
    architecture = network.architecture
    widths = "-".join(map(str, architecture.widths))
    names = ", ".join(activation.name for activation in architecture.activations)
    say(f"Network: {widths} ({names}), {architecture.n_parameters:,} parameters")
    job = training.job
    size = min(job.plan.batch_size or rows.train, rows.train)
    steps = f"learning rate {rates_in_words(job)}, {size:,} row{'s' * (size != 1)} per step"
    if job.minimizer is not None:
        steps = "all rows per step; an epoch is one iteration"
    say(f"Loss: {job.objective.loss.name}. Optimizer: {job.moved_by.name}, {steps}.")


def rates_in_words(job: Job) -> str:
    """Say the learning rate, and after which schedule it changes."""
    return ", ".join(
        f"{rate:g}" if isinstance(rate, float) else f"{usual_rate(rate):g} ({rate.name})"
        for rate in job.learning_rates
    )


def usual_rate(rate: float | Schedule) -> float:
    """Return the number that a learning rate starts from or rises to."""
    return rate if isinstance(rate, float) else float(getattr(rate, "learning_rate", 0.0))


def rows_in_words(rows: RowCounts) -> str:
    """Say how many rows serve for what."""
    parts = [f"{rows.train:,} to learn from"]
    parts += [f"{rows.validation:,} to watch for early stopping"] if rows.validation else []
    parts += [f"{rows.held_out:,} held out"] if rows.held_out else []
    without = f" ({rows.without_target:,} without a target are left out)" if rows.without_target else ""
    return f"Rows: {', '.join(parts)}{without}"


def show_scores(model: TableModel, scores: Scores, where: str = "the rows held out") -> None:
    """Print the metrics on some rows beside those of the baseline, and what the baseline is."""
    one = scores.without_target == 1
    left_out = f"{scores.without_target:,} without a target {'is' if one else 'are'} left out"
    counts = f"{scores.n_rows:,}" + (f"; {left_out}" if scores.without_target else "")
    weighted = "" if scores.weights is None else f", weighted by {scores.weights!r}"
    say(f"Scores on {where} ({counts}){weighted}:")
    table = Table("", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("network", justify="right")
    table.add_column("baseline", justify="right")
    for name, value in scores.network.items():
        table.add_row(name.replace("_", " "), number(value), number(scores.baseline[name]))
    show(table)
    say(f"The baseline does not look at the inputs: {baseline_in_words(model)}.")


def no_better_than_baseline(scores: Scores) -> str:
    """Say by which number the network is no better than the baseline; nothing where it is better."""
    name = "log_loss" if "log_loss" in scores.network else "rmse"
    network, baseline = scores.network[name], scores.baseline[name]
    if network < baseline:
        return ""
    numbers = f"{number(network)} against {number(baseline)}"
    return (
        f"By {name.replace('_', ' ')} the network is no better than the baseline on these rows ({numbers})."
    )


def baseline_in_words(model: TableModel) -> str:
    """Say what the best constant prediction is: the mean of the training rows, or their class shares."""
    constant, target = model.fitted.baseline[np.newaxis], model.target
    columns = model.fitted.row_columns
    mean = "the mean of the training rows" if columns.weights is None else "their weighted mean in training"
    if target.task == "classification":
        share = float(target.probabilities(constant).max())
        always = f"so it always says {shown(target.decode(constant).tolist()[0])} ({share:.1%})"
        return f"it gives every row the class shares of the training rows, {always}"
    said, output = number(float(target.decode(constant)[0])), model.network.architecture.activations[-1]
    if not columns.needed or output not in (IDENTITY, EXPONENTIAL):
        return f"it always says {said}, {mean}"
    offset = f"the offset {listed(columns.offset)}" if columns.offset else ""
    if output is IDENTITY:
        return f"it adds {said} to {offset}, the mean difference in the training rows"
    factors = [f"exp of {offset}"] if offset else []
    factors += [f"the exposure {columns.exposure!r}"] if columns.exposure is not None else []
    return f"it says {said} times {' times '.join(factors)}, which is right for the training rows as a whole"


def number(value: float) -> str:
    """Return a number with four significant digits, or with all digits before the point if it has more.

    >>> number(0.8), number(-0.00039), number(56353.2), number(1.5e9), number(float("nan"))
    ('0.8000', '-0.0003900', '56,353', '1.500e+09', '-')
    """
    if not math.isfinite(value):
        return "-"
    if 1e3 <= abs(float(f"{value:.4g}")) < 1e9:
        return f"{value:,.0f}"
    return f"{value:#.4g}"


def column_lines(columns: Sequence[Treatment]) -> Iterator[Line]:
    """One line per column, or per run of plain numbers where the table is wide."""
    for is_plain, group in groupby(columns, _is_plain_number):
        run = list(group)
        if is_plain and len(run) >= A_RUN and len(columns) > MANY_COLUMNS:
            yield (
                f"{run[0].name} ... {run[-1].name}",
                "number",
                f"{len(run)} columns, standardized",
                str(len(run)),
            )
            continue
        for column in run:
            note = column.note()
            yield note.name, note.kind, note.treatment, str(note.features or "")


def _is_plain_number(column: Treatment) -> bool:
    return isinstance(column, NumericColumn) and column.n_missing == 0


def _is_measured(column: Treatment) -> bool:
    """Say whether what is told of the column counts or averages rows."""
    with_missing = isinstance(column, CategoricalColumn) and column.n_missing > 0
    return with_missing or isinstance(column, NumericColumn)
