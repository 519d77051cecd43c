"""One file holds all of a table model; what it holds is checked before it is believed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.errors import ModelFileError
from deltarule.storage import model_file
from deltarule.table_model import TableModel
from tests.table_model.support import exams, flowers, rents

TABLES = {"rent": rents(), "kind": flowers(), "grade": exams()}


@pytest.mark.parametrize("target", TABLES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_round_trip_bit_for_bit(tmp_path: Path, target: str, dtype: Any) -> None:
    table, path = TABLES[target], tmp_path / "model.safetensors"
    model = TableModel.train(table, target=target, epochs=3, dtype=dtype)
    model.save(path)
    loaded = TableModel.load(path)
    assert np.array_equal(loaded.predict(table), model.predict(table))
    assert np.array_equal(loaded.outputs(table), model.outputs(table))
    assert loaded.evaluate(table) == model.evaluate(table)
    assert loaded.judge(table) == model.judge(table)
    assert (loaded.classes, loaded.rows, loaded.scores) == (model.classes, model.rows, model.scores)
    assert loaded.inputs == model.inputs
    assert loaded.history is None
    assert loaded.network.training_record["loss"] == model.network.training_record["loss"]
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_dr_load_returns_the_bare_network(tmp_path: Path) -> None:
    model = TableModel.train(rents(), target="rent", epochs=2)
    model.save(tmp_path / "m")
    network = dr.load(tmp_path / "m")
    assert isinstance(network, dr.Network)
    assert np.array_equal(network.theta, model.network.theta)


def test_the_metadata_says_all_that_was_done(tmp_path: Path) -> None:
    TableModel.train(rents(), target="rent", epochs=2).save(tmp_path / "m")
    metadata: Any = model_file.read(tmp_path / "m").metadata
    assert metadata["format_version"] == 1
    assert metadata["library_version"] == dr.__version__
    assert metadata["network"]["widths"] == [6, 64, 64, 1]
    assert metadata["training"]["loss"] == "mean_squared_error"
    assert metadata["training"]["optimizer"]["name"] == "adam"
    assert metadata["table_model"]["target"]["name"] == "rent"
    assert [column["name"] for column in metadata["table_model"]["inputs"]["columns"]] == [
        "rooms",
        "district",
        "furnished",
    ]
    assert metadata["table_model"]["rows"] == {
        "train": 192,
        "validation": 48,
        "held_out": 60,
        "without_target": 0,
    }
    assert set(metadata["table_model"]["scores"]["network"]) == {"rmse", "mae", "r2"}


def test_a_score_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    model = TableModel.train({"x": [1.0, 2.0, 3.0, 4.0], "y": [1.5, 2.5, 3.5, 4.0]}, target="y", epochs=1)
    model.save(tmp_path / "m")
    scores = TableModel.load(tmp_path / "m").scores
    assert scores is not None
    assert set(scores.network) == {"rmse", "mae"}


def test_a_bare_network_is_no_table_model(tmp_path: Path) -> None:
    dr.Network([3, 2], activations=["identity"]).save(tmp_path / "m")
    with pytest.raises(
        ModelFileError, match=r"must hold a model of a table; got a network only, 3-2\. .*dr\.load"
    ):
        TableModel.load(tmp_path / "m")


def test_an_own_activation_must_be_registered_to_be_read(tmp_path: Path) -> None:
    own = dr.Activation("own_of_table_model", value=lambda z: z**3, slope=lambda z, a: 3 * z**2)
    TableModel.train(rents(), target="rent", activation=own, epochs=1).save(tmp_path / "m")
    with pytest.raises(ModelFileError, match=r"dr\.register"):
        TableModel.load(tmp_path / "m")
    dr.register(own)
    try:
        assert TableModel.load(tmp_path / "m").network.architecture.activations[0] is own
    finally:
        ACTIVATIONS._records.pop(own.name)


def test_text_columns_of_a_file_stay_text(tmp_path: Path) -> None:
    codes = [f"0{row % 3}" if row % 4 else "x" for row in range(60)]
    labels = ["1" if row % 2 else "01" for row in range(60)]
    table = pl.DataFrame({"code": codes, "label": labels})
    model = TableModel.train(table, target="label", epochs=1)
    table.filter(pl.col("code") != "x").write_csv(tmp_path / "t.csv")
    assert np.array_equal(
        model.predict(tmp_path / "t.csv"), model.predict(table.filter(pl.col("code") != "x"))
    )
    assert model.evaluate(tmp_path / "t.csv")["accuracy"] <= 1


Change = Callable[[dict[str, Any]], object]
HOSTILE: dict[str, Change] = {
    "no inputs": lambda mine: mine.pop("inputs"),
    "no target": lambda mine: mine.pop("target"),
    "no baseline": lambda mine: mine.pop("baseline"),
    "no rows": lambda mine: mine.pop("rows"),
    "too few inputs": lambda mine: mine["inputs"]["columns"].pop(),
    "inputs of another kind": lambda mine: mine.update(inputs=[1]),
    "a class more": lambda mine: mine["target"]["labels"].append("zebra"),
    "a class twice": lambda mine: mine["target"]["labels"].__setitem__(0, mine["target"]["labels"][1]),
    "classes of two types": lambda mine: mine["target"]["labels"].__setitem__(0, 5),
    "another task": lambda mine: mine["target"].update(task="regression"),
    "an unknown task": lambda mine: mine["target"].update(task="clustering"),
    "a baseline too long": lambda mine: mine["baseline"].append(0.5),
    "a baseline of texts": lambda mine: mine.update(baseline=["a"] * 3),
    "negative rows": lambda mine: mine["rows"].update(train=-1),
    "scores without rows": lambda mine: mine["scores"].update(n_rows=0),
    "a score that is a text": lambda mine: mine["scores"]["network"].update(accuracy="good"),
    "scores of another kind": lambda mine: mine.update(scores=3),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_file_says_is_checked(tmp_path: Path, name: str) -> None:
    TableModel.train(flowers(), target="kind", epochs=1).save(tmp_path / "m")
    file = model_file.read(tmp_path / "m")
    metadata: Any = copy.deepcopy(file.metadata)
    HOSTILE[name](metadata["table_model"])
    model_file.write(tmp_path / "changed", file.arrays, metadata)
    with pytest.raises(ModelFileError, match=r"table_model|stored|labels"):
        TableModel.load(tmp_path / "changed")


def test_outputs_that_are_no_probabilities_are_refused(tmp_path: Path) -> None:
    TableModel.train(exams(), target="grade", epochs=1).save(tmp_path / "m")
    file = model_file.read(tmp_path / "m")
    metadata: Any = copy.deepcopy(file.metadata)
    metadata["network"]["activations"][-1] = "tanh"
    model_file.write(tmp_path / "changed", file.arrays, metadata)
    with pytest.raises(ModelFileError, match="tanh outputs are no probabilities"):
        TableModel.load(tmp_path / "changed")
