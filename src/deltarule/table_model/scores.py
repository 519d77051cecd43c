"""Scores: how good predictions are, in the units of the target, beside the best constant prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deltarule.core.losses import LOSSES
from deltarule.core.metrics import METRICS
from deltarule.data.columns import Table
from deltarule.data.targets import TargetTransform
from deltarule.storage.fields import JSON, Fields

Metrics = Mapping[str, float]


class Scores(NamedTuple):
    """Metrics on rows that a model has not learned from, beside those of the best constant prediction."""

    n_rows: int
    network: Metrics
    baseline: Metrics

    def to_dict(self) -> dict[str, JSON]:
        """Return plain values that `json.dumps` can write; what is not finite (r2 of one row) is left out."""
        return {
            "n_rows": self.n_rows,
            "network": _finite(self.network),
            "baseline": _finite(self.baseline),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Scores:
        """Return the scores that `to_dict` described, every entry checked."""
        network, baseline = _metrics(fields.fields("network")), _metrics(fields.fields("baseline"))
        return cls(fields.integer("n_rows", minimum=1), network, baseline)


def measure(target: TargetTransform, table: Table, y_hat: NDArray[np.float64]) -> dict[str, float]:
    """Return rmse, mae and r2 in the target's unit, or accuracy and log_loss, of outputs (n, k)."""
    y, w = target.encode(table), np.ones(table.n_rows)
    if target.task == "classification":
        log_loss = LOSSES["cross_entropy"].value(target.probabilities(y), target.probabilities(y_hat))
        return {"accuracy": METRICS["accuracy"].value(y, y_hat, w), "log_loss": float(log_loss.mean())}
    y, y_hat = target.decode(y)[:, np.newaxis], target.decode(y_hat)[:, np.newaxis]
    return {name: METRICS[name].value(y, y_hat, w) for name in ("rmse", "mae", "r2")}


def _finite(metrics: Metrics) -> dict[str, JSON]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _metrics(fields: Fields) -> dict[str, float]:
    return {name: fields.number(name) for name in fields.values}
