"""The runs of one combination of settings as one line, and which line is the best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from deltarule.comparison.planning import canonical
from deltarule.comparison.results import Result
from deltarule.storage.fields import JSON


class Compared(NamedTuple):
    """One combination of settings and what its runs, one per seed, have given.

    Attributes:
        settings: as plain values.
        validation_loss: its mean over the seeds; None where a run has none.
        spread: the standard deviation (n - 1) of the validation loss over the seeds; None for one seed.
        metrics: on the validation rows, means over the seeds.
        epochs: how many were trained, the mean over the seeds.
        seconds: of a run, the mean over the seeds.
        parameters: of the network.
        runs: what each run has given, by seed.
    """

    settings: Mapping[str, JSON]
    validation_loss: float | None
    spread: float | None
    metrics: Mapping[str, float]
    epochs: float
    seconds: float
    parameters: int
    runs: tuple[Result, ...]

    @property
    def failure(self) -> Result | None:
        """The first run that counts for nothing, None where all do."""
        return next((run for run in self.runs if run.validation_loss is None), None)


def ranked(results: Iterable[Result]) -> list[Compared]:
    """Return one line per combination, the best first, those that have failed last.

    The order does not depend on that of the results.
    """
    groups = defaultdict(list)
    for result in results:
        groups[canonical(result.settings)].append(result)
    lines = [(_compared(groups[name]), name) for name in sorted(groups)]
    return [line for line, _ in sorted(lines, key=_rank)]


def varying(settings: Sequence[Mapping[str, JSON]]) -> list[str]:
    """Return the names of the settings that are not the same in all.

    >>> varying([{"activation": "relu", "epochs": 5}, {"activation": "tanh", "epochs": 5}])
    ['activation']
    """
    names = dict.fromkeys(name for each in settings for name in each)
    return [name for name in names if len({canonical(each.get(name)) for each in settings}) > 1]


def _rank(line: tuple[Compared, str]) -> tuple[bool, float, str]:
    loss = line[0].validation_loss
    return loss is None, 0.0 if loss is None else loss, line[1]


def _compared(results: Sequence[Result]) -> Compared:
    runs = sorted(results, key=lambda result: result.seed)
    losses = [run.validation_loss for run in runs if run.validation_loss is not None]
    usable = len(losses) == len(runs)
    names = runs[0].metrics if usable else ()
    return Compared(
        runs[0].settings,
        fmean(losses) if usable else None,
        stdev(losses) if usable and len(losses) > 1 else None,
        {name: fmean(run.metrics.get(name, float("nan")) for run in runs) for name in names},
        fmean(run.epochs for run in runs),
        fmean(run.seconds for run in runs),
        max(run.parameters for run in runs),
        tuple(runs),
    )
