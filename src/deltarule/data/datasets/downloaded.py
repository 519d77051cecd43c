"""Data sets that are downloaded once: admissions, MNIST, Fashion-MNIST.

Not how they are downloaded and checked (downloads.py) and not their file format (idx.py).
"""

from __future__ import annotations

import numpy as np

from deltarule.data.datasets.records import Split
from deltarule.data.downloads import RemoteFile, RemoteFolder, contents, fetch
from deltarule.data.idx import idx_array
from deltarule.data.tables import DataFrame, read_table

ADMISSIONS = RemoteFolder(
    "admissions",
    ("https://stats.oarc.ucla.edu/stat/data/", "https://stats.idre.ucla.edu/stat/data/"),
    (RemoteFile("binary.csv", ("db0f7fa12ef7e0a3b10ba856bdc21439",), 6_000),),
)
TRAIN, TEST, LABELS, TEST_LABELS = 47_040_016, 7_840_016, 60_008, 10_008
"""Sizes of the contents of the four files in bytes."""
MNIST = RemoteFolder(
    "mnist",
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    (
        RemoteFile(
            "train-images-idx3-ubyte.gz",
            ("f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
            TRAIN,
        ),
        RemoteFile(
            "train-labels-idx1-ubyte.gz",
            ("d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
            LABELS,
        ),
        RemoteFile(
            "t10k-images-idx3-ubyte.gz",
            ("9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
            TEST,
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte.gz",
            ("ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
            TEST_LABELS,
        ),
    ),
)
FASHION_MNIST = RemoteFolder(
    "fashion_mnist",
    (
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    (
        RemoteFile("train-images-idx3-ubyte.gz", ("8d4fb7e6c68d591d4c3dfef9ec88bf0d",), TRAIN),
        RemoteFile("train-labels-idx1-ubyte.gz", ("25c81989df183df01b3e8a0aad5dffbe",), LABELS),
        RemoteFile("t10k-images-idx3-ubyte.gz", ("bef4ecab320f06d8554ea6380940ec79",), TEST),
        RemoteFile("t10k-labels-idx1-ubyte.gz", ("bb300cfdad3c16e7a12a480ee83cd310",), TEST_LABELS),
    ),
)
FASHION_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
"""What the classes 0 to 9 of Fashion-MNIST are."""


def admissions(download: bool = True) -> DataFrame:
    """Return 400 applicants to a graduate school: the columns `admit` (1 or 0), `gre`, `gpa` and `rank`.

    The rank is that of their college, 1 (best) to 4. 127 are admitted. The numbers were made up for teaching
    by those who publish them.

    Arguments:
        download: False refuses to use the network where the file is not in `data_folder()`.

    Raises:
        DataSetError: the file is not here and cannot be downloaded, or is not the right one.

    Source: UCLA, Statistical Methods and Data Analytics, "Logit regression"
        (https://stats.oarc.ucla.edu/r/dae/logit-regression).

    ```python
    table = dr.datasets.admissions()
    table.shape  # (400, 4)
    ```
    """
    contents(ADMISSIONS, download)
    return read_table(fetch(ADMISSIONS, download)[0])


def mnist(download: bool = True) -> Split:
    """Return 70 000 handwritten digits of 28 x 28 pixels: 60 000 to learn from, 10 000 to be judged by.

    X_train is (60000, 784) and X_test (10000, 784), row by row of each picture, uint8 from 0 (paper) to 255
    (ink); y_train (60000,) and y_test (10000,) are the digits, int64. The pixels stay uint8 because float64
    takes eight times as much memory (376 MB); a network converts what it gets. `X_train / 255` is float64,
    `X_train / np.float32(255)` is float32.

    Arguments:
        download: False refuses to use the network where the files are not in `data_folder()`.

    Raises:
        DataSetError: a file is not here and cannot be downloaded, or is not the right one.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.

    ```python
    X_train, y_train, X_test, y_test = dr.datasets.mnist()
    X_train[0].reshape(28, 28)  # the first picture, a 5
    dr.one_hot(y_train)  # (60000, 10)
    ```
    """
    return _images(MNIST, download)


def fashion_mnist(download: bool = True) -> Split:
    """Return 70 000 pictures of clothes in the form of `mnist`, in ten classes that are harder to tell apart.

    `FASHION_CLASSES` says what the classes 0 to 9 are.

    Arguments:
        download: False refuses to use the network where the files are not in `data_folder()`.

    Raises:
        DataSetError: a file is not here and cannot be downloaded, or is not the right one.

    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
        algorithms", 2017, arXiv:1708.07747.

    ```python
    X_train, y_train, X_test, y_test = dr.datasets.fashion_mnist()
    dr.datasets.FASHION_CLASSES[y_train[0]]  # "ankle boot"
    ```
    """
    return _images(FASHION_MNIST, download)


def _images(folder: RemoteFolder, download: bool) -> Split:
    """Return images and labels of the four files."""
    arrays = [
        idx_array(data, repr(file.name))
        for data, file in zip(contents(folder, download), folder.files, strict=True)
    ]
    X_train, y_train, X_test, y_test = arrays
    return Split(
        X_train.reshape(len(X_train), -1),
        y_train.astype(np.int64),
        X_test.reshape(len(X_test), -1),
        y_test.astype(np.int64),
    )
