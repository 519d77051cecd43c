"""The benchmark measures what it says: the same training for everyone, and tables made from its numbers."""

from __future__ import annotations

import doctest
import json
import os
import re
import statistics
import sys
import time
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import report, timing
from benchmarks.busy import Competitors, busy
from benchmarks.peers import PEERS, REFERENCE, Peer
from benchmarks.runnable import Runnable
from benchmarks.startup import growth_mb, seconds_to_first_epoch
from benchmarks.worker import Worker, WorkerError
from benchmarks.works import OPTIMIZERS, Problem, Work
from tests.project.support import run

SMALL = Work("small", (3, 4, 1), "tanh", "identity", 50, 8)  # the last step of an epoch has 2 rows
OURS = REFERENCE
NOBODY = Peer("nobody", "no_such_module", "Nobody")
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

PAGE = """Before.
<!-- benchmark: where -->
<!-- end of benchmark -->
<!-- benchmark: speed -->
<!-- end of benchmark -->
Between.
<!-- benchmark: busy -->
old
<!-- end of benchmark -->
After.
"""


def test_command_measures_and_fills_a_page(tmp_path: Path) -> None:
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    words = ["--works", "lab", "parity", "--optimizers", "adam", "--seconds", "0.01", "--repeats", "2"]
    words += ["--peers", OURS.name, "scikit-learn", "--json", results, "--markdown", page]
    printed = run(sys.executable, "-m", "benchmarks.training", *words)
    records = json.loads(results.read_text(encoding="utf-8"))["speed"]
    assert [r["work"] for r in records if r["peer"] == OURS.name] == ["lab", "parity"]
    for record in records:
        if record["peer"] == OURS.name:
            assert len(record["repeats"]) == 2
            assert min(record["milliseconds"], record["first_seconds"]) > 0.0
        else:
            assert "no such output activation" in record["reason"]
    text = page.read_text(encoding="utf-8")
    table = text.split("<!-- benchmark: speed -->\n\n")[1].split("\n\n<!-- end")[0]
    assert table in printed
    assert "| parity |" in table
    assert re.match(r"Before\.\n<!-- benchmark: where -->\n\n.+, \d+ cores, \d{4}-\d\d-\d\d .*UTC:\n", text)
    assert text.endswith("Between.\n<!-- benchmark: busy -->\nold\n<!-- end of benchmark -->\nAfter.\n")


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam"])
@pytest.mark.parametrize("batch_size", [8, None])
def test_scikit_learn_trains_the_same_first_epoch(optimizer: str, batch_size: int | None) -> None:
    trains_the_same("scikit-learn", replace(SMALL, batch_size=batch_size), optimizer)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("bias", [True, False])
def test_pytorch_trains_the_same_first_epoch(optimizer: str, bias: bool) -> None:
    trains_the_same("PyTorch", replace(SMALL, bias=bias), optimizer)


def trains_the_same(peer: str, work: Work, optimizer: str) -> None:
    (record,) = timing.check(work, optimizer, [PEERS[peer]])
    assert record["deviation"] < timing.TOLERANCE[optimizer]
    assert not timing.disagreements([record])


def test_a_peer_that_trains_something_else_is_named() -> None:
    truth = timing.first_epoch(SMALL, "sgd")
    with Worker(OURS, replace(SMALL, hidden="sigmoid"), "sgd") as worker:
        worker.train(1)
        off = timing.deviation(worker.parameters(), truth, Problem(SMALL, "sgd").start())
    record = {"peer": "other", "work": "small", "optimizer": "sgd", "deviation": off}
    (sentence,) = timing.disagreements([record])
    assert sentence.startswith("other on small with sgd: off by")


def test_a_peer_that_cannot_be_loaded_is_named_with_its_reason() -> None:
    (record,) = timing.speed(SMALL, "sgd", [NOBODY], seconds=0.01, repeats=1)
    assert record["reason"].endswith("No module named 'benchmarks.peers.no_such_module'")
    assert "no_such_module" in report.sections({"machine": {}, "speed": [record]})["refused"]
    with pytest.raises(WorkerError, match="no_such_module"):
        Worker(NOBODY, SMALL, "sgd")


def test_startup_ends_with_the_first_epoch() -> None:
    assert seconds_to_first_epoch(OURS, SMALL) > 0.0
    with pytest.raises(WorkerError, match="no_such_module"):
        seconds_to_first_epoch(NOBODY, SMALL)


@LINUX
def test_growth_of_memory_sees_what_training_holds() -> None:
    few, many = (replace(SMALL, rows=rows, widths=(3, 64, 1), batch_size=None) for rows in (100, 100_000))
    held = 100_000 * 64 * 4 / 2**20  # one array of activations
    small, large = growth_mb(OURS, few), growth_mb(OURS, many)
    assert small is not None
    assert large is not None
    assert large - small > held


@LINUX
def test_competitors_occupy_every_core_and_go() -> None:
    with Competitors() as session:
        assert session != os.getsid(0)
        pinned = {frozenset(os.sched_getaffinity(process)) for process in members(session)}
        assert pinned >= {frozenset([core]) for core in os.sched_getaffinity(0)}
    assert not members(session)


@LINUX
def test_threads_that_want_to_run_are_counted() -> None:
    with Runnable() as quiet:
        time.sleep(0.5)
    with Competitors(), Runnable() as busy:
        time.sleep(0.5)
    assert statistics.median(quiet.counts) == 0
    assert min(busy.counts) >= len(os.sched_getaffinity(0))


def members(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            state, _, _, its_session = status.read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(int(status.parent.name))
    return found


@LINUX
def test_busy_says_what_share_of_the_cores_was_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.busy.AT_LEAST", 0.1)
    monkeypatch.setattr("benchmarks.busy.SLICE", 0.01)
    (record,) = busy(SMALL, "sgd", [OURS], repeats=1)
    assert record["slowdown"] > 0.0
    assert 0.0 < record["busy_share"] <= 1.05


@pytest.mark.parametrize("module", ["worker", "timing", "report", "peers.common"])
def test_examples_in_docstrings(module: str) -> None:
    done = doctest.testmod(import_module(f"benchmarks.{module}"))
    assert done.attempted > 0
    assert done.failed == 0
