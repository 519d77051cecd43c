"""What several peers need: the order of parameters, and the choice of the fastest setting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

Setting = TypeVar("Setting")
SECONDS_TO_TRY = 0.3


def interleaved(weights: Iterable[object], biases: Iterable[object]) -> list[np.ndarray]:
    """Return W1, b1, W2, b2, ...; without biases W1, W2, ...

    >>> [array.tolist() for array in interleaved([[1], [2]], [[3], [4]])]
    [[1], [3], [2], [4]]
    """
    W, b = [np.asarray(w) for w in weights], [np.asarray(v) for v in biases]
    return [array for layer in zip(W, b, strict=True) for array in layer] if b else W


def fastest(
    settings: Iterable[Setting], use: Callable[[Setting], None], train: Callable[[int], None]
) -> Setting:
    """Try every setting for about a third of a second, use the one with the shortest epoch, and return it."""
    seconds = {}
    for setting in settings:
        use(setting)
        train(1)
        once = seconds_of(train, 1)
        seconds[setting] = seconds_of(train, max(1, int(SECONDS_TO_TRY / once)))
    best = min(seconds, key=lambda setting: seconds[setting])
    use(best)
    train(1)
    return best


def seconds_of(train: Callable[[int], None], epochs: int) -> float:
    """Return the seconds of an epoch."""
    start = time.perf_counter()
    train(epochs)
    return (time.perf_counter() - start) / epochs
