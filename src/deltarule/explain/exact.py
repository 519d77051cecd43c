"""Exact values: the same equations in fractions, where inputs are short decimals and functions rational."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np

from deltarule.errors import InputError, message
from deltarule.explain.expressions import Values
from deltarule.explain.line import Line
from deltarule.explain.recipe import Recipe

LONGEST = 8
"""Decimals of a number that still is what somebody typed."""


def in_fractions(recipe: Recipe) -> Recipe:
    """Return the step with every value as ``Fraction``, computed from its equation.

    Raises:
        InputError: an input has too many decimals, or a line needs a function that leaves the fractions.
    """
    exact: dict[str, Any] = {
        key: _fractions(key, value) for key, value in recipe.values.items() if key not in recipe.lines
    }
    found = {}
    for key, line in recipe.lines.items():
        value = _evaluated(line, exact)
        if not all(isinstance(entry, Rational) for entry in np.ravel(value)):
            raise InputError(
                message(
                    "`exact` needs rational activations, losses and optimizers",
                    found=f"the equation of {key}, whose values are no fractions",
                    allowed="identity and relu, squared errors, SGD and penalties, for example",
                    hint="Try exact=False with decimals=.",
                )
            )
        exact[key] = _shaped(value, line.value)
        found[key] = replace(line, value=exact[key])
    return Recipe(found, exact)


def _evaluated(line: Line, exact: Values) -> Any:
    """The value of a line; None where its equation has a function that fractions do not know."""
    try:
        return line.equation.evaluate(exact)
    except (TypeError, AttributeError):
        return None


def _shaped(value: Any, like: Any) -> Any:
    """The exact value in the shape of the rounded one."""
    if np.ndim(like) == 0:
        return Fraction(np.ravel(value)[0])
    return np.vectorize(Fraction, otypes=[object])(np.broadcast_to(value, np.atleast_2d(like).shape)).reshape(
        np.shape(like)
    )


def _fractions(key: str, values: Any) -> Any:
    """Every number as the fraction that its shortest decimal is."""
    texts = np.vectorize(lambda value: np.format_float_positional(value, trim="-"), otypes=[object])(values)
    for text in np.ravel(texts):
        if len(text.partition(".")[2]) > LONGEST:
            raise InputError(
                message(
                    f"`exact` needs numbers with at most {LONGEST} decimals",
                    found=f"{text} in {key}",
                    hint="Assign short weights, or try exact=False.",
                )
            )
    fractions = np.vectorize(Fraction, otypes=[object])(texts)
    return fractions.item() if np.ndim(values) == 0 else fractions
