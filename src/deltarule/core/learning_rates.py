"""Learning rates: one or one per layer, each a number or a schedule, which changes in the course of a run.

Not the schedules themselves (see schedules.py): what they are told, and the rates of each step. A schedule
that watches the loss has ``after_epoch`` too: what it has to remember is in an explicit state, Patience.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from deltarule.core.arrays import Array
from deltarule.errors import InputError, message


class Progress(NamedTuple):
    """How far a run has come, for each of s steps.

    Attributes:
        before: epochs done before the step, with the fraction of the current one, (s,), from 0.
        after: the same after the step, (s,).
        rows: rows seen in the epochs that are finished, (s,).
        epochs: how many epochs are planned.
    """

    before: Array
    after: Array
    rows: Array
    epochs: int


class Patience(NamedTuple):
    """What a schedule that watches the loss remembers.

    Attributes:
        factor: of the learning rate, now.
        best: the lowest loss so far.
        waited: epochs since the loss last improved.
        resting: epochs left in which it does not count.
    """

    factor: float = 1.0
    best: float = inf
    waited: int = 0
    resting: int = 0


@runtime_checkable
class Schedule(Protocol):
    """What training asks of a schedule."""

    @property
    def name(self) -> str: ...

    def rates(self, progress: Progress) -> Array: ...


@runtime_checkable
class WatchingSchedule(Schedule, Protocol):
    """A schedule whose rates are to be multiplied by a factor that depends on the losses so far."""

    def after_epoch(self, patience: Patience, loss: float) -> Patience: ...

    def exhausted(self, patience: Patience) -> bool: ...


LearningRates: TypeAlias = "float | Schedule | Sequence[float | Schedule]"
"""One learning rate or one per layer, each a number or a schedule."""


def entries_of(learning_rate: LearningRates) -> tuple[float | Schedule, ...]:
    """Return the rates as a tuple: one entry, or one per layer."""
    given: Any = learning_rate
    entries = list(given) if np.ndim(given) > 0 else [given]
    return tuple(entry if isinstance(entry, Schedule) else float(entry) for entry in entries)


def rates_of(
    entries: Sequence[float | Schedule],
    progress: Progress,
    patience: Sequence[Patience] = (),
    check: bool = False,
) -> Array:
    """The rates of s steps, (s, entries); patience is that of each entry, where any has watched the loss.

    With ``check``, what schedules of the user's own return is looked at.

    Raises:
        InputError: such a schedule does not give one finite rate from 0 for each step.
    """
    rates = np.empty((len(progress.before), len(entries)))
    for column, entry in enumerate(entries):
        given = entry.rates(progress) if isinstance(entry, Schedule) else entry
        if check and isinstance(entry, Schedule):
            _require_shape(entry, given, progress.before.shape)
        rates[:, column] = given
        if patience:
            rates[:, column] *= patience[column].factor
    if check:
        _require_rates(entries, rates, progress)
    return rates


def _require_shape(own: Schedule, given: object, shape: tuple[int, ...]) -> None:
    """Refuse what is not one number per step."""
    try:
        found = f"shape {np.asarray(given, dtype=np.float64).shape}"
    except (TypeError, ValueError):
        found = reprlib.repr(given)
    if found != f"shape {shape}":
        asked = f"`rates(progress)` of the schedule {own.name!r} must have shape {shape}, one rate per step"
        hint = "Compute them from progress.before, an array of that shape."
        raise InputError(message(asked, found=found, hint=hint))


def _require_rates(entries: Sequence[float | Schedule], rates: Array, progress: Progress) -> None:
    """Refuse rates that are not finite or negative."""
    wrong = ~(np.isfinite(rates) & (rates >= 0.0))
    if wrong.any():
        step, column = np.argwhere(wrong)[0]
        own: Any = entries[column]
        asked = f"`rates(progress)` of the schedule {own.name!r} must be finite and not negative"
        found = f"{rates[step, column]:g} after {progress.before[step]:g} epochs"
        raise InputError(message(asked, found=found, hint="Try np.clip(rates, 0.0, 1.0)."))


def after_epoch(
    entries: Sequence[float | Schedule], patience: Sequence[Patience], loss: float
) -> tuple[Patience, ...]:
    """What each entry remembers after an epoch with that loss; nothing where none watches the loss."""
    if not watches(entries):
        return ()
    before = patience or [Patience()] * len(entries)
    return tuple(
        entry.after_epoch(own, loss) if isinstance(entry, WatchingSchedule) else own
        for entry, own in zip(entries, before, strict=True)
    )


def watches(entries: Sequence[float | Schedule]) -> bool:
    """Whether an entry watches the loss."""
    return any(isinstance(entry, WatchingSchedule) for entry in entries)


def exhausted(entries: Sequence[float | Schedule], patience: Sequence[Patience]) -> bool:
    """Whether an entry that watches the loss has come to its end."""
    return any(
        isinstance(entry, WatchingSchedule) and entry.exhausted(own)
        for entry, own in zip(entries, patience, strict=False)
    )


def progress_of_epochs(epochs: int, rows: int = 1, planned: int | None = None) -> Progress:
    """Return the progress of epochs of one step each: what a schedule does, without a run.

    >>> progress_of_epochs(2).after
    array([1., 2.])
    """
    e = np.arange(float(epochs))
    return Progress(e, e + 1.0, e * rows, epochs if planned is None else planned)
