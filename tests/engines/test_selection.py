"""Which engine runs, and what the history says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.engines.base import EpochSums, Job, TrainingState
from deltarule.engines.reference import ReferenceEngine
from deltarule.engines.selection import ENGINES, REFERENCE

X, Y = np.arange(12.0).reshape(4, 3) / 12, np.arange(4.0)


@dataclass(frozen=True)
class Picky(ReferenceEngine):
    """Knows the activations of the library, and no other."""

    name: ClassVar[str] = "picky"

    def refusal(self, job: Job) -> str:
        unknown = [a.name for a in job.objective.architecture.activations if a not in ACTIVATIONS.values()]
        return f"it does not know the activation {unknown[0]}" if unknown else ""

    def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
        if self.refusal(job):
            raise AssertionError("asked to do what it refused")
        super().run_epochs(job, state, epochs, done)


OWN = dr.Activation("bent", value=lambda z: z + 0.1 * z**2, slope=lambda z, a: 1 + 0.2 * z)


def train(engine: Any, activation: Any = "tanh") -> dr.History:
    return dr.Network([3, 2, 1], [activation, "identity"]).train(X, Y, epochs=2, engine=engine)


def test_an_engine_that_can_do_the_job_does_it() -> None:
    history = train(Picky())
    assert (history.engine, history.engine_reason) == ("picky", "asked for")


def test_what_an_engine_refuses_falls_back_to_the_reference_with_the_reason() -> None:
    history = train(Picky(), OWN)
    assert history.engine == "reference"
    assert history.engine_reason == "picky: it does not know the activation bent"
    np.testing.assert_array_equal(history.loss, train("reference", OWN).loss)


def test_by_name() -> None:
    history = train("reference")
    assert (history.engine, history.engine_reason) == ("reference", "asked for")


def test_auto_takes_the_first_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ENGINES, "_records", {"picky": Picky(), "reference": REFERENCE})
    history = train("auto")
    assert (history.engine, history.engine_reason) == ("picky", "the fastest that can do this job")
    history = train("auto", OWN)
    assert history.engine == "reference"
    assert history.engine_reason == (
        "the fastest that can do this job; picky: it does not know the activation bent"
    )


def test_the_reference_engine_refuses_nothing() -> None:
    own_loss = dr.Loss("quartic", lambda y, p: np.sum((p - y) ** 4, axis=1), lambda y, p: 4 * (p - y) ** 3)
    net = dr.Network([3, 2, 1], [OWN, OWN])
    history = net.train(X, Y, loss=own_loss, epochs=200, batch_size=None, optimizer=dr.Adam(0.01))
    assert history.loss[-1] < history.loss[0]
