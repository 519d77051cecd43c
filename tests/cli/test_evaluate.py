"""deltarule evaluate: the scores of TableModel.judge, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import deltarule as dr
from tests.cli.conftest import Run


@pytest.fixture
def regressor(prices: Path) -> Path:
    dr.TableModel.train(prices, target="price", hidden=(), learning_rate=0.05).save("model")
    return Path("model")


@pytest.fixture
def classifier(passes: Path) -> Path:
    dr.TableModel.train(passes, target="passed", epochs=20).save("model")
    return Path("model")


def test_it_shows_the_scores_beside_the_baseline(run: Run, classifier: Path) -> None:
    answer = run("evaluate", classifier, "passes.csv")
    assert (answer.code, answer.err) == (0, "")
    scores = dr.TableModel.load(classifier).judge("passes.csv")
    assert "Scores on the rows of passes.csv with a target (120):" in answer.out
    for numbers in (scores.network, scores.baseline):
        assert f"{numbers['accuracy']:#.4g}" in answer.out
        assert f"{numbers['log_loss']:#.4g}" in answer.out
    assert "so it always says 'yes'" in answer.out


def test_json_is_one_object_with_all_digits(run: Run, regressor: Path) -> None:
    answer = run("evaluate", regressor, "prices.csv", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out) == {
        "model": "model",
        "table": "prices.csv",
        "target": "price",
        "task": "regression",
        **dr.TableModel.load(regressor).judge("prices.csv").to_dict(),
    }


def test_the_table_may_be_written_as_for_train(run: Run) -> None:
    rows = "".join(f"{n};{n % 7},5;{'ja' if n % 2 else 'nein'}\n" for n in range(40))
    Path("plain.csv").write_text(rows, encoding="utf-8")
    dialect = ["--no-header", "--delimiter", ";", "--decimal", "comma"]
    assert run("train", "plain.csv", "-t", "3", *dialect, "--epochs", "2", "-o", "model").code == 0
    answer = run("evaluate", "model", "plain.csv", *dialect, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out)["n_rows"] == 40


def test_rows_without_a_target_do_not_count(run: Run, regressor: Path) -> None:
    Path("new.csv").write_text("number,rooms,district,price\n1,3,north,240\n2,4,south,\n")
    answer = run("evaluate", regressor, "new.csv", "--json")
    scores = json.loads(answer.out)
    assert scores["n_rows"] == 1
    assert "r2" not in scores["network"]  # a single row has none


def test_a_useless_model_is_called_so(run: Run, passes: Path) -> None:
    flipped = passes.read_text().replace("yes", "?").replace("no", "yes").replace("?", "no")
    Path("flipped.csv").write_text(flipped)
    dr.TableModel.train(passes, target="passed").save("model")
    answer = run("evaluate", "model", "flipped.csv")
    assert answer.code == 0
    assert "Note: By log loss the network is no better than the baseline on these rows" in answer.err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("hours\n1\n", "There is no column 'passed' in the table. Allowed: 'hours'."),
        ("hours,passed\n1,\n", "The target 'passed' must have values; got none in any row."),
        ("hours,passed\n1,maybe\n", "got 'maybe' in row 1. Allowed: 'no', 'yes'."),
        ("hour,passed\n1,no\n", "Did you mean 'hour'?"),
    ],
)
def test_a_table_that_cannot_judge(run: Run, classifier: Path, content: str, sentence: str) -> None:
    Path("new.csv").write_text(content)
    for words in ((), ("--json",)):
        answer = run("evaluate", classifier, "new.csv", *words)
        assert (answer.code, answer.out) == (1, "")
        assert sentence in answer.err


def test_a_network_alone_cannot_read_a_table(run: Run, passes: Path) -> None:
    dr.Network([1, 1], ["sigmoid"]).save("network")
    answer = run("evaluate", "network", passes)
    assert (answer.code, answer.out) == (1, "")
    assert "'network' must hold a model of a table; got a network only, 1-1." in answer.err
