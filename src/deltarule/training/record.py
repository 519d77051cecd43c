"""The record of a run as JSON: what was asked for and how it ended; model files carry it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from deltarule.core.learning_rates import Schedule
from deltarule.engines.base import Job
from deltarule.training.reports import History
from deltarule.training.settings import Settings


def settings_record(job: Job, settings: Settings, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run was asked to do, with what the job does not tell, such as smoothed labels."""
    plan = job.plan
    return {
        "loss": job.objective.loss.name,
        "reduction": job.objective.reduction,
        "penalties": [_fields_of(penalty) for penalty in job.objective.penalties],
        "optimizer": _fields_of(job.moved_by),
        "rows": plan.n,
        "batch_size": plan.n if plan.batch_size is None else min(int(plan.batch_size), plan.n),
        "shuffle": plan.shuffle,
        "remainder": plan.remainder,
        "own_batches": plan.own is not None,
        "clip_norm": job.clip_norm,
        "dropout": None if job.dropout is None else list(job.dropout.fractions),
        **{name: _plain(value) for name, value in more.items()},
        "seed": plan.seed,
        "epochs": int(settings.epochs),
    }


def outcome_record(history: History) -> dict[str, Any]:
    """Return how a run ended."""
    last = history.epochs[-1] if history.epochs else None
    return {
        "engine": history.engine,
        "instruction_set": history.instruction_set,
        "threads": history.threads,
        "epochs_trained": len(history.epochs),
        "restored_epoch": history.restored_epoch,
        "loss_of_last_epoch": None if last is None else last.loss,
        "validation_loss_of_last_epoch": None if last is None else _plain(last.validation_loss),
        "stop": None if history.stop is None else history.stop.message,
    }


def _fields_of(record: Any) -> dict[str, Any]:
    """The name and the numbers of an optimizer, schedule or penalty; the user's own may have only a name."""
    fields = dataclasses.fields(record) if dataclasses.is_dataclass(record) else ()
    numbers = {field.name: _plain(getattr(record, field.name)) for field in fields}
    return {"name": record.name} | {key: value for key, value in numbers.items() if value is not None}


def _plain(value: Any) -> Any:
    """The value as JSON, which has no infinity and no NaN; None for what JSON cannot hold."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    if isinstance(value, Schedule):
        return _fields_of(value)
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str) else None
