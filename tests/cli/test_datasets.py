"""deltarule datasets: a list, a description, a CSV file for train, and no file overwritten unasked."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from deltarule.data.datasets import DATASETS, breast_cancer, downloaded
from deltarule.data.downloads import RemoteFolder
from tests.cli.conftest import Run


@pytest.fixture
def nothing_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, and no address to download from."""
    monkeypatch.setenv("DELTARULE_DATA", str(folder / "data"))
    nowhere = RemoteFolder("admissions", ("http://host.invalid/",), downloaded.ADMISSIONS.files)
    monkeypatch.setattr(downloaded, "ADMISSIONS", nowhere)
    return folder / "data"


@pytest.mark.usefixtures("nothing_here")
@pytest.mark.parametrize("words", [(), ("list",)])
def test_list(run: Run, words: tuple[str, ...]) -> None:
    answer = run("datasets", *words)
    assert answer.code == 0
    text = " ".join(answer.out.split())
    for record in DATASETS.values():
        line = f"{record.name} {record.rows:,} {record.columns} {record.target} {record.summary}"
        assert line in text
        assert (f"{line} (to be downloaded)" in text) == (record.remote is not None)


@pytest.mark.parametrize("name", DATASETS)
def test_describe(run: Run, nothing_here: Path, name: str) -> None:
    record, text = DATASETS[name], " ".join(run("datasets", "describe", name).out.split())
    for part in (record.summary, record.license, record.source, f"{record.columns} inputs", record.target):
        assert part in text
    assert f"dr.datasets.{name}()" in text
    if record.remote:
        assert "(to be downloaded)" in text
        assert record.remote.mirrors[0] in text
        assert record.remote.files[0].name in text
    assert not nothing_here.exists()


@pytest.mark.parametrize("words", [("--json",), ("list", "--json")])
def test_json_is_one_object_per_data_set(run: Run, nothing_here: Path, words: tuple[str, ...]) -> None:
    answer = run("datasets", *words)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert [json.loads(line)["name"] for line in lines] == list(DATASETS)
    for line in lines:
        assert run("datasets", "describe", json.loads(line)["name"], "--json").out == f"{line}\n"
    assert json.loads(lines[list(DATASETS).index("admissions")]) == {
        "name": "admissions",
        "summary": DATASETS["admissions"].summary,
        "rows": 400,
        "test_rows": 0,
        "columns": 3,
        "target": "admit",
        "task": "classification",
        "license": DATASETS["admissions"].license,
        "source": DATASETS["admissions"].source,
        "folder": str(nothing_here / "admissions"),
        "files": ["binary.csv"],
        "missing": ["binary.csv"],
    }
    moons = json.loads(lines[list(DATASETS).index("moons")])
    assert (moons["folder"], moons["files"], moons["missing"]) == (None, [], [])


def test_a_home_folder_that_nobody_has(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELTARULE_DATA", "~nosuchuser")
    answer = run("datasets", "export", "admissions", "a.csv")
    assert (answer.code, answer.out) == (1, "")
    assert "home folder that is known; got '~nosuchuser'. Write the path without ~." in answer.err


def test_describe_says_which_rows_are_which(run: Run) -> None:
    assert "60: 30 to learn from, then 30 to be judged by" in run("datasets", "describe", "sine_curve").out


def test_export_and_train(run: Run, folder: Path) -> None:
    answer = run("datasets", "export", "breast_cancer", "tumors.csv")
    assert (answer.code, answer.err) == (0, "")
    assert "569 rows of 31 columns are in tumors.csv" in answer.out
    assert pl.read_csv("tumors.csv").equals(breast_cancer())
    command = answer.out.partition("Next:  deltarule ")[2].split()
    assert run(*command, "--epochs", 2).code == 0


def test_a_name_with_a_hyphen(run: Run, folder: Path) -> None:
    assert run("datasets", "export", "Sine-Curve", "s.csv").code == 0


def test_no_file_is_overwritten_unasked(run: Run, folder: Path) -> None:
    Path("mine.csv").write_text("mine", encoding="utf-8")
    answer = run("datasets", "export", "moons", "mine.csv")
    assert answer.code == 1
    assert "exists, so nothing was written. Add --force" in answer.err
    assert Path("mine.csv").read_text(encoding="utf-8") == "mine"
    assert run("datasets", "export", "moons", "mine.csv", "--force").code == 0
    assert len(pl.read_csv("mine.csv")) == 200


def test_offline(run: Run, nothing_here: Path) -> None:
    answer = run("datasets", "export", "admissions", "a.csv")
    assert answer.code == 1
    assert f"Note: Downloading binary.csv to {nothing_here / 'admissions'}" in answer.err
    assert "Error: The data set admissions needs binary.csv in" in answer.err
    assert "from host.invalid" in answer.err
    assert not Path("a.csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "moon", "a.csv"), "there is no data set 'moon'. Did you mean 'moons'?"),
        (("describe",), "Missing argument 'NAME'"),
        (("export", "moons"), "Missing argument 'FILE'"),
        (("export", "moons", "-"), "must be the name of a file"),
        (("--json", "export", "moons", "a.csv"), "Write it behind export."),
        (("import",), "No such command 'import'"),
    ],
)
def test_not_understood(run: Run, folder: Path, words: tuple[str, ...], said: str) -> None:
    answer = run("datasets", *words)
    assert answer.code == 2
    assert said in answer.err
    assert not list(folder.iterdir())


def test_a_file_that_cannot_be_written(run: Run, folder: Path) -> None:
    answer = run("datasets", "export", "moons", Path("no", "a.csv"))
    assert answer.code == 1
    assert "there is no folder" in answer.err
