"""deltarule compare: every combination of the options of train, on the screen, as JSON and in a file."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deltarule.cli import comparison_table
from deltarule.cli.compare import VARIED, compare
from deltarule.cli.train import train
from deltarule.comparison.ranking import ranked
from deltarule.comparison.results import Result
from tests.cli.conftest import Run, subprocess_arguments
from tests.cli.test_json import objects

GRID = ("--hidden", "4", "--hidden", "3,2", "--activation", "relu,tanh", "--epochs", 4)
PATIENCE = 60


def without_seconds(text: str) -> list[dict[str, Any]]:
    """The results, in an order that does not depend on when they were there."""
    found = [{**each, "seconds": 0.0} for each in objects(text)]
    return sorted(found, key=lambda each: str(each["digest"]))


def lines_of(out: str) -> list[list[str]]:
    """The words of each line of the table."""
    below = out.split("─" * 20)[-1].splitlines()[1:]
    return [line.split() for line in takewhile(str.strip, below)]


def test_one_table_with_the_best_first(run: Run, prices: Path) -> None:
    answer = run("compare", prices, "-t", "price", *GRID, "--exclude", "number")
    assert (answer.code, answer.err) == (0, "")
    assert "prices.csv: 200 rows. A regression: " in answer.out
    assert "Rows: 128 to learn from, 32 to watch for early stopping, 40 held out" in answer.out
    assert "Runs: 4 to do, " in answer.out
    same = "optimizer adam, learning rate auto, schedule constant, batch size auto, epochs 4, patience 20"
    assert f"The same in all: {same}." in answer.out
    lines = lines_of(answer.out)
    assert {(hidden, activation) for hidden, activation, *_ in lines} == {
        (hidden, activation) for hidden in ("4", "3,2") for activation in ("relu", "tanh")
    }
    losses = [float(loss) for _, _, loss, *_ in lines]
    assert losses == sorted(losses)
    assert "The best on the 40 rows held out, which had no say: rmse " in answer.out


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--seed", 4, "--seeds", 2),
        ("--hidden", "none", "--optimizer", "sgd,adam"),
        ("--hidden", "none", "--batch-size", "auto,16"),
        ("--l2", "0,1e-3", "--clip-norm", "none,1.5", "--schedule", "constant,cosine"),
        ("--hidden", "5,4", "--dropout", "0", "--dropout", "0.25", "--dropout", "0.25,0.5"),
    ],
)
def test_the_command_at_the_end_trains_the_best_network(
    run: Run, prices: Path, more: tuple[object, ...]
) -> None:
    words = ("-t", "price", "--exclude", "number", "--learning-rate", "0.01,0.1", *GRID, *more)
    answer = run("compare", prices, *words, "--json", "--jobs", 2)
    assert answer.code == 0
    (again,) = re.findall(r"^Next:  deltarule (.*)$", answer.err, flags=re.MULTILINE)
    trained = run(*shlex.split(again), "--json")
    *epochs, end = objects(trained.out)
    found = objects(answer.out)
    best = ranked(Result(**{name: each[name] for name in Result._fields}) for each in found)[0].runs[0]
    assert epochs[end["restored_epoch"] - 1]["validation_loss"] == best.validation_loss
    assert end["scores"] == best.scores
    assert end["epochs_trained"] == best.epochs


def test_what_is_off_by_default_can_be_compared_with_what_is_on(run: Run, prices: Path) -> None:
    words = ("--learning-rate", "auto,0.1", "--schedule", "constant,cosine", "--clip-norm", "none,1")
    answer = run("compare", prices, "-t", "price", "--hidden", 2, "--epochs", 2, *words)
    assert (answer.code, answer.err) == (0, "")
    assert {tuple(line[:3]) for line in lines_of(answer.out)} == {
        (rate, schedule, norm)
        for rate in ("auto", "0.1")
        for schedule in ("constant", "cosine")
        for norm in ("none", "1")
    }
    (again,) = re.findall(r"^Next:  (.*)$", answer.out, flags=re.MULTILINE)
    assert not {"--l1", "--l2", "--dropout", "--label-smoothing", "auto", "constant", "none"} & {
        *again.split()
    }


def test_json_is_one_object_per_run(launch: Run, passes: Path) -> None:
    answer = launch("compare", passes, "-t", "passed", *GRID, "--json", "--seeds", 2)
    assert answer.code == 0
    found = objects(answer.out)
    assert len(found) == 8
    assert {each["seed"] for each in found} == {0, 1}
    assert {each["outcome"] for each in found} == {"trained"}
    assert found[0]["fixed"]["target"] == "passed"
    assert set(found[0]["settings"]) == set(VARIED)
    assert set(found[0]["metrics"]) == {"accuracy"}
    assert "validation" in answer.err
    assert " ±" in answer.err


def test_what_fails_is_told_below_the_table(run: Run, prices: Path) -> None:
    words = ("--optimizer", "sgd", "--learning-rate", "0.01,1e300", "--hidden", "none", "--epochs", 2)
    answer = run("compare", prices, "-t", "price", *words)
    assert answer.code == 0
    assert lines_of(answer.out)[-1][:2] == ["1e+300", "diverged"]
    assert answer.err.startswith("Note: Stopped in epoch 1: the objective is no longer finite.")
    assert "(learning rate 1e+300, seed 0)\n" in answer.err
    refused = run(
        "compare", prices, "-t", "price", "--hidden", "1", "--activation", "tanh,softmax", "--epochs", 2
    )
    assert refused.code == 0
    assert lines_of(refused.out)[-1] == ["softmax", "refused"]
    assert refused.err.startswith("Note: ")
    assert "(activation softmax, seed 0)\n" in refused.err
    assert "`" not in refused.err
    alone = run(
        "compare", prices, "-t", "price", "--optimizer", "sgd", "--learning-rate", 1e300, "--hidden", "none"
    )
    assert alone.code == 1
    assert "Error: No run has come to an end that can be compared." in alone.err
    assert "Next:" not in alone.out


def test_a_second_time_nothing_is_trained(run: Run, passes: Path) -> None:
    words = ("compare", passes, "-t", "passed", *GRID, "-o", "results.jsonl")
    first = run(*words)
    written = Path("results.jsonl").read_text()
    second = run(*words, "--json")
    assert second.out == written
    assert "Runs: 4 results in results.jsonl, none to do." in second.err
    assert lines_of(second.err) == lines_of(first.out)
    more = run(*words, "--activation", "elu")
    assert "Runs: 4 results in results.jsonl, 2 to do, " in more.out
    assert len(lines_of(more.out)) == 6
    other = run(*words, "--held-out", 0.3)
    assert (other.code, other.out.count("\n")) == (1, 3)
    assert other.err == (
        "Error: --held-out must be the same for all runs in 'results.jsonl'; got 0.3. Allowed: 0.2. "
        "Name another --output.\n"
    )
    assert Path("results.jsonl").read_text().startswith(written)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no signals that kill")
def test_a_killed_comparison_goes_on_where_it_was(launch: Run, passes: Path) -> None:
    words = ("compare", passes, "-t", "passed", *GRID, "--epochs", "40,30,20,10", "--jobs", 1)
    whole = launch(*words, "--json").out
    program = subprocess.Popen(
        subprocess_arguments(*words, "-o", "results"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + PATIENCE
    while not lines_in("results") and time.monotonic() < end:
        time.sleep(0.01)
    program.send_signal(signal.SIGKILL)
    program.wait(PATIENCE)
    done = lines_in("results")
    assert done > 0
    with Path("results").open("ab") as file:
        file.write(b'{"digest": "ab')
    again = launch(*words, "-o", "results", "--json")
    assert f"{done} result" in again.err
    assert without_seconds(again.out) == without_seconds(whole)
    assert without_seconds(Path("results").read_text()) == without_seconds(whole)


def lines_in(name: str) -> int:
    return Path(name).read_bytes().count(b"\n") if Path(name).exists() else 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("output", [(), ("-o", "results")])
def test_ctrl_c_shows_what_is_done(folder: Path, passes: Path, output: tuple[str, ...]) -> None:
    words = ("-t", "passed", "--jobs", 1, "--epochs", "2,1000000", "--patience", 10**6, "--json", *output)
    program = subprocess.Popen(
        subprocess_arguments("compare", passes, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout is not None
    first = json.loads(program.stdout.readline())
    time.sleep(0.2)  # so that it is in the middle of the long one, mostly
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: all processes
    rest, said = program.communicate(timeout=PATIENCE)
    assert (program.returncode, rest) == (130, "")
    assert first["settings"]["epochs"] == 2
    assert "The same in all: " in said
    assert "Interrupted; 1 run not done." in said
    assert ("The same command will do what is missing." in said) == bool(output)
    assert "Traceback" not in said
    assert [Path(name).exists() for name in ("results",)] == [bool(output)]


def test_all_options_of_train_are_there() -> None:
    theirs, ours = inspect.signature(train).parameters, inspect.signature(compare).parameters
    assert set(theirs) <= set(ours)
    assert set(ours) - set(theirs) == {"seeds", "jobs"}
    assert VARIED == [
        "hidden",
        "activation",
        "optimizer",
        "learning_rate",
        "schedule",
        "batch_size",
        "epochs",
        "patience",
        "l1",
        "l2",
        "clip_norm",
        "dropout",
        "label_smoothing",
    ]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--activation", "relu,tanhh"), 2, "there is no activation 'tanhh'. Did you mean 'tanh'?"),
        (("--hidden", "16,x"), 2, "widths must be whole numbers from 1 with commas between them, or 'none'"),
        (("--epochs", "3,"), 2, "it must be a whole number, at least 1; got ''."),
        (("--learning-rate", "0,01"), 2, "it must be a number above 0, or 'auto'; got '0'."),
        (("--loss", "auto,huber"), 2, "there is no loss 'auto,huber'."),
        (("--jobs", "0"), 2, "it must be a whole number, at least 1; got '0'."),
        (
            ("--validation", "0"),
            1,
            "--validation must be above 0, since runs are compared by their loss on these",
        ),
        (("--target", "prise"), 1, "There is no column 'prise' in the table."),
        (("--output", "."), 1, "'.' cannot be written: it is a folder."),
        (
            ("--output", "prices.csv"),
            1,
            "'prices.csv' must be a file of results; got something else in line 1.",
        ),
        (("--output", "-"), 2, "it must be the name of a file, not of standard input or output"),
    ],
)
def test_what_is_refused(run: Run, prices: Path, words: tuple[str, ...], code: int, sentence: str) -> None:
    before = prices.read_bytes()
    answer = run("compare", prices, "-t", "price", *words)
    assert answer.code == code
    assert sentence in answer.err
    assert prices.read_bytes() == before


def test_lists_in_a_config_file(run: Run, prices: Path) -> None:
    Path("run.toml").write_text("hidden = [[3], [4, 2], []]\nactivation = ['relu', 'elu']\nepochs = 2\n")
    answer = run("compare", prices, "-t", "price", "--config", "run.toml", "--json")
    settings = [each["settings"] for each in objects(answer.out)]
    assert sorted((str(each["hidden"]), each["activation"]) for each in settings) == sorted(
        (hidden, activation) for hidden in ("[3]", "[4, 2]", "[]") for activation in ("relu", "elu")
    )
    Path("run.toml").write_text("hidden = [4, 2]\nepochs = 2\n")
    (one,) = objects(run("compare", prices, "-t", "price", "--config", "run.toml", "--json").out)
    assert one["settings"]["hidden"] == [4, 2]


@pytest.mark.parametrize(("width", "merged"), [(76, True), (120, False)])
def test_a_narrow_terminal_has_the_settings_in_one_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, merged: bool
) -> None:
    def screen(*, stderr: bool = False) -> Console:
        return Console(width=width)

    monkeypatch.setattr("deltarule.cli.display.console", screen)
    monkeypatch.setattr("deltarule.cli.comparison_table.console", screen)
    results = [
        Result(
            {"hidden": [32, width], "activation": name, "optimizer": name * 2, "learning_rate": 0.01 * k},
            seed, "trained", "", 0.5 + k + 0.001 * seed, {"accuracy": 0.75}, 200, 1.5, 12345,
        )
        for k, name in enumerate(["softplus", "leaky_relu"])
        for seed in (0, 1)
    ]  # fmt: skip
    comparison_table.show_lines(ranked(results))
    out = capsys.readouterr().out
    assert all(len(line) <= width for line in out.splitlines())
    assert "…" not in out
    assert ("settings" in out) == merged
    for word in ("leaky_relu", "0.5005 ±0.00071", "0.7500", "200", "1.50", "12,345"):
        assert word in out
