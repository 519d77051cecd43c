"""What one column becomes for a network: fitted records of plain numbers, safe to store as JSON.

Not the rules that choose between them: those are in understanding.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deltarule.data.columns import KINDS, Column, Kind, Label, brief, key, listed, number_or_none
from deltarule.data.scaling import Standardizer
from deltarule.errors import TableError, message
from deltarule.storage.fields import JSON, Fields


class Note(NamedTuple):
    """What was understood about one column: for people to read."""

    name: str
    kind: Kind
    treatment: str
    """A short sentence without its full stop: "standardized (mean 587.7, deviation 115.5)"."""
    features: int
    """How many inputs of the network come from this column; 0 where it is left out."""


class Encoded(NamedTuple):
    """The inputs made of one column, and what was in it that training never saw."""

    block: NDArray[np.float64]
    """(n, features)"""
    unseen: str = ""
    """A half sentence for one warning about the whole table, empty where there is nothing to say."""


@dataclass(frozen=True)
class NumericColumn:
    """A number: missing values become the median, then (x - mean) / std; an indicator marks the missing ones.

    Mean and standard deviation are those of the training rows after the median was put in.
    The indicator (0 or 1, not standardized) exists where training rows had missing values.
    """

    name: str
    kind: Kind
    median: float
    mean: float
    std: float
    n_missing: int = 0

    treatment: ClassVar[str] = "numeric"

    @classmethod
    def fit(cls, column: Column, ddof: float = 0) -> NumericColumn:
        """Measure one column that holds at least one number."""
        values = column.numbers(hint="Leave it out of `numeric` to use it as categories.")
        missing = np.isnan(values)
        median = float(
            np.median(values[~missing] / 2) * 2
        )  # halved first: the middle of two huge values is finite
        scaler = Standardizer.fit(np.where(missing, median, values)[:, None], ddof=ddof)
        return cls(
            column.name, column.kind, median, float(scaler.mean[0]), float(scaler.std[0]), int(missing.sum())
        )

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return (self.name, f"{self.name} is missing") if self.n_missing else (self.name,)

    @property
    def standardizer(self) -> Standardizer:
        """From the column's unit to deviations from the mean."""
        return Standardizer(np.array([self.mean]), np.array([self.std]))

    def encode(self, column: Column) -> Encoded:
        """Return the standardized values and, where training had missing ones, their indicator.

        Raises:
            TableError: a value is no number or infinite.
        """
        values = column.numbers()
        missing = np.isnan(values)
        block = np.empty((len(column), len(self.features)))
        block[:, :1] = self.standardizer.transform(np.where(missing, self.median, values)[:, np.newaxis])
        if self.n_missing:
            block[:, 1] = missing
            return Encoded(block)
        count = int(missing.sum())
        unseen = f"{count} missing in {self.name!r}, read as the median {brief(self.median)}" if count else ""
        return Encoded(block, unseen)

    def note(self) -> Note:
        """Describe the treatment."""
        text = f"standardized (mean {brief(self.mean)}, deviation {brief(self.std)})"
        if self.n_missing:
            text += f"; {self.n_missing} missing: median {brief(self.median)}, and an input that marks them"
        return Note(self.name, self.kind, text, len(self.features))

    def to_dict(self) -> dict[str, JSON]:
        """Return plain values that `json.dumps` can write."""
        return {
            "name": self.name,
            "kind": self.kind,
            "treatment": self.treatment,
            "median": self.median,
            "mean": self.mean,
            "std": self.std,
            "n_missing": self.n_missing,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> NumericColumn:
        """Return the record that `to_dict` described, every entry checked."""
        median, mean, std = (fields.number(name) for name in ("median", "mean", "std"))
        if std <= 0:
            raise fields.refuse("std", "be positive")
        return cls(
            fields.text("name"),
            stored_kind(fields),
            median,
            mean,
            std,
            fields.integer("n_missing", minimum=0),
        )


@dataclass(frozen=True)
class CategoricalColumn:
    """Categories: one input of 0 and 1 for each level (one-hot); a category training never saw is all zeros.

    Levels are sorted; where training rows had missing values, "missing" is the last level.
    Levels are matched as text: 3, 3.0 and "3" are the same.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...]
    n_missing: int = 0

    treatment: ClassVar[str] = "categorical"

    @classmethod
    def fit(cls, column: Column) -> CategoricalColumn:
        """Collect the levels of one column that holds at least one value."""
        labels, codes = column.distinct()
        return cls(column.name, column.kind, tuple(key(label) for label in labels), int((codes < 0).sum()))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the inputs."""
        last = (f"{self.name} is missing",) if self.n_missing else ()
        return tuple(f"{self.name}={level}" for level in self.levels) + last

    def encode(self, column: Column) -> Encoded:
        """Return one column of 0 and 1 for each level.

        Raises:
            TableError: the column holds dates, lists or other things that are no categories.
        """
        if column.kind == "other":
            asked = f"Column {self.name!r} must hold {self.kind} values, as in training"
            raise TableError(message(asked, found=f"the type {column.dtype}"))
        labels, codes = column.distinct()
        known = {level: place for place, level in enumerate(self.levels)}
        missing = len(self.levels) if self.n_missing else -1
        places = np.array([*(self._place(label, known) for label in labels), missing])
        hot = places[codes]
        block = np.zeros((len(column), len(self.features)))
        rows = np.flatnonzero(hot >= 0)
        block[rows, hot[rows]] = 1.0
        return Encoded(block, self._unseen(labels, places, int((codes < 0).sum())))

    def note(self) -> Note:
        """Describe the treatment."""
        first = [level if len(level) <= 20 else f"{level[:19]}…" for level in self.levels[:6]]
        text = f"one-hot: {', '.join(first)}"
        text += f", … ({len(self.levels)} levels)" if len(self.levels) > 6 else ""
        text += f"; {self.n_missing} missing: a level of their own" if self.n_missing else ""
        return Note(self.name, self.kind, text, len(self.features))

    def to_dict(self) -> dict[str, JSON]:
        """Return plain values that `json.dumps` can write."""
        return {
            "name": self.name,
            "kind": self.kind,
            "treatment": self.treatment,
            "levels": list(self.levels),
            "n_missing": self.n_missing,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> CategoricalColumn:
        """Return the record that `to_dict` described, every entry checked."""
        levels = fields.texts("levels")
        if not levels or len(set(levels)) < len(levels):
            raise fields.refuse("levels", "be one or more different texts")
        return cls(
            fields.text("name"), stored_kind(fields), tuple(levels), fields.integer("n_missing", minimum=0)
        )

    def _place(self, label: Label, known: dict[str, int]) -> int:
        return next((known[text] for text in self._spellings(label) if text in known), -1)

    def _spellings(self, label: Label) -> tuple[str, ...]:
        """A file of few rows may show as numbers or true/false what training saw as text, or vice versa."""
        if isinstance(label, bool):
            return (str(label), str(label).lower(), str(int(label)), str(label).upper())
        if self.kind == "boolean":
            return (str(label).capitalize(), {"0": "False", "1": "True"}.get(key(label), ""))
        number = (
            number_or_none(label) if isinstance(label, str) and self.kind in ("integer", "number") else None
        )
        return (key(label),) if number is None else (key(number),)

    def _unseen(self, labels: list[Label], places: NDArray[np.intp], n_missing: int) -> str:
        new = [label for label, place in zip(labels, places[:-1], strict=True) if place < 0]
        parts = [listed(new, most=5)] if new else []
        parts += [f"{n_missing} missing"] if n_missing and not self.n_missing else []
        return f"{' and '.join(parts)} in {self.name!r}" if parts else ""


@dataclass(frozen=True)
class DroppedColumn:
    """A column that is left out, and why."""

    name: str
    kind: Kind
    reason: str

    treatment: ClassVar[str] = "dropped"
    features: ClassVar[tuple[str, ...]] = ()

    def note(self) -> Note:
        """Describe the treatment."""
        return Note(self.name, self.kind, f"left out: {self.reason}", 0)

    def to_dict(self) -> dict[str, JSON]:
        """Return plain values that `json.dumps` can write."""
        return {"name": self.name, "kind": self.kind, "treatment": self.treatment, "reason": self.reason}

    @classmethod
    def from_fields(cls, fields: Fields) -> DroppedColumn:
        """Return the record that `to_dict` described, every entry checked."""
        return cls(fields.text("name"), stored_kind(fields), fields.text("reason"))


Treatment = NumericColumn | CategoricalColumn | DroppedColumn
_TREATMENTS: dict[str, type[Treatment]] = {
    record.treatment: record for record in (NumericColumn, CategoricalColumn, DroppedColumn)
}


def treatment_from(fields: Fields) -> Treatment:
    """Return the record of any treatment that its `to_dict` described.

    Raises:
        ModelFileError: an entry is missing or cannot be used.
    """
    return _TREATMENTS[fields.text("treatment", allowed=_TREATMENTS)].from_fields(fields)


def stored_kind(fields: Fields) -> Kind:
    """Return the kind of a stored column."""
    return next(kind for kind in KINDS if kind == fields.text("kind", allowed=KINDS))
