"""Checked reading of an untrusted JSON object, one typed entry at a time.

Every error names the file and the place of the entry in it: `architecture.widths[1]` in 'model.safetensors'.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from deltarule.errors import ModelFileError, did_you_mean, message

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

MAX_NAME = 60
"""Characters of an entry's name in a message."""

Value = TypeVar("Value")
Check = Callable[[JSON, str], Value]
"""Takes a value and its place, returns it with its type, or raises."""


@dataclass(frozen=True)
class Fields:
    """The entries of one JSON object; each method reads one entry or raises ModelFileError.

    `source` is the file, in quotes, and `place` where the object lies in it ("" for the outermost).
    Entries that were read by nobody are allowed: a later version of the library may have added them.

    >>> fields = Fields({"widths": [3, 2, 1]}, "'model.safetensors'")
    >>> fields.integers("widths", minimum=1)
    [3, 2, 1]
    >>> fields.text("task")
    Traceback (most recent call last):
        ...
    deltarule.errors.ModelFileError: `task` is missing in 'model.safetensors'.
    """

    values: dict[str, JSON]
    source: str
    place: str = ""

    def has(self, key: str) -> bool:
        """Return whether the entry is there and not null."""
        return self.values.get(key) is not None

    def text(self, key: str, allowed: Collection[str] | None = None) -> str:
        """Return a text, one of `allowed` where that is given."""
        return self._one(key, self._text(allowed))

    def texts(self, key: str, allowed: Collection[str] | None = None, count: int | None = None) -> list[str]:
        """Return a list of texts, `count` of them where that is given."""
        return self._many(key, self._text(allowed), count)

    def flag(self, key: str) -> bool:
        """Return true or false."""
        return self._one(key, self._flag)

    def flags(self, key: str, count: int | None = None) -> list[bool]:
        """Return a list of true and false."""
        return self._many(key, self._flag, count)

    def integer(self, key: str, minimum: int | None = None, maximum: int | None = None) -> int:
        """Return a whole number within the limits (both included)."""
        return self._one(key, self._integer(minimum, maximum))

    def integers(
        self, key: str, minimum: int | None = None, maximum: int | None = None, count: int | None = None
    ) -> list[int]:
        """Return a list of whole numbers within the limits (both included)."""
        return self._many(key, self._integer(minimum, maximum), count)

    def number(self, key: str, minimum: float | None = None, maximum: float | None = None) -> float:
        """Return a finite number within the limits (both included)."""
        return self._one(key, self._number(minimum, maximum))

    def numbers(
        self, key: str, minimum: float | None = None, maximum: float | None = None, count: int | None = None
    ) -> list[float]:
        """Return a list of finite numbers within the limits (both included)."""
        return self._many(key, self._number(minimum, maximum), count)

    def scalars(self, key: str, count: int | None = None) -> list[bool | int | float | str]:
        """Return a list of texts, numbers, true and false, mixed (the classes of a target)."""
        return self._many(key, self._scalar, count)

    def fields(self, key: str) -> Fields:
        """Return the entries of an object inside this one."""
        return self._one(key, self._object)

    def each(self, key: str, count: int | None = None) -> list[Fields]:
        """Return the entries of each object of a list."""
        return self._many(key, self._object, count)

    def refuse(self, key: str, must: str, hint: str = "") -> ModelFileError:
        """Return the error for an entry that breaks a rule of the caller: "`key` must {must}"."""
        return self._error(self._at(key), f"must {must}", self.values.get(key), hint)

    def _at(self, key: str) -> str:
        name = key if key.isprintable() and len(key) <= MAX_NAME else reprlib.repr(key)
        return f"{self.place}.{name}" if self.place else name

    def _get(self, key: str) -> JSON:
        if key not in self.values:
            raise ModelFileError(message(f"`{self._at(key)}` is missing in {self.source}"))
        return self.values[key]

    def _one(self, key: str, check: Check[Value]) -> Value:
        return check(self._get(key), self._at(key))

    def _many(self, key: str, check: Check[Value], count: int | None) -> list[Value]:
        values, place = self._get(key), self._at(key)
        if not isinstance(values, list):
            raise self._error(place, "must be a list", values)
        if count is not None and len(values) != count:
            raise self._error(place, f"must have {count} entries", values)
        return [check(value, f"{place}[{index}]") for index, value in enumerate(values)]

    def _text(self, allowed: Collection[str] | None) -> Check[str]:
        def check(value: JSON, place: str) -> str:
            if not isinstance(value, str):
                raise self._error(place, "must be a text", value)
            if allowed is not None and value not in allowed:
                must = f"must be one of {', '.join(sorted(allowed))}"
                raise self._error(place, must, value, did_you_mean(value[:100], allowed))
            return value

        return check

    def _flag(self, value: JSON, place: str) -> bool:
        if not isinstance(value, bool):
            raise self._error(place, "must be true or false", value)
        return value

    def _integer(self, minimum: int | None, maximum: int | None) -> Check[int]:
        def check(value: JSON, place: str) -> int:
            if isinstance(value, bool) or not isinstance(value, int) or not _within(value, minimum, maximum):
                raise self._error(place, f"must be a whole number{_limits(minimum, maximum)}", value)
            return value

        return check

    def _number(self, minimum: float | None, maximum: float | None) -> Check[float]:
        def check(value: JSON, place: str) -> float:
            number = _as_float(value)
            if number is None or not _within(number, minimum, maximum):
                raise self._error(place, f"must be a finite number{_limits(minimum, maximum)}", value)
            return number

        return check

    def _scalar(self, value: JSON, place: str) -> bool | int | float | str:
        if not isinstance(value, bool | int | float | str):
            raise self._error(place, "must be a text, a number, true or false", value)
        return value

    def _object(self, value: JSON, place: str) -> Fields:
        if not isinstance(value, dict):
            raise self._error(place, "must be an object", value)
        return Fields(value, self.source, place)

    def _error(self, place: str, must: str, found: JSON, hint: str = "") -> ModelFileError:
        return ModelFileError(message(f"`{place}` in {self.source} {must}", found=short(found), hint=hint))


def _as_float(value: JSON) -> float | None:
    """Return the value as a finite float, or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _within(value: float, minimum: float | None, maximum: float | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def _limits(minimum: float | None, maximum: float | None) -> str:
    if maximum is None:
        return "" if minimum is None else f" of at least {minimum}"
    return f" of at most {maximum}" if minimum is None else f" from {minimum} to {maximum}"


def short(value: JSON) -> str:
    """Return the value as one line of bounded length: it may be a stranger's megabyte."""
    try:
        return reprlib.repr(value)
    except ValueError:
        return "a very long number"
