"""Stopping: rules that end a run early, each with its reason in words."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

from deltarule.core.arrays import NON_NEGATIVE, Array, require_choice, require_integer, require_number
from deltarule.training.reports import EpochReport, Stop

Ties = Literal["first", "last"]


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the validation loss has not improved for some epochs.

    Arguments:
        patience: epochs without improvement before stopping.
        min_delta: how much lower the loss must be to count as an improvement.
        restore_best: whether the network gets back the parameters of the best epoch.
        ties: which of several equally good epochs is the best one, "first" or "last".
    """

    patience: int = 10
    min_delta: float = 0.0
    restore_best: bool = True
    ties: Ties = "first"

    def __post_init__(self) -> None:
        require_integer("patience", self.patience, 1)
        require_number("min_delta", self.min_delta, NON_NEGATIVE)
        require_choice("ties", self.ties, get_args(Ties))


class BestEpoch:
    """Remembers the parameters after the epoch with the lowest validation loss."""

    def __init__(self, rule: EarlyStopping) -> None:
        self.rule = rule
        self.epoch = 0
        self.loss = inf
        self.theta: Array | None = None
        self._improved = 0

    def see(self, report: EpochReport, theta: Array) -> Stop | None:
        """Take note of an epoch; return why to stop, if it is time."""
        loss = report.validation_loss
        if loss is None:
            return None
        if loss < self.loss - self.rule.min_delta:
            self._improved = report.epoch
        if loss < self.loss or (loss == self.loss and self.rule.ties == "last"):
            self.epoch, self.loss, self.theta = report.epoch, loss, theta.copy()
        if report.epoch - self._improved < self.rule.patience:
            return None
        best = f"best {self.loss:.6g} in epoch {self.epoch}" if self.epoch else "it was never finite"
        return Stop(
            "early_stopping",
            f"stopped early after epoch {report.epoch}: the validation loss has not improved for "
            f"{plural(self.rule.patience, 'epoch')} ({best})",
        )


def plural(count: int, word: str) -> str:
    """Return ``1 epoch`` or ``2 epochs``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
