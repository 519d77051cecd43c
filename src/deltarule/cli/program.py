"""The program `deltarule`: its verbs and its version."""

from __future__ import annotations

from typing import Annotated

import typer

from deltarule import __version__
from deltarule.cli.compare import compare
from deltarule.cli.datasets import datasets
from deltarule.cli.evaluate import evaluate
from deltarule.cli.failures import USAGE, Program
from deltarule.cli.help_pages import Verb
from deltarule.cli.inspect import inspect
from deltarule.cli.labs import labs
from deltarule.cli.predict import predict
from deltarule.cli.step import step
from deltarule.cli.train import train

app = typer.Typer(
    cls=Program,
    name="deltarule",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"deltarule {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
]


@app.callback(invoke_without_command=True)
def deltarule(ctx: typer.Context, version: Version = False) -> None:
    """Train multilayer perceptrons on tables, predict with them, and see each step of the training."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit(USAGE)


app.command(cls=Verb)(train)
app.command(cls=Verb)(predict)
app.command(cls=Verb)(evaluate)
app.command(cls=Verb)(inspect)
app.command(cls=Verb)(compare)
app.command(cls=Verb)(step)
app.command(cls=Verb)(labs)
app.add_typer(datasets, name="datasets")
