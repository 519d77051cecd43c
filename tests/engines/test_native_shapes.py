"""Compiled code is given nothing that it would read beyond its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import SGD, Adam, RMSProp
from deltarule.data.batches import BatchPlan
from deltarule.engines.base import Job, TrainingState
from deltarule.engines.native.engine import NativeEngine
from deltarule.errors import InputError
from tests.engines.support import case, require_native

require_native()

AT = case(LOSSES["mean_squared_error"], [ACTIVATIONS["tanh"]] * 2, (3, 4, 2), 10, weighted=True, shifted=True)


def trained(job: Job, state: TrainingState) -> None:
    NativeEngine().run_epochs(job, state, 1, [])


def job_and_state(optimizer: Any) -> tuple[Job, TrainingState]:
    job = AT.job(optimizer, BatchPlan(10, 5))
    return job, TrainingState(AT.theta.copy(), optimizer.init(AT.theta))


@pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, 0.9), RMSProp(), Adam()], ids=repr)
def test_what_fits_is_trained(optimizer: Any) -> None:
    job, state = job_and_state(optimizer)
    trained(job, state)
    assert state.epoch == 1


@pytest.mark.parametrize(
    ("name", "axis"), [("X", 0), ("X", 1), ("y", 0), ("y", 1), ("w", 0), ("offset", 0), ("offset", 1)]
)
def test_rows_of_another_shape(name: str, axis: int) -> None:
    job, state = job_and_state(Adam())
    values = getattr(job.rows, name)
    less = np.delete(values, 0, axis=axis)
    with pytest.raises(InputError, match=rf"^`{name}` of a run with adam must have the shape .* got \("):
        trained(replace(job, rows=job.rows._replace(**{name: less})), state)
    assert state.epoch == 0


@pytest.mark.parametrize(
    ("memory", "name"),
    [
        ({}, "m"),
        (SGD(0.1, 0.9).init(AT.theta), "m"),
        ({**Adam().init(AT.theta), "v": AT.theta[1:]}, "v"),
        ({**Adam().init(AT.theta), "g": AT.theta}, "g"),
    ],
    ids=["none", "of momentum", "too short", "too much"],
)
def test_the_memory_of_another_optimizer(memory: Any, name: str) -> None:
    job, state = job_and_state(Adam())
    state.optimizer = memory
    with pytest.raises(InputError, match=rf"^`{name}` of a run with adam must have the shape"):
        trained(job, state)
    assert state.epoch == 0


def test_parameters_of_another_network() -> None:
    job, state = job_and_state(SGD(0.1))
    state.theta = state.theta[:-1].copy()
    with pytest.raises(
        InputError, match=r"^`theta` of a run with sgd must have the shape \(26,\); got \(25,\)"
    ):
        trained(job, state)
