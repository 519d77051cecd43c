"""Standardizer: the documents' numbers, and laws."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from deltarule.data.scaling import Standardizer
from deltarule.errors import InputError, ModelFileError

NUMBERS = st.floats(-1e9, 1e9).map(lambda x: round(x, 6))
TABLES = hnp.arrays(np.float64, st.tuples(st.integers(2, 20), st.integers(1, 4)), elements=NUMBERS)


def test_introductory_notebook() -> None:
    scaler = Standardizer.fit([[1.0, 10.0], [2.0, 30.0], [4.0, 20.0]])
    np.testing.assert_allclose(scaler.mean, [2.3333333333333335, 20.0], rtol=1e-12)
    np.testing.assert_allclose(scaler.std, [1.247219128924647, 8.16496580927726], rtol=1e-12)
    expected = [
        [-1.0690449676496978, -1.224744871391589],
        [-0.2672612419124245, 1.224744871391589],
        [1.3363062095621219, 0.0],
    ]
    X = [[1.0, 10.0], [2.0, 30.0], [4.0, 20.0]]
    np.testing.assert_allclose(scaler.transform(X), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        scaler.transform([[3.0, 40.0]]), [[0.5345224838248487, 2.449489742783178]], rtol=1e-12
    )


@given(TABLES, st.sampled_from([0, 1]))
def test_statistics_are_numpys_to_the_bit(X: np.ndarray, ddof: int) -> None:
    scaler = Standardizer.fit(X, ddof=ddof)
    varies = X.min(axis=0) < X.max(axis=0)
    np.testing.assert_array_equal(scaler.mean[varies], X.mean(axis=0)[varies])
    np.testing.assert_array_equal(scaler.std[varies], X.std(axis=0, ddof=ddof)[varies])


@given(TABLES)
def test_inverse_undoes_transform(X: np.ndarray) -> None:
    scaler = Standardizer.fit(X)
    scale = np.abs(X).max() + 1
    np.testing.assert_allclose(scaler.inverse(scaler.transform(X)), X, rtol=1e-12, atol=1e-12 * scale)


@given(TABLES, st.data())
def test_a_weight_of_two_is_the_row_twice(X: np.ndarray, data: st.DataObject) -> None:
    w = np.array(data.draw(st.lists(st.integers(1, 3), min_size=len(X), max_size=len(X))))
    weighted = Standardizer.fit(X, ddof=1, sample_weight=w)
    repeated = Standardizer.fit(np.repeat(X, w, axis=0), ddof=1)
    scale = np.abs(X).max() + 1
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-9, atol=1e-12 * scale)
    np.testing.assert_allclose(weighted.std, repeated.std, rtol=1e-6, atol=1e-12 * scale)


def test_rows_of_weight_zero_do_not_count() -> None:
    scaler = Standardizer.fit([[1.0], [3.0], [999.0]], sample_weight=[1, 1, 0])
    assert (scaler.mean[0], scaler.std[0]) == (2.0, 1.0)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e300, 5e-324])
@pytest.mark.parametrize("n", [1, 3, 10])
def test_constant_column_becomes_zero(value: float, n: int) -> None:
    X = np.full((n, 1), value)
    scaler = Standardizer.fit(X, ddof=1)
    assert scaler.mean[0] == value
    assert scaler.std[0] == 1
    assert (scaler.transform(X) == 0).all()


@pytest.mark.parametrize("size", [1e300, 1e-200])
def test_squares_neither_overflow_nor_vanish(size: float) -> None:
    scaler = Standardizer.fit([[-size], [size]])
    np.testing.assert_allclose(scaler.transform([[-size], [size]]), [[-1], [1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays(dtype: type) -> None:
    scaler = Standardizer.fit([[1, 2], [3, 5]])
    X = np.ones((2, 2), dtype=dtype)
    assert scaler.transform(X).dtype == dtype
    assert scaler.inverse(X).dtype == dtype
    assert scaler.transform([[1, 2]]).dtype == np.float64


@given(TABLES)
def test_json_round_trip(X: np.ndarray) -> None:
    scaler = Standardizer.fit(X)
    again = Standardizer.from_dict(json.loads(json.dumps(scaler.to_dict())))
    np.testing.assert_array_equal(again.mean, scaler.mean)
    np.testing.assert_array_equal(again.std, scaler.std)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({}, "`mean` is missing"),
        ({"mean": [0.0], "std": [0.0]}, "`std` .*positive"),
        ({"mean": [0.0], "std": [-1.0]}, "positive"),
        ({"mean": [0.0], "std": [1.0, 2.0]}, "1 entries"),
        ({"mean": [float("nan")], "std": [1.0]}, r"`mean\[0\]`.*finite"),
        ({"mean": ["0"], "std": [1.0]}, "finite number"),
        ({"mean": 0.0, "std": [1.0]}, "list"),
    ],
)
def test_stored_numbers_are_checked(stored: dict[str, object], words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        Standardizer.from_dict(stored)


@pytest.mark.parametrize(
    ("X", "settings", "words"),
    [
        ([1.0, 2.0], {}, r"shape \(n, p\).*\(2,\)"),
        (np.empty((0, 2)), {}, "at least one row"),
        ([[1.0], [np.nan]], {}, "finite; got nan in row 1, column 0"),
        ([[1.0], [2.0]], {"ddof": 2}, "`ddof`.*got 2.*total weight 2"),
        ([[1.0], [2.0]], {"ddof": -1}, r"`ddof` must lie in \[0, inf\); got -1"),
        ([[1.0], [2.0]], {"ddof": "a"}, "`ddof` must be a finite number; got 'a'"),
        ([["a"], ["b"]], {}, "`X` must hold numbers; got could not convert"),
        ([[1.0], [2.0, 3.0]], {}, "`X` must hold numbers"),
        ([[1j], [2.0]], {}, "`X` must hold numbers; got values of dtype complex128"),
        ([[1.0], [2.0]], {"sample_weight": "a"}, "`sample_weight` must hold numbers"),
        ([[1.0], [2.0]], {"sample_weight": [1.0]}, r"`sample_weight` must have the shape \(2,\)"),
        ([[1.0], [2.0]], {"sample_weight": [0.0, 0.0]}, "not all zero"),
        ([[1.0], [2.0]], {"sample_weight": [1.0, -1.0]}, "not negative"),
    ],
)
def test_errors_say_what_is_wrong(X: object, settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Standardizer.fit(X, **settings)


@pytest.mark.parametrize("way", ["transform", "inverse"])
@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.ones((3, 1)), r"`X` must have shape \(n, 2\), as in `fit`; got shape \(3, 1\)"),
        (np.ones((3, 3)), r"got shape \(3, 3\)"),
        ([1.0, 2.0], r"got shape \(2,\)"),
        ([["a", "b"]], "`X` must hold numbers"),
        ([[1j, 2.0]], "`X` must hold numbers"),
    ],
)
def test_other_columns_than_those_of_the_fit_are_refused(way: str, X: object, words: str) -> None:
    scaler = Standardizer.fit([[1.0, 10.0], [2.0, 30.0]])
    with pytest.raises(InputError, match=words):
        getattr(scaler, way)(X)


def test_statistics_from_elsewhere() -> None:
    scaler = Standardizer(mean=[587.7, 3.3899], std=[115.5, 1])  # type: ignore[arg-type]
    np.testing.assert_array_equal(scaler.transform([[587.7, 4.3899]]), [[0.0, 4.3899 - 3.3899]])


@pytest.mark.parametrize(
    ("mean", "std", "words"),
    [
        ([1.0], [1.0, 2.0], r"one number per column.*\(1,\) and \(2,\)"),
        (1.0, 2.0, "one number per column"),
        ([1.0], [0.0], "finite and positive"),
        ([np.nan], [1.0], "finite"),
        (["a"], [1.0], "`mean` must hold numbers"),
    ],
)
def test_statistics_that_cannot_be_used(mean: Any, std: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Standardizer(mean, std)


def test_numbers_that_are_not_finite_pass() -> None:
    """What a diverged network predicts is shown as it is."""
    scaler = Standardizer.fit([[1.0], [3.0]])
    np.testing.assert_array_equal(scaler.inverse([[np.nan], [np.inf]]), [[np.nan], [np.inf]])
