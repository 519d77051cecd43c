"""deltarule train --help: one screen, in panels, with defaults; every name comes from a registry."""

from __future__ import annotations

import re

import pytest

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import OPTIMIZERS
from tests.cli.conftest import Run


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERMINAL_WIDTH", "100")


@pytest.mark.usefixtures("wide")
def test_train_help_fits_on_one_screen(run: Run) -> None:
    text = run("train", "--help").out
    assert len(text.splitlines()) <= 45
    for panel in ("Table", "Network", "Training", "Options"):
        assert f"─ {panel} ─" in text
    for default in ("adam", "tanh", "16", "200", "20", "0.2", "model.safetensors"):
        assert f"[default: {default}]" in text


def test_names_come_from_the_registries(run: Run) -> None:
    words = set(re.findall(r"\w+", run("train", "--help").out))
    assert {*ACTIVATIONS, *LOSSES, *OPTIMIZERS} <= words


def test_every_verb_says_what_it_does(run: Run) -> None:
    text = run("--help").out
    assert "Train a network on a table" in text
    assert "Predict the target of each row" in text
