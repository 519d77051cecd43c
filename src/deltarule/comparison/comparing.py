"""compare: from a table and lists of settings to one line per combination, best first."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from inspect import Parameter, signature
from typing import Any

import numpy as np

from deltarule.comparison.planning import FIXED, Plan, Run, combinations, described, digest_of, probe
from deltarule.comparison.ranking import Compared, ranked
from deltarule.comparison.results import Result, append, resume
from deltarule.comparison.running import Tell, run_here, run_in_processes
from deltarule.core.arrays import require_integer
from deltarule.data.batches import MAX_SEED
from deltarule.data.columns import Table
from deltarule.data.tables import as_table, read_table
from deltarule.errors import InputError, did_you_mean, message
from deltarule.storage.atomic import PathLike
from deltarule.table_model import TableModel
from deltarule.table_model.reading import TableLike

DETERMINED = ("trained", "diverged", "refused")
"""What a run would give again; what its process died of, or memory, may be another time."""


def compare(
    table: TableLike,
    *,
    target: str,
    vary: Mapping[str, Sequence[Any]],
    seed: int = 0,
    seeds: int = 1,
    jobs: int = 1,
    output: PathLike | None = None,
    **settings: Any,
) -> list[Compared]:
    """Train every combination of some settings on the same rows of a table, and return them best first.

    The best is the one with the lowest validation loss: that of the network which each run has kept, on the
    rows that early stopping watches. The rows held out stay out of the choice. Runs that diverge or are
    refused come last, with the reason.

    Arguments:
        table: as for ``TableModel.train``.
        target: the name of the column to predict.
        vary: the values to compare, by the names of the arguments of ``TableModel.train``.
        seed: of the rows, the initial weights and the batches.
        seeds: so many runs per combination, with the seeds that follow; their mean counts.
        jobs: so many runs at once, each in a process of its own, the cores shared out among them; 1 is this
            process. With more, a script needs ``if __name__ == "__main__":``, and records of your own must be
            importable.
        output: a file that keeps each result, one JSON object per line. Runs that it has are not done again.
        settings: what is the same for all: other arguments of ``TableModel.train``.

    Raises:
        TableError: the table, its target or a column cannot be used.
        InputError: another argument cannot be used, or the file is of other rows.

    >>> table = {"x": [0.1 * k for k in range(40)], "y": [0.2 * k + 1 for k in range(40)]}
    >>> vary = {"hidden": [(), (4,)], "learning_rate": [0.01, 0.1]}
    >>> lines = compare(table, target="y", vary=vary, epochs=30)
    >>> lines[0].settings["hidden"], lines[0].settings["learning_rate"], len(lines)
    ([], 0.1, 4)
    """
    require_integer("jobs", jobs, 1)
    rows = as_table(read_table(table) if isinstance(table, str | os.PathLike) else table)
    plan = _plan(rows, {"target": target, **settings}, vary, seeds_from(seed, seeds))
    old = [] if output is None else resume(output, plan)
    do = run_here if jobs == 1 else partial(run_in_processes, jobs=jobs)
    return ranked([*old, *new_results(plan, old, do, output)])


def new_results(
    plan: Plan,
    old: Sequence[Result],
    do: Callable[..., Iterator[Result]],
    output: PathLike | None,
    tell: Tell = bool,
) -> Generator[Result, None, None]:
    """Do the runs of a plan that have no result yet; yield and keep each result as soon as it is there."""
    for result in do(plan.table, plan.without(old), tell=tell):
        if output is not None and result.outcome in DETERMINED:
            append(output, result, plan)
        yield result


def seeds_from(first: int, count: int) -> list[int]:
    """Return so many seeds, one after the other.

    Raises:
        InputError: one of them is none.
    """
    require_integer("seeds", count, 1)
    require_integer("seed", first, 0, MAX_SEED + 1 - count)
    return list(range(first, first + count))


def _plan(
    table: Table, settings: Mapping[str, Any], vary: Mapping[str, Sequence[Any]], seeds: Sequence[int]
) -> Plan:
    """Return the plan of every combination with every seed, with all settings, defaults too."""
    known = signature(TableModel.training).parameters
    _require_names(settings, vary, known)
    defaults = {name: each.default for name, each in known.items() if each.default is not Parameter.empty}
    every = {**defaults, **settings}
    fixed = {name: value for name, value in every.items() if name in FIXED}
    same = {name: value for name, value in every.items() if name not in {*FIXED, "seed", "callbacks"}}
    probe(table, fixed, seeds[0])
    runs = [
        Run(described({**same, **chosen}), seed, {**settings, **chosen})
        for chosen in combinations(vary)
        for seed in seeds
    ]
    return Plan(table, digest_of(table), described(fixed), tuple(runs))


def _require_names(
    settings: Mapping[str, Any], vary: Mapping[str, Sequence[Any]], known: Mapping[str, Parameter]
) -> None:
    """Refuse what is no argument of `TableModel.training`, or would change the rows or the loss."""
    allowed = [name for name in known if name not in {*FIXED, "table", "seed", "callbacks"}]
    for name in (*settings, *vary):
        if name not in known or (name in vary and name not in allowed):
            asked = f"{name!r} must be the same for all" if name in known else f"There is no setting {name!r}"
            raise InputError(message(asked, allowed=", ".join(allowed), hint=did_you_mean(name, allowed)))
    for name, values in vary.items():
        if not isinstance(values, list | tuple | range | np.ndarray) or not len(values):
            asked = f"`vary` must have a list of values for {name!r}"
            raise InputError(message(asked, found=repr(values), hint=f"Try {{{name!r}: [{values!r}]}}."))
