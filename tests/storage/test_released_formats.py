"""Saved files of every format that was ever released still load and predict what they predicted then.

A file is added with each new format; none is ever changed or removed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.storage import model_file
from deltarule.table_model import TableModel

DATA = Path(__file__).parent / "data"
EXPECTED: dict[str, Any] = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
TABLES = [name for name in EXPECTED if "table" in EXPECTED[name]]
ROUNDING = {"float64": 1e-12, "float32": 1e-5}
"""Engines and processors add up in different orders."""


def path_of(name: str) -> Path:
    return DATA / f"{name}.safetensors"


def test_every_file_is_expected_and_every_format_has_files() -> None:
    assert sorted(path.stem for path in DATA.glob("*.safetensors")) == sorted(EXPECTED)
    assert {name.split("_")[0] for name in EXPECTED} == {
        f"format{n + 1}" for n in range(model_file.FORMAT_VERSION)
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_the_parameters_are_those_that_were_saved(name: str) -> None:
    assert dr.load(path_of(name)).theta.tolist() == EXPECTED[name]["theta"]


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - set(TABLES)))
def test_a_network_predicts_what_it_predicted(name: str) -> None:
    network = dr.load(path_of(name))
    outputs = network.predict(np.array(EXPECTED[name]["X"]))
    np.testing.assert_allclose(outputs, EXPECTED[name]["outputs"], rtol=ROUNDING[str(network.dtype)])


@pytest.mark.parametrize("name", TABLES)
def test_a_table_model_predicts_what_it_predicted(name: str) -> None:
    model, expected = TableModel.load(path_of(name)), EXPECTED[name]
    np.testing.assert_allclose(model.outputs(expected["table"]), expected["outputs"], rtol=1e-12)
    predictions = model.predict(expected["table"])
    if model.classes:
        assert predictions.tolist() == expected["predictions"]
    else:
        np.testing.assert_allclose(predictions, expected["predictions"], rtol=1e-12)
    assert list(model.rows) == expected["rows"]


@pytest.mark.parametrize("name", EXPECTED)
def test_saved_again_it_holds_the_same(name: str, tmp_path: Path) -> None:
    load = TableModel.load if name in TABLES else dr.load
    load(path_of(name)).save(tmp_path / "again")
    again, before = model_file.read(tmp_path / "again"), model_file.read(path_of(name))
    assert {k: v.tobytes() for k, v in again.arrays.items()} == {
        k: v.tobytes() for k, v in before.arrays.items()
    }
    for entry in ("network", "training", "table_model"):
        assert again.metadata.get(entry) == before.metadata.get(entry)
