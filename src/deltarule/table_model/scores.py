"""Scores: how good predictions are, in the units of the target, beside the best constant prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from deltarule.core.arrays import Array
from deltarule.core.losses import LOSSES
from deltarule.core.metrics import METRICS
from deltarule.data.targets import TargetTransform
from deltarule.storage.fields import JSON, Fields

Metrics = Mapping[str, float]


class Scores(NamedTuple):
    """Metrics on rows that a model has not learned from, beside those of the best constant prediction.

    Attributes:
        n_rows: how many rows have a target and were judged.
        network: the metrics by name.
        baseline: the same of the best constant prediction.
        weights: the column by which the rows count; None where each counts 1.
        without_target: how many rows were left out for lack of a target.
    """

    n_rows: int
    network: Metrics
    baseline: Metrics
    weights: str | None = None
    without_target: int = 0

    def to_dict(self) -> dict[str, JSON]:
        """Return plain values that `json.dumps` can write; what is not finite (r2 of one row) is left out."""
        more: dict[str, JSON] = {} if self.weights is None else {"weights": self.weights}
        return {
            "n_rows": self.n_rows,
            "network": _finite(self.network),
            "baseline": _finite(self.baseline),
            **more,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Scores:
        """Return the scores that `to_dict` described, every entry checked."""
        network, baseline = _metrics(fields.fields("network")), _metrics(fields.fields("baseline"))
        weights = fields.text("weights") if fields.has("weights") else None
        return cls(fields.integer("n_rows", minimum=1), network, baseline, weights)


def measure(target: TargetTransform, y: Array, y_hat: Array, w: Array | None = None) -> dict[str, float]:
    """Return rmse, mae and r2 in the target's unit, or accuracy and log_loss, of outputs (n, k).

    They are means over the rows weighted by w, (n,).
    """
    w = np.ones(len(y)) if w is None else w
    if target.task == "classification":
        log_loss = LOSSES["cross_entropy"].value(target.probabilities(y), target.probabilities(y_hat))
        accuracy = METRICS["accuracy"].value(y, y_hat, w)
        return {"accuracy": accuracy, "log_loss": float(np.average(log_loss, weights=w))}
    y, y_hat = target.decode(y)[:, np.newaxis], target.decode(y_hat)[:, np.newaxis]
    return {name: METRICS[name].value(y, y_hat, w) for name in ("rmse", "mae", "r2")}


def _finite(metrics: Metrics) -> dict[str, JSON]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _metrics(fields: Fields) -> dict[str, float]:
    return {name: fields.number(name) for name in fields.values}
