"""What a run leaves behind: a report per epoch, why it stopped, and the history of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import TYPE_CHECKING, Literal, NamedTuple

from deltarule.core.arrays import Array

if TYPE_CHECKING:
    import polars

StopKind = Literal[
    "epochs",
    "early_stopping",
    "tolerance",
    "target_loss",
    "time_limit",
    "diverged",
    "interrupted",
    "callback",
    "learning_rate",
    "converged",
    "no_descent",
    "evaluations",
]


class Stop(NamedTuple):
    """Why a run ended.

    Attributes:
        kind: one of a few words, for programs.
        message: the reason, for people.
    """

    kind: StopKind
    message: str


class EpochReport(NamedTuple):
    """One epoch.

    Attributes:
        epoch: its number, from 1.
        epochs: how many are planned.
        loss: Σwℓ/Σw over the epoch's rows, each at the parameters before its step; without the penalty.
        penalty: that of the parameters before the first step.
        validation_loss: Σwℓ/Σw over the validation rows, after the last step; None where there are none.
        metrics: by name, of the training rows after the last step, in the units of the target.
        validation_metrics: the same of the validation rows; empty where there are none.
        learning_rate: of the epoch's first step, one number or one per layer; NaN where there is none.
        seconds: wall time.
        step_losses: Σwℓ/Σw of the rows of each step, at the parameters before it, (steps,); NaN for a step
            that was skipped, None where ``record_steps`` did not ask for it.
        step_penalties: the penalties on the parameters before each step, (steps,), or None likewise.
    """

    epoch: int
    epochs: int
    loss: float
    penalty: float
    validation_loss: float | None
    metrics: Mapping[str, float]
    validation_metrics: Mapping[str, float]
    learning_rate: float | tuple[float, ...]
    seconds: float
    step_losses: Array | None = None
    step_penalties: Array | None = None


@dataclass(repr=False)
class History:
    """All epochs of a run, who executed them and why it stopped.

    Attributes:
        engine: the name of the engine that computed it.
        engine_reason: why it was this engine.
        seed: of the orders and of the validation rows.
        epochs: one report per epoch that was finished.
        stop: why the run ended; None while it goes on.
        restored_epoch: the epoch after which the network had the parameters that it was given back at the
            end; None where it kept the last ones.
        instruction_set: of the processor, as the native engine used it in the last epoch; the bits of a run
            depend on it. Empty where the engine does not choose one.
        threads: the number that computed the last epoch; no bit depends on it. None where the engine does
            not say.
    """

    engine: str
    engine_reason: str
    seed: int
    epochs: list[EpochReport] = field(default_factory=list)
    stop: Stop | None = None
    restored_epoch: int | None = None
    instruction_set: str = ""
    threads: int | None = None

    @property
    def loss(self) -> list[float]:
        """The training loss of each epoch."""
        return [report.loss for report in self.epochs]

    @property
    def validation_loss(self) -> list[float]:
        """The validation loss after each epoch; empty without validation rows."""
        return [report.validation_loss for report in self.epochs if report.validation_loss is not None]

    @property
    def metrics(self) -> dict[str, list[float]]:
        """Each metric on the training rows after each epoch."""
        names = self.epochs[0].metrics if self.epochs else ()
        return {name: [report.metrics[name] for report in self.epochs] for name in names}

    @property
    def validation_metrics(self) -> dict[str, list[float]]:
        """Each metric on the validation rows after each epoch."""
        names = self.epochs[0].validation_metrics if self.epochs else ()
        return {name: [report.validation_metrics[name] for report in self.epochs] for name in names}

    @property
    def learning_rate(self) -> list[float | tuple[float, ...]]:
        """The learning rate of each epoch: one number, or one per layer."""
        return [report.learning_rate for report in self.epochs]

    @property
    def seconds(self) -> list[float]:
        """Wall time of each epoch, in seconds."""
        return [report.seconds for report in self.epochs]

    @property
    def step_losses(self) -> list[Array]:
        """The loss of each step of each epoch, where ``record_steps=True`` asked for it."""
        return [report.step_losses for report in self.epochs if report.step_losses is not None]

    @property
    def best_epoch(self) -> int | None:
        """The epoch (from 1) with the lowest validation loss, or training loss where there is none."""
        losses = self.validation_loss or self.loss
        finite = [(loss, epoch) for epoch, loss in enumerate(losses, start=1) if loss == loss]
        return min(finite)[1] if finite else None

    def __repr__(self) -> str:
        if not self.epochs:
            return f"<History: no epoch finished; {self._ending()}>"
        last = self.epochs[-1]
        validation = "" if last.validation_loss is None else f", validation loss {last.validation_loss:.6g}"
        count = f"{len(self.epochs)} epoch{'s' if len(self.epochs) > 1 else ''}"
        return f"<History: {count}, last loss {last.loss:.6g}{validation}; {self._ending()}>"

    def _ending(self) -> str:
        return "not ended" if self.stop is None else self.stop.message

    def columns(self) -> dict[str, list[float]]:
        """Return one list per column: epoch, loss, penalty, validation loss, metrics, learning rate, seconds.

        Where layers have learning rates of their own there is a column for each: learning_rate_1, ...; with
        L-BFGS, which has none, there is no such column.
        """
        columns: dict[str, list[float]] = {
            "epoch": [report.epoch for report in self.epochs],
            "loss": self.loss,
            "penalty": [report.penalty for report in self.epochs],
        }
        if self.validation_loss:
            columns["validation_loss"] = self.validation_loss
        columns |= self.metrics
        columns |= {f"validation_{name}": values for name, values in self.validation_metrics.items()}
        return columns | self._rates() | {"seconds": self.seconds}

    def _rates(self) -> dict[str, list[float]]:
        """The learning rate as one column, or one per layer counted from 1."""
        rates = [rate if isinstance(rate, tuple) else (rate,) for rate in self.learning_rate]
        columns = [list(column) for column in zip(*rates, strict=True)]
        if len(columns) == 1 and all(map(isnan, columns[0])):
            return {}
        if len(columns) == 1:
            return {"learning_rate": columns[0]}
        return {f"learning_rate_{layer}": column for layer, column in enumerate(columns, start=1)}

    def to_frame(self) -> polars.DataFrame:
        """Return a polars data frame with one row per epoch."""
        import polars

        return polars.DataFrame(self.columns())
