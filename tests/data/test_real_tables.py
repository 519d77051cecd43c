"""The real tables, from file to finite numbers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deltarule.data.splitting import split_rows
from deltarule.data.tables import as_table, read_table
from deltarule.data.targets import TargetTransform, choose_task, class_codes, with_target
from deltarule.data.transforms import TableTransform
from deltarule.errors import TableError

SETS = [
    ("admissions/binary.csv", "admit", "classification", 3, []),
    ("tables/bike_hour.csv", "cnt", "regression", 14, ["instant", "dteday"]),
    ("tables/diamonds.csv", "price", "regression", 26, []),
    ("tables/california_housing_geron.csv", "median_house_value", "regression", 14, []),
    ("tables/UCI_Credit_Card.csv", "default.payment.next.month", "classification", 23, ["ID"]),
]


def existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists():
        pytest.skip(f"{name} is not there")
    return path


@pytest.mark.parametrize(("name", "target", "task", "features", "left_out"), SETS)
def test_from_file_to_numbers(
    real_data: Path, name: str, target: str, task: str, features: int, left_out: list[str]
) -> None:
    table = with_target(read_table(existing(real_data, name)), target).table
    assert choose_task(table, target).name == task
    strata = class_codes(table, target) if task == "classification" else None
    train, held_out = (table.take(rows) for rows in split_rows(table.n_rows, 0.2, 0, strata))
    transform = TableTransform.fit(train, exclude=[target])
    fitted = TargetTransform.fit(train, target)
    assert len(transform.feature_names) == features
    assert [note.name for note in transform.describe() if not note.features] == left_out
    again = TableTransform.from_dict(json.loads(json.dumps(transform.to_dict())))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for part in (train, held_out):
            X = again.transform(part)
            assert np.isfinite(X).all()
            assert np.isfinite(fitted.encode(part)).all()


@pytest.mark.parametrize(("name", "target", "task", "features", "left_out"), SETS)
def test_pandas_reads_the_same_inputs(
    real_data: Path, name: str, target: str, task: str, features: int, left_out: list[str]
) -> None:
    pandas = pytest.importorskip("pandas")
    path = existing(real_data, name)
    ours, theirs = as_table(read_table(path)), as_table(pandas.read_csv(path))
    transform = TableTransform.fit(ours, exclude=[target])
    assert TableTransform.fit(theirs, exclude=[target]).feature_names == transform.feature_names
    np.testing.assert_allclose(transform.transform(theirs), transform.transform(ours), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "target", "task", "rows", "features"),
    [
        ("winequality-white.csv", {"header": False}, "12", "regression", 4898, 11),
        ("abalone.csv", {"header": False}, "9", "regression", 4177, 10),
        ("adult-train.csv", {"header": False}, "15", "classification", 32561, 108),
        ("adult-test.csv", {"header": False}, "15", "classification", 16281, 107),
        ("bank-full.csv.gz", {}, "y", "classification", 45211, 51),
    ],
)
def test_tables_of_other_dialects(
    real_data: Path, name: str, options: dict[str, Any], target: str, task: str, rows: int, features: int
) -> None:
    frame = read_table(existing(real_data, f"tables/{name}"), **options)
    assert choose_task(frame, target).name == task
    X = TableTransform.fit(frame, exclude=[target]).transform(frame)
    assert X.shape == (rows, features)
    assert np.isfinite(X).all()


@pytest.mark.parametrize("name", ["winequality-white.csv", "abalone.csv"])
def test_numbers_in_place_of_names_are_noticed(real_data: Path, name: str) -> None:
    with pytest.raises(TableError, match=r"must name the columns; got .*--no-header"):
        read_table(existing(real_data, f"tables/{name}"))


def test_admissions_as_in_the_document(real_data: Path) -> None:
    """The 400 rows standardized with ddof 1, rank as categories; ten rows were printed."""
    frame = read_table(existing(real_data, "admissions/binary.csv"))
    transform = TableTransform.fit(frame, exclude=["admit"], ddof=1, categorical=["rank"])
    assert transform.feature_names == ("gre", "gpa", "rank=1", "rank=2", "rank=3", "rank=4")
    stored = {column["name"]: column for column in transform.to_dict()["columns"]}  # type: ignore[union-attr, index, call-overload]
    np.testing.assert_allclose(stored["gre"]["std"], 115.51653637223805, rtol=1e-12)
    np.testing.assert_allclose(stored["gpa"]["std"], 0.3805667716303841, rtol=1e-12)
    X = transform.transform(frame)[[15, 115, 55, 175, 63, 67, 216, 145, 286, 339]]
    gre_gpa = [
        [-0.932334048286817, 0.13164575505466988],
        [0.27961364679353884, 1.576858634896355],
        [1.3184259568624153, 1.6031352327116577],
        [0.27961364679353884, -0.05229042965245316],
        [0.799019801827977, 1.2089862654821075],
        [0.27961364679353884, -0.23622661435957737],
        [-2.144281743367173, -1.2872905269717112],
        [-1.798010973344214, 0.10536915723936709],
        [1.8378321118968535, -0.4464393968820032],
        [0.6258844168164976, 0.2104755485005806],
    ]
    np.testing.assert_allclose(X[:, :2], gre_gpa, rtol=1e-9)
    np.testing.assert_array_equal(X[:, 2:].argmax(axis=1) + 1, [3, 3, 3, 2, 3, 1, 1, 3, 1, 3])
