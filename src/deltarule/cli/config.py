"""--config run.toml: options from a file, by their names in Python; the command line has the last word."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from deltarule.cli.parameters import NONE
from deltarule.errors import InputError, did_you_mean, message
from deltarule.storage.atomic import in_words, quoted

NOT_IN_A_FILE = ("config", "help", "help_all")
COLUMNS = ("exclude", "categorical", "numeric", "offset")
PER_LAYER = ("hidden", "dropout")


def options_of(ctx: typer.Context, path: Path | None) -> Path | None:
    """Make what the file says the defaults of this command."""
    if path is not None and not ctx.resilient_parsing:
        ctx.default_map = read(path, {str(param.name): param for param in ctx.command.params})
    return path


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        rich_help_panel="Options",
        help="TOML file with options by their names in Python.",
        callback=options_of,
        is_eager=True,
        show_default=False,
    ),
]


def read(path: Path, params: dict[str, Any]) -> dict[str, Any]:
    """Return the options in a file as the command line would have them.

    Raises:
        InputError: the file cannot be read, or an entry is no option or has no value of its kind.
    """
    known = {name: param for name, param in params.items() if name not in NOT_IN_A_FILE}
    values = {}
    for name, value in _content(path).items():
        if name not in known:
            asked = f"There is no option {name!r}, as {quoted(path)} has it"
            raise InputError(message(asked, allowed=", ".join(known), hint=did_you_mean(name, known)))
        values[name] = _as_typed(known[name], value, f"{name!r} in {quoted(path)}")
    return values


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as reason:
        raise InputError(
            message(f"{quoted(path)} cannot be read ({in_words(reason)})", hint="Check the path.")
        ) from reason
    except (ValueError, RecursionError) as reason:
        asked = f"{quoted(path)} is no TOML file ({in_words(reason)})"
        raise InputError(message(asked, hint="Write lines such as hidden = [16, 8].")) from reason


def _as_typed(param: Any, value: object, what: str) -> Any:
    """Return a value as the words that would be typed for it."""
    if getattr(param, "is_flag", False):
        return _of_kind(bool, value, what, "true or false")
    if getattr(param, "multiple", False) and param.name in COLUMNS:
        names = [value] if isinstance(value, str) else value
        return [str(name) for name in _of_kind(list, names, what, "a list of names")]
    if getattr(param, "multiple", False):
        return [_one_value(param, each, what) for each in _several(param, value)]
    return _one_value(param, value, what)


def _several(param: Any, value: object) -> list[Any]:
    """Return the values of an option that may have several; a plain list with a number per layer is one."""
    if not isinstance(value, list):
        return [value]
    one = param.name in PER_LAYER and not any(isinstance(each, list) for each in value)
    return [value] if one else value


def _one_value(param: Any, value: object, what: str) -> Any:
    if param.name == "schedule" and not isinstance(value, str):
        return _of_kind(dict, value, what, "a name, or a table of a name and parameters")
    if param.name in PER_LAYER and isinstance(value, list):
        return ",".join(map(str, value)) or NONE
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _refused(value, what, "a text or a number")
    return str(value)


def _of_kind(kind: type, value: object, what: str, allowed: str) -> Any:
    if not isinstance(value, kind):
        raise _refused(value, what, allowed)
    return value


def _refused(value: object, what: str, allowed: str) -> InputError:
    return InputError(message(f"{what} must be {allowed}", found=repr(value)[:60]))
