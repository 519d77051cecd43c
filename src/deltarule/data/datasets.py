"""Data sets that need no download: two real ones from scikit-learn, and those of the course documents.

Not their preparation: the real ones are tables, for TableTransform and TargetTransform.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deltarule.core.arrays import require_integer
from deltarule.data.tables import DataFrame, data_frame

Floats = NDArray[np.float64]


class Arrays(NamedTuple):
    """Inputs X (n, p) and targets y (n, k), one row for each sample."""

    X: Floats
    y: Floats


def breast_cancer() -> DataFrame:
    """Return 569 tumors: 30 measurements of cell nuclei, and the column `diagnosis`, malignant or benign.

    212 are malignant, 357 benign.

    Source: Wolberg, Street and Mangasarian, "Breast Cancer Wisconsin (Diagnostic)", UCI Machine
    Learning Repository, 1995 (CC BY 4.0), as bundled with scikit-learn.

    >>> table = breast_cancer()
    >>> table.shape, table.columns[0], table["diagnosis"][0]
    ((569, 31), 'mean_radius', 'malignant')
    """
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in bunch.feature_names]
    diagnosis = np.where(bunch.target == 0, "malignant", "benign")
    return data_frame({**dict(zip(names, bunch.data.T, strict=True)), "diagnosis": diagnosis})


def digits() -> DataFrame:
    """Return 1797 handwritten digits: 64 pixels with values 0 to 16, and the column `digit`, 0 to 9.

    The column of the pixel in row 2, column 5 of the 8 x 8 picture (counted from 0) is `pixel_2_5`.

    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998 (CC BY 4.0): its test part, as bundled with scikit-learn.

    >>> table = digits()
    >>> table.shape, table["digit"].n_unique()
    ((1797, 65), 10)
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    pixels = bunch.data.astype(np.int64).T
    return data_frame({**dict(zip(names, pixels, strict=True)), "digit": bunch.target.astype(np.int64)})


def parity(bits: int = 10) -> Arrays:
    """Return every number from 0 to 2**bits - 1 in binary, and whether it is even.

    Row k of X holds the bits of k, the most significant first, so the last column decides.
    Row k of y is one-hot: [1, 0] for odd numbers (class 0), [0, 1] for even ones (class 1).
    The document trains on the numbers 0 to 699 and tests on 700 to 1023.

    Arguments:
        bits: how many, 1 to 20.

    Raises:
        InputError: `bits` is no whole number from 1 to 20.

    Source: the article on the backward pass.

    >>> X, y = parity(bits=3)
    >>> X[6].tolist(), y[6].tolist(), y[7].tolist()
    ([1.0, 1.0, 0.0], [0.0, 1.0], [1.0, 0.0])
    """
    require_integer("bits", bits, 1, 20)
    numbers = np.arange(2**bits)
    X = numbers[:, None] >> np.arange(bits)[::-1] & 1
    return Arrays(X.astype(np.float64), np.eye(2)[1 - numbers % 2])


def toy_plane() -> Arrays:
    """Return the 12 rows of the linear example: y = 1.5 x1 + 1.5 x2 + 0.1, without noise.

    Source: the lab on the mathematics of deep learning, section on the linear model.

    >>> X, y = toy_plane()
    >>> bool(np.allclose(y, X @ [[1.5], [1.5]] + 0.1))
    True
    """
    x1 = [1.0, 3.0, 1.0, 0.0, 2.0, -2.0, 1.0, -1.0, 0.5, 2.0, -2.0, -1.0]
    x2 = [2.0, 1.0, 1.0, 1.0, 2.0, 3.0, 2.0, -0.5, 1.2, 1.0, 3.0, 1.0]
    X = np.column_stack([x1, x2])
    return Arrays(X, X @ np.array([[1.5], [1.5]]) + 0.1)


def net321(seed: int = 0, n: int = 10_000) -> Arrays:
    r"""Return normal inputs (n, 3) and the outputs (n, 1) of a known 3-2-1 network without biases.

    $y = \exp(\sigma(X W^{(1)}) W^{(2)})$ with $W^{(1)}$ = [[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]] and
    $W^{(2)}$ = [[2], [3]].

    Arguments:
        seed: of NumPy's legacy generator (MT19937), which the document uses.
        n: number of rows.

    Source: the lab on the mathematics of deep learning, section on the 3-2-1 network (seed 0, 10 000 rows).

    >>> X, y = net321()
    >>> X[0].round(6).tolist(), y[0].round(6).tolist()
    ([1.764052, 0.400157, 0.978738], [64.005742])
    """
    generator = np.random.RandomState(seed)
    X = generator.randn(n, 3)
    hidden = 1 / (1 + np.exp(-X @ np.array([[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]])))
    return Arrays(X, np.exp(hidden @ np.array([[2.0], [3.0]])))
