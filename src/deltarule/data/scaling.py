"""Standardization: subtract the mean, divide by the standard deviation, and back again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule.core.arrays import NON_NEGATIVE, Array, require_number
from deltarule.errors import InputError, message
from deltarule.storage.fields import JSON, Fields


@dataclass(frozen=True, eq=False)
class Standardizer:
    r"""Per column, $x \mapsto (x - \text{mean}) / \text{std}$, with the statistics of the training rows.

    Arguments:
        mean: (p,), one per column, in the column's unit.
        std: (p,), positive; 1 for a constant column, so that it becomes 0 and not NaN.

    Raises:
        InputError: mean and std are no columns of finite numbers of one length, or a std is not positive.

    >>> scaler = Standardizer.fit([[1.0, 10.0], [2.0, 30.0], [4.0, 20.0]])
    >>> scaler.mean, scaler.std
    (array([ 2.33333333, 20.        ]), array([1.24721913, 8.16496581]))
    >>> scaler.transform([[3.0, 40.0]])
    array([[0.53452248, 2.44948974]])
    >>> scaler.inverse(scaler.transform([[3.0, 40.0]]))
    array([[ 3., 40.]])
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def __post_init__(self) -> None:
        mean, std = (_numbers(name, getattr(self, name)).astype(np.float64) for name in ("mean", "std"))
        if mean.ndim != 1 or mean.shape != std.shape:
            asked = "`mean` and `std` must each have one number per column"
            raise InputError(message(asked, found=f"shapes {mean.shape} and {std.shape}"))
        if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
            asked = "`mean` must be finite, and `std` finite and positive"
            raise InputError(message(asked, found=f"mean {mean.tolist()}, std {std.tolist()}"))
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)

    @classmethod
    def fit(cls, X: ArrayLike, ddof: float = 0, sample_weight: ArrayLike | None = None) -> Standardizer:
        r"""Measure mean and standard deviation of each column.

        $\text{mean} = \sum_i w_i x_i / \sum_i w_i$ and
        $\text{std}^2 = \sum_i w_i (x_i - \text{mean})^2 / (\sum_i w_i - \text{ddof})$,
        so that a row of weight 2 counts as the row twice; without weights every $w_i$ is 1.

        Arguments:
            X: (n, p), finite.
            ddof: 0 for the deviation of a population (as in NumPy), 1 for that of a sample (as in pandas).
            sample_weight: (n,), not negative; None means all 1.

        Raises:
            InputError: no rows, values that are no finite numbers, weights that cannot be used, or a ddof
                that leaves nothing to divide by.

        Source: the introductory notebook standardizes with ddof 0, the admissions example with ddof 1.
        """
        x = _matrix(X)
        w = _weights(sample_weight, len(x))
        _check(x, w, ddof)
        exponent = np.frexp(np.abs(x).max(axis=0))[1]
        x = np.ldexp(x, -exponent)  # a power of two: the same bits, and squares neither overflow nor vanish
        mean, std = _moments(x, w, ddof)
        used = x[w > 0]
        constant = used.min(axis=0) == used.max(axis=0)
        mean = np.where(constant, used[0], mean)
        return cls(np.ldexp(mean, exponent), np.where(constant, 1.0, np.ldexp(std, exponent)))

    def transform(self, X: ArrayLike) -> Array:
        """Return (X - mean) / std for X (n, p); float32 stays float32, integers become float64.

        Raises:
            InputError: X holds something else than numbers, or has another number of columns.
        """
        x = self._floating(X)
        return (x - self.mean.astype(x.dtype)) / self.std.astype(x.dtype)

    def inverse(self, X: ArrayLike) -> Array:
        """Return X * std + mean for X (n, p), the inverse of `transform`.

        Raises:
            InputError: X holds something else than numbers, or has another number of columns.
        """
        x = self._floating(X)
        return x * self.std.astype(x.dtype) + self.mean.astype(x.dtype)

    def _floating(self, X: ArrayLike) -> Array:
        """Return X as floating numbers, (n, p), finite or not: a run that diverged is shown as it is."""
        x = _numbers("X", X)
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            asked = f"`X` must have shape (n, {len(self.mean)}), as in `fit`"
            raise InputError(message(asked, found=f"shape {x.shape}", hint=_column_hint(x)))
        return x

    def to_dict(self) -> dict[str, JSON]:
        """Return plain numbers that `json.dumps` can write."""
        return {"mean": list(map(float, self.mean)), "std": list(map(float, self.std))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | Fields) -> Standardizer:
        """Return the Standardizer that `to_dict` described.

        Raises:
            ModelFileError: an entry is missing, of the wrong type, not finite or not positive.
        """
        fields = as_fields(values, "the stored standardization")
        mean = fields.numbers("mean")
        std = fields.numbers("std", count=len(mean))
        if any(s <= 0 for s in std):
            raise fields.refuse("std", "be positive")
        return cls(np.array(mean, dtype=np.float64), np.array(std, dtype=np.float64))


def as_fields(values: Mapping[str, Any] | Fields, source: str) -> Fields:
    """Return the entries ready for checked reading; `source` names where they come from, for errors."""
    return values if isinstance(values, Fields) else Fields(dict(values), source)


def _moments(
    x: NDArray[np.float64], w: NDArray[np.float64], ddof: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if (w == 1).all():
        mean = x.mean(axis=0)
        return mean, np.sqrt(((x - mean) ** 2).sum(axis=0) / max(len(x) - ddof, 1e-300))
    mean = w @ x / w.sum()
    return mean, np.sqrt(w @ (x - mean) ** 2 / max(w.sum() - ddof, 1e-300))


def _matrix(X: ArrayLike) -> NDArray[np.float64]:
    x = _numbers("X", X).astype(np.float64)
    if x.ndim != 2 or len(x) == 0:
        asked = "`X` must have the shape (n, p) with at least one row"
        raise InputError(message(asked, found=f"shape {x.shape}", hint=_column_hint(x)))
    return x


def _column_hint(x: Array) -> str:
    return "For one column try X[:, np.newaxis]." if x.ndim == 1 and len(x) else ""


def _weights(sample_weight: ArrayLike | None, n: int) -> NDArray[np.float64]:
    w = np.ones(n) if sample_weight is None else _numbers("sample_weight", sample_weight).astype(np.float64)
    if w.shape != (n,):
        raise InputError(message(f"`sample_weight` must have the shape ({n},)", found=f"shape {w.shape}"))
    if not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
        raise InputError("`sample_weight` must be finite, not negative, and not all zero.")
    return w


def _check(x: NDArray[np.float64], w: NDArray[np.float64], ddof: float) -> None:
    if not np.isfinite(x).all():
        i, j = (int(index) for index in np.argwhere(~np.isfinite(x))[0])
        raise InputError(message("`X` must be finite", found=f"{x[i, j]} in row {i}, column {j}"))
    require_number("ddof", ddof, NON_NEGATIVE)
    if ddof >= w.sum() and len(x) > 1:
        allowed = f"0 up to, but not including, the total weight {w.sum():g}"
        raise InputError(message("`ddof` leaves nothing to divide by", found=f"{ddof:g}", allowed=allowed))


def _numbers(name: str, values: ArrayLike) -> Array:
    """Return values as floating numbers; float32 stays float32."""
    try:
        x = np.asarray(values)
        if x.dtype.kind in "cmM":  # NumPy would turn them into other numbers
            raise TypeError(f"values of dtype {x.dtype}")
        return x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(message(f"`{name}` must hold numbers", found=str(error).rstrip("."))) from error
