"""Dropout: in each epoch, each row loses some hidden units; those that stay are scaled up (inverted dropout).

Which they are is a function of (seed, epoch, row, layer, unit) and nothing else: the same on every engine, in
every order of the rows and for every number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deltarule.core.arrays import Array

Words = NDArray[np.uint64]  # each below 2³²

WORD = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox_4x32(counter: Sequence[Words], seed: int) -> list[Words]:
    """Return the four words of Philox4x32-10 for counters of four words; the key is the seed, low word first.

    Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.

    >>> [f"{int(word):08x}" for word in philox_4x32([np.uint64(0)] * 4, seed=0)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c_0, c_1, c_2, c_3 = counter
    key_0, key_1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        first, second = np.uint64(0xD2511F53) * c_0, np.uint64(0xCD9E8D57) * c_2
        c_0, c_2 = second >> HALF ^ c_1 ^ np.uint64(key_0), first >> HALF ^ c_3 ^ np.uint64(key_1)
        c_1, c_3 = second & WORD, first & WORD
        key_0, key_1 = (key_0 + 0x9E3779B9) & 0xFFFFFFFF, (key_1 + 0xBB67AE85) & 0xFFFFFFFF
    return [c_0, c_1, c_2, c_3]


@dataclass(frozen=True)
class Dropout:
    """The hidden units that a row loses: r = 0 with probability p, otherwise r = 1 / (1 - p).

    Unit u of hidden layer l (from 1) stays in row i and epoch e (both from 0) if word u mod 4 of
    Philox4x32-10 with counter (e, i, l, ⌊u / 4⌋) is at least p 2³².

    Arguments:
        fractions: p in [0, 1) of each hidden layer.
        seed: 0 ... 2⁶⁴ - 1.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout", 2014.

    >>> Dropout((0.5,), seed=1).factors([4], epoch=0, rows=np.arange(2), dtype=np.dtype(float))[0].shape
    (2, 4)
    """

    fractions: tuple[float, ...]
    seed: int = 0

    @property
    def thresholds(self) -> list[int]:
        """Below which a word drops a unit of each hidden layer."""
        return [min(round(p * 2**32), 2**32 - 1) for p in self.fractions]

    @property
    def scales(self) -> list[float]:
        """The factor 1 / (1 - p) of the units that stay in each hidden layer."""
        return [1.0 / (1.0 - p) for p in self.fractions]

    def factors(
        self, widths: Sequence[int], epoch: int, rows: NDArray[np.integer], dtype: np.dtype[np.floating]
    ) -> list[Array]:
        """Return r of each hidden layer, (n, o), for the rows with these numbers; `widths` are theirs."""
        return [
            np.where(self._words(layer, width, epoch, rows) < threshold, 0.0, scale).astype(dtype)
            for layer, (width, threshold, scale) in enumerate(
                zip(widths, self.thresholds, self.scales, strict=True), start=1
            )
        ]

    def _words(self, layer: int, width: int, epoch: int, rows: NDArray[np.integer]) -> Words:
        """One word for each row and unit, (n, o)."""
        block = np.arange((width + 3) // 4, dtype=np.uint64)
        each = np.zeros((len(rows), block.size), np.uint64)
        row = each + (rows.astype(np.uint64) & WORD)[:, np.newaxis]
        counter = [each + (np.uint64(epoch) & WORD), row, each + np.uint64(layer), each + block]
        words = np.stack(philox_4x32(counter, self.seed), axis=2)
        return words.reshape(len(rows), 4 * block.size)[:, :width]
