"""The README's examples are executed as they stand, in an empty folder, in their order."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.project.support import ROOT, python, run

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands(start: str) -> list[str]:
    lines = "".join(blocks("console")).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith(f"$ {start}")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder in which the demo was run."""
    folder = tmp_path_factory.mktemp("readme")
    run(sys.executable, "-W", "error", ROOT / "examples" / "demo.py", cwd=folder)
    return folder


def test_make_commands_exist() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert commands("make")
    assert {command.split()[1] for command in commands("make")} <= set(targets)


def test_demo_leaves_model_and_picture(folder: Path) -> None:
    made = {path.name for path in (folder / "demo").iterdir()}
    assert {"model.safetensors", "demo.png", "predictions.csv"} <= made


def test_python_examples(tmp_path: Path) -> None:
    examples = blocks("python")
    assert [sum(bool(line) for line in example.splitlines()) for example in examples] == [10, 4]
    printed = python("".join(examples), cwd=tmp_path)
    for shown in re.findall(r"# prints (.*)", "".join(examples)):
        assert shown in printed
    assert "<Network 30-16-1 (relu, sigmoid), 513 parameters, float64>" in printed


@pytest.mark.skipif(os.name == "nt", reason="the example is written for a POSIX shell")
def test_command_line_example(folder: Path) -> None:
    lines = commands("deltarule")
    assert len(lines) == 6
    scripts = sysconfig.get_path("scripts")
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    for name in ("model.safetensors", "predictions.csv"):
        (folder / "demo" / name).unlink()
    before = set(folder.iterdir())
    for line in lines:
        run("sh", "-c", line, cwd=folder, env={"PATH": path, "PYTHONWARNINGS": "error"})
    assert set(folder.iterdir()) == before
    assert (folder / "demo" / "predictions.csv").read_text(encoding="utf-8").count("\n") > 1


def test_pictures_exist() -> None:
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).stat().st_size > 1000
