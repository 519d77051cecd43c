"""deltarule train --help: one screen, in panels, with defaults; every name comes from a registry."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.core.schedules import SCHEDULES
from tests.cli.conftest import Run


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERMINAL_WIDTH", "100")


@pytest.mark.usefixtures("wide")
def test_train_help_fits_on_one_screen(run: Run) -> None:
    text = run("train", "--help").out
    assert len(text.splitlines()) <= 53
    for panel in ("Table", "Network", "Training", "Options"):
        assert f"─ {panel} ─" in text
    for default in ("adam", "tanh", "64,64", "64", "200", "20", "0.2", "model.safetensors"):
        assert f"[default: {default}]" in text


@pytest.mark.usefixtures("wide")
def test_compare_help_fits_on_one_screen(run: Run) -> None:
    text = run("compare", "--help").out
    assert len(text.splitlines()) <= 54
    for panel in ("The same for all", "Compared: several values", "Options"):
        assert f"─ {panel}" in text


def test_names_come_from_the_registries(run: Run) -> None:
    words = set(re.findall(r"\w+", run("train", "--help").out))
    assert {*ACTIVATIONS, *LOSSES, *OPTIMIZERS, *SCHEDULES} <= words


def test_every_verb_says_what_it_does(run: Run) -> None:
    text = run("--help").out
    assert "Train a network on a table" in text
    assert "Predict the target of each row" in text
    assert "Judge a model on a table" in text
    assert "Show what is in a model file" in text
    assert "Train every combination of some settings" in text
    assert "Step through the training of a small network" in text
    assert "List the labs" in text
    assert "List the data sets" in text


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize(
    "verb",
    [
        (),
        ("train",),
        ("predict",),
        ("evaluate",),
        ("inspect",),
        ("compare",),
        ("step",),
        ("labs",),
        ("datasets",),
        ("datasets", "export"),
    ],
)
def test_help_has_a_short_form_and_no_signs_of_its_maker(run: Run, verb: tuple[str, ...]) -> None:
    answer = run(*verb, "-h")
    assert answer == run(*verb, "--help")
    assert answer.code == 0
    for sign in ("<bool>", "{", "}", "[default: ("):
        assert sign not in answer.out


@pytest.mark.usefixtures("wide")
def test_help_says_where_predictions_go(run: Run) -> None:
    text = run("predict", "--help").out
    assert "Usage: deltarule predict [OPTIONS] MODEL TABLE" in text
    assert "Where to write them: CSV or .parquet. [default: the screen]" in text


def test_the_package_itself_is_the_program(folder: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "deltarule", "train", "-h"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: python -m deltarule train" in done.stdout
