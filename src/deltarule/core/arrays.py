"""The array type of the mathematics, intervals of real numbers, and the checks every setting needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, isfinite, nan
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from deltarule.errors import InputError, did_you_mean, message

Array: TypeAlias = NDArray[np.floating[Any]]
Auto: TypeAlias = Literal["auto"]


@dataclass(frozen=True)
class Interval:
    """An interval of the real line; an end is open or closed.

    >>> str(Interval(0.0, 1.0, closed_low=True, closed_high=True)), str(REALS)
    ('[0, 1]', '(-inf, inf)')
    """

    low: float = -inf
    high: float = inf
    closed_low: bool = False
    closed_high: bool = False

    def holds(self, values: Array) -> NDArray[np.bool_]:
        """Say for each value whether it lies inside; NaN never does."""
        above = values >= self.low if self.closed_low else values > self.low
        below = values <= self.high if self.closed_high else values < self.high
        return above & below

    def covers(self, other: Interval) -> bool:
        """Say whether every number of the other interval lies in this one."""
        low = self.low < other.low or (self.low == other.low and self.closed_low >= other.closed_low)
        high = self.high > other.high or (self.high == other.high and self.closed_high >= other.closed_high)
        return low and high

    def __str__(self) -> str:
        return (
            f"{'[' if self.closed_low else '('}{self.low:g}, {self.high:g}{']' if self.closed_high else ')'}"
        )


def require_number(name: str, value: object, allowed: Interval) -> float:
    """Return a setting as float, or refuse one that is no finite number of the interval.

    Raises:
        InputError: with the setting's name, what it is and what is allowed.
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    try:
        number = float(cast(float, value)) if real else nan
    except OverflowError:
        number = inf
    if not isfinite(number):
        raise InputError(message(f"`{name}` must be a finite number", found=repr(value)))
    if not allowed.holds(np.array([number]))[0]:
        raise InputError(message(f"`{name}` must lie in {allowed}", found=repr(value)))
    return number


def keep_number(record: object, name: str, allowed: Interval) -> None:
    """Check a setting of a frozen record and keep it as float: a NumPy one would turn float32 into float64.

    Raises:
        InputError: as `require_number`.
    """
    object.__setattr__(record, name, require_number(name, getattr(record, name), allowed))


def require_integer(name: str, value: object, minimum: int, maximum: int | None = None) -> int:
    """Return a whole-number setting as int, or refuse it.

    Raises:
        InputError: with the setting's name, what it is and what is allowed.
    """
    limits = f"at least {minimum}" if maximum is None else f"between {minimum} and {maximum}"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputError(message(f"`{name}` must be a whole number, {limits}", found=repr(value)))
    if value < minimum or (maximum is not None and value > maximum):
        raise InputError(message(f"`{name}` must be {limits}", found=repr(value)))
    return int(value)


def require_flag(name: str, value: object) -> bool:
    """Return a setting that is on or off.

    Raises:
        InputError: it is neither True nor False.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(message(f"`{name}` must be True or False", found=repr(value)))
    return bool(value)


def require_choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """Refuse a setting that is none of the given words.

    Raises:
        InputError: with the setting's name, what it is and what is allowed.
    """
    names = list(allowed)
    if not isinstance(value, str) or value not in names:
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        raise InputError(message(f"`{name}` must be one of {', '.join(names)}", found=repr(value), hint=hint))


REALS = Interval()
POSITIVE = Interval(low=0.0)
NON_NEGATIVE = Interval(low=0.0, closed_low=True)
DECAY = Interval(low=0.0, high=1.0, closed_low=True)
OPEN_UNIT = Interval(low=0.0, high=1.0)
UNIT = Interval(low=0.0, high=1.0, closed_low=True, closed_high=True)
