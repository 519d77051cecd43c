"""Answers: numbers as somebody wrote them down, with the digits that they are meant to have."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import isfinite
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from deltarule.core.arrays import Array
from deltarule.errors import InputError, message

Layout: TypeAlias = Literal["same", "either", "transposed"]


class Written(NamedTuple):
    """A number, and half a unit of its last decimal: 0 for a fraction, which is exact."""

    value: float
    half_unit: float


@dataclass(frozen=True, eq=False)
class Answer:
    """What was given for one quantity, laid out like it.

    Attributes:
        value: the numbers.
        half_units: how far each may lie from the exact number.
        layout: "transposed" where it had to be transposed to fit, "either" where that makes no difference.
    """

    value: Array
    half_units: Array
    layout: Layout


def answer_of(key: str, given: Any, shape: tuple[int, ...], decimals: int | None) -> Answer:
    """Read an answer: a number, text, or nested lists or an array of them.

    Raises:
        InputError: something in it is no number, or its shape does not fit.
    """
    written, found = _read(key, given, decimals)
    value, half_units = np.array([(each.value, each.half_unit) for each in written]).reshape(-1, 2).T
    layout = _layout(found, shape)
    if layout is None:
        raise InputError(
            message(
                f"The answer for {key!r} must have the shape of the quantity",
                found=f"shape {found}",
                allowed=f"{shape}" + (", flat where one axis has length 1" if len(shape) == 2 else ""),
                hint=f"A number for each entry, as in working[{key!r}].value." if shape else "",
            )
        )
    if layout == "transposed":
        return Answer(value.reshape(shape[::-1]).T, half_units.reshape(shape[::-1]).T, layout)
    return Answer(value.reshape(shape), half_units.reshape(shape), layout)


def upright(answer: Answer, shape: tuple[int, ...]) -> Answer:
    """Return an answer for the transposed quantity as one for the quantity, which has this shape."""
    return Answer(answer.value.T.reshape(shape), answer.half_units.T.reshape(shape), answer.layout)


def turned(answer: Answer) -> Answer:
    """Return the answer as it reads where rows and columns are the other way round."""
    shape = answer.value.shape
    if answer.layout == "transposed":
        return Answer(answer.value, answer.half_units, "same")
    if answer.layout == "same" and shape[0] == shape[1]:
        return Answer(answer.value.T, answer.half_units.T, "same")
    return Answer(answer.value, answer.half_units, "either" if answer.layout == "either" else "transposed")


def _layout(found: tuple[int, ...], shape: tuple[int, ...]) -> Layout | None:
    """How an answer of one shape fits a quantity of another; a vector may be flat, a row or a column."""
    size = int(np.prod(shape))
    vector = size == max((1, *shape))
    if (
        vector
        and int(np.prod(found)) == size == max((1, *found))
        and (len(found) < 2 or len(shape) < 2 or size == 1)
    ):
        return "either"
    if len(shape) == 2 and found in (shape, shape[::-1]):
        return "same" if found == shape else "transposed"
    return None


def _read(key: str, given: Any, decimals: int | None) -> tuple[list[Written], tuple[int, ...]]:
    """Return the numbers of nested lists in their order, and the shape of the lists."""
    if isinstance(given, np.ndarray) and given.ndim:
        given = list(given)
    if not isinstance(given, list | tuple):
        return [_number(key, given, decimals)], ()
    parts = [_read(key, each, decimals) for each in given]
    shapes = {shape for _, shape in parts}
    if len(shapes) != 1:
        problem = "rows of different lengths" if shapes else "an empty list"
        raise InputError(
            message(f"The answer for {key!r} must be a number or rows of equal length", found=problem)
        )
    return [number for numbers, _ in parts for number in numbers], (len(parts), *shapes.pop())


def _number(key: str, given: Any, decimals: int | None) -> Written:
    """Read one number with the decimals it shows; a float shows the digits that Python prints."""
    text = str(given).strip().replace("\N{MINUS SIGN}", "-")
    if isinstance(given, float | np.floating) and isfinite(given):
        text = np.format_float_positional(given, trim="0")
    try:
        if "/" in text:
            return Written(float(Fraction(text.replace(" ", ""))), 0.0)
        number = Decimal(text)
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or not isfinite(number) or isinstance(given, bool):
            raise ValueError(text)
    except (InvalidOperation, ValueError, ZeroDivisionError, OverflowError):
        raise InputError(
            message(
                f"The answer for {key!r} must hold numbers",
                found=repr(given),
                allowed='numbers such as 0.003, "0.0030" or "-64/15"',
            )
        ) from None
    places = -exponent if decimals is None or isinstance(given, str) else decimals
    return Written(float(number), 0.5 * 10.0**-places)
