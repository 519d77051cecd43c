"""Data sets that are made here: those of the course documents, and shapes in the plane.

Not random where nothing is said of a seed; everywhere else the same seed gives the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deltarule.core.arrays import NON_NEGATIVE, Interval, require_integer, require_number
from deltarule.data.datasets.records import Arrays, Floats, Split

MAX_LEGACY_SEED = 2**32 - 1
INNER = Interval(0.0, 1.0)


def parity(bits: int = 10) -> Arrays:
    """Return every number from 0 to 2**bits - 1 in binary, and whether it is even.

    Row k of X holds the bits of k, the most significant first, so the last column decides.
    Row k of y is one-hot: [1, 0] for odd numbers (class 0), [0, 1] for even ones (class 1).
    The document trains on the numbers 0 to 699 and tests on 700 to 1023.

    Arguments:
        bits: how many, 1 to 20.

    Raises:
        InputError: `bits` is no whole number from 1 to 20.

    Source: the article on the backward pass.

    >>> X, y = parity(bits=3)
    >>> X[6].tolist(), y[6].tolist(), y[7].tolist()
    ([1.0, 1.0, 0.0], [0.0, 1.0], [1.0, 0.0])
    """
    require_integer("bits", bits, 1, 20)
    numbers = np.arange(2**bits)
    X = numbers[:, None] >> np.arange(bits)[::-1] & 1
    return Arrays(X.astype(np.float64), np.eye(2)[1 - numbers % 2])


def toy_plane() -> Arrays:
    """Return the 12 rows of the linear example: y = 1.5 x1 + 1.5 x2 + 0.1, without noise.

    Source: the lab on the mathematics of deep learning, section on the linear model.

    >>> X, y = toy_plane()
    >>> bool(np.allclose(y, X @ [[1.5], [1.5]] + 0.1))
    True
    """
    x1 = [1.0, 3.0, 1.0, 0.0, 2.0, -2.0, 1.0, -1.0, 0.5, 2.0, -2.0, -1.0]
    x2 = [2.0, 1.0, 1.0, 1.0, 2.0, 3.0, 2.0, -0.5, 1.2, 1.0, 3.0, 1.0]
    X = np.column_stack([x1, x2])
    return Arrays(X, X @ np.array([[1.5], [1.5]]) + 0.1)


def net321(seed: int = 0, n: int = 10_000) -> Arrays:
    r"""Return normal inputs (n, 3) and the outputs (n, 1) of a known 3-2-1 network without biases.

    $y = \exp(\sigma(X W^{(1)}) W^{(2)})$ with $W^{(1)}$ = [[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]] and
    $W^{(2)}$ = [[2], [3]].

    Arguments:
        seed: of NumPy's legacy generator (MT19937), which the document uses.
        n: number of rows.

    Source: the lab on the mathematics of deep learning, section on the 3-2-1 network (seed 0, 10 000 rows).

    >>> X, y = net321()
    >>> X[0].round(6).tolist(), y[0].round(6).tolist()
    ([1.764052, 0.400157, 0.978738], [64.005742])
    """
    generator = np.random.RandomState(seed)
    X = generator.randn(n, 3)
    hidden = 1 / (1 + np.exp(-X @ np.array([[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]])))
    return Arrays(X, np.exp(hidden @ np.array([[2.0], [3.0]])))


def sine_curve(seed: int = 0, n: int = 30) -> Split:
    r"""Return n points of a noisy sine on a rising line, x from -10 to 10, and n more to test with.

    $y = 0.2 + 0.05 (x + 10) + 0.4 \sin(x + 10) + 0.2 \varepsilon$ with standard normal $\varepsilon$. The x
    to learn from are evenly spaced; those to test with are the same, moved by normal noise with standard
    deviation 0.1.

    Arguments:
        seed: of NumPy's legacy generator (MT19937), which the document uses.
        n: rows in each part.

    Raises:
        InputError: `seed` is no whole number from 0 to 2**32 - 1, or `n` none from 1.

    Source: the introduction to neural networks, section on the final code (30 rows; it fixes no seed).

    >>> X, y, X_test, y_test = sine_curve()
    >>> X[:2].round(3).tolist(), y[:2].round(3).tolist()
    ([[-10.0], [-9.31]], [[0.553], [0.569]])
    """
    require_integer("n", n, 1)
    generator = np.random.RandomState(_seed(seed))
    X = np.linspace(0.0, 20.0, n)[:, np.newaxis] - 10.0
    y = _sine(X) + 0.2 * generator.normal(size=(n, 1))
    X_test = X + 0.1 * generator.normal(size=(n, 1))
    return Split(X, y, X_test, _sine(X_test) + 0.2 * generator.normal(size=(n, 1)))


def _sine(x: Floats) -> Floats:
    return 0.2 + 0.05 * (x + 10.0) + 0.4 * np.sin(x + 10.0)


def moons(n: int = 200, noise: float = 0.1, seed: int = 0) -> Arrays:
    """Return points (n, 2) of two interleaved half circles, and which of them they are on: y (n, 1), 0 or 1.

    Arguments:
        n: number of rows, from 2.
        noise: standard deviation of the normal noise that moves each point.
        seed: of noise and order, 0 to 2**32 - 1.

    Raises:
        InputError: an argument out of its range.

    Source: scikit-learn's `make_moons`.

    >>> X, y = moons(100)
    >>> X.shape, y.shape, y.sum()
    ((100, 2), (100, 1), np.float64(50.0))
    """
    from sklearn.datasets import make_moons

    return _plane(*make_moons(_rows(n), noise=_noise(noise), random_state=_seed(seed)))


def circles(n: int = 200, noise: float = 0.1, factor: float = 0.5, seed: int = 0) -> Arrays:
    """Return points (n, 2) of two circles around the origin, and their circle: y (n, 1), 0 outer, 1 inner.

    Arguments:
        n: number of rows, from 2.
        noise: standard deviation of the normal noise that moves each point.
        factor: radius of the inner circle, between 0 and 1; that of the outer one is 1.
        seed: of noise and order, 0 to 2**32 - 1.

    Raises:
        InputError: an argument out of its range.

    Source: scikit-learn's `make_circles`.

    >>> X, y = circles(100, noise=0.0)
    >>> np.unique(np.hypot(*X.T).round(9)).tolist()
    [0.5, 1.0]
    """
    from sklearn.datasets import make_circles

    inner = require_number("factor", factor, INNER)
    made = make_circles(_rows(n), noise=_noise(noise), factor=inner, random_state=_seed(seed))
    return _plane(*made)


def spirals(n: int = 194, noise: float = 0.0, seed: int = 0) -> Arrays:
    r"""Return points (n, 2) of two spirals around each other, and their spiral: y (n, 1), 1 and 0 by turns.

    A point of the first spiral, class 1, has the angle $6 \pi t$ (three turns) from the vertical axis and the
    radius $6.5 (1 - 12 t / 13)$, where t goes from 0 for the first point to 1 for the last; the second spiral
    is its mirror image in the origin.

    Arguments:
        n: number of rows, from 2.
        noise: standard deviation of the normal noise that moves each point.
        seed: of the noise, from 0.

    Raises:
        InputError: an argument out of its range.

    Source: Lang and Witbrock, "Learning to tell two spirals apart", 1988; by default their 194 points.

    >>> X, y = spirals()
    >>> X[:2].tolist(), y[:2].tolist()
    ([[0.0, 6.5], [0.0, -6.5]], [[1.0], [0.0]])
    """
    t = np.linspace(0.0, 1.0, (_rows(n) + 1) // 2)
    radius, angle = 6.5 * (1.0 - 12.0 * t / 13.0), 6.0 * np.pi * t
    first = np.column_stack([radius * np.sin(angle), radius * np.cos(angle)])
    both = np.stack([first, -first], axis=1).reshape(-1, 2)[:n]
    moved = both + _noise(noise) * np.random.default_rng(_seed(seed)).normal(size=both.shape)
    return _plane(moved, np.arange(1, n + 1) % 2)


def _rows(n: int) -> int:
    return require_integer("n", n, 2)


def _noise(noise: float) -> float:
    return require_number("noise", noise, NON_NEGATIVE)


def _seed(seed: int) -> int:
    return require_integer("seed", seed, 0, MAX_LEGACY_SEED)


def _plane(X: Floats, y: NDArray[Any]) -> Arrays:
    return Arrays(X, y[:, np.newaxis].astype(np.float64))
