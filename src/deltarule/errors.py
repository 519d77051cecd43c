"""What can go wrong, in words: the exceptions and warnings of deltarule.

Errors are raised at the border (Network, data, storage, command line); core assumes clean arrays.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable


class DeltaruleError(Exception):
    """Base class of every error that deltarule raises on purpose."""


class InputError(DeltaruleError, ValueError):
    """An argument or an array cannot be used as given."""


class TableError(InputError):
    """A table or one of its columns cannot be used as given."""


class ModelFileError(DeltaruleError, ValueError):
    """A model file cannot be read or written."""


class DataSetError(DeltaruleError):
    """A data set is not here and cannot be fetched, or one of its files cannot be read or written."""


class DeltaruleWarning(UserWarning):
    """Base class of every warning that deltarule issues on purpose."""


class SymmetryWarning(DeltaruleWarning):
    """Hidden units start equal, so gradient descent keeps them equal."""


class DivergenceWarning(DeltaruleWarning):
    """Training was stopped because the objective became infinite or NaN."""


class UnseenCategoryWarning(DeltaruleWarning):
    """A table holds a category that training never saw."""


def message(asked: str, *, found: str = "", allowed: str = "", hint: str = "") -> str:
    """Join the four parts of an error: what was asked, found, allowed, and what to try.

    >>> message("`rate` must be a positive number", found="-1", hint="Try 0.1.")
    '`rate` must be a positive number; got -1. Try 0.1.'
    """
    text = asked + (f"; got {found}" if found else "") + "."
    if allowed:
        text += f" Allowed: {allowed}."
    return f"{text} {hint}" if hint else text


def closest(wrong: str, names: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Return the most similar name, None where none reaches the cutoff (1: equal, 0: nothing in common)."""
    lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(wrong.lower(), lower, n=1, cutoff=cutoff)
    return lower[close[0]] if close else None


def did_you_mean(wrong: str, names: Iterable[str], cutoff: float = 0.5) -> str:
    """Return ``"Did you mean 'relu'?"`` for the closest of the names, or an empty string."""
    name = closest(wrong, names, cutoff)
    return "" if name is None else f"Did you mean {name!r}?"


def warn(text: str, category: type[DeltaruleWarning]) -> None:
    """Warn at the line of the caller's own code: the first one outside this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "deltarule":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)
