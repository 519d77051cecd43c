"""deltarule inspect: all that a model file holds, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import deltarule as dr
from deltarule.storage import model_file
from tests.cli.conftest import Run


def test_a_model_of_a_table(run: Run, prices: Path) -> None:
    run("train", prices, "-t", "price", "--hidden", "5,3", "--epochs", 4, "--optimizer", "sgd", "-o", "model")
    answer = run("inspect", "model")
    assert (answer.code, answer.err) == (0, "")
    words = " ".join(answer.out.split())
    for sentence in (
        "Network: 4-5-3-1, 47 parameters, float64",
        "layer inputs units activation weights biases",
        "1 4 5 tanh 20 5 2 5 3 tanh 15 3 3 3 1 identity 3 1",
        "Columns: 2 are used, and the target 'price'.",
        "price target: regression",
        "left out: it numbers the rows",
        "one-hot: north, south",
        "missing: median",
        "Rows: 128 to learn from, 32 to watch for early stopping, 40 held out",
        "epochs trained 4",
        "loss mean_squared_error",
        "optimizer sgd (learning rate 0.05, momentum 0, nesterov no)",
        "shuffle yes",
        "Scores on the rows held out (40):",
    ):
        assert sentence in words


def test_json_is_one_object_with_everything(run: Run, passes: Path) -> None:
    dr.TableModel.train(passes, target="passed", hidden=(16,), epochs=2).save("model")
    model = dr.TableModel.load("model")
    answer = run("inspect", "model", "--json")
    assert (answer.code, answer.err) == (0, "")
    content: dict[str, Any] = json.loads(answer.out)
    assert content["table"] == json.loads(json.dumps(model.fitted.to_dict()))
    assert content["training"] == dict(model.network.training_record)
    assert content["network"]["widths"] == [1, 16, 1]
    assert content["network"]["layers"][1] == {
        "inputs": 16,
        "units": 1,
        "activation": "sigmoid",
        "weights": 16,
        "biases": 1,
    }
    sizes = [layer["weights"] + layer["biases"] for layer in content["network"]["layers"]]
    assert sum(sizes) == content["network"]["parameters"] == model.network.theta.size


def test_a_network_alone_trained_or_not(run: Run, folder: Path) -> None:
    network = dr.Network([2, 3], ["softmax"], dtype="float32")
    network.save("network")
    answer = run("inspect", "network")
    assert (answer.code, answer.err) == (0, "")
    assert "Network: 2-3, 9 parameters, float32" in answer.out
    assert "The file holds a network only: it takes arrays, not tables (dr.load)." in answer.out
    assert answer.out.endswith("The network was not trained.\n")
    assert json.loads(run("inspect", "network", "--json").out)["table"] is None
    network.train(np.eye(2), np.eye(3)[:2], loss="cross_entropy", epochs=2, penalty=dr.L2(0.5))
    network.save("network")
    answer = run("inspect", "network")
    assert "penalties" in answer.out
    assert "l2 (biases no, strength 0.5)" in answer.out


def test_a_strangers_record_is_shown_and_does_nothing(run: Run, folder: Path) -> None:
    arrays, metadata = dr.Network([1, 1], ["identity"]).to_parts()
    nested: Any = "deep"
    for _ in range(400):
        nested = [nested]
    record = {"\x1b[31mred": "\x1b[2J", "nested": nested, "[bold]": {"name": 3}, "empty": {}}
    model_file.write("model", arrays, {**metadata, "training": record})
    answer = run("inspect", "model")
    assert (answer.code, answer.err) == (0, "")
    for text in ("\\x1b[31mred", "\\x1b[2J", "[bold]", "…"):
        assert text in answer.out
    assert "\x1b" not in answer.out
    assert json.loads(run("inspect", "model", "--json").out)["training"]["[bold]"] == {"name": 3}


def test_what_is_no_model_is_refused(run: Run, prices: Path) -> None:
    for words in (("prices.csv",), ("prices.csv", "--json")):
        answer = run("inspect", *words)
        assert (answer.code, answer.out) == (1, "")
        assert "it looks like a text file, perhaps a table (CSV)" in answer.err
    answer = run("inspect", "nowhere")
    assert (answer.code, answer.out) == (1, "")
    assert "there is no such file" in answer.err
    assert run("inspect").code == 2
