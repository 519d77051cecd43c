"""What a word on the command line may be: a name of a registry, widths, a fraction, a rate, columns.

Each function takes the text as typed and returns its value; typer shows why it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import typer

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.arrays import POSITIVE, Interval, require_choice, require_number
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.data.batches import MAX_SEED
from deltarule.data.columns import number_or_none
from deltarule.data.targets import TASKS
from deltarule.errors import InputError, message
from deltarule.registry import Registry

FRACTION = Interval(low=0.0, high=1.0, closed_low=True)
NO_HIDDEN_LAYER = "none"
MAX_COUNT = 10**9

Value = TypeVar("Value")


def parser(parse: Callable[[str], Value]) -> Callable[[object], Value]:
    """Return what typer takes as a parser (of defaults too): our errors become its usage errors."""

    def parsed(text: object) -> Value:
        try:
            return parse(str(text))
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
    return text if text == "auto" else _name(LOSSES, text)


def task(text: str) -> str:
    """The name of a task, or "auto"."""
    require_choice("task", text, ("auto", *TASKS))
    return text


def widths(text: str) -> tuple[int, ...]:
    """The widths of the hidden layers.

    >>> widths("16,8"), widths("none")
    ((16, 8), ())
    """
    parts = [] if text.strip().lower() == NO_HIDDEN_LAYER else [part.strip() for part in text.split(",")]
    try:
        return tuple(count(part) for part in parts)
    except InputError:
        asked = f"widths must be whole numbers from 1 with commas between them, or {NO_HIDDEN_LAYER!r}"
        raise InputError(message(asked, found=repr(text), hint="Try 16,8.")) from None


def fraction(text: str) -> float:
    """A number from 0 up to, but not including, 1."""
    return _number(text, FRACTION)


def rate(text: str) -> float:
    """A positive number."""
    return _number(text, POSITIVE)


def count(text: str) -> int:
    """A whole number from 1."""
    return _whole(text, 1, MAX_COUNT)


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


def _name(registry: Registry[Any], text: str) -> str:
    found: str = registry.find(text).name
    return found


def _number(text: str, allowed: Interval) -> float:
    try:
        return require_number("it", number_or_none(text), allowed)
    except InputError:
        raise InputError(message(f"it must be a number in {allowed}", found=repr(text))) from None


def _whole(text: str, minimum: int, maximum: int) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 30 and minimum <= int(digits) <= maximum):
        asked = f"it must be a whole number from {minimum} to {maximum}"
        raise InputError(message(asked, found=repr(text)))
    return int(digits)
