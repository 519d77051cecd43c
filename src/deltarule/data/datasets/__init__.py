"""Data sets: real ones, bundled or downloaded once, and those that are made here; each is a function.

A table is returned as a data frame, all others as arrays: `Arrays(X, y)`, or
`Split(X_train, y_train, X_test, y_test)` where there are rows to learn from and rows to be judged by.
"""

from deltarule.data.datasets.bundled import breast_cancer, digits
from deltarule.data.datasets.catalog import DATASETS, DataSet
from deltarule.data.datasets.downloaded import FASHION_CLASSES, admissions, fashion_mnist, mnist
from deltarule.data.datasets.generated import circles, moons, net321, parity, sine_curve, spirals, toy_plane
from deltarule.data.datasets.records import Arrays, Split
from deltarule.data.downloads import data_folder
from deltarule.data.idx import read_idx, write_idx

__all__ = [
    "DATASETS",
    "FASHION_CLASSES",
    "Arrays",
    "DataSet",
    "Split",
    "admissions",
    "breast_cancer",
    "circles",
    "data_folder",
    "digits",
    "fashion_mnist",
    "mnist",
    "moons",
    "net321",
    "parity",
    "read_idx",
    "sine_curve",
    "spirals",
    "toy_plane",
    "write_idx",
]
