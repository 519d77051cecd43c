"""Verdicts: what is said about an answer, and how it is shown. The marking itself is in checking_answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from deltarule.core.arrays import Array
from deltarule.errors import InputError, did_you_mean, message

Status: TypeAlias = Literal["right", "rounded", "convention", "follow_up", "wrong"]

WORDS: Mapping[Status, str] = {
    "right": "right",
    "rounded": "right, but rounded at each step",
    "convention": "right in another document's convention",
    "follow_up": "follows from your earlier,",
    "wrong": "not right",
}
PLACES = 3  # of the places where a slip may have happened, so many are named


class Slip(NamedTuple):
    """A slip that gives the number.

    Attributes:
        name: what it is called, such as "sign" or "slope forgotten".
        words: the same as a sentence.
        places: the quantities in which it may have happened, by key, the nearest first; several together
            where it has to happen in each of them.
    """

    name: str
    words: str
    places: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is said about one quantity, or one entry of it.

    Attributes:
        key: the quantity, as in ``working[...]``.
        status: "right"; "rounded" at each step; right in another document's "convention"; "follow_up" of an
            earlier number that was wrong; or "wrong".
        slips: every slip that gives the number; each changes it.
        note: what the status does not say, in words: the convention, the earlier number.
        given: the answer, laid out like the quantity.
        expected: the exact number or array.
        place: row and column of an entry, from 1; None for the quantity.
        entries: a verdict for each entry, in the order of the rows.
        names: how quantities are written, by key.
    """

    key: str
    status: Status
    given: Array
    expected: Array
    slips: tuple[Slip, ...] = ()
    note: str = ""
    place: tuple[int, ...] | None = None
    entries: tuple[Verdict, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no mistake was made: right, rounded at each step, or right in another convention."""
        return self.status in ("right", "rounded", "convention")

    @property
    def words(self) -> str:
        """The verdict in words, without the quantity."""
        text = WORDS[self.status]
        if self.note:
            text += f" {self.note}" if self.status == "follow_up" else f" ({self.note})"
        if self.slips and self.status != "follow_up":
            text += "; otherwise: " if self.status == "convention" else ": "
            text += "; or ".join(self._slip(slip) for slip in self.slips)
        return text

    def _slip(self, slip: Slip) -> str:
        if slip.places[0] == (self.key,):
            return slip.words
        found = [" and ".join(self.names.get(key, key) for key in keys) for keys in slip.places[:PLACES]]
        return f"{slip.words} in {' or '.join(found)}"

    def __str__(self) -> str:
        name = self.names.get(self.key, self.key)
        if self.place is not None:
            where = ", ".join(map(str, self.place))
            return f"{name}[{where}] = {_digits(self.given)}: {self.words}"
        lines = [f"{name}: {self.words}"]
        if self.status == "wrong" and not self.slips and len(self.entries) > 1:
            lines += [f"  {entry}" for entry in self.entries if not entry.ok]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False, repr=False)
class Check:
    """The verdicts on all numbers of an answer, in the order of the step; ask for one by its key.

    Attributes:
        verdicts: one for each quantity.
    """

    verdicts: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """Whether no mistake was made."""
        return all(verdict.ok for verdict in self.verdicts)

    def __getitem__(self, key: str) -> Verdict:
        for verdict in self.verdicts:
            if verdict.key == key:
                return verdict
        keys = [verdict.key for verdict in self.verdicts]
        raise InputError(
            message(
                "A check is asked for a quantity that was answered",
                found=repr(key),
                allowed=", ".join(keys),
                hint=did_you_mean(str(key), keys),
            )
        )

    def __str__(self) -> str:
        return "\n".join(map(str, self.verdicts))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><td>{'✓' if verdict.ok else '✗'}</td><td>{escape(name)}</td><td>{escape(words)}</td></tr>"
            for verdict in self.verdicts
            for name, _, words in [str(verdict).replace("\n", "; ").partition(": ")]
        ]
        return f'<table class="deltarule-check">{"".join(rows)}</table>'


def entry_verdicts(
    verdict: Verdict, fits: Any, rounded: Any, own: Mapping[tuple[int, ...], tuple[Slip, ...]]
) -> tuple[Verdict, ...]:
    """Return a verdict for each entry: right where it fits, else rounded, else that of the quantity."""
    found = []
    for at in np.ndindex(np.shape(verdict.expected)):
        fair = bool(np.asarray(fits)[at] or np.asarray(rounded)[at])
        status: Status = "right" if np.asarray(fits)[at] else "rounded" if fair else verdict.status
        found.append(
            Verdict(
                verdict.key,
                status,
                np.asarray(verdict.given)[at],
                np.asarray(verdict.expected)[at],
                () if fair else (own.get(at) or verdict.slips),
                "" if fair else verdict.note,
                tuple(place + 1 for place in at),
                (),
                verdict.names,
            )
        )
    return tuple(found)


def _digits(number: Any) -> str:
    return f"{float(number):.6g}"
