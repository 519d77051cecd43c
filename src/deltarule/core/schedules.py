"""Schedules: learning rates that change in the course of a run, as functions of how far it has come.

Not the constant one: that is a plain number. First functions of time, then those that watch the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from deltarule.core.arrays import (
    DECAY,
    NON_NEGATIVE,
    OPEN_UNIT,
    POSITIVE,
    UNIT,
    Array,
    keep_number,
    require_integer,
)
from deltarule.core.learning_rates import Patience, Progress, Schedule
from deltarule.errors import InputError, message
from deltarule.registry import Registry

Epochs: TypeAlias = float | Literal["auto"]


# -- functions of time -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class InverseScaling:
    """η / (r + 1)ᵖ after r rows, counted at the end of each epoch, as scikit-learn's "invscaling".

    Arguments:
        learning_rate: η, of the first epoch.
        power: p.

    >>> from deltarule.core.learning_rates import progress_of_epochs
    >>> InverseScaling(0.5).rates(progress_of_epochs(3, rows=99))
    array([0.5       , 0.05      , 0.03544406])
    """

    learning_rate: float = 0.1
    power: float = 0.5
    name: ClassVar[str] = "inverse_scaling"
    formula: ClassVar[str] = r"\eta / (r + 1)^p"

    def __post_init__(self) -> None:
        keep_number(self, "learning_rate", NON_NEGATIVE)
        keep_number(self, "power", NON_NEGATIVE)

    def rates(self, progress: Progress) -> Array:
        return self.learning_rate / (progress.rows + 1.0) ** self.power


@dataclass(frozen=True)
class StepDecay:
    """η f^k in epochs k·every ... (k + 1)·every - 1, counted from 0: the rate falls in steps.

    Arguments:
        learning_rate: η.
        every: epochs from one fall to the next, at least 1.
        factor: f in [0, 1].

    >>> from deltarule.core.learning_rates import progress_of_epochs
    >>> StepDecay(0.5, every=2, factor=0.1).rates(progress_of_epochs(5))
    array([0.5  , 0.5  , 0.05 , 0.05 , 0.005])
    """

    learning_rate: float = 0.1
    every: int = 10
    factor: float = 0.1
    name: ClassVar[str] = "step"
    formula: ClassVar[str] = r"\eta f^{\lfloor e / k \rfloor}"

    def __post_init__(self) -> None:
        keep_number(self, "learning_rate", NON_NEGATIVE)
        require_integer("every", self.every, 1)
        keep_number(self, "factor", UNIT)

    def rates(self, progress: Progress) -> Array:
        return self.learning_rate * self.factor ** np.floor(np.floor(progress.before) / self.every)


@dataclass(frozen=True)
class ExponentialDecay:
    """η fᵉ in epoch e, counted from 0.

    Arguments:
        learning_rate: η.
        factor: f in [0, 1].

    >>> from deltarule.core.learning_rates import progress_of_epochs
    >>> ExponentialDecay(0.5, factor=0.5).rates(progress_of_epochs(3))
    array([0.5  , 0.25 , 0.125])
    """

    learning_rate: float = 0.1
    factor: float = 0.95
    name: ClassVar[str] = "exponential"
    formula: ClassVar[str] = r"\eta f^e"

    def __post_init__(self) -> None:
        keep_number(self, "learning_rate", NON_NEGATIVE)
        keep_number(self, "factor", UNIT)

    def rates(self, progress: Progress) -> Array:
        return self.learning_rate * self.factor ** np.floor(progress.before)


@dataclass(frozen=True)
class CosineDecay:
    """A straight rise to η in `warmup` epochs, then half a cosine wave down to `final`, step by step.

    With E epochs and w of warm-up: η e / w up to e = w, measured after the step, so that the first step is
    not lost; then final + (η - final) (1 + cos π (e - w) / (E - w)) / 2 (Loshchilov and Hutter, 2017).

    Arguments:
        learning_rate: η, the highest rate.
        warmup: epochs of the rise, w ≥ 0; parts of an epoch are allowed.
        epochs: E, after which the rate stays at `final`; "auto": as many as the run has planned.
        final: the last rate.

    >>> from deltarule.core.learning_rates import progress_of_epochs
    >>> CosineDecay(0.4, warmup=2, epochs=4).rates(progress_of_epochs(5))
    array([0.2, 0.4, 0.4, 0.2, 0. ])
    """

    learning_rate: float = 0.1
    warmup: float = 0.0
    epochs: Epochs = "auto"
    final: float = 0.0
    name: ClassVar[str] = "cosine"
    formula: ClassVar[str] = r"\tfrac{1}{2} \eta \left(1 + \cos \pi \tfrac{e - w}{E - w}\right)"

    def __post_init__(self) -> None:
        keep_number(self, "learning_rate", NON_NEGATIVE)
        keep_number(self, "warmup", NON_NEGATIVE)
        _keep_epochs(self)
        keep_number(self, "final", NON_NEGATIVE)

    def rates(self, progress: Progress) -> Array:
        rise = progress.after / self.warmup if self.warmup else np.ones_like(progress.after)
        wave = _wave(progress.before, self.warmup, _planned(self.epochs, progress))
        fall = self.final + (self.learning_rate - self.final) * wave
        return np.where(progress.after <= self.warmup, self.learning_rate * rise, fall)


@dataclass(frozen=True)
class OneCycle:
    """From `start` η up to η and down to `final` η, each along half a cosine wave (Smith and Topin, 2019).

    Arguments:
        learning_rate: η, the highest rate.
        rise: the part of the epochs in which the rate rises, in (0, 1).
        epochs: of the whole cycle; "auto": as many as the run has planned.
        start: the first rate, as a part of η.
        final: the last rate, as a part of η.

    >>> from deltarule.core.learning_rates import progress_of_epochs
    >>> OneCycle(1.0, rise=0.5, epochs=4, start=0.2, final=0.0).rates(progress_of_epochs(5))
    array([0.2, 0.6, 1. , 0.5, 0. ])
    """

    learning_rate: float = 0.1
    rise: float = 0.3
    epochs: Epochs = "auto"
    start: float = 0.04
    final: float = 0.000004
    name: ClassVar[str] = "one_cycle"
    formula: ClassVar[str] = r"\eta\, \text{up and down along } \tfrac{1}{2} (1 - \cos \pi u)"

    def __post_init__(self) -> None:
        keep_number(self, "learning_rate", NON_NEGATIVE)
        keep_number(self, "rise", OPEN_UNIT)
        _keep_epochs(self)
        keep_number(self, "start", UNIT)
        keep_number(self, "final", UNIT)

    def rates(self, progress: Progress) -> Array:
        epochs = _planned(self.epochs, progress)
        top = self.rise * epochs
        up = 1.0 - (1.0 - self.start) * _wave(progress.before, 0.0, top)
        down = self.final + (1.0 - self.final) * _wave(progress.before, top, epochs)
        return self.learning_rate * np.where(progress.before < top, up, down)


def _wave(at: Array, begin: float, end: float) -> Array:
    """From 1 at `begin` along half a cosine wave to 0 at `end`, and 0 from there on."""
    if end <= begin:
        return np.where(at < begin, 1.0, 0.0)
    return 0.5 * (1.0 + np.cos(np.pi * np.clip((at - begin) / (end - begin), 0.0, 1.0)))


def _planned(epochs: Epochs, progress: Progress) -> float:
    return float(progress.epochs) if isinstance(epochs, str) else epochs


def _keep_epochs(record: CosineDecay | OneCycle) -> None:
    given: object = record.epochs
    if given == "auto":
        return
    if isinstance(given, str):
        asked = "`epochs` of a schedule must be a positive number or 'auto'"
        raise InputError(message(asked, found=repr(given), hint="Try 'auto'."))
    keep_number(record, "epochs", POSITIVE)


# -- watching the loss -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReduceOnPlateau:
    """η, multiplied by f whenever the loss has not improved for more than `patience` epochs, as in PyTorch.

    Watched is the validation loss; the training loss where there are no validation rows. It has improved
    where it is below (1 - threshold) times the best before.

    Arguments:
        learning_rate: η, at the start.
        factor: f in [0, 1).
        patience: epochs without improvement that are borne.
        threshold: the smallest part that counts as an improvement.
        cooldown: epochs after a reduction that do not count.
        minimum: the rate never falls below it.
    """

    learning_rate: float = 0.1
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    minimum: float = 0.0
    name: ClassVar[str] = "reduce_on_plateau"
    formula: ClassVar[str] = r"\eta f^{\text{plateaus so far}}"

    def __post_init__(self) -> None:
        keep_number(self, "learning_rate", NON_NEGATIVE)
        keep_number(self, "factor", DECAY)
        require_integer("patience", self.patience, 0)
        keep_number(self, "threshold", NON_NEGATIVE)
        require_integer("cooldown", self.cooldown, 0)
        keep_number(self, "minimum", NON_NEGATIVE)

    def rates(self, progress: Progress) -> Array:
        return np.full(progress.before.shape, self.learning_rate)

    def after_epoch(self, patience: Patience, loss: float) -> Patience:
        """Return what to remember after an epoch with a loss."""
        factor, best, waited, resting = patience
        waited = 0 if loss < best - self.threshold * abs(best if best < inf else 0.0) else waited + 1
        best = loss if waited == 0 else best
        if resting > 0:
            resting, waited = resting - 1, 0
        if waited <= self.patience:
            return Patience(factor, best, waited, resting)
        lowest = self.minimum / self.learning_rate if self.learning_rate else 0.0
        return Patience(max(factor * self.factor, min(lowest, factor)), best, 0, self.cooldown)

    def exhausted(self, patience: Patience) -> bool:
        """It never ends a run."""
        return False


@dataclass(frozen=True)
class Adaptive:
    """η, divided by 5 when the loss fails to improve by `tol`, as scikit-learn's "adaptive".

    It divides where more than `patience` epochs in a row were not better than the best before by at least
    `tol`, and ends the run where it would divide a rate of `minimum` or less.

    Arguments:
        learning_rate: η, at the start.
        factor: of each reduction, in [0, 1).
        patience: epochs without improvement that are borne.
        tol: the smallest improvement that counts.
        minimum: at this rate the run ends instead.
    """

    learning_rate: float = 0.1
    factor: float = 0.2
    patience: int = 10
    tol: float = 1e-4
    minimum: float = 1e-6
    name: ClassVar[str] = "adaptive"
    formula: ClassVar[str] = r"\eta f^{\text{plateaus so far}}"

    def __post_init__(self) -> None:
        keep_number(self, "learning_rate", NON_NEGATIVE)
        keep_number(self, "factor", DECAY)
        require_integer("patience", self.patience, 0)
        keep_number(self, "tol", NON_NEGATIVE)
        keep_number(self, "minimum", NON_NEGATIVE)

    def rates(self, progress: Progress) -> Array:
        return np.full(progress.before.shape, self.learning_rate)

    def after_epoch(self, patience: Patience, loss: float) -> Patience:
        """Return what to remember after an epoch with a loss."""
        factor, best, waited, _ = patience
        waited = waited + 1 if loss > best - self.tol else 0
        best = min(best, loss)
        if waited <= self.patience or self.learning_rate * factor <= self.minimum:
            return Patience(factor, best, waited)
        return Patience(factor * self.factor, best)

    def exhausted(self, patience: Patience) -> bool:
        """Whether the rate is at its minimum and the loss still does not improve."""
        return patience.waited > self.patience


SCHEDULES: Registry[Schedule] = Registry("schedule", Schedule)
"""The schedules that are known, by name."""
for _schedule in (
    *(InverseScaling(), StepDecay(), ExponentialDecay(), CosineDecay(), OneCycle()),
    *(ReduceOnPlateau(), Adaptive()),
):
    SCHEDULES.register(_schedule)
OURS = frozenset(map(type, SCHEDULES.values()))
"""The classes of this file, whose rates need no check; a user may register others."""
