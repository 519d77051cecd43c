"""The optimizer of a table model: its learning rate, the usual one of its name, and the schedule by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from deltarule import inputs
from deltarule.core.arrays import POSITIVE, Auto, require_number
from deltarule.core.learning_rates import LearningRates, Schedule
from deltarule.core.optimizers import LBFGS, OPTIMIZERS, AnyOptimizer
from deltarule.core.schedules import SCHEDULES
from deltarule.errors import InputError, did_you_mean, message

BATCH_SIZE = 64
"""What "auto" is for tables."""
CONSTANT = "constant"
"""The name of no schedule: the rate stays a plain number."""
LEARNING_RATES = {"sgd": 0.05, "rmsprop": 0.001, "adam": 0.003, "adamw": 0.003}
"""For standardized inputs and batches of that size; other optimizers keep the rate of their own."""

NamedSchedule = str | Mapping[str, Any]
"""The name of a schedule, or its ``name`` with its parameters."""


def optimizer_of(
    given: str | AnyOptimizer, learning_rate: LearningRates | Auto, schedule: NamedSchedule | None = None
) -> AnyOptimizer:
    """Return the optimizer with its learning rate: the one asked for, that of the record, or ours for tables.

    Raises:
        InputError: there is no such optimizer or schedule, or the rate cannot be used.
    """
    record = inputs.record(OPTIMIZERS, given)
    rate: Any = learning_rate
    schedule = None if schedule in (CONSTANT, {"name": CONSTANT}) else schedule
    if isinstance(record, LBFGS):
        return _without_rate(record, rate, schedule)
    if isinstance(rate, str) and rate == "auto":
        usual = LEARNING_RATES.get(record.name) if isinstance(given, str) else None
        if usual is None and schedule is None:
            return record
        rate = record.learning_rate if usual is None else usual
    if schedule is not None:
        rate = _scheduled(schedule, require_number("learning_rate", rate, POSITIVE))
    elif not isinstance(rate, Schedule | list | tuple):
        require_number("learning_rate", rate, POSITIVE)
    return _with_rate(record, rate)


def _without_rate(record: LBFGS, learning_rate: Any, schedule: NamedSchedule | None) -> LBFGS:
    """Return the optimizer, which has no learning rate, if none is asked for."""
    given = {"learning_rate": None if learning_rate == "auto" else learning_rate, "schedule": schedule}
    for name, value in given.items():
        if value is not None:
            asked = f"`{name}` must be left out with L-BFGS, whose line search finds the length of each step"
            raise InputError(message(asked, found=repr(value)))
    return record


def _scheduled(given: NamedSchedule, learning_rate: float) -> Schedule:
    """Return a registered schedule of this rate with the parameters that are given."""
    wishes: Any = {"name": given} if isinstance(given, str) else given
    if not isinstance(wishes, Mapping) or "name" not in wishes:
        asked = "`schedule` must be a name, or a name with parameters"
        hint = 'Try {"name": "cosine", "warmup": 5}, or learning_rate=dr.CosineDecay(0.01, warmup=5).'
        raise InputError(
            message(asked, found=repr(given), allowed=", ".join((CONSTANT, *SCHEDULES)), hint=hint)
        )
    record: Any = SCHEDULES.find(wishes["name"])
    own = {name: value for name, value in wishes.items() if name != "name"}
    fields = dataclasses.fields(record) if dataclasses.is_dataclass(record) else ()
    known = [field.name for field in fields if field.name != "learning_rate"]
    for name in own:
        if name not in known:
            asked = f"There is no parameter {name!r} of the schedule {record.name}"
            hint = "Give it beside the schedule." if name == "learning_rate" else did_you_mean(name, known)
            raise InputError(message(asked, allowed=", ".join(known) or "none", hint=hint))
    try:
        return _with_rate(record, learning_rate, own)
    except InputError as refused:
        raise InputError(f"The schedule {record.name} cannot be made: {_without_ticks(refused)}") from None


def _with_rate(record: Any, learning_rate: LearningRates, more: Mapping[str, Any] | None = None) -> Any:
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        asked = "`learning_rate` can be set for the optimizers and schedules of deltarule only"
        raise InputError(message(asked, found=repr(record), hint="Set it in the record."))
    return dataclasses.replace(record, learning_rate=learning_rate, **(more or {}))


def _without_ticks(refused: InputError) -> str:
    """Return the sentence; what it names is an argument of the schedule, not one of ours."""
    return str(refused).replace("`", "")
