"""Batches: which rows each step uses, as a function of (n, batch_size, seed, epoch) and nothing else.

The same on every engine, thread count and machine, and the reason why a run can be resumed exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule.core.arrays import require_choice, require_integer

Indices: TypeAlias = NDArray[np.intp]
Selection: TypeAlias = slice | Indices
Remainder: TypeAlias = Literal["keep", "drop", "merge"]
OwnBatches: TypeAlias = Callable[[int], Sequence[ArrayLike]]
CheckedBatches: TypeAlias = Callable[[int], Sequence[Indices]]

MAX_SEED = 2**64 - 1


def permutation(n: int, seed: int, epoch: int) -> Indices:
    """Return the row order of an epoch, a permutation of range(n).

    Row r gets the key: the high bits of output r of Philox4x64-10 with key (seed, epoch), the first block
    having counter 1, with r itself in the low bits; rows are visited by ascending key. NumPy guarantees the
    stream of Philox, and keys never tie, so this can be computed the same way anywhere.

    >>> permutation(5, seed=0, epoch=0).tolist() == permutation(5, seed=0, epoch=0).tolist()
    True
    """
    low = np.uint64((1 << max(1, (n - 1).bit_length())) - 1)
    philox = np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64))
    keys = philox.random_raw(n) & ~low | np.arange(n, dtype=np.uint64)
    keys.sort()
    return (keys & low).astype(np.intp)


@dataclass(frozen=True)
class BatchPlan:
    """How an epoch's rows are divided into steps.

    Arguments:
        n: number of rows.
        batch_size: rows per step; None, or n and more, is the full batch, which is never permuted.
        shuffle: whether each epoch has a new order.
        remainder: what happens to the rows left over: "keep" (a step of their own), "drop", "merge"
            (into the last full batch).
        seed: of the orders, 0 ... 2⁶⁴ - 1.
        own: the caller's own batches, by epoch counted from 0; they replace all of the above.

    >>> [batch.tolist() for batch in BatchPlan(5, 2, shuffle=False, remainder="merge").epoch(0)]
    [[0, 1], [2, 3, 4]]
    """

    n: int
    batch_size: int | None = None
    shuffle: bool = True
    remainder: Remainder = "keep"
    seed: int = 0
    own: CheckedBatches | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None:
            require_integer("batch_size", self.batch_size, 1)
        require_choice("remainder", self.remainder, get_args(Remainder))

    def epoch(self, epoch: int) -> Sequence[Selection]:
        """Return the rows of every step of an epoch, counted from 0."""
        if self.own is not None:
            return self.own(epoch)
        ends = self._ends()
        if ends == [self.n]:
            return [slice(0, self.n)]
        order = permutation(self.n, self.seed, epoch) if self.shuffle else np.arange(self.n)
        return [order[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def steps(self, epoch: int) -> int:
        """How many steps an epoch has, counted from 0."""
        return len(self._ends() if self.own is None else self.own(epoch))

    def _ends(self) -> list[int]:
        """Where each batch ends in the epoch's order."""
        size = self.batch_size
        if size is None or size >= self.n:
            return [self.n]
        ends = list(range(size, self.n + 1, size))
        if self.n % size == 0 or self.remainder == "drop":
            return ends
        return [*ends, self.n] if self.remainder == "keep" else [*ends[:-1], self.n]
