"""deltarule compare: every combination of some settings of `train` on the same rows, the best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from deltarule.cli import parameters
from deltarule.cli.comparison_table import show_best, show_failures, show_lines, show_rows
from deltarule.cli.display import bar, error, note, say, warnings_as_notes
from deltarule.cli.failures import INTERRUPTED, RUNTIME, ignore_interrupts
from deltarule.cli.json_lines import json_instead
from deltarule.cli.options import OPTIONS, arguments_of, asked, count, option
from deltarule.cli.several import SAME, values_of, varied, with_several
from deltarule.cli.summary import number
from deltarule.cli.train import train
from deltarule.comparison.comparing import new_results, seeds_from
from deltarule.comparison.planning import Plan, Run, combinations, described, digest_of, probe
from deltarule.comparison.ranking import ranked
from deltarule.comparison.results import Result, resume, to_dict
from deltarule.comparison.running import run_in_processes
from deltarule.data.dialect import Dialect
from deltarule.data.tables import as_table
from deltarule.engines.native.threads import automatic_threads
from deltarule.training.stopping import plural

Seeds = Annotated[Any, count("Runs per combination, each with the next seed.", panel=SAME)]
Jobs = Annotated[
    Any,
    option(
        panel=OPTIONS,
        help=r"Runs at once. [dim]\[default: one per core][/]",
        parser=parameters.count,
        metavar="N",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    option(
        "--output",
        "-o",
        panel=OPTIONS,
        help="Keeps each run, as a JSON line, and says which are done.",
        parser=parameters.file_name,
        metavar="FILE",
        show_default=False,
    ),
]
Json = Annotated[
    bool, option("--json", panel=OPTIONS, help="Print a JSON object per finished run; the rest on stderr.")
]
VARIED = varied(train)

Update = Callable[[float, str], None]


def compare(
    *,
    seeds: int,
    jobs: int | None,
    output: Path | None,
    json: bool,
    config: object,
    help_all: bool,
    **given: Any,
) -> None:
    """Train every combination of some settings on a table, CSV or Parquet, and show the best first."""
    with warnings_as_notes(), json_instead(json) as emit:
        plan = _plan(given, seeds)
        results = [] if output is None else resume(output, plan)
        for result in results:
            emit(to_dict(result, plan))
        missing = len(plan.without(results))
        jobs = min(jobs or automatic_threads(), missing)
        say(_runs_in_words(missing, jobs, len(results), output))
        no_bar: AbstractContextManager[Update] = nullcontext(lambda done, text: None)
        with no_bar if json or not missing else bar("Run", missing) as update:
            interrupted = _train(plan, results, jobs, output, emit, update)
        if results:
            _show(results, given)
    if interrupted:
        note(_interrupted(len(plan.without(results)), output))
        raise typer.Exit(INTERRUPTED)
    if all(result.validation_loss is None for result in results):
        error("No run has come to an end that can be compared.")
        raise typer.Exit(RUNTIME)


OWN = {"seeds": (Seeds, 1), "jobs": (Jobs, None), "output": (Output, None), "json": (Json, False)}
compare.__signature__ = with_several(train, OWN)  # type: ignore[attr-defined]
compare.__annotations__ = {}  # the signature has them


def _plan(given: Mapping[str, Any], seeds: int) -> Plan:
    """Read the table, print what was understood of it, and return every combination with every seed."""
    same = {name: value for name, value in given.items() if name not in (*VARIED, "seed")}
    written = Dialect(not same.pop("no_header"), same.pop("delimiter"), same.pop("decimal"))
    frame, fixed = asked(**same, written=written)
    table, every = as_table(frame), seeds_from(given["seed"], seeds)
    show_rows(f"{given['table']}: {table.n_rows:,} rows", probe(table, fixed, every[0]))
    chosen = combinations({name: values_of(given[name]) for name in VARIED})
    runs = [Run(described(each), seed, {**fixed, **arguments_of(each)}) for each in chosen for seed in every]
    return Plan(table, digest_of(table), described(fixed), tuple(runs))


def _train(
    plan: Plan,
    results: list[Result],
    jobs: int,
    output: Path | None,
    emit: Callable[[Any], None],
    show: Update,
) -> bool:
    """Do what is not done yet, and add each result as soon as it is there; say whether Ctrl-C ended it."""
    do = partial(run_in_processes, jobs=jobs)
    with closing(new_results(plan, results, do, output, lambda done: show(done, _best(results)))) as new:
        try:
            for result in new:
                results.append(result)
                emit(to_dict(result, plan))
        except KeyboardInterrupt:
            ignore_interrupts()
            return True
    ignore_interrupts()
    return False


def _show(results: list[Result], given: Mapping[str, Any]) -> None:
    lines = ranked(results)
    show_lines(lines)
    show_failures(lines)
    if lines[0].validation_loss is not None:
        show_best(lines[0], given)


def _best(results: list[Result]) -> str:
    losses = [result.validation_loss for result in results if result.validation_loss is not None]
    return f"best {number(min(losses))}" if losses else ""


def _runs_in_words(missing: int, jobs: int, known: int, output: Path | None) -> str:
    """Say how many runs are to be done, how many at once, and how many are done."""
    done = f"{plural(known, 'result')} in {output}" if known else ""
    to_do = f"{missing:,} to do, {jobs} at once" if missing else "none to do"
    return f"Runs: {', '.join(filter(None, (done, to_do)))}."


def _interrupted(missing: int, output: Path | None) -> str:
    after = "The same command will do what is missing." if output else "--output FILE keeps what is done."
    return f"Interrupted; {plural(missing, 'run')} not done. {after}"
