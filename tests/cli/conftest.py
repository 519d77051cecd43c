"""An empty folder to work in, small tables, and the program in this process and in one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from deltarule.cli.main import app

COMMAND = "import sys; from deltarule.cli.main import app; sys.argv[0] = 'deltarule'; app()"


class Answer(NamedTuple):
    """What a run of the program gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment asks for colors, widths or tracebacks."""
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "DELTARULE_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """The program ignores Ctrl-C from a certain point on; the tests do not."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """Run the program in this process."""

    def run(*words: object) -> Answer:
        result = CliRunner().invoke(app, [str(word) for word in words], prog_name="deltarule")
        return Answer(result.exit_code, result.stdout, result.stderr)

    return run


def subprocess_arguments(*words: object) -> list[str]:
    return [sys.executable, "-W", "error", "-c", COMMAND, *(str(word) for word in words)]


@pytest.fixture
def launch(folder: Path) -> Run:
    """Run the program in a process of its own, its output in pipes; Python's warnings are errors."""

    def launch(*words: object, **environment: str) -> Answer:
        done = subprocess.run(
            subprocess_arguments(*words),
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return launch


@pytest.fixture
def prices(folder: Path) -> Path:
    """A regression: price = 100 + 30 rooms + 50 if north + noise, with some missing values."""
    rng = np.random.default_rng(0)
    rooms, north = rng.integers(1, 9, 200), rng.integers(0, 2, 200).astype(bool)
    table = pl.DataFrame(
        {
            "number": range(1, 201),
            "rooms": [None if row % 20 == 7 else int(value) for row, value in enumerate(rooms)],
            "district": np.where(north, "north", "south"),
            "price": 100.5 + 30 * rooms + 50 * north + rng.normal(0, 5, 200),
        }
    )
    table.write_csv("prices.csv")
    return Path("prices.csv")


@pytest.fixture
def passes(folder: Path) -> Path:
    """A classification: passed is yes or no, more often yes after many hours."""
    rng = np.random.default_rng(1)
    hours = rng.uniform(0, 10, 120).round(1)
    passed = np.where(hours + rng.normal(0, 1, 120) > 4, "yes", "no")
    pl.DataFrame({"hours": hours, "passed": passed}).write_csv("passes.csv")
    return Path("passes.csv")
