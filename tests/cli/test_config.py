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


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        ("hidde = [3]", 1, "There is no option 'hidde', as 'run.toml' has it. Allowed: table, target, task,"),
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
