"""What `compare` shows: the table, why runs have failed, and how the best network is trained once more."""

from __future__ import annotations

import math
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from deltarule.cli.display import console, note, plain, say, show
from deltarule.cli.failures import with_options
from deltarule.cli.parameters import NONE
from deltarule.cli.several import parameters_of
from deltarule.cli.summary import number, rows_in_words
from deltarule.cli.train import train
from deltarule.comparison.ranking import Compared, varying
from deltarule.comparison.results import Result
from deltarule.storage.fields import JSON
from deltarule.table_model import TableTraining

WIDEST = 10_000
NOT_TYPED = ("table", "output", "json", "config", "help_all")


def show_rows(what: str, training: TableTraining) -> None:
    """Print what was understood of the table, which rows serve for what, and the loss."""
    say(f"{what}. A {training.task.name}: {training.task.reason}.")
    say(rows_in_words(training.model.rows))
    say(f"Loss: {training.job.objective.loss.name}.")


def show_lines(lines: Sequence[Compared]) -> None:
    """Print what is the same in all combinations, and one line for each, the best first."""
    settings = [line.settings for line in lines]
    names = varying(settings)
    same = {n: value for n, value in settings[0].items() if n not in names and value not in (None, 0)}
    say(f"The same in all: {label(same)}.")
    table, screen = _table(lines, [[name] for name in names]), console()
    narrow = Measurement.get(screen, screen.options.update(max_width=WIDEST), table).maximum > screen.width
    show(_table(lines, [names]) if narrow and names else table)


def _table(lines: Sequence[Compared], columns: Sequence[Sequence[str]]) -> Table:
    """Return the table, with one column for each group of settings."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for names in columns:
        table.add_column(
            _head(names[0]) if len(names) == 1 else "settings", no_wrap=len(names) == 1, overflow="fold"
        )
    metrics = list(dict.fromkeys(name for line in lines for name in line.metrics))
    for head in ("validation_loss", *metrics, "epochs", "seconds", "parameters"):
        table.add_column(_head(head), justify="right", no_wrap=True)
    for line in lines:
        chosen = [
            typed(line.settings.get(names[0]))
            if len(names) == 1
            else label({name: line.settings.get(name) for name in names})
            for names in columns
        ]
        measured = [number(line.metrics[name]) if name in line.metrics else "" for name in metrics]
        table.add_row(*map(plain, chosen), _loss(line), *measured, *_costs(line))
    return table


def show_failures(lines: Sequence[Compared]) -> None:
    """Print why runs have failed, once for all that have failed for the same reason."""
    names, reasons = varying([line.settings for line in lines]), defaultdict[str, list[str]](list)
    for line in lines:
        if (run := line.failure) is not None:
            which = label({name: line.settings.get(name) for name in names} | {"seed": run.seed})
            reasons[_sentence(run)].append(which)
    for reason, runs in reasons.items():
        more = f", and {len(runs) - 1} more" if len(runs) > 1 else ""
        note(f"{with_options(reason)} ({runs[0]}{more})")


def show_best(best: Compared, given: Mapping[str, Any]) -> None:
    """Print the scores of the best combination on the rows held out, and the command that trains it."""
    if scores := [run.scores for run in best.runs if run.scores is not None]:
        parts = [
            f"{name.replace('_', ' ')} {_mean([each.network for each in scores], name)}"
            f" (baseline {_mean([each.baseline for each in scores], name)})"
            for name in scores[0].network
        ]
        say(f"The best on the {scores[0].n_rows:,} rows held out, which had no say: {', '.join(parts)}.")
    show(Text(plain(f"Next:  {command(best, given)}")), soft_wrap=True)


def command(line: Compared, given: Mapping[str, Any]) -> str:
    """Return the command that trains this combination, with its first seed, and saves the network.

    Arguments:
        line: the combination.
        given: the options of the comparison, by name.
    """
    words = ["deltarule", "train", str(given["table"])]
    values = {**given, **line.settings, "seed": line.runs[0].seed}
    for name, parameter in parameters_of(train).items():
        if name not in NOT_TYPED:
            words += _words(f"--{name.replace('_', '-')}", values.get(name), parameter.default)
    return shlex.join(words)


def _head(name: str) -> str:
    return name.replace("_", "\n")


def label(settings: Mapping[str, JSON]) -> str:
    """Return settings in words.

    >>> label({"hidden": [], "learning_rate": 0.01, "batch_size": 32})
    'hidden none, learning rate 0.01, batch size 32'
    """
    return ", ".join(f"{name.replace('_', ' ')} {typed(value)}" for name, value in settings.items())


def typed(value: Any) -> str:
    """Return a value as it is typed.

    >>> typed([16, 8]), typed([]), typed(0.001), typed(1.0), typed(None)
    ('16,8', 'none', '0.001', '1', 'none')
    """
    if isinstance(value, list | tuple):
        return ",".join(map(typed, value)) or NONE
    return NONE if value is None else str(value).removesuffix(".0")


def _words(flag: str, value: Any, default: object) -> list[str]:
    """Return an option as it is typed, nothing where it has its default."""
    if value is None or isinstance(value, bool):
        return [flag] if value else []
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [word for name in value for word in (flag, name)]
    return [] if typed(value) == typed(default) or (value == [] and default is None) else [flag, typed(value)]


def _loss(line: Compared) -> str:
    if line.validation_loss is None:
        return line.failure.outcome if line.failure is not None else ""
    spread = "" if line.spread is None else f" ±{line.spread:.2g}"
    return f"{number(line.validation_loss)}{spread}"


def _costs(line: Compared) -> tuple[str, str, str]:
    """Return the epochs, the seconds and the parameters of a line; those of a refused one are unknown."""
    if not line.parameters:
        return "", "", ""
    return f"{line.epochs:.0f}", f"{line.seconds:.{2 if line.seconds < 100 else 0}f}", f"{line.parameters:,}"


def _mean(scores: Sequence[Mapping[str, float]], name: str) -> str:
    return number(fmean(each.get(name, math.nan) for each in scores))


def _sentence(run: Result) -> str:
    """Return why a run has failed, without the words about the parameters that were kept."""
    said = run.reason.partition("; the network has")[0].rstrip(".")
    return f"{said[:1].upper()}{said[1:]}."
