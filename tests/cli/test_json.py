"""--json of train and predict: one object per line on standard output, and nothing else there."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import polars as pl

import deltarule as dr
from tests.cli.conftest import Run, subprocess_arguments


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_object_per_epoch_and_one_at_the_end(launch: Run, passes: Path) -> None:
    answer = launch("train", passes, "-t", "passed", "--epochs", 3, "--json")
    assert answer.code == 0
    *epochs, end = objects(answer.out)
    model = dr.TableModel.train(passes, target="passed", epochs=3)
    assert model.history is not None
    assert model.scores is not None
    for values, report in zip(epochs, model.history.epochs, strict=True):
        expected = {**report._asdict(), "seconds": values["seconds"]}
        del expected["step_losses"]
        assert values == expected
    assert end == {
        "model": "model.safetensors",
        "stop": "epochs",
        "epochs_trained": 3,
        "restored_epoch": model.history.restored_epoch,
        "scores": model.scores.to_dict(),
    }
    assert "Network: 1-64-64-1" in answer.err
    assert "Model: model.safetensors" in answer.err


def test_the_model_is_the_same(run: Run, passes: Path) -> None:
    run("train", passes, "-t", "passed", "--epochs", 3, "-o", "one")
    run("train", passes, "-t", "passed", "--epochs", 3, "-o", "other", "--json")
    assert Path("one").read_bytes() == Path("other").read_bytes()


def test_nothing_saved_has_no_last_object(run: Run, prices: Path) -> None:
    words = ("--optimizer", "sgd", "--learning-rate", 1e300, "--validation", 0, "--hidden", "none")
    answer = run("train", prices, "-t", "price", *words, "--json")
    assert answer.code == 1
    assert not any("model" in values for values in objects(answer.out))
    assert "Nothing was saved." in answer.err
    assert not Path("model.safetensors").exists()


def test_without_held_out_rows_there_are_no_scores(run: Run, passes: Path) -> None:
    options = ("--epochs", 2, "--held-out", 0, "--validation", 0)
    *epochs, end = objects(run("train", passes, "-t", "passed", *options, "--json").out)
    assert [values["validation_loss"] for values in epochs] == [None, None]
    assert end["scores"] is None


def test_a_refused_table_leaves_standard_output_empty(run: Run, passes: Path) -> None:
    answer = run("train", passes, "-t", "passe", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert "Did you mean 'passed'?" in answer.err


def test_predictions_one_object_per_row(run: Run, passes: Path) -> None:
    run("train", passes, "-t", "passed", "--epochs", 2)
    table = pl.read_csv(io.StringIO(run("predict", "model.safetensors", passes).out))
    answer = run("predict", "model.safetensors", passes, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert objects(answer.out) == table.to_dicts()
    assert run("predict", "model.safetensors", passes, "--json", "-o", "out.jsonl").out == ""
    assert Path("out.jsonl").read_text() == answer.out


def test_whoever_has_read_enough_does_not_end_the_training(passes: Path) -> None:
    words = subprocess_arguments("train", passes, "-t", "passed", "--epochs", 200, "--json")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert json.loads(running.stdout.readline())["epoch"] == 1
        running.stdout.close()
        said = running.stderr.read()
    assert running.returncode == 0, said
    assert "Model: model.safetensors" in said
    assert Path("model.safetensors").is_file()
