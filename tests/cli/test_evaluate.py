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
        "without_target": 0,
        "weights": None,
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
    assert (scores["n_rows"], scores["without_target"]) == (1, 1)
    assert "r2" not in scores["network"]  # a single row has none


@pytest.mark.parametrize(("without", "said"), [(1, "1 without a target is"), (2, "2 without a target are")])
def test_it_says_how_many_rows_are_left_out(run: Run, regressor: Path, without: int, said: str) -> None:
    Path("new.csv").write_text("number,rooms,district,price\n1,3,north,240\n" + "2,4,south,\n" * without)
    answer = run("evaluate", regressor, "new.csv")
    assert f"Scores on the rows of new.csv with a target (1; {said} left out):" in answer.out


def test_rows_count_by_a_column_as_in_training_or_as_asked(run: Run) -> None:
    rows = "".join(f"{n},{n % 7},{n % 3},{n % 2}.5\n" for n in range(60))
    Path("t.csv").write_text(f"x,y,w,v\n{rows}")
    assert run("train", "t.csv", "-t", "y", "--weights", "w", "--epochs", 2, "-o", "m").code == 0
    model = dr.TableModel.load("m")
    for words, weights in (((), "w"), (("--weights", "v"), "v"), (("--weights", "none"), None)):
        scores = json.loads(run("evaluate", "m", "t.csv", *words, "--json").out)
        assert scores["weights"] == weights
        assert scores["network"] == model.evaluate("t.csv", weights)
        said = "" if weights is None else f", weighted by {weights!r}"
        assert f"with a target (60){said}:" in run("evaluate", "m", "t.csv", *words).out
    Path("u.csv").write_text("x,y,v\n1,2,0.5\n")
    answer = run("evaluate", "m", "u.csv")
    assert answer == (
        1,
        "",
        "Error: The table lacks the column 'w', the weights the model was trained with. "
        "Give --weights another column, or none.\n",
    )
    assert run("evaluate", "m", "u.csv", "--weights", "none").code == 0
    assert "Did you mean 'v'?" in run("evaluate", "m", "u.csv", "--weights", "vv").err


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
