"""Batches: a function of (n, batch_size, seed, epoch), frozen, and written a second time without NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

import deltarule as dr
from deltarule.data.batches import MAX_SEED, BatchPlan, permutation
from deltarule.data.splitting import split_rows

SEEDS = st.integers(0, MAX_SEED)

# -- the rule without NumPy: Philox4x64 with ten rounds (Salmon et al., 2011) ------------------------------

MASK = 2**64 - 1


def philox_block(counter: int, key: tuple[int, int]) -> list[int]:
    """Four words of 64 bits for one value of the counter."""
    c = [counter & MASK, 0, 0, 0]
    k0, k1 = key
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [(second >> 64) ^ c[1] ^ k0, second & MASK, (first >> 64) ^ c[3] ^ k1, first & MASK]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return c


def order_by_hand(n: int, seed: int, epoch: int) -> list[int]:
    """Sort rows by output r, whose low bits are replaced by r; the counter of the first block is 1."""
    bits = max(1, (n - 1).bit_length())
    outputs = [philox_block(1 + r // 4, (seed, epoch))[r % 4] for r in range(n)]
    return [row for _, row in sorted((output >> bits, row) for row, output in enumerate(outputs))]


def test_philox_known_answer() -> None:
    """The first known-answer vector of Random123: all zeros in."""
    expected = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert philox_block(0, (0, 0)) == expected


@given(n=st.integers(1, 70), seed=SEEDS, epoch=SEEDS)
def test_permutation_can_be_computed_the_same_way_anywhere(n: int, seed: int, epoch: int) -> None:
    assert permutation(n, seed, epoch).tolist() == order_by_hand(n, seed, epoch)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 63, 64, 65, 128, 129, 1000])
def test_permutation_of_boundary_sizes(n: int) -> None:
    assert permutation(n, 7, 3).tolist() == order_by_hand(n, 7, 3)


@pytest.mark.parametrize("seed", [0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, MAX_SEED])
@pytest.mark.parametrize("epoch", [0, 1, MAX_SEED])
def test_every_bit_of_seed_and_epoch_counts(seed: int, epoch: int) -> None:
    assert permutation(20, seed, epoch).tolist() == order_by_hand(20, seed, epoch)


# -- frozen: what once was trained must stay reproducible --------------------------------------------------

FROZEN = {
    (10, 0, 0): [0, 2, 9, 1, 8, 5, 4, 3, 6, 7],
    (10, 0, 1): [5, 3, 7, 8, 2, 4, 1, 0, 6, 9],
    (10, 1, 0): [3, 5, 2, 9, 7, 0, 8, 6, 1, 4],
    (7, 42, 3): [1, 6, 3, 4, 5, 2, 0],
    (17, MAX_SEED, MAX_SEED): [6, 9, 8, 10, 11, 14, 4, 5, 0, 1, 7, 16, 15, 3, 13, 12, 2],
}


def test_frozen_orders() -> None:
    for (n, seed, epoch), order in FROZEN.items():
        assert permutation(n, seed, epoch).tolist() == order


# -- properties --------------------------------------------------------------------------------------------


@given(n=st.integers(1, 500), seed=SEEDS, epoch=st.integers(0, 10**6))
def test_permutation_holds_every_row_once(n: int, seed: int, epoch: int) -> None:
    order = permutation(n, seed, epoch)
    assert sorted(order.tolist()) == list(range(n))
    assert order.dtype == np.intp


@given(seed=st.integers(0, MAX_SEED - 1), epoch=st.integers(0, 10**6))
def test_orders_differ_by_seed_and_by_epoch(seed: int, epoch: int) -> None:
    order = permutation(100, seed, epoch)
    assert not np.array_equal(order, permutation(100, seed, epoch + 1))
    assert not np.array_equal(order, permutation(100, seed + 1, epoch))


def test_every_row_comes_first_about_equally_often() -> None:
    first = np.bincount([permutation(10, 5, epoch)[0] for epoch in range(5000)], minlength=10)
    assert np.sum((first - 500.0) ** 2) / 500.0 < 27.9  # chi-square with 9 degrees of freedom, 0.1 percent


@pytest.mark.parametrize(
    ("remainder", "lengths"), [("keep", [3, 3, 3, 1]), ("drop", [3, 3, 3]), ("merge", [3, 3, 4])]
)
def test_remainder(remainder: str, lengths: list[int]) -> None:
    batches = BatchPlan(10, 3, remainder=remainder, seed=1).epoch(2)
    assert [len(batch) for batch in batches] == lengths
    order = permutation(10, 1, 2)
    np.testing.assert_array_equal(np.concatenate(batches), order[: sum(lengths)])


@given(
    n=st.integers(1, 60),
    size=st.integers(1, 70),
    remainder=st.sampled_from(["keep", "drop", "merge"]),
    shuffle=st.booleans(),
)
def test_each_row_is_used_at_most_once(n: int, size: int, remainder: str, shuffle: bool) -> None:
    batches = BatchPlan(n, size, shuffle, remainder, seed=3).epoch(1)
    rows = np.concatenate([np.arange(n)[batch] for batch in batches])
    assert len(set(rows.tolist())) == len(rows)
    left_over = n % size if remainder == "drop" and size < n else 0
    assert len(rows) == n - left_over
    assert all(len(np.arange(n)[batch]) >= min(size, n) for batch in batches[:-1])
    if not shuffle:
        np.testing.assert_array_equal(rows, np.arange(len(rows)))


def test_the_example_of_the_article() -> None:
    """700 rows in eights, the rest merged: 87 batches, the last of 12; 60 000 in 256: 234 and 352."""
    for n, size, count, last in ((700, 8, 87, 12), (60_000, 256, 234, 352)):
        batches = BatchPlan(n, size, remainder="merge").epoch(0)
        assert (len(batches), len(batches[-1])) == (count, last)


@pytest.mark.parametrize("size", [None, 10, 11, 1000])
def test_a_full_batch_is_never_permuted(size: int | None) -> None:
    for remainder in ("keep", "drop", "merge"):
        (batch,) = BatchPlan(10, size, remainder=remainder, seed=5).epoch(3)
        np.testing.assert_array_equal(np.arange(10)[batch], np.arange(10))


def test_own_batches_replace_everything() -> None:
    plan = BatchPlan(10, 3, own=lambda epoch: [np.array([epoch, 0]), np.array([1])])
    assert [batch.tolist() for batch in plan.epoch(4)] == [[4, 0], [1]]


@pytest.mark.parametrize("seed", [0, 1, 5, 2**63, MAX_SEED])
def test_rows_held_out_are_not_those_that_an_early_epoch_sees_first(seed: int) -> None:
    held_out = split_rows(60, 0.25, seed).held_out.tolist()
    assert all(held_out != sorted(order_by_hand(60, seed, epoch)[:15]) for epoch in range(3))


def test_training_uses_this_order() -> None:
    """One epoch with the plan's batches equals one epoch with the same batches handed in."""
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0)
    nets = [dr.Network([2, 3, 1], ["tanh", "identity"], seed=1) for _ in range(2)]
    nets[0].train(X, y, batch_size=6, epochs=3, seed=11)
    orders = [order_by_hand(20, 11, epoch) for epoch in range(3)]
    nets[1].train(X, y, epochs=3, batches=lambda epoch: [orders[epoch][i : i + 6] for i in range(0, 20, 6)])
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([[0, 20]], "between 0 and 19"),
        ([[-1]], "between 0 and 19"),
        ([[0.5]], "row numbers"),
        ([[[0]]], "row numbers"),
    ],
)
def test_own_batches_must_be_row_numbers(batches: list, words: str) -> None:
    net = dr.Network([1, 1], ["identity"])
    with pytest.raises(dr.InputError, match=words):
        net.train(np.ones((20, 1)), np.ones(20), batches=batches, epochs=1)
