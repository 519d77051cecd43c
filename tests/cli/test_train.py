"""deltarule train: what it says, what it saves, and that both are those of TableModel."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deltarule as dr
from deltarule.table_model.rates import LEARNING_RATES
from tests.cli.conftest import Run


def test_it_says_what_it_understood_and_where_the_model_is(run: Run, prices: Path) -> None:
    answer = run("train", prices, "--target", "price", "--hidden", 16, "--epochs", 3)
    assert (answer.code, answer.err) == (0, "")
    for words in (
        "prices.csv: 200 rows. A regression: 'price' holds numbers with decimals.",
        "left out: it numbers the rows",
        "one-hot: north, south",
        "missing: median",
        "Rows: 128 to learn from, 32 to watch for early stopping, 40 held out",
        "Means, medians and missing values are those of the 128 rows to learn from.",
        "Network: 4-16-1 (tanh, identity), 97 parameters",
        "Loss: mean_squared_error. Optimizer: adam, learning rate 0.003, 64 rows per step.",
        "Trained all 3 epochs; the network has the parameters it had after epoch 3, the best known. ",
        "Its validation loss is ",
        "It was still improving: more --epochs may help.",
        "Scores on the rows held out (40):",
        "the mean of the training rows",
        "Model: model.safetensors",
        "Next:  deltarule predict model.safetensors NEW.csv -o predictions.csv",
    ):
        assert words in answer.out
    assert "epochs took" not in answer.out
    assert "\x1b" not in answer.out
    assert "━" not in answer.out
    assert Path("model.safetensors").is_file()


def test_the_next_command_works(run: Run, passes: Path) -> None:
    answer = run("train", passes, "-t", "passed", "--epochs", 2, "-o", "my model.safetensors")
    (command,) = [line for line in answer.out.splitlines() if line.startswith("Next:")]
    words = shlex.split(command.replace("NEW.csv", "passes.csv"))[2:]
    assert run(*words).code == 0
    assert pl.read_csv("predictions.csv").columns == ["predicted_passed", "probability_no", "probability_yes"]


def test_it_is_the_model_of_python_with_the_same_names_and_defaults(run: Run, passes: Path) -> None:
    run("train", passes, "--target", "passed")
    from_python = dr.TableModel.train(passes, target="passed")
    from_python.save("python.safetensors")
    assert Path("model.safetensors").read_bytes() == Path("python.safetensors").read_bytes()


def test_every_option_reaches_the_model(run: Run, prices: Path) -> None:
    options = [
        ("--task", "regression"),
        ("--exclude", "number"),
        ("--categorical", "rooms,district"),
        ("--hidden", "5,4"),
        ("--activation", "relu"),
        ("--loss", "huber"),
        ("--optimizer", "sgd"),
        ("--learning-rate", "0.01"),
        ("--batch-size", "16"),
        ("--epochs", "4"),
        ("--patience", "2"),
        ("--schedule", "exponential"),
        ("--l1", "0.001"),
        ("--l2", "0.002"),
        ("--clip-norm", "0.5"),
        ("--seed", "3"),
        ("--held-out", "0.1"),
        ("--validation", "0.3"),
        ("-o", "m"),
    ]
    answer = run("train", prices, "-t", "price", *(word for option in options for word in option))
    assert answer.code == 0, answer.err
    model = dr.TableModel.train(
        prices,
        target="price",
        task="regression",
        exclude=["number"],
        categorical=["rooms", "district"],
        hidden=(5, 4),
        activation="relu",
        loss="huber",
        optimizer="sgd",
        learning_rate=dr.ExponentialDecay(0.01),
        penalty=[dr.L1(0.001), dr.L2(0.002)],
        clip_norm=0.5,
        batch_size=16,
        epochs=4,
        early_stopping=dr.EarlyStopping(patience=2),
        seed=3,
        held_out=0.1,
        validation=0.3,
    )
    saved = dr.TableModel.load("m")
    assert np.array_equal(saved.network.theta, model.network.theta)
    assert saved.scores == model.scores


def test_the_same_seed_gives_the_same_bytes(run: Run, passes: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert run("train", passes, "-t", "passed", "--epochs", 5, "--seed", seed, "-o", name).code == 0
    a, b, c = (Path(name).read_bytes() for name in "abc")
    assert a == b != c


def test_without_hidden_layers_and_without_rows_set_aside(run: Run, passes: Path) -> None:
    answer = run(
        "train", passes, "-t", "passed", "--hidden", "none", "--held-out", 0, "--validation", 0, "--epochs", 2
    )
    assert "Rows: 120 to learn from\n" in answer.out
    assert "Network: 1-1 (sigmoid), 2 parameters" in answer.out
    assert "held out" not in answer.out
    assert "rows to learn from" not in answer.out
    assert "Trained all 2 epochs. The training loss was " in answer.out
    assert dr.TableModel.load("model.safetensors").scores is None


def test_rows_without_target_are_counted(run: Run, folder: Path) -> None:
    lines = [f"{x},{'' if x == 3 else x % 2}" for x in range(40)]
    Path("t.csv").write_text("x,y\n" + "\n".join(lines) + "\n")
    answer = run("train", "t.csv", "-t", "y", "--epochs", 1)
    assert "1 without a target" in answer.out


def test_a_column_whose_name_has_a_comma(run: Run, folder: Path) -> None:
    pl.DataFrame({"a,b": range(30), "c": np.arange(30) % 7, "y": np.arange(30) * 0.5}).write_csv("t.csv")
    answer = run("train", "t.csv", "-t", "y", "--epochs", 1, "--exclude", "a,b")
    assert answer.code == 0
    assert "a,b      integer   left out: as asked" in answer.out


def test_a_wide_table_is_told_in_few_lines(run: Run, folder: Path) -> None:
    table = {f"x{place}": np.arange(20.0) ** (1 + place % 3) / 7 for place in range(200)}
    pl.DataFrame({**table, "t": ["a", "b"] * 10, "y": np.arange(20) * 0.5}).write_csv("t.csv")
    answer = run("train", "t.csv", "-t", "y", "--epochs", 1)
    assert "x0 ... x199" in answer.out
    assert "200 columns, standardized" in answer.out
    assert len(answer.out.splitlines()) < 30


def test_control_characters_of_a_table_do_not_reach_the_terminal(run: Run, folder: Path) -> None:
    values = ["\x1b[31mred", "[bold]blue"]
    table = pl.DataFrame({"[red]x": np.arange(20) * 1.5, "y": values * 10})
    dr.TableModel.train(table, target="y", epochs=1).save("model.safetensors")
    table.drop("y").write_csv("t.csv")
    pl.DataFrame({"[red]x": np.arange(20) * 1.5, "y": ["[bold]a", "b"] * 10}).write_csv("u.csv")
    answer = run("train", "u.csv", "-t", "y", "--epochs", 1, "-o", "n")
    assert "[red]x" in answer.out
    assert "'[bold]a'" in answer.out
    assert "\x1b" not in answer.out


def test_a_category_that_only_the_rows_set_aside_have_is_a_note(run: Run, folder: Path) -> None:
    towns = [f"town{row}" if row % 10 == 0 else "city" for row in range(100)]
    pl.DataFrame({"town": towns, "y": np.arange(100) * 0.5}).write_csv("t.csv")
    answer = run("train", "t.csv", "-t", "y", "--epochs", 1, "-o", "m")
    assert answer.code == 0
    notes = [line for line in answer.err.splitlines() if "town" in line]
    assert len(notes) == 1
    assert notes[0].startswith("Note: ")


def test_a_network_that_knows_nothing_is_called_so(run: Run, folder: Path) -> None:
    rng = np.random.default_rng(0)
    pl.DataFrame(rng.normal(size=(100, 20))).write_csv("t.csv")
    answer = run("train", "t.csv", "-t", "column_0", "--validation", 0, "--epochs", 100)
    said = "Note: By rmse the network is no better than the baseline on these rows"
    assert re.fullmatch(rf"{said} \([\d.]+ against [\d.]+\)\.\n", answer.err)


def test_the_score_that_decides_is_named(run: Run, folder: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.where(rng.random(60) > 0.4, "yes", "no")
    pl.DataFrame({"x": rng.normal(size=60), "y": y}).write_csv("t.csv")
    options = ["--hidden", "none", "--optimizer", "sgd", "--learning-rate", "1e9"]
    answer = run("train", "t.csv", "-t", "y", *options)
    assert re.search(r"By log loss the network .* on these rows \([\d.,e+]+ against 0\.\d{4}\)\.", answer.err)


def test_the_baseline_of_classes_is_their_shares(run: Run, passes: Path) -> None:
    answer = run("train", passes, "-t", "passed", "--epochs", 2)
    said = "it gives every row the class shares of the training rows, so it always says 'yes' ("
    assert f"The baseline does not look at the inputs: {said}" in answer.out


def test_seconds_are_told_where_they_count(run: Run, passes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=0.75)
    monkeypatch.setattr("deltarule.cli.train.time.perf_counter", lambda: next(clock))
    assert " seconds." in run("train", passes, "-t", "passed", "--epochs", 2).out


def test_divergence_from_the_start_saves_nothing(run: Run, prices: Path) -> None:
    answer = run("train", prices, "-t", "price", "--learning-rate", "1e200")
    assert answer.code == 1
    assert answer.err == (
        "Error: Training diverged in epoch 1: the objective is no longer finite. "
        "Try --learning-rate 0.003, the default for adam. Nothing was saved.\n"
    )
    assert not Path("model.safetensors").exists()


@pytest.mark.parametrize("held_out", [0, 0.2])
def test_what_a_diverged_run_leaves_is_not_saved_if_it_is_useless(
    run: Run, prices: Path, held_out: float
) -> None:
    options = ["--optimizer", "sgd", "--learning-rate", "1e9", "--held-out", held_out]
    answer = run("train", prices, "-t", "price", *options)
    assert answer.code == 1
    first, second = answer.err.splitlines()
    assert first.startswith("Note: Training diverged in epoch ")
    assert first.endswith("the best known. Try --learning-rate 0.05, the default for sgd.")
    assert second.startswith("Error: By rmse the network is no better than the baseline on these rows (")
    assert second.endswith(" Nothing was saved.")
    assert "Next:" not in answer.out
    assert not Path("model.safetensors").exists()


def test_divergence_later_saves_a_network_of_use_with_a_note(
    run: Run, prices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deltarule.cli.train.no_better_than_baseline", lambda scores: "")
    monkeypatch.setitem(LEARNING_RATES, "sgd", 1.0)
    options = ["--hidden", "none", "--optimizer", "sgd", "--learning-rate", 1.2, "--patience", 10_000]
    answer = run("train", prices, "-t", "price", "--epochs", 5000, *options)
    assert answer.code == 0
    assert "Note: Training diverged in epoch" in answer.err
    assert answer.err.endswith(" Try a smaller rate: --learning-rate 0.12.\n")
    assert Path("model.safetensors").is_file()


def test_poisson_counts(run: Run, folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 2, 300)
    pl.DataFrame({"x": x, "count": rng.poisson(np.exp(x)) * 3}).write_csv("t.csv")
    answer = run("train", "t.csv", "-t", "count", "--loss", "poisson", "--epochs", 60)
    assert "(tanh, tanh, exponential)" in answer.out
    model = dr.TableModel.load("model.safetensors")
    assert (model.predict("t.csv") > 0).all()
    assert model.scores is not None
    assert model.scores.network["rmse"] < model.scores.baseline["rmse"]


def test_an_old_model_is_replaced(run: Run, passes: Path) -> None:
    for seed in (0, 1):
        assert run("train", passes, "-t", "passed", "--epochs", 1, "--seed", seed).code == 0
    assert dr.TableModel.load("model.safetensors").network.training_record["seed"] == 1


@pytest.mark.parametrize("name", ["model", "a.b.safetensors", "sub/model"])
def test_the_output_may_have_any_name(run: Run, passes: Path, name: str) -> None:
    Path("sub").mkdir()
    assert run("train", passes, "-t", "passed", "--epochs", 1, "-o", name).code == 0
    assert dr.TableModel.load(name).classes == ("no", "yes")


def test_lbfgs_takes_all_rows_and_counts_iterations(run: Run, prices: Path) -> None:
    answer = run("train", prices, "-t", "price", "--optimizer", "lbfgs", "--epochs", 4, "--validation", 0)
    assert (answer.code, answer.err) == (0, "")
    assert "Optimizer: lbfgs, all rows per step; an epoch is one iteration." in answer.out
    assert "Trained all 4 epochs. The training loss was " in answer.out
    record = dr.load("model.safetensors").training_record
    assert (record["optimizer"]["name"], record["batch_size"], record["rows"]) == ("lbfgs", 160, 160)


@pytest.mark.parametrize("size", [32, 64])
def test_lbfgs_refuses_batches(run: Run, prices: Path, size: int) -> None:
    answer = run("train", prices, "-t", "price", "--optimizer", "lbfgs", "--batch-size", size)
    assert answer.code == 1
    assert (
        f"--batch-size must be left out with L-BFGS, which uses all rows in every step; got {size}."
        in answer.err
    )


@pytest.mark.parametrize("words", [(), ("--batch-size", "auto"), ("--config", "run.toml")])
def test_a_step_takes_64_rows_of_a_table(run: Run, prices: Path, words: tuple[str, ...]) -> None:
    Path("run.toml").write_text('batch_size = "auto"')
    assert run("train", prices, "-t", "price", "--epochs", 1, *words).code == 0
    assert dr.load("model.safetensors").training_record["batch_size"] == 64


def test_lbfgs_has_no_learning_rate(run: Run, prices: Path) -> None:
    answer = run("train", prices, "-t", "price", "--optimizer", "lbfgs", "--learning-rate", 0.1)
    assert answer.code != 0
    assert "must be left out with L-BFGS" in answer.err


def test_lbfgs_that_cannot_begin_says_what_to_try(run: Run, prices: Path) -> None:
    deep = ("--hidden", "16,16,16,16", "--activation", "exponential")
    answer = run("train", prices, "-t", "price", "--optimizer", "lbfgs", *deep)
    assert answer.code != 0
    assert "Training diverged in epoch 1: the objective is no longer finite." in answer.err
    assert "Try another --seed, or another --activation. Nothing was saved." in answer.err
