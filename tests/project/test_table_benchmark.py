"""The comparison on real tables: the same rows for everyone, and tables made from its numbers."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deltarule as dr
from benchmarks import table_peers, tables
from benchmarks.tables import RealTable

MARKS = "<!-- benchmark: {} -->\n<!-- end of benchmark -->\n"
PAGE = f"{MARKS.format('tables')}\n{MARKS.format('speed')}"
HOUSES = RealTable("Houses", "houses.csv", "price")
JOBS = RealTable("Jobs", "jobs.csv", "4", header=False, test_file="jobs-test.csv")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small tables where DELTARULE_DATA says."""
    rng = np.random.default_rng(0)
    (tmp_path / "tables").mkdir()
    rooms, district = rng.integers(1, 9, 300), rng.choice(["north", "south"], 300)
    prices = 100.5 + 30.0 * rooms + 50.0 * (district == "north") + rng.normal(0, 5, 300)
    houses = pl.DataFrame({"number": range(300), "rooms": rooms, "district": district, "price": prices})
    houses.write_csv(tmp_path / "tables" / HOUSES.file)
    for file, stop in ((JOBS.file, ""), (JOBS.test_file, ".")):
        hours, age, job = (
            rng.uniform(0, 10, 200),
            rng.integers(20, 60, 200),
            rng.choice(["a", "b", None], 200),
        )
        passed = np.where(hours + rng.normal(0, 1, 200) > 4, f"yes{stop}", f"no{stop}")
        jobs = pl.DataFrame({"hours": hours, "age": age, "job": job, "passed": passed})
        jobs.write_csv(tmp_path / "tables" / file, include_header=False)
    monkeypatch.setattr(tables, "TABLES", (HOUSES, JOBS))
    monkeypatch.setenv("DELTARULE_DATA", str(tmp_path))
    return tmp_path


def test_everyone_beats_the_constant_and_the_page_says_so(folder: Path) -> None:
    results, page = folder / "results.json", folder / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    assert tables.main(["--seeds", "1", "--json", str(results), "--markdown", str(page)]) == 0
    records = json.loads(results.read_text(encoding="utf-8"))["tables"]
    assert [r["model"] for r in records] == [*tables.TRAINED[:1], tables.CONSTANT, *tables.TRAINED[1:]] * 2
    assert {(r["table"], r["rows"], r["judged"]) for r in records} == {
        ("Houses", 300, 60),
        ("Jobs", 400, 200),
    }
    for table, metric in (("Houses", "rmse"), ("Jobs", "log_loss")):
        by_model = {r["model"]: r["metrics"][metric] for r in records if r["table"] == table}
        constant = by_model.pop(tables.CONSTANT)
        assert max(by_model.values()) < constant
    text = page.read_text(encoding="utf-8")
    assert "| Houses | RMSE | " in text
    assert "| Jobs | log loss | " in text
    assert "|  | accuracy | " in text
    assert text.endswith("<!-- benchmark: speed -->\n<!-- end of benchmark -->\n")


def test_both_sides_judge_with_the_same_metrics(folder: Path) -> None:
    """Our probabilities, judged as those of scikit-learn are, give what ``judge`` says."""
    frame = dr.read_table(folder / "tables" / JOBS.file, header=False)
    learn, judged = tables.parts(JOBS, folder / "tables", frame, 0)
    model = dr.TableModel.train(frame, **JOBS.settings, epochs=3)
    rows = tables.rows_for_peers(model, learn, judged, 0)

    class Ours:
        classes_ = np.array(model.classes)

        def predict_proba(self, X: object) -> np.ndarray:
            return model.predict_proba(judged)

    assert table_peers.metrics(Ours(), rows) == pytest.approx(dict(model.judge(judged).network))


def test_rows_that_differ_are_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FRACTION", 0.3)
    with pytest.raises(RuntimeError, match="rows held out"):
        next(tables.measure(HOUSES, folder / "tables", 0))


def test_without_data_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DELTARULE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="DELTARULE_DATA must name a folder"):
        tables.main([])


def test_examples_in_docstrings() -> None:
    done = doctest.testmod(tables)
    assert done.attempted > 0
    assert done.failed == 0
