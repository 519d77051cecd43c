"""deltarule datasets: the data sets by name, what one of them is, and one of them as a CSV file.

Not what they are: data.datasets.catalog says that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from deltarule.cli import parameters
from deltarule.cli.display import note, say, show
from deltarule.cli.help_pages import Verb, Verbs
from deltarule.cli.json_lines import say_json
from deltarule.cli.options import Json, file_argument
from deltarule.data.datasets import DATASETS, DataSet
from deltarule.data.tables import write_table
from deltarule.errors import InputError, TableError, message
from deltarule.storage.atomic import quoted, require_writable

datasets = typer.Typer(cls=Verbs, rich_markup_mode="rich")


def dataset(text: str) -> DataSet:
    """The data set of this name."""
    name = text.strip().lower().replace("-", "_")
    return DATASETS[parameters.one_of("data set", name, tuple(DATASETS), {})]


Which = Annotated[
    DataSet, typer.Argument(metavar="NAME", help="Name of the data set.", parser=parameters.parser(dataset))
]
Output = Annotated[Path, file_argument("FILE", "CSV file to write.")]
JsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON object per data set.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file of this name.")]


@datasets.callback(invoke_without_command=True)
def start(ctx: typer.Context, json: JsonLines = False) -> None:
    """List the data sets, describe one, or write one to a CSV file."""
    if ctx.invoked_subcommand is None:
        list_all(json)
    elif json:
        asked = f"--json before {ctx.invoked_subcommand} is for the list of all data sets"
        raise typer.BadParameter(message(asked, hint=f"Write it behind {ctx.invoked_subcommand}."))


@datasets.command("list", cls=Verb)
def list_all(json: JsonLines = False) -> None:
    """List all data sets."""
    if json:
        for each in DATASETS.values():
            say_json(_record(each))
        return
    screen = Table("name", box=box.SIMPLE_HEAD, pad_edge=False)
    screen.add_column("rows", justify="right")
    screen.add_column("inputs", justify="right")
    for head in ("target", "what it is"):
        screen.add_column(head)
    for each in DATASETS.values():
        what = each.summary + (" (to be downloaded)" if _missing(each) else "")
        screen.add_row(each.name, f"{each.rows:,}", str(each.columns), each.target, what)
    show(screen)
    say("Next:  deltarule datasets describe NAME  or  deltarule datasets export NAME FILE.csv")


@datasets.command(cls=Verb)
def describe(which: Which, json: Json = False) -> None:
    """Say what a data set is, who made it, its license, and where its files are."""
    if json:
        say_json(_record(which))
        return
    screen = Table("", "", box=None, show_header=False, pad_edge=False)
    lines = {
        "name": which.name,
        "what it is": which.summary,
        "rows": f"{which.rows:,}" + _parts(which),
        "columns": f"{which.columns:,} inputs, and the target {which.target!r} ({which.task})",
        "license": which.license,
        "source": which.source,
        "in Python": f"dr.datasets.{which.name}()",
        **_files(which),
    }
    for name, text in lines.items():
        screen.add_row(name, text)
    show(screen)
    say(f"Next:  deltarule datasets export {which.name} {which.name}.csv")


@datasets.command(cls=Verb)
def export(which: Which, file: Output, force: Force = False) -> None:
    """Write a data set to a CSV file; what is not on this computer is downloaded first."""
    require_writable(file, TableError)
    if file.exists() and not force:
        hint = "Add --force to overwrite it, or choose another name."
        raise InputError(message(f"{quoted(file)} exists, so nothing was written", hint=hint))
    if which.remote and (files := _missing(which)):
        note(f"Downloading {', '.join(files)} to {which.remote.path}")
    table = which.table()
    write_table(table, file)
    say(f"{table.height:,} rows of {table.width:,} columns are in {file}")
    say(f"Next:  deltarule train {file} --target {which.target}")


def _record(each: DataSet) -> dict[str, Any]:
    """Return for programs what a data set is; `missing` are the files that have to be downloaded."""
    names = ("name", "summary", "rows", "test_rows", "columns", "target", "task", "license", "source")
    remote = each.remote
    return {
        **{name: getattr(each, name) for name in names},
        "folder": None if remote is None else str(remote.path),
        "files": [] if remote is None else [file.name for file in remote.files],
        "missing": _missing(each),
    }


def _missing(each: DataSet) -> list[str]:
    """Return the names of the files that have to be downloaded."""
    return [] if each.remote is None else [file.name for file in each.remote.missing()]


def _parts(each: DataSet) -> str:
    if each.test_rows == 0:
        return ""
    return f": {each.rows - each.test_rows:,} to learn from, then {each.test_rows:,} to be judged by"


def _files(each: DataSet) -> dict[str, str]:
    """Return the lines about the files of a data set."""
    if each.remote is None:
        return {}
    return {
        "folder": f"{each.remote.path} ({'to be downloaded' if _missing(each) else 'complete'})",
        "files": ", ".join(file.name for file in each.remote.files),
        "from": " or ".join(each.remote.mirrors),
    }
