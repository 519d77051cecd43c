"""deltarule train with weights, offset, exposure, a table to watch and smoothed labels."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deltarule as dr
from tests.cli.conftest import Run


@pytest.fixture
def claims(folder: Path) -> Path:
    """Counts in proportion to years, with weights 0, 1 and 2."""
    rng = np.random.default_rng(0)
    x, years = rng.uniform(-1, 1, 300), rng.uniform(0.1, 2, 300)
    counts = 2 * rng.poisson(years * np.exp(0.5 + x))
    table = {"x": x, "years": years, "log": np.log(years), "claims": counts, "w": rng.integers(0, 3, 300)}
    pl.DataFrame(table).write_csv("claims.csv")
    return Path("claims.csv")


COUNTS = ["-t", "claims", "--loss", "poisson", "--epochs", "3"]


def test_weights_and_exposure_from_train_to_predict(run: Run, claims: Path) -> None:
    answer = run("train", claims, *COUNTS, "--weights", "w", "--exposure", "years", "--exclude", "log")
    assert answer.code == 0
    words = " ".join(answer.out.split())
    for said in (
        "A regression: the loss is one of counts.",
        "w sample weights",
        "years exposure: predictions are proportional to it",
        "Network: 1-64-64-1 (tanh, tanh, exponential)",
        "Scores on the rows held out (60), weighted by 'w':",
        "times the exposure 'years', which is right for the training rows as a whole.",
    ):
        assert said in words
    shown = " ".join(run("inspect", "model.safetensors").out.split())
    assert "w sample weights years exposure: predictions are proportional to it x number" in shown
    table = json.loads(run("inspect", "model.safetensors", "--json").out)["table"]
    assert table["row_columns"] == {"weights": "w", "offset": [], "exposure": "years"}
    assert table["scores"]["weights"] == "w"
    Path("new.csv").write_text("x,years\n0.5,1\n0.5,3\n")
    lines = run("predict", "model.safetensors", "new.csv", "--json").out.splitlines()
    one, three = (json.loads(line)["predicted_claims"] for line in lines)
    assert three == pytest.approx(3 * one)
    python = dr.TableModel.train(
        claims, target="claims", loss="poisson", epochs=3, weights="w", exposure="years", exclude=["log"]
    )
    python.save("python")
    assert Path("python").read_bytes() == Path("model.safetensors").read_bytes()


def test_an_offset(run: Run, claims: Path) -> None:
    answer = run("train", claims, *COUNTS, "--offset", "log", "--exclude", "years")
    assert answer.code == 0
    words = " ".join(answer.out.split())
    assert "log offset: added to the output's z" in words
    assert "times exp of the offset 'log', which is right for the training rows" in words
    answer = run("train", claims, "-t", "x", "--offset", "log", "--epochs", 1)
    assert "to the offset 'log', the mean difference in the training rows." in answer.out


def test_offsets_of_three_classes(run: Run, folder: Path) -> None:
    rows = "".join(f"{n % 5},{'abc'[n % 3]},0,0,50\n" for n in range(60))
    Path("t.csv").write_text(f"x,y,p,q,r\n{rows}")
    answer = run("train", "t.csv", "-t", "y", "--offset", "p,q", "--offset", "r", "--epochs", 1)
    assert answer.code == 0
    predicted = run("predict", "model.safetensors", "t.csv").out.splitlines()[1:]
    assert all(line.startswith("c,") for line in predicted)


def test_a_table_to_watch(run: Run, prices: Path) -> None:
    pl.read_csv(prices)[:30].with_columns(price=pl.when(pl.col("number") > 2).then("price")).write_csv(
        "v.csv"
    )
    answer = run("train", prices, "-t", "price", "--validation", "v.csv", "--epochs", 3)
    assert (answer.code, answer.err) == (0, "")
    counts = (
        "160 to learn from, 28 to watch for early stopping, 40 held out (2 without a target are left out)"
    )
    assert f"Rows: {counts}" in answer.out
    python = dr.TableModel.train(prices, target="price", validation="v.csv", epochs=3)
    assert np.array_equal(python.network.theta, dr.load("model.safetensors").theta)


def test_its_unknown_categories_are_a_note(run: Run, prices: Path) -> None:
    pl.read_csv(prices)[:30].with_columns(district=pl.lit("moon")).write_csv("v.csv")
    answer = run("train", prices, "-t", "price", "--validation", "v.csv", "--epochs", 1)
    assert answer.code == 0
    assert answer.err.startswith("Note: The table holds what training never saw. Categories")
    assert "'moon' in 'district'" in answer.err


def test_it_is_written_like_the_table_to_learn_from(run: Run, folder: Path) -> None:
    rows = "".join(f"{n};{n % 7},5;{'ja' if n % 2 else 'nein'};0{n % 3}\n" for n in range(40))
    Path("plain.csv").write_text(rows + "1;1,5;ja;x\n" * 3)
    Path("v.csv").write_text(rows)
    words = ["--no-header", "-t", "3", "--delimiter", ";", "--decimal", "comma", "--validation", "v.csv"]
    answer = run("train", "plain.csv", *words, "--weights", "2", "--epochs", 1)
    assert answer.code == 0
    assert "40 to watch" in answer.out
    assert "never saw" not in answer.err  # as it would be of 00, 01 and 02 read as numbers


def test_smoothed_labels(run: Run, passes: Path) -> None:
    assert run("train", passes, "-t", "passed", "--label-smoothing", 0.1, "--epochs", 2).code == 0
    python = dr.TableModel.train(passes, target="passed", label_smoothing=0.1, epochs=2)
    saved = dr.load("model.safetensors")
    assert np.array_equal(saved.theta, python.network.theta)
    assert saved.training_record["label_smoothing"] == 0.1
    assert "label smoothing 0.1" in " ".join(run("inspect", "model.safetensors").out.split())


def test_the_advice_after_a_divergence_knows_the_schedule(run: Run, prices: Path) -> None:
    options = ["--optimizer", "sgd", "--learning-rate", "1e200"]
    answer = run("train", prices, "-t", "price", *options, "--schedule", "one_cycle")
    assert answer.code == 1
    assert "Try --learning-rate 0.05, the default for sgd." in answer.err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (
            ("--weights", "ww"),
            1,
            "There is no column 'ww' in the table. Allowed: 'x', 'years', 'log', 'claims', '",
        ),
        (("--weights", "yers"), 1, "Did you mean 'years'?"),
        (("--weights", "x"), 1, "The weights in column 'x' must not be negative; got -"),
        (
            ("--weights", "claims"),
            1,
            "The target 'claims' cannot serve for something else too; got it as sample w",
        ),
        (("--exposure", "x"), 1, "The exposure in column 'x' must be above 0; got -"),
        (
            ("--exposure", "years", "--loss", "huber"),
            1,
            "--exposure needs a loss whose output is exponential",
        ),
        (
            ("--offset", "log,x"),
            1,
            "--offset must have one column per output of the network, 1; got 'log', 'x'.",
        ),
        (("--offset", "lag"), 1, "Did you mean 'log'?"),
        (("--validation", "clams.csv"), 1, "There is no file 'clams.csv'. Did you mean 'claims.csv'?"),
        (("--validation", "1.5"), 2, "a number from 0 up to, but not including, 1; got '1.5'."),
        (("--validation", "nan"), 2, "a number from 0 up to, but not including, 1; got 'nan'."),
        (("--validation", "-"), 2, "it must be the name of a file, not of standard input or output"),
        (
            ("--validation", "other.csv"),
            1,
            "The table for validation cannot be used: The table lacks the ",
        ),
        (("--schedule", "cosin"), 2, "there is no schedule 'cosin'. Did you mean 'cosine'?"),
        (("--l1", "-1"), 2, "Invalid value for '--l1': it must be a number at least 0; got '-1'."),
        (("--l2", "much"), 2, "Invalid value for '--l2': it must be a number at least 0; got 'much'."),
        (("--clip-norm", "0"), 2, "Invalid value for '--clip-norm': it must be a number above 0, or 'none'"),
        (("--label-smoothing", "1"), 2, "Invalid value for '--label-smoothing': it must be a number from 0"),
        (
            ("--label-smoothing", "0.1"),
            1,
            "--label-smoothing needs the loss cross_entropy or binary_cross_ent",
        ),
        (("--weight", "w"), 2, "No such option: --weight"),
    ],
)
def test_what_is_refused(run: Run, claims: Path, words: tuple[str, ...], code: int, sentence: str) -> None:
    Path("other.csv").write_text("y,claims\n1,2\n")
    answer = run("train", claims, *COUNTS, *words)
    assert (answer.code, answer.out) == (code, "")
    assert sentence in answer.err
    assert not Path("model.safetensors").exists()


def test_adult_with_the_weights_of_the_census_and_its_own_table_to_watch(run: Run) -> None:
    """The classes of adult-test.csv end in a full stop; its column 3 is how many people a row stands for."""
    tables = Path(os.environ.get("DELTARULE_DATA", "")) / "tables"
    if not os.environ.get("DELTARULE_DATA") or not (tables / "adult-train.csv").exists():
        pytest.skip("DELTARULE_DATA has no table adult")
    words = ["--no-header", "-t", "15", "--weights", "3", "--validation", tables / "adult-test.csv"]
    answer = run("train", tables / "adult-train.csv", *words, "--held-out", 0, "--epochs", 1)
    assert answer.code == 0
    assert "Rows: 32,561 to learn from, 16,281 to watch for early stopping\n" in answer.out
    scores = run("evaluate", "model.safetensors", tables / "adult-test.csv", "--no-header", "--json")
    weighted = json.loads(scores.out)
    assert weighted["weights"] == "3"
    assert weighted["network"]["log_loss"] < 0.4 < 0.5 < weighted["baseline"]["log_loss"]
