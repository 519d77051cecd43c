"""The data sets: those that are bundled or made here, and the contents of those that are downloaded."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deltarule.data.datasets import (
    FASHION_CLASSES,
    admissions,
    breast_cancer,
    circles,
    digits,
    downloaded,
    fashion_mnist,
    mnist,
    moons,
    net321,
    parity,
    sine_curve,
    spirals,
    toy_plane,
    write_idx,
)
from deltarule.data.downloads import RemoteFile, RemoteFolder
from deltarule.data.targets import TargetTransform, choose_task
from deltarule.data.transforms import TableTransform
from deltarule.errors import DataSetError, InputError
from tests.cases.support import CASES


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


def test_sine_curve() -> None:
    given = CASES["intro.sin20.seed0"].inputs
    data = sine_curve(seed=0)
    for got, name in zip(data, ("X_train", "T_train", "X_test", "T_test"), strict=True):
        np.testing.assert_allclose(got, given[name], rtol=0, atol=1e-12)
    assert [part.shape for part in sine_curve(seed=1, n=7)] == [(7, 1)] * 4
    assert (sine_curve(seed=1).y_train != data.y_train).all()


def test_moons() -> None:
    """Without noise, class 0 is on a circle around the origin, class 1 on one around (1, 0.5)."""
    X, y = moons(50, noise=0.0)
    centers = np.where(y == 1, [[1.0, 0.5]], [[0.0, 0.0]])
    np.testing.assert_allclose(np.hypot(*(X - centers).T), 1.0)
    assert ((X - centers)[:, 1:] * (1 - 2 * y) >= -1e-12).all()


def test_circles() -> None:
    X, y = circles(50, noise=0.0, factor=0.3)
    np.testing.assert_allclose(np.hypot(*X.T), np.where(y[:, 0] == 1, 0.3, 1.0))


def test_spirals() -> None:
    """The program of Lang and Witbrock, point by point."""
    X, y = spirals()
    for i in range(97):
        angle, radius = i * np.pi / 16, 6.5 * (104 - i) / 104
        point = np.array([radius * np.sin(angle), radius * np.cos(angle)])
        np.testing.assert_allclose(X[2 * i : 2 * i + 2], [point, -point], atol=1e-12)
    np.testing.assert_array_equal(y[:, 0], [1, 0] * 97)
    assert spirals(5).X.shape == (5, 2)


@pytest.mark.parametrize("shape", [moons, circles, spirals])
def test_shapes_in_the_plane(shape: Callable[..., Any]) -> None:
    X, y = shape(100, noise=0.2, seed=3)
    assert (X.shape, y.shape, X.dtype, y.dtype, y.sum()) == ((100, 2), (100, 1), "float64", "float64", 50)
    np.testing.assert_array_equal(shape(100, noise=0.2, seed=3).X, X)
    assert (shape(100, noise=0.2, seed=4).X != X).all()


@pytest.mark.parametrize("shape", [moons, circles, spirals])
@pytest.mark.parametrize(
    "wrong", [{"n": 1}, {"n": 2.5}, {"noise": -1.0}, {"noise": float("nan")}, {"seed": -1}, {"seed": 2**32}]
)
def test_shapes_refuse_impossible_numbers(shape: Callable[..., Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"`{next(iter(wrong))}` must"):
        shape(**wrong)


@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_circles_refuse_circles_that_are_one(factor: float) -> None:
    with pytest.raises(InputError, match="`factor` must lie in"):
        circles(factor=factor)


def made_up(folder: Path) -> RemoteFolder:
    """Four files in the form of MNIST: 3 and 2 images of 2 x 2 pixels."""
    arrays = {
        "train-images.gz": np.arange(12, dtype=np.uint8).reshape(3, 2, 2),
        "train-labels.gz": np.array([7, 0, 9], np.uint8),
        "test-images.gz": np.arange(100, 108, dtype=np.uint8).reshape(2, 2, 2),
        "test-labels.gz": np.array([1, 2], np.uint8),
    }
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        write_idx(array, folder / name)
    digests = {name: hashlib.md5(gzip.decompress((folder / name).read_bytes())) for name in arrays}
    files = tuple(RemoteFile(name, (digest.hexdigest(),), 100) for name, digest in digests.items())
    return RemoteFolder(folder.name, ("http://host.invalid/",), files)


@pytest.mark.parametrize(("name", "load"), [("MNIST", mnist), ("FASHION_MNIST", fashion_mnist)])
def test_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, load: Callable[..., Any]) -> None:
    monkeypatch.setenv("DELTARULE_DATA", str(tmp_path))
    monkeypatch.setattr(downloaded, name, made_up(tmp_path / "images"))
    X_train, y_train, X_test, y_test = load(download=False)
    np.testing.assert_array_equal(X_train, np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(X_test, [[100, 101, 102, 103], [104, 105, 106, 107]])
    assert (X_train.dtype, X_test.dtype) == (np.uint8, np.uint8)
    assert (y_train.tolist(), y_test.tolist()) == ([7, 0, 9], [1, 2])
    assert (y_train.dtype, y_test.dtype) == (np.int64, np.int64)


@pytest.mark.parametrize(
    ("load", "file"),
    [(mnist, "t10k-labels-idx1-ubyte.gz"), (fashion_mnist, "fashion_mnist"), (admissions, "binary.csv")],
)
def test_what_is_not_here_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[..., Any], file: str
) -> None:
    monkeypatch.setenv("DELTARULE_DATA", str(tmp_path))
    with pytest.raises(DataSetError, match=f"needs .*{file}"):
        load(download=False)


def test_admissions_with_other_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"admit,gre,gpa,rank\n0,380,3.61,3\n1,800,4,1\n"
    file = RemoteFile("binary.csv", (hashlib.md5(text).hexdigest(),), 100)
    monkeypatch.setattr(downloaded, "ADMISSIONS", RemoteFolder("admissions", (), (file,)))
    monkeypatch.setenv("DELTARULE_DATA", str(tmp_path))
    (tmp_path / "admissions").mkdir()
    (tmp_path / "admissions" / "binary.csv").write_bytes(text.replace(b"\n", b"\r\n"))
    assert admissions().rows() == [(0, 380, 3.61, 3), (1, 800, 4.0, 1)]


def test_the_real_admissions(real_data: Path) -> None:
    if not (real_data / "admissions").is_dir():
        pytest.skip("admissions is not in DELTARULE_DATA")
    table = admissions(download=False)
    assert (table.shape, table.columns) == ((400, 4), ["admit", "gre", "gpa", "rank"])
    assert table["admit"].sum() == 127
    assert table.rows()[0] == (0, 380, 3.61, 3)


@pytest.mark.parametrize(
    ("name", "load", "first", "per_class"),
    [
        ("mnist", mnist, 5, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("fashion_mnist", fashion_mnist, 9, [6000] * 10),
    ],
)
def test_the_real_images(
    real_data: Path, name: str, load: Callable[..., Any], first: int, per_class: list[int]
) -> None:
    if not (real_data / name).is_dir():
        pytest.skip(f"{name} is not in DELTARULE_DATA")
    X_train, y_train, X_test, y_test = load(download=False)
    assert [part.shape for part in (X_train, y_train, X_test, y_test)] == [
        (60000, 784),
        (60000,),
        (10000, 784),
        (10000,),
    ]
    assert y_train[0] == first
    assert np.bincount(y_train).tolist() == per_class
    assert (X_train.min(), X_train.max()) == (0, 255)


def test_names_of_the_classes() -> None:
    assert (len(FASHION_CLASSES), FASHION_CLASSES[9]) == (10, "ankle boot")
