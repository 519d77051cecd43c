"""Rows for training and rows held out: a function of the number of rows, the fraction and the seed."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule.core.arrays import require_choice, require_integer
from deltarule.data.batches import permutation
from deltarule.errors import InputError, message

Purpose: TypeAlias = Literal["validation", "held_out"]
_STREAMS: dict[Purpose, int] = {"validation": 2**63 - 1, "held_out": 2**63 - 2}
"""Numbers that no epoch has: with one seed, the two choices and all epochs have orders of their own."""


class Split(NamedTuple):
    """Row indices from 0, each in ascending order; together they are all rows, and neither is empty."""

    train: NDArray[np.intp]
    held_out: NDArray[np.intp]


def split_rows(
    n: int,
    fraction: float,
    seed: int,
    strata: ArrayLike | None = None,
    purpose: Purpose = "validation",
) -> Split:
    """Hold out a random fraction of the rows; the same arguments give the same rows on every machine.

    With strata, each class gives its share, rounded so that the total is right, and at least one row of each
    class stays in training.

    Arguments:
        n: number of rows, at least 2.
        fraction: of the rows to be held out, between 0 and 1; at least one row is held out and one is not.
        seed: of the random choice.
        strata: (n,) the class of each row, in any form.
        purpose: what the rows are held out for: the choices for the two purposes are independent.

    Raises:
        InputError: fewer than two rows, a fraction that is not between 0 and 1, or another purpose.

    >>> split_rows(10, 0.3, seed=0, strata=list("aaaaabbbbb"))
    Split(train=array([0, 2, 4, 5, 6, 7, 8]), held_out=array([1, 3, 9]))
    """
    if n < 2:
        raise InputError(message("Splitting needs at least 2 rows", found=str(n)))
    if not 0 < fraction < 1:
        raise InputError(message("`fraction` must lie between 0 and 1", found=str(fraction)))
    require_integer("seed", seed, 0)
    require_choice("purpose", purpose, get_args(Purpose))
    count = min(max(round(fraction * n), 1), n - 1)
    order = permutation(n, seed, _STREAMS[purpose])
    held_out = np.zeros(n, dtype=bool)
    held_out[order[:count] if strata is None else _stratified(order, np.asarray(strata), count)] = True
    return Split(np.flatnonzero(~held_out), np.flatnonzero(held_out))


def _stratified(order: NDArray[np.intp], strata: NDArray[np.generic], count: int) -> NDArray[np.intp]:
    """Return the held-out rows: of each class the first ones in `order`, as many as its quota."""
    if len(strata) != len(order):
        raise InputError(message(f"`strata` must have {len(order)} entries", found=str(len(strata))))
    _, codes, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    quotas = _quotas(sizes, count)
    if quotas.sum() == 0:
        return order[:count]
    by_class = order[np.argsort(codes[order], kind="stable")]
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return by_class[rank < np.repeat(quotas, sizes)]


def _quotas(sizes: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Share out `count` rows in proportion, the largest remainders first, leaving one row of each class."""
    ideal = count * sizes / sizes.sum()
    quotas = np.minimum(np.floor(ideal).astype(np.intp), sizes - 1)
    by_remainder = np.argsort(quotas - ideal, kind="stable")
    while quotas.sum() < min(count, int((sizes - 1).sum())):
        room = [c for c in by_remainder if quotas[c] < sizes[c] - 1]
        quotas[room[: count - int(quotas.sum())]] += 1
    return quotas
