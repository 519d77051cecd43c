"""Two real data sets that come with scikit-learn, as tables.

Not their preparation: that is for TableTransform and TargetTransform.
"""

from __future__ import annotations

import numpy as np

from deltarule.data.tables import DataFrame, data_frame


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
