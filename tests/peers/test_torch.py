"""Against PyTorch in float64: activations, gradients of every pair, ten steps of every optimizer.

The numbers were written by scripts/freeze_torch.py; the slow test computes them again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.learning_rates import Patience, after_epoch, entries_of, progress_of_epochs, rates_of
from deltarule.core.losses import LOSSES
from deltarule.core.objective import Objective, Rows
from deltarule.core.optimizers import Optimizer
from tests.core.support import UPDATE_RULES

DATA = Path(__file__).parent / "data"
SCRIPT = Path(__file__).parents[2] / "scripts" / "freeze_torch.py"
FILES = (
    "torch_activations.json",
    "torch_gradients.json",
    "torch_trainings.json",
    "torch_schedules.json",
    "torch_dropout.json",
)

OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": dr.SGD(0.1),
    "momentum": dr.SGD(0.1, momentum=0.9),
    "nesterov": dr.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": dr.Adam(0.05),
    "adam with other settings": dr.Adam(0.02, beta_1=0.8, beta_2=0.99, epsilon=1e-3),
    "rmsprop": dr.RMSProp(0.05),
    "adamw": dr.AdamW(0.05, weight_decay=0.1),
    "two rates": dr.SGD([0.2, 0.05]),
}

SCHEDULES: dict[str, Any] = {
    "step": dr.StepDecay(0.2, every=4, factor=0.5),
    "exponential": dr.ExponentialDecay(0.2, factor=0.9),
    "cosine": dr.CosineDecay(0.2, final=0.01),
    "plateau": dr.ReduceOnPlateau(0.2, factor=0.5, patience=1),
    "plateau with a rest": dr.ReduceOnPlateau(
        0.2, factor=0.1, patience=0, cooldown=2, minimum=1e-3, threshold=1e-2
    ),
}


def cases(file: str) -> Any:
    return json.loads((DATA / file).read_text(encoding="utf-8"))


def network_of(case: dict[str, Any]) -> dr.Network:
    inputs, hidden, k = len(case["X"][0]), len(case["parameters"][1]), len(case["y"][0])
    net = dr.Network([inputs, hidden, k], [case["hidden"], case["output"]])
    net.weights = case["parameters"][0::2]
    net.biases = case["parameters"][1::2]
    return net


def rows_of(case: dict[str, Any]) -> dict[str, Any]:
    return {
        "X": case["X"],
        "y": case["y"],
        "loss": case["loss"],
        "sample_weight": case["w"],
        "offset": case["offset"],
    }


@pytest.mark.parametrize("case", cases(FILES[0]), ids=lambda case: case["name"])
def test_activation(case: dict[str, Any]) -> None:
    activation, z = ACTIVATIONS[case["name"]], np.array(case["z"])
    a = activation.value(z)
    np.testing.assert_allclose(a, case["a"], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(
        activation.derivative(z, a, np.array(case["c"])), case["d_z"], rtol=1e-13, atol=2e-15
    )


@pytest.mark.parametrize(
    "case", cases(FILES[1]), ids=lambda case: f"{case['loss']}-{case['output']}-{case['hidden']}"
)
def test_gradient(case: dict[str, Any]) -> None:
    g = network_of(case).gradients(**rows_of(case))
    assert g.objective == pytest.approx(case["objective"], rel=1e-13)
    for found, expected in zip((g.dW[0], g.db[0], g.dW[1], g.db[1]), case["gradient"], strict=True):
        size = float(np.max(np.abs(expected)))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * size)


@pytest.mark.parametrize("case", cases(FILES[4]), ids=lambda case: case["hidden"])
def test_gradient_with_dropout(case: dict[str, Any]) -> None:
    net = network_of(case)
    objective = Objective(net.architecture, LOSSES[case["loss"]])
    rows = Rows(*(np.array(case[name]) for name in ("X", "y", "w", "offset")))
    sums = objective.sums(net.theta, rows, [np.array(case["dropout"])])
    assert sums.loss / sums.weight == pytest.approx(case["objective"], rel=1e-13)
    expected = np.concatenate([np.ravel(part) for part in case["gradient"]])
    np.testing.assert_allclose(sums.gradient / sums.weight, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("case", cases(FILES[2]), ids=lambda case: f"{case['loss']}-{case['optimizer']}")
def test_ten_steps(case: dict[str, Any]) -> None:
    net = network_of(case)
    history = net.train(**rows_of(case), optimizer=OPTIMIZERS[case["optimizer"]], batch_size=None, epochs=10)
    np.testing.assert_allclose(history.loss, case["losses"], rtol=1e-11)
    found = (net.weights[0], net.biases[0], net.weights[1], net.biases[1])
    for mine, theirs in zip(found, case["after"], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", cases(FILES[3]), ids=lambda case: case["name"])
def test_schedule(case: dict[str, Any]) -> None:
    entries, losses = entries_of(SCHEDULES[case["name"]]), case["losses"]
    patience: tuple[Patience, ...] = ()
    rates = []
    for epoch, loss in enumerate(losses):
        progress = progress_of_epochs(epoch + 1, planned=len(losses))
        rates.append(rates_of(entries, progress, patience)[-1, 0])
        patience = after_epoch(entries, patience, loss)
    np.testing.assert_allclose(rates, case["rates"], rtol=1e-12)


def test_the_frozen_numbers_cover_every_loss_activation_and_optimizer() -> None:
    assert len({case["loss"] for case in cases(FILES[1])}) == 8
    assert len(cases(FILES[0])) == 13
    assert {case["hidden"] for case in cases(FILES[1])} == {case["name"] for case in cases(FILES[0])}
    assert {case["optimizer"] for case in cases(FILES[2])} == set(OPTIMIZERS)
    assert {record.name for record in OPTIMIZERS.values()} == set(UPDATE_RULES)
    assert {case["name"] for case in cases(FILES[3])} == set(SCHEDULES)


def leaves(value: Any) -> Iterator[Any]:
    """Every number and text of nested lists and dictionaries, in order."""
    if isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from leaves(part)
    else:
        yield value


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch")
def test_pytorch_still_says_so(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCRIPT, tmp_path], check=True, capture_output=True)
    for file in FILES:
        again = leaves(json.loads((tmp_path / file).read_text(encoding="utf-8")))
        for frozen, computed in zip(leaves(cases(file)), again, strict=True):
            if isinstance(frozen, float):
                assert computed == pytest.approx(frozen, rel=1e-10, abs=1e-13)
            else:
                assert computed == frozen
