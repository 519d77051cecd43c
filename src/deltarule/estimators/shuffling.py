"""The order of the rows in each epoch, drawn as scikit-learn draws it."""

from __future__ import annotations

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

Indices = NDArray[np.intp]


class ShuffledBatches:
    """The batches of an epoch, counted from 0; each epoch shuffles the order of the one before.

    The generator is advanced once per epoch, as scikit-learn does. An epoch that has passed can be asked for
    again: it is drawn again from where the generator was at first.
    """

    def __init__(self, n: int, batch_size: int, random_state: RandomState) -> None:
        self._n, self._size, self._live = n, batch_size, random_state
        self._first = random_state.get_state(legacy=False)
        self._epoch, self._order = -1, np.arange(n)

    def __call__(self, epoch: int) -> list[Indices]:
        while self._epoch < epoch:
            self._order = _shuffled(self._order, self._live)
            self._epoch += 1
        order = self._order if epoch == self._epoch else self._again(epoch)
        return [order[begin : begin + self._size] for begin in range(0, self._n, self._size)]

    def _again(self, epoch: int) -> Indices:
        random_state, order = RandomState(), np.arange(self._n)
        random_state.set_state(self._first)
        for _ in range(epoch + 1):
            order = _shuffled(order, random_state)
        return order


def _shuffled(order: Indices, random_state: RandomState) -> Indices:
    """As sklearn.utils.shuffle, which takes as long as an epoch of a small network."""
    places = np.arange(len(order))
    random_state.shuffle(places)
    return order[places]
