"""The data sets by name: what each of them is, where it comes from, and each of them as one table.

Lists of data sets, in the command line and in the documentation, are made from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deltarule.data.datasets.bundled import breast_cancer, digits
from deltarule.data.datasets.downloaded import (
    ADMISSIONS,
    FASHION_MNIST,
    MNIST,
    admissions,
    fashion_mnist,
    mnist,
)
from deltarule.data.datasets.generated import circles, moons, net321, parity, sine_curve, spirals, toy_plane
from deltarule.data.datasets.records import Arrays, Split
from deltarule.data.downloads import RemoteFolder
from deltarule.data.tables import DataFrame, data_frame
from deltarule.data.targets import TaskName
from deltarule.registry import Registry

MADE_HERE = "none needed"


@dataclass(frozen=True)
class DataSet:
    """A data set: what it is, and how to get it.

    Arguments:
        name: that of its function.
        load: the function; its arguments have defaults, and rows and columns are counted with these.
        summary: what it is.
        rows: all of them.
        columns: inputs, without the target.
        target: the column to predict in `table()`.
        task: "classification" or "regression".
        license: under which it may be used.
        source: who made it.
        test_rows: so many of the rows, the last in `table()`, are those to be judged by.
        remote: the files that are downloaded for it, if there are any.
        inputs: names of the input columns in `table()`, where `load` returns arrays; by default x1, x2, ...

    >>> circle = DATASETS["circles"]
    >>> circle.rows, circle.table().columns
    (200, ['x1', 'x2', 'y'])
    """

    name: str
    load: Callable[..., Any]
    summary: str
    rows: int
    columns: int
    target: str
    task: TaskName
    license: str
    source: str
    test_rows: int = 0
    remote: RemoteFolder | None = None
    inputs: tuple[str, ...] = ()

    def table(self) -> DataFrame:
        """Return it as a data frame; of a `Split` the rows to learn from come first.

        One-hot targets become the number of the class. Missing files are downloaded.

        Raises:
            DataSetError: a file is not here and cannot be downloaded, or is not the right one.
        """
        data = self.load()
        if isinstance(data, Split):
            data = (np.vstack([data.X_train, data.X_test]), np.concatenate([data.y_train, data.y_test]))
        elif not isinstance(data, Arrays):
            return data
        X, y = data
        names = self.inputs or [f"x{place}" for place in range(1, self.columns + 1)]
        return data_frame({**dict(zip(names, X.T, strict=True)), self.target: self._target(y)})

    def _target(self, y: NDArray[Any]) -> NDArray[Any]:
        column = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
        return column.astype(np.int64) if self.task == "classification" else column


def _pixels(side: int) -> tuple[str, ...]:
    return tuple(f"pixel_{row}_{column}" for row in range(side) for column in range(side))


DATASETS: Registry[DataSet] = Registry("dataset", DataSet)
"""All data sets by name."""

DATASETS.register(
    DataSet(
        "admissions",
        admissions,
        "made-up applicants to a graduate school: who is admitted?",
        rows=400,
        columns=3,
        target="admit",
        task="classification",
        license="none stated; published for teaching",
        source="UCLA, Statistical Methods and Data Analytics",
        remote=ADMISSIONS,
    )
)
DATASETS.register(
    DataSet(
        "mnist",
        mnist,
        "handwritten digits, 28 x 28 pixels",
        rows=70_000,
        columns=784,
        target="digit",
        task="classification",
        test_rows=10_000,
        license="CC BY-SA 3.0",
        source="LeCun, Cortes and Burges, 1998",
        remote=MNIST,
        inputs=_pixels(28),
    )
)
DATASETS.register(
    DataSet(
        "fashion_mnist",
        fashion_mnist,
        "clothes, 28 x 28 pixels",
        rows=70_000,
        columns=784,
        target="article",
        task="classification",
        test_rows=10_000,
        license="MIT",
        source="Xiao, Rasul and Vollgraf, 2017, arXiv:1708.07747",
        remote=FASHION_MNIST,
        inputs=_pixels(28),
    )
)
DATASETS.register(
    DataSet(
        "digits",
        digits,
        "handwritten digits, 8 x 8 pixels",
        rows=1_797,
        columns=64,
        target="digit",
        task="classification",
        license="CC BY 4.0",
        source="Alpaydin and Kaynak, UCI Machine Learning Repository, 1998; in scikit-learn",
    )
)
DATASETS.register(
    DataSet(
        "breast_cancer",
        breast_cancer,
        "cell nuclei of tumors: malignant or benign?",
        rows=569,
        columns=30,
        target="diagnosis",
        task="classification",
        license="CC BY 4.0",
        source="Wolberg, Street and Mangasarian, UCI Machine Learning Repository, 1995; in scikit-learn",
    )
)
DATASETS.register(
    DataSet(
        "toy_plane",
        toy_plane,
        "twelve points of a plane without noise",
        rows=12,
        columns=2,
        target="y",
        task="regression",
        license=MADE_HERE,
        source="the lab on the mathematics of deep learning, section on the linear model",
    )
)
DATASETS.register(
    DataSet(
        "net321",
        net321,
        "what a known 3-2-1 network answers",
        rows=10_000,
        columns=3,
        target="y",
        task="regression",
        license=MADE_HERE,
        source="the lab on the mathematics of deep learning, section on the 3-2-1 network",
    )
)
DATASETS.register(
    DataSet(
        "sine_curve",
        sine_curve,
        "a noisy sine on a rising line",
        rows=60,
        columns=1,
        target="y",
        task="regression",
        test_rows=30,
        license=MADE_HERE,
        source="the introduction to neural networks, section on the final code",
    )
)
DATASETS.register(
    DataSet(
        "parity",
        parity,
        "ten bits: is the number even?",
        rows=1_024,
        columns=10,
        target="even",
        task="classification",
        license=MADE_HERE,
        source="the article on the backward pass",
    )
)
DATASETS.register(
    DataSet(
        "moons",
        moons,
        "points on two half circles, one reaching into the other: on which?",
        rows=200,
        columns=2,
        target="y",
        task="classification",
        license=MADE_HERE,
        source="scikit-learn, make_moons",
    )
)
DATASETS.register(
    DataSet(
        "circles",
        circles,
        "points on two circles around the origin: on the inner one?",
        rows=200,
        columns=2,
        target="y",
        task="classification",
        license=MADE_HERE,
        source="scikit-learn, make_circles",
    )
)
DATASETS.register(
    DataSet(
        "spirals",
        spirals,
        "points on two spirals around each other: on which?",
        rows=194,
        columns=2,
        target="y",
        task="classification",
        license=MADE_HERE,
        source="Lang and Witbrock, 1988",
    )
)
