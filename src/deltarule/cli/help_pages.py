"""The help pages: typer's, without the types of flags and without braces around arguments.

Of a verb with many options, `--help` shows those that most need, on one screen, and `--help-all` all of them.
"""

from __future__ import annotations

from copy import copy
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

RARE = frozenset(
    {
        *("weights", "offset", "exposure", "delimiter", "decimal"),
        *("schedule", "l1", "l2", "clip_norm", "dropout", "label_smoothing"),
        "help_all",
    }
)
"""The options that `--help` leaves to `--help-all`, where there is one."""


def _show_all(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing and isinstance(ctx.command, Verb):
        ctx.command.format_all(ctx)
        typer.echo()
        raise typer.Exit


HelpAll = Annotated[
    bool,
    typer.Option("--help-all", callback=_show_all, is_eager=True, help="Show all options and exit."),
]


class HelpPages:
    """What a command does about its help; to be put before typer's own class."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return arguments and options; flags lose the word that says they are flags."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if isinstance(param, TyperOption) and param.is_flag:
                param.metavar = ""
        return params

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [piece.strip("{}") for piece in pieces]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        try:
            super().format_help(ctx, formatter)  # type: ignore[misc]
        except SystemExit:  # so rich ends the program where whoever reads has enough
            raise BrokenPipeError from None


class Verb(HelpPages, TyperCommand):
    """A verb, with our help page; with a short one, too, if `--help-all` is among its options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help; the short one leaves the argument, a table, to the sentence above the options."""
        has_more = any(param.name == "help_all" for param in self.params)
        page = copy(self)
        if has_more:
            page.params = [_hidden(each) if _is_left_out(each) else each for each in self.params]
        super(Verb, page).format_help(ctx, formatter)
        if has_more:
            typer.echo(" More options: --help-all")

    def format_all(self, ctx: Any) -> None:
        """Print the help with all options."""
        super().format_help(ctx, ctx.make_formatter())


def _is_left_out(param: Any) -> bool:
    return isinstance(param, TyperArgument) or param.name in RARE


def _hidden(param: Any) -> Any:
    hidden = copy(param)
    hidden.hidden = True
    return hidden


class Verbs(HelpPages, TyperGroup):
    """A verb that has verbs of its own, with our help page."""
