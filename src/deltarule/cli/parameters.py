"""What a word on the command line may be: a name of a registry, widths, a fraction, a rate, columns.

Each function takes the text as typed and returns its value; typer shows why it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import typer

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.arrays import NON_NEGATIVE, POSITIVE, Interval, require_number
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.core.schedules import SCHEDULES
from deltarule.data.batches import MAX_SEED
from deltarule.data.columns import number_or_none
from deltarule.data.targets import TASKS
from deltarule.errors import InputError, closest, message
from deltarule.explain.conventions import CONVENTIONS
from deltarule.explain.working import AskedDetail
from deltarule.registry import Registry
from deltarule.table_model.rates import CONSTANT

FRACTION = Interval(low=0.0, high=1.0, closed_low=True)
NONE = "none"
MAX_COUNT = 10**9
MOST_DIGITS = 30
DETAILS: tuple[str, ...] = get_args(AskedDetail)

Value = TypeVar("Value")


def parser(parse: Callable[[str], Value]) -> Callable[[object], Any]:
    """Return what typer takes as a parser (of defaults too): our errors become its usage errors.

    What a file has as a table, a schedule with its parameters, is no text and stays as it is.
    """

    def parsed(text: object) -> Any:
        try:
            return text if isinstance(text, Mapping) else parse(str(text))
        except InputError as refused:
            raise typer.BadParameter(str(refused)) from None

    return parsed


def activation(text: str) -> str:
    """The name of an activation."""
    return _name(ACTIVATIONS, text)


def optimizer(text: str) -> str:
    """The name of an optimizer."""
    return _name(OPTIMIZERS, text)


def loss(text: str) -> str:
    """The name of a loss, or "auto"."""
    return _name(LOSSES, text, "auto")


def schedule(text: str) -> str:
    """The name of a schedule, or "constant"."""
    return _name(SCHEDULES, text, CONSTANT)


def task(text: str) -> str:
    """The name of a task, or "auto"."""
    return one_of("task", text, ("auto", *TASKS), {})


def detail(text: str) -> str:
    """How much of a step is written out."""
    return one_of("detail", text, DETAILS, {})


def conventions(text: str) -> str:
    """Whose notation a step is written in."""
    return one_of("notation", text, tuple(CONVENTIONS), {})


def widths(text: str) -> tuple[int, ...]:
    """The widths of the hidden layers.

    >>> widths("16,8"), widths("none")
    ((16, 8), ())
    """
    parts = [] if text.strip().lower() == NONE else [part.strip() for part in text.split(",")]
    try:
        return tuple(count(part) for part in parts)
    except InputError:
        asked = f"widths must be whole numbers from 1 with commas between them, or {NONE!r}"
        raise InputError(message(asked, found=repr(text), hint="Try 16,8.")) from None


def fraction(text: str) -> float:
    """A number from 0 up to, but not including, 1."""
    return _number(text, FRACTION, "from 0 up to, but not including, 1")


def fractions(text: str) -> float | tuple[float, ...]:
    """One number as `fraction` takes it, or several with commas between them.

    >>> fractions("0.5"), fractions("0.2, 0.5")
    (0.5, (0.2, 0.5))
    """
    several = tuple(fraction(part.strip()) for part in str(text).split(","))
    return several if len(several) > 1 else several[0]


def fraction_or_file(text: str) -> float | Path:
    """A number as `fraction` takes it, or the name of a file."""
    return file_name(text) if number_or_none(text) is None else fraction(text)


def from_zero(text: str) -> float:
    """A number, at least 0."""
    return _number(text, NON_NEGATIVE, "at least 0")


def rate(text: str) -> float | str:
    """A positive number, or "auto"."""
    return text if text == "auto" else _number(text, POSITIVE, "above 0, or 'auto'")


def norm(text: str) -> float | None:
    """A positive number, or "none"."""
    return None if text == NONE else _number(text, POSITIVE, f"above 0, or {NONE!r}")


def count(text: str) -> int:
    """A whole number from 1."""
    return _whole(text, 1, MAX_COUNT)


def batch_size(text: str) -> int | str:
    """A whole number from 1, or "auto"."""
    return text if text == "auto" else count(text)


def seed(text: str) -> int:
    """A whole number from 0."""
    return _whole(text, 0, MAX_SEED)


def columns(given: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """Split names at commas; a name that has commas itself must be that of a column.

    >>> columns(["gre,gpa", "a,b"], ["a,b", "gre", "gpa"])
    ('gre', 'gpa', 'a,b')
    """
    names = set(known)
    return tuple(
        part.strip()
        for word in given
        for part in ([word] if word in names else word.split(","))
        if part.strip()
    )


def file_name(text: str) -> Path:
    """The name of a file; "-" is none here."""
    if text == "-":
        asked = "it must be the name of a file, not of standard input or output"
        raise InputError(message(asked, found=repr(text)))
    return Path(text)


def _name(registry: Registry[Any], text: str, *more: str) -> str:
    aliases = {alias: name for name in registry for alias in registry.aliases(name)}
    return one_of(registry.kind, text, (*more, *registry), aliases)


def one_of(kind: str, text: str, names: Sequence[str], aliases: Mapping[str, str]) -> str:
    """Return one of the names, or the one that an alias stands for."""
    if text in names or text in aliases:
        return aliases.get(text, text)
    near = closest(text, (*names, *aliases)) or ""
    meant = f" ({aliases[near]})" if near in aliases else ""
    hint = f" Did you mean {near!r}{meant}?" if near else ""
    raise InputError(f"there is no {kind} {text!r}.{hint} Allowed: {', '.join(names)}.")


def _number(text: str, allowed: Interval, in_words: str) -> float:
    try:
        return require_number("it", number_or_none(text), allowed)
    except InputError:
        raise InputError(message(f"it must be a number {in_words}", found=repr(text))) from None


def _whole(text: str, minimum: int, maximum: int) -> int:
    digits = text.strip()
    whole = digits.isascii() and digits.isdigit()
    if whole and (len(digits) > MOST_DIGITS or int(digits) > maximum):
        raise InputError(message(f"it must be at most {maximum:,}", found=repr(text)))
    if not whole or int(digits) < minimum:
        raise InputError(message(f"it must be a whole number, at least {minimum}", found=repr(text)))
    return int(digits)
