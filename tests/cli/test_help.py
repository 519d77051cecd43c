"""deltarule train --help: one screen, in panels, with defaults; --help-all: all options."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from deltarule.cli.help_pages import RARE
from deltarule.cli.main import app
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.core.schedules import SCHEDULES
from tests.cli.conftest import Run

PROGRAM: Any = get_command(app)
DATASETS: Any = PROGRAM.commands["datasets"]
VERBS = {**PROGRAM.commands, **{f"datasets {name}": verb for name, verb in DATASETS.commands.items()}}
LONG = ("train", "compare")


def options_of(verb: Any) -> dict[str, str]:
    """The long flag of each option by its name in Python."""
    return {each.name: each.opts[0] for each in verb.params if each.param_type_name == "option"}


def flags_in(text: str) -> set[str]:
    """The long flags at the beginnings of the lines of a page."""
    return set(re.findall(r"^│ [ *]*(--[a-z0-9-]+) ", text, flags=re.MULTILINE))


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.usefixtures("wide")
def test_train_help_fits_on_one_screen(run: Run) -> None:
    text = run("train", "--help").out
    assert len(text.splitlines()) <= 40
    for panel in ("Table", "Network", "Training", "Options"):
        assert f"─ {panel} ─" in text
    for default in ("adam", "tanh", "64,64", "auto", "200", "20", "0.2", "model.safetensors"):
        assert f"[default: {default}]" in text


@pytest.mark.usefixtures("wide")
def test_compare_help_fits_on_one_screen(run: Run) -> None:
    text = run("compare", "--help").out
    assert len(text.splitlines()) <= 40
    for panel in ("The same for all", "Compared: several values", "Options"):
        assert f"─ {panel}" in text


@pytest.mark.parametrize(("verb", "lines"), [("train", 50), ("compare", 57)])
def test_help_stays_short_in_a_narrow_terminal(run: Run, verb: str, lines: int) -> None:
    printed = run(verb, "--help").out.splitlines()
    assert max(map(len, printed)) == 80
    assert len(printed) <= lines


@pytest.mark.parametrize("columns", ["80", "100"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_help_all_where_help_leaves_something_out(
    run: Run, monkeypatch: pytest.MonkeyPatch, verb: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text, flags = run(*verb.split(), "--help").out, options_of(VERBS[verb])
    rare = RARE if verb in LONG else frozenset()
    assert flags_in(text) == {flag for name, flag in flags.items() if name not in rare} | {"--help"}
    assert rare <= flags.keys()
    assert ("help_all" in flags) == (verb in LONG)
    assert text.rstrip().endswith("More options: --help-all") == (verb in LONG)


@pytest.mark.parametrize("columns", ["80", "100"])
@pytest.mark.parametrize("verb", LONG)
def test_help_all_shows_every_option(
    run: Run, monkeypatch: pytest.MonkeyPatch, verb: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    answer = run(verb, "--help-all")
    assert answer.code == 0
    assert flags_in(answer.out) == {*options_of(VERBS[verb]).values(), "--help"}
    assert re.search(r"^│ \*\s+TABLE ", answer.out, flags=re.MULTILINE)


def test_what_help_leaves_out_is_an_option_all_the_same(run: Run, passes: Path) -> None:
    answer = run("train", passes, "--target", "passed", "--epochs", 2, "--dropout", 0.1, "--l2", 1e-4)
    assert answer.code == 0


def test_names_come_from_the_registries(run: Run) -> None:
    words = set(re.findall(r"\w+", run("train", "--help-all").out))
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
