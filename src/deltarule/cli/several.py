"""The options of one verb for another one that takes several values: same names, parsers and defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_args

import typer

from deltarule.cli.options import NETWORK, TABLE, TRAINING
from deltarule.comparison.planning import FIXED

COMPARED = "Compared: several values between commas, or the option several times"
SAME = "The same for all"


def parameters_of(verb: Callable[..., None]) -> dict[str, Parameter]:
    """Return the parameters of a verb by name."""
    return dict(signature(verb, eval_str=True).parameters)


def varied(verb: Callable[..., None]) -> list[str]:
    """Return the names of the options that may have several values: rows and loss are the same for all."""
    return [name for name, each in parameters_of(verb).items() if _may_vary(name, _option_of(each))]


def with_several(verb: Callable[..., None], own: Mapping[str, tuple[Any, object]]) -> Signature:
    """Return the signature of a verb with the options of another one, several values where they may vary.

    Arguments:
        verb: the other one.
        own: annotation and default of the options that are new, or take the place of one of the other verb.
    """
    names = varied(verb)
    theirs = [
        _several(each) if name in names else _in_panel(each)
        for name, each in parameters_of(verb).items()
        if name not in own
    ]
    ours = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in own.items()
    ]
    return Signature([*(each.replace(kind=Parameter.KEYWORD_ONLY) for each in theirs), *ours])


def values_of(given: list[list[Any]] | None) -> list[Any]:
    """Return all values of an option that may be given several times, each with several values.

    >>> values_of([["relu", "tanh"], ["elu"]]), values_of(None)
    (['relu', 'tanh', 'elu'], [None])
    """
    return [value for values in given for value in values] if given else [None]


def _option_of(parameter: Parameter) -> Any:
    return next((part for part in get_args(parameter.annotation)[1:]), None)


def _may_vary(name: str, option: Any) -> bool:
    panel = getattr(option, "rich_help_panel", None)
    return panel in (NETWORK, TRAINING) and option.parser is not None and name not in (*FIXED, "seed")


def _several(parameter: Parameter) -> Parameter:
    option = copy(_option_of(parameter))
    option.parser, option.rich_help_panel = _parser(option.parser), COMPARED
    default = None if parameter.default is None else [parameter.default]
    return parameter.replace(annotation=Annotated[list[Any], option], default=default)


def _parser(parse: Callable[[object], Any]) -> Callable[[object], list[Any]]:
    """Return a parser of one value, which may have commas of its own, or of several between commas."""

    def values(text: object) -> list[Any]:
        try:
            return [parse(text)]
        except typer.BadParameter:
            if "," not in str(text):
                raise
            return [parse(part.strip()) for part in str(text).split(",")]

    return values


def _in_panel(parameter: Parameter) -> Parameter:
    option = copy(_option_of(parameter))
    if getattr(option, "rich_help_panel", None) not in (TABLE, NETWORK, TRAINING):
        return parameter
    option.rich_help_panel = SAME
    return parameter.replace(annotation=Annotated[get_args(parameter.annotation)[0], option])
