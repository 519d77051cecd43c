"""The history says with which instruction set and on how many threads the native engine trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.engines.native.engine import NativeEngine
from tests.engines.support import INSTRUCTION_SETS, each_instruction_set, require_native

require_native()

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 3))
NARROW, WIDE = [3, 4, 1], [3, 40, 1]


def trained(widths: Any, engine: Any, **settings: Any) -> dr.Network:
    net = dr.Network(widths, ["tanh", "identity"])
    net.train(X, X[:, 0], engine=engine, **{"epochs": 3, **settings})
    return net


def said(net: dr.Network) -> tuple[str, int | None]:
    history = net.history
    assert history is not None
    return history.instruction_set, history.threads


@each_instruction_set
@pytest.mark.parametrize("own", [None, [range(60)]], ids=["plan", "own batches"])
@pytest.mark.parametrize("threads", [1, 3])
def test_what_it_was_made_to_use(threads: int, own: Any, instruction_set: str) -> None:
    engine = NativeEngine(instruction_set, threads)
    assert said(trained(WIDE, engine, batches=own)) == (instruction_set, threads)


def test_what_it_chose() -> None:
    """A small step stays on one thread; so do the few rows that a narrow network takes at a time."""
    assert said(trained(WIDE, "native")) == (INSTRUCTION_SETS[0], 1)
    assert said(trained(NARROW, NativeEngine(threads=3))) == (INSTRUCTION_SETS[0], 1)


def test_the_reference_engine_chooses_neither() -> None:
    assert said(trained(WIDE, "reference")) == ("", None)
    assert said(trained(WIDE, "native", epochs=0)) == ("", None)


def test_a_model_file_keeps_it(tmp_path: Any) -> None:
    trained(WIDE, NativeEngine("baseline", 2)).save(tmp_path / "net.safetensors")
    record = dr.load(tmp_path / "net.safetensors").training_record
    assert (record["engine"], record["instruction_set"], record["threads"]) == ("native", "baseline", 2)
