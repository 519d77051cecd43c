"""The catalog: each data set is what its record says."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from deltarule.data import datasets
from deltarule.data.datasets import DATASETS, DataSet, data_folder
from deltarule.data.targets import choose_task
from deltarule.errors import InputError


def here(name: str) -> DataSet:
    """The record of this name; the test is skipped where its files are not on this computer."""
    found = DATASETS[name]
    if found.remote and found.remote.missing():
        pytest.skip(f"{name} is not in {data_folder()}")
    return found


@pytest.mark.parametrize("name", DATASETS)
def test_the_table_is_what_the_record_says(name: str) -> None:
    record = here(name)
    table = record.table()
    assert table.shape == (record.rows, record.columns + 1)
    assert record.target in table.columns
    assert choose_task(table, record.target).name == record.task
    assert table.null_count().sum_horizontal().item() == 0


@pytest.mark.parametrize("record", DATASETS.values(), ids=DATASETS)
def test_the_function_has_the_name(record: DataSet) -> None:
    assert getattr(datasets, record.name) is record.load
    assert str(inspect.getdoc(record.load)).startswith("Return ")
    assert record.license
    assert record.source


def test_every_function_that_returns_a_data_set_is_in_the_catalog() -> None:
    others = {"data_folder", "read_idx", "write_idx"}
    functions = {name for name in datasets.__all__ if inspect.isfunction(getattr(datasets, name))}
    assert functions - others == set(DATASETS)


def test_rows_to_learn_from_come_first() -> None:
    data, record = datasets.sine_curve(), DATASETS["sine_curve"]
    table = record.table()
    np.testing.assert_array_equal(table["x1"][: -record.test_rows], data.X_train[:, 0])
    np.testing.assert_array_equal(table["y"][-record.test_rows :], data.y_test[:, 0])


def test_one_hot_becomes_the_number_of_the_class() -> None:
    table = DATASETS["parity"].table()
    np.testing.assert_array_equal(table["even"], 1 - table["x10"].to_numpy())


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_rows_of_images(name: str) -> None:
    record = here(name)
    data, table = record.load(), record.table()
    assert table.columns[:2] + table.columns[-2:] == ["pixel_0_0", "pixel_0_1", "pixel_27_27", record.target]
    np.testing.assert_array_equal(table.row(0)[:784], data.X_train[0])
    np.testing.assert_array_equal(table[record.target][60_000:], data.y_test)


def test_unknown_name() -> None:
    with pytest.raises(InputError, match=r"`dataset` must be one of admissions, .* Did you mean 'mnist'"):
        DATASETS.find("minst")
