"""--config run.toml: the same run as with options; the command line has the last word."""

from __future__ import annotations

from pathlib import Path

import pytest

import deltarule as dr
from tests.cli.conftest import Run

RUN = """
table = "prices.csv"
target = "price"
hidden = [5, 4]
categorical = ["rooms"]
exclude = "number"
activation = "relu"
learning_rate = 0.01
epochs = 4
held_out = 0.1
seed = 3
"""


def test_the_file_is_the_arguments_of_python(run: Run, prices: Path) -> None:
    Path("run.toml").write_text(RUN)
    answer = run("train", "--config", "run.toml")
    assert (answer.code, answer.err) == (0, "")
    model = dr.TableModel.train(
        prices,
        target="price",
        hidden=[5, 4],
        categorical=["rooms"],
        exclude=["number"],
        activation="relu",
        learning_rate=0.01,
        epochs=4,
        held_out=0.1,
        seed=3,
    )
    model.save("python")
    assert Path("model.safetensors").read_bytes() == Path("python").read_bytes()


def test_the_command_line_has_the_last_word(run: Run, prices: Path) -> None:
    Path("run.toml").write_text(RUN + 'output = "ours"\n')
    answer = run("train", "--config", "run.toml", "--hidden", "none", "-o", "mine", "--epochs", 2)
    assert answer.code == 0
    assert "Trained all 2 epochs" in answer.out
    assert dr.load("mine").architecture.n_layers == 1
    assert not Path("ours").exists()


def test_no_hidden_layer_automatic_rate_and_flags(run: Run, prices: Path) -> None:
    Path("run.toml").write_text('hidden = []\nlearning_rate = "auto"\njson = true\nepochs = 1\n')
    answer = run("train", prices, "-t", "price", "--config", "run.toml")
    assert answer.code == 0
    assert answer.out.startswith('{"epoch": 1,')
    assert "learning rate 0.003" in answer.err
    assert dr.load("model.safetensors").architecture.n_layers == 1


def test_weights_a_schedule_dropout_and_a_table_to_watch(run: Run, prices: Path) -> None:
    Path("run.toml").write_text(
        """
        validation = "prices.csv"
        weights = "rooms"
        offset = ["number"]
        l2 = 0.01
        clip_norm = 1.5
        dropout = [0.1, 0.2]
        learning_rate = 0.01
        batch_size = 16
        epochs = 3
        [schedule]
        name = "cosine"
        warmup = 2
        """
    )
    rows = [line for line in prices.read_text().splitlines() if ",," not in line]
    prices.write_text("\n".join(rows))
    answer = run("train", prices, "-t", "price", "--config", "run.toml")
    assert (answer.code, answer.err) == (0, "")
    assert "learning rate 0.01 (cosine)" in answer.out
    model = dr.TableModel.train(
        prices,
        target="price",
        validation=prices,
        weights="rooms",
        offset=["number"],
        penalty=dr.L2(0.01),
        clip_norm=1.5,
        dropout=[0.1, 0.2],
        learning_rate=dr.CosineDecay(0.01, warmup=2),
        batch_size=16,
        epochs=3,
    )
    model.save("python")
    assert Path("model.safetensors").read_bytes() == Path("python").read_bytes()
    answer = run("train", prices, "-t", "price", "--config", "run.toml", "--schedule", "step")
    assert "learning rate 0.01 (step)" in answer.out


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        ("[schedule]\nname = 'cosin'", 1, "got 'cosin'. Did you mean 'cosine'?"),
        ("[schedule]\nwarmup = 3", 1, "--schedule must be a name, or a name with parameters"),
        ("schedule = {name = 'step', ever = 3}", 1, "Allowed: every, factor. Did you mean 'every'?"),
        (
            "schedule = {name = 'step', every = 0}",
            1,
            "The schedule step cannot be made: every must be at lea",
        ),
        ("schedule = ['step']", 1, "'schedule' in 'run.toml' must be a name, or a table of a name and"),
        ("schedule = 'stop'", 2, "there is no schedule 'stop'. Did you mean 'step'?"),
        ("weight = 'w'", 1, "Did you mean 'weights'?"),
        ("dropout = [0.1, 1]", 2, "Invalid value for '--dropout': it must be a number from 0 up to"),
        ("offset = 3", 1, "'offset' in 'run.toml' must be a list of names; got 3."),
        ("hidde = [3]", 1, "There is no option 'hidde', as 'run.toml' has it. Allowed: table, target, weig"),
        ("hidde = [3]", 1, "Did you mean 'hidden'?"),
        ("config = 'run.toml'", 1, "There is no option 'config'"),
        ("[train]\nepochs = 3", 1, "There is no option 'train'"),
        ("epochs = true", 1, "'epochs' in 'run.toml' must be a text or a number; got True."),
        ("epochs = [1, 2]", 1, "'epochs' in 'run.toml' must be a text or a number; got [1, 2]."),
        ("exclude = 3", 1, "'exclude' in 'run.toml' must be a list of names; got 3."),
        ("json = 1", 1, "'json' in 'run.toml' must be true or false; got 1."),
        (
            "epochs = 0.5",
            2,
            "Invalid value for '--epochs': it must be a whole number, at least 1; got '0.5'.",
        ),
        ("hidden = [0]", 2, "Invalid value for '--hidden'"),
        ("activation = 'rleu'", 2, "Did you mean 'relu'?"),
        ("hidden", 1, "'run.toml' is no TOML file"),
        ("a" + "=[" * 5000, 1, "'run.toml' is no TOML file"),
        ("\xff", 1, "'run.toml' is no TOML file"),
    ],
)
def test_what_is_refused(run: Run, prices: Path, content: str, code: int, sentence: str) -> None:
    Path("run.toml").write_bytes(content.encode("latin-1"))
    answer = run("train", prices, "-t", "price", "--config", "run.toml")
    assert (answer.code, answer.out) == (code, "")
    assert sentence in answer.err
    assert not Path("model.safetensors").exists()


def test_a_file_that_is_not_there(run: Run, prices: Path) -> None:
    for name, why in (("nowhere.toml", "no such file"), (".", "directory")):
        answer = run("train", prices, "-t", "price", "--config", name)
        assert (answer.code, answer.out) == (1, "")
        assert f"{name!r} cannot be read" in answer.err
        assert why in answer.err
