"""Settings: what a run is asked to do, apart from its mathematics and its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from deltarule.core.arrays import NON_NEGATIVE, POSITIVE, REALS, Array, require_integer, require_number
from deltarule.core.metrics import Metric
from deltarule.core.objective import Rows
from deltarule.errors import InputError, message
from deltarule.training.reports import EpochReport
from deltarule.training.stopping import EarlyStopping

Callback: TypeAlias = Callable[[EpochReport], bool | None]


@runtime_checkable
class TargetScaler(Protocol):
    """Turns scaled targets, (n, k), back into their own units."""

    def inverse(self, X: Array) -> Array: ...


@dataclass(frozen=True)
class Settings:
    """How long to train, what to watch and when to stop.

    Arguments:
        epochs: passes over the rows, at most.
        validation: rows that are watched and never learned from.
        metrics: computed after each epoch on the training and the validation rows.
        target_scaler: its inverse is applied to y and ŷ before the metrics.
        early_stopping: stop when the validation loss no longer improves.
        tol: stop when the training loss changes by less than this from one epoch to the next.
        target_loss: stop when the training loss is at most this.
        time_limit: stop after the epoch in which this many seconds have passed.
        callbacks: called with each report; one that returns True stops the run. One that has ``close`` is
            closed where the run ends, for whatever reason.
    """

    epochs: int = 100
    validation: Rows | None = None
    metrics: tuple[Metric, ...] = ()
    target_scaler: TargetScaler | None = None
    early_stopping: EarlyStopping | None = None
    tol: float | None = None
    target_loss: float | None = None
    time_limit: float | None = None
    callbacks: tuple[Callback, ...] = ()

    def __post_init__(self) -> None:
        require_integer("epochs", self.epochs, 0)
        if self.tol is not None:
            require_number("tol", self.tol, NON_NEGATIVE)
        if self.target_loss is not None:
            require_number("target_loss", self.target_loss, REALS)
        if self.time_limit is not None:
            require_number("time_limit", self.time_limit, POSITIVE)
        self._require_records()
        if self.early_stopping is not None and self.validation is None:
            hint = "Try validation=0.2, or validation=(X_val, y_val)."
            raise InputError(
                message("`early_stopping` needs validation rows to watch", found="none", hint=hint)
            )

    def _require_records(self) -> None:
        """Refuse what cannot do what it is there for, before the first epoch."""
        rule: object = self.early_stopping
        if not isinstance(rule, EarlyStopping | None):
            hint = "Try dr.EarlyStopping(patience=10)."
            raise InputError(
                message("`early_stopping` must be a dr.EarlyStopping", found=repr(rule), hint=hint)
            )
        scaler: object = self.target_scaler
        if isinstance(scaler, type) or not isinstance(scaler, TargetScaler | None):
            hint = "Try dr.Standardizer.fit(y)."
            raise InputError(message("`target_scaler` must have `inverse`", found=repr(scaler), hint=hint))
        callbacks: tuple[object, ...] = self.callbacks
        for callback in callbacks:
            if not callable(callback):
                raise InputError(message("each of the `callbacks` must be a function", found=repr(callback)))

    @property
    def watches_epochs(self) -> bool:
        """Whether anything has to be looked at after every single epoch."""
        stops = self.tol is not None or self.target_loss is not None
        return stops or bool(self.metrics or self.callbacks) or self.validation is not None
