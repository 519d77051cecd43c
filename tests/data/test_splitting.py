"""Splitting rows: all rows once, no part empty, each class in proportion."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, strategies as st

from deltarule.data.splitting import Purpose, split_rows
from deltarule.errors import InputError

FRACTIONS = st.floats(0.001, 0.999)
CLASSES = st.lists(st.integers(0, 4), min_size=2, max_size=60)


@given(CLASSES, FRACTIONS, st.integers(0, 2**63), st.booleans())
def test_every_row_is_in_one_part_and_no_part_is_empty(
    classes: list[int], fraction: float, seed: int, strata: bool
) -> None:
    n = len(classes)
    train, held_out = split_rows(n, fraction, seed, classes if strata else None)
    assert sorted([*train, *held_out]) == list(range(n))
    assert len(train) > 0
    assert len(held_out) > 0
    assert (np.diff(train) > 0).all()
    assert (np.diff(held_out) > 0).all()


@given(CLASSES.filter(lambda c: len(set(c)) < len(c)), FRACTIONS)
def test_each_class_gives_its_share_and_stays_in_training(classes: list[int], fraction: float) -> None:
    labels = np.array(classes)
    train, held_out = split_rows(len(labels), fraction, 0, labels)
    assert set(labels[train]) == set(labels)
    wanted = min(max(round(fraction * len(labels)), 1), len(labels) - 1)
    full = len(labels) - len(set(classes))
    assert len(held_out) == min(wanted, full)
    if wanted < full / 2 and (np.bincount(labels)[np.unique(labels)] > 1).all():
        shares = np.bincount(labels) * wanted / len(labels)
        assert (np.abs(np.bincount(labels[held_out], minlength=len(shares)) - shares) <= 2).all()


def test_large_classes_are_split_in_proportion() -> None:
    labels = np.repeat([0, 1, 2], [700, 250, 50])
    held_out = split_rows(1000, 0.2, 7, labels).held_out
    assert np.bincount(labels[held_out]).tolist() == [140, 50, 10]


def test_the_same_seed_gives_the_same_rows_and_another_gives_others() -> None:
    first, again, other = (split_rows(100, 0.2, seed).held_out for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_each_purpose_has_a_choice_of_its_own() -> None:
    watched, tested = (split_rows(1000, 0.5, 3, purpose=purpose).held_out for purpose in get_args(Purpose))
    assert split_rows(1000, 0.5, 3).held_out.tolist() == watched.tolist()
    assert len(np.intersect1d(watched, tested)) == pytest.approx(250, abs=40)  # five standard deviations


def test_strata_may_be_text() -> None:
    assert len(split_rows(4, 0.5, 0, ["u", "u", "v", "v"]).held_out) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, 0.5, 0), "at least 2 rows; got 1"),
        ((10, 0.0, 0), "`fraction` must lie between 0 and 1; got 0.0"),
        ((10, 1.0, 0), "`fraction`"),
        ((10, float("nan"), 0), "`fraction`"),
        ((10, 0.5, -1), "`seed`"),
        ((10, 0.5, 0, None, "test"), "`purpose` must be one of validation, held_out; got 'test'"),
        ((10, 0.5, 0, [1, 2]), "`strata` must have 10 entries; got 2"),
    ],
)
def test_errors_say_what_is_wrong(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        split_rows(*arguments)
