"""deltarule labs: a list, a copy of one, and no file overwritten unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deltarule.cli import labs as labs_verb
from deltarule.cli.labs import find_labs, read
from deltarule.errors import InputError
from tests.cli.conftest import Run

NAME = "lab0_from_layer_to_network.ipynb"


def test_list_shows_number_title_and_summary(run: Run) -> None:
    answer = run("labs")
    assert answer.code == 0
    for lab in find_labs():
        assert lab.number in answer.out
        assert lab.title in answer.out
        assert lab.summary
    assert "One layer, then two" in answer.out
    assert "deltarule labs 0 copies lab 0" in answer.out


@pytest.mark.parametrize("name", ["0", "lab0", "From_Layer_to_Network", NAME, NAME.removesuffix(".ipynb")])
def test_copies_by_number_and_by_name(run: Run, folder: Path, name: str) -> None:
    answer = run("labs", name)
    assert answer.code == 0
    assert f"jupyter lab {NAME}" in answer.out
    (copied,) = folder.iterdir()
    assert copied.name == NAME
    assert copied.read_bytes() == find_labs()[1].path.read_bytes()


def test_says_which_extra_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labs_verb, "find_spec", lambda name: None)
    assert "First: pip install 'deltarule[notebook]'" in run("labs", 0).out
    monkeypatch.setattr(labs_verb, "find_spec", lambda name: name)
    assert "pip install" not in run("labs", 0, "--force").out


def test_own_work_is_not_overwritten_unasked(run: Run, folder: Path) -> None:
    Path(NAME).write_text("mine", encoding="utf-8")
    answer = run("labs", "0")
    assert answer.code == 1
    assert "exists, so nothing was copied. Add --force" in answer.err
    assert Path(NAME).read_text(encoding="utf-8") == "mine"
    assert run("labs", "0", "--force").code == 0
    assert Path(NAME).read_bytes() == find_labs()[1].path.read_bytes()


@pytest.mark.parametrize(
    ("name", "hint"), [("lab_0", "'lab0' (0)"), ("indexx", "'index'"), ("99", "Allowed: ")]
)
def test_unknown_lab(run: Run, folder: Path, name: str, hint: str) -> None:
    answer = run("labs", name)
    assert answer.code == 2
    assert f"there is no lab '{name}'." in answer.err
    assert hint in answer.err
    assert not list(folder.iterdir())


def test_a_folder_in_the_way(run: Run, folder: Path) -> None:
    Path(NAME).mkdir()
    assert "it is a folder" in run("labs", "0", "--force").err


def test_title_and_summary_come_from_the_notebook(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Lab 7: Of *things*\n", "\n", "- a list\n", "\n"]},
        {"cell_type": "code", "source": ["1 + 1"]},
        {"cell_type": "markdown", "source": "The `rate` $\\eta$\nand more. Then the rest."},
    ]
    path = tmp_path / "lab7_of_things.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    lab = read(path)
    assert (lab.number, lab.title, lab.summary) == ("7", "Of *things*", "The rate eta and more.")


def test_an_installation_without_labs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not in this installation"):
        find_labs([tmp_path / "labs"])
