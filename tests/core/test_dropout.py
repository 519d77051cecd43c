"""Dropout: who stays is a function of seed, epoch, row, layer and unit; the gradient is a derivative."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.arrays import Array
from deltarule.core.dropout import Dropout, philox_4x32
from deltarule.core.losses import LOSSES
from tests.core.support import each_activation, each_dtype, numeric_gradient, problem, relative_error

ROWS = np.arange(200)
FLOAT = np.dtype(float)


def philox_with_integers(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10, round by round as its authors write it down."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high, low = zip(
            *(divmod(m * c[j], 2**32) for m, j in ((0xD2511F53, 0), (0xCD9E8D57, 2))), strict=True
        )
        c = [high[1] ^ c[1] ^ k[0], low[1], high[0] ^ c[3] ^ k[1], low[0]]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


@pytest.mark.parametrize(
    ("counter", "seed", "words"),
    [  # the known answers that come with the authors' Random123
        ("00000000 00000000 00000000 00000000", 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            0x299F31D0_A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_has_its_known_answers(counter: str, seed: int, words: str) -> None:
    given = [int(word, 16) for word in counter.split()]
    expected = [int(word, 16) for word in words.split()]
    assert [int(word) for word in philox_4x32([np.uint64(word) for word in given], seed)] == expected
    assert philox_with_integers(given, [seed % 2**32, seed >> 32]) == expected


@pytest.mark.parametrize("seed", [0, 7, 2**63 + 5])
def test_each_unit_has_the_word_of_its_counter(seed: int) -> None:
    p, epoch, rows = 0.3, 2**32 + 3, np.array([5, 0, 2**32 + 1])
    found = Dropout((0.9, p), seed).factors([3, 11], epoch, rows, FLOAT)[1]
    for i, row in enumerate(rows.tolist()):
        for unit in range(11):
            counter = [epoch % 2**32, row % 2**32, 2, unit // 4]
            word = philox_with_integers(counter, [seed % 2**32, seed >> 32])[unit % 4]
            assert found[i, unit] == (1.0 / (1.0 - p) if word >= p * 2**32 else 0.0)


def test_other_rows_epochs_layers_and_seeds_lose_other_units() -> None:
    def masks(seed: int = 1, epoch: int = 0) -> list[Array]:
        return Dropout((0.5, 0.5), seed).factors([40, 40], epoch, ROWS, FLOAT)

    first, second = masks()
    others = [
        second,
        masks(epoch=1)[0],
        masks(seed=2)[0],
        masks(seed=1 + 2**32)[0],
        np.roll(first, 1, axis=0),
    ]
    for other in others:
        assert np.mean(first == other) == pytest.approx(0.5, abs=0.05)


def test_the_order_of_rows_and_their_company_make_no_difference() -> None:
    dropout, order = Dropout((0.4,), 3), np.random.default_rng(0).permutation(ROWS)
    (whole,) = dropout.factors([9], 4, ROWS, FLOAT)
    (shuffled,) = dropout.factors([9], 4, order, FLOAT)
    (alone,) = dropout.factors([9], 4, ROWS[17:18], FLOAT)
    np.testing.assert_array_equal(shuffled, whole[order])
    np.testing.assert_array_equal(alone, whole[17:18])
    assert dropout.factors([9], 4, ROWS[:0], FLOAT)[0].shape == (0, 9)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_mean_activation_stays(p: float) -> None:
    (r,) = Dropout((p,)).factors([500], 0, ROWS, FLOAT)
    assert set(np.unique(r)) == {0.0, 1.0 / (1.0 - p)}
    deviation = math.sqrt(p / (1.0 - p) / r.size)
    assert abs(float(r.mean()) - 1.0) < 4.0 * deviation


def test_a_fraction_of_zero_keeps_all_and_one_just_below_1_is_finite() -> None:
    nothing, nearly_all = Dropout((0.0, np.nextafter(1.0, 0.0))).factors([8, 8], 0, ROWS, FLOAT)
    np.testing.assert_array_equal(nothing, 1.0)
    assert np.isfinite(nearly_all).all()


@each_dtype
def test_dtype_is_kept(dtype: type[np.floating]) -> None:
    (r,) = Dropout((0.3,)).factors([8], 0, ROWS, np.dtype(dtype))
    assert r.dtype == dtype


@each_activation
def test_gradient_is_the_derivative(activation: Activation) -> None:
    hidden = (activation, ACTIVATIONS["tanh"])
    case = problem(
        LOSSES["half_squared_error"], ACTIVATIONS["sigmoid"], 2, hidden=hidden, weighted=True, shifted=True
    )
    r = Dropout((0.3, 0.6), 5).factors([4, 4], 2, np.arange(len(case.rows.X)), FLOAT)
    assert all(0.0 < part.mean() < 1.0 / 0.4 for part in r)
    with_r = case.objective.sums(case.theta, case.rows, r)
    numeric = numeric_gradient(lambda at: case.objective.sums(at, case.rows, r).loss, case.theta)
    assert relative_error(with_r.gradient, numeric) < 1e-8
    without = case.objective.sums(case.theta, case.rows)
    assert relative_error(without.gradient, numeric) > 1e-3
