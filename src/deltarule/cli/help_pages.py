"""The help pages: typer's, without the types of flags and without braces around arguments."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption


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
    """A verb, with our help page."""


class Verbs(HelpPages, TyperGroup):
    """A verb that has verbs of its own, with our help page."""
