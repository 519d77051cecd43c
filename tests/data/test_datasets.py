"""The bundled data sets and those of the documents."""

from __future__ import annotations

import numpy as np
import pytest

from deltarule.data.datasets import breast_cancer, digits, net321, parity, toy_plane
from deltarule.data.targets import TargetTransform, choose_task
from deltarule.data.transforms import TableTransform
from deltarule.errors import InputError


def test_breast_cancer() -> None:
    table = breast_cancer()
    assert table.shape == (569, 31)
    assert table["diagnosis"].value_counts(sort=True).rows() == [("benign", 357), ("malignant", 212)]
    assert table["mean_radius"][0] == 17.99
    X = TableTransform.fit(table, exclude=["diagnosis"]).transform(table)
    assert X.shape == (569, 30)
    assert TargetTransform.fit(table, "diagnosis").labels == ("benign", "malignant")


def test_digits() -> None:
    table = digits()
    assert table.shape == (1797, 65)
    assert table["pixel_0_2"][0] == 5
    assert choose_task(table, "digit").name == "classification"
    transform = TableTransform.fit(table, exclude=["digit"])
    assert np.isfinite(transform.transform(table)).all()
    constant = [note.name for note in transform.describe() if note.features == 0]
    assert constant == ["pixel_0_0", "pixel_4_0", "pixel_4_7"]


def test_parity() -> None:
    X, y = parity()
    assert X.shape == (1024, 10)
    np.testing.assert_array_equal(X @ 2 ** np.arange(10)[::-1], np.arange(1024))
    np.testing.assert_array_equal(y[:2], [[0, 1], [1, 0]])
    np.testing.assert_array_equal(y.argmax(axis=1), X[:, -1] == 0)


@pytest.mark.parametrize("bits", [0, 21, 2.5])
def test_parity_refuses_impossible_numbers_of_bits(bits: float) -> None:
    with pytest.raises(InputError, match="`bits`"):
        parity(bits)  # type: ignore[arg-type]


def test_toy_plane() -> None:
    X, y = toy_plane()
    assert X.shape == (12, 2)
    expected = [4.6, 6.1, 3.1, 1.6, 6.1, 1.6, 4.6, -2.15, 2.65, 4.6, 1.6, 0.1]
    np.testing.assert_allclose(y[:, 0], expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(X[[0, 7, 11]], [[1, 2], [-1, -0.5], [-1, 1]])


def test_net321() -> None:
    X, y = net321()
    np.testing.assert_array_equal(X[0], [1.764052345967664, 0.4001572083672233, 0.9787379841057392])
    np.testing.assert_array_equal(X[-1], [-1.511276311553496, 0.976843833247955, 1.2555006542858775])
    np.testing.assert_allclose(y[0], 64.00574249872821, rtol=1e-12)
    np.testing.assert_allclose([y.mean(), y.std()], [18.12946100132228, 17.20728170195768], rtol=1e-12)
    assert net321(seed=1, n=5).X.shape == (5, 3)
