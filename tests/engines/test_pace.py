"""How many threads a call gets: what was faster, whatever the cores are doing, and rarely anything else."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from deltarule.engines.native.pace import FIRST, LAST, SHORT, Pace, pace_of, paced

QUIET = {1: 2e-3, 2: 1.1e-3, 3: 0.9e-3, 4: 0.7e-3, 8: 0.5e-3, 16: 0.4e-3}
BUSY = {1: 3e-3, 2: 4e-3, 3: 5e-3, 4: 6e-3, 8: 7e-3, 16: 8e-3}
FOUR_ARE_BEST = {1: 4e-3, 2: 3e-3, 4: 1e-3, 8: 2e-3, 16: 3e-3}


def calls(pace: Pace, seconds: Callable[[int], float], number: int) -> list[int]:
    """The threads of so many calls, one after the other."""
    used = []
    for _ in range(number):
        used.append(pace.choose())
        pace.note(used[-1], seconds(used[-1]))
    return used


@pytest.mark.parametrize("most", [2, 4, 16])
def test_on_quiet_cores_it_keeps_all_and_tries_ever_less(most: int) -> None:
    pace = Pace(most)
    used = calls(pace, QUIET.__getitem__, 1000)
    assert pace.threads == most
    others = [number for number, threads in enumerate(used) if threads != most]
    assert used[:FIRST] == [most] * FIRST
    assert len(others) <= 1000 / LAST + 5
    assert all(used[number] == most // 2 for number in others)


@pytest.mark.parametrize("most", [2, 4, 16])
def test_on_busy_cores_it_soon_uses_one(most: int) -> None:
    used = calls(Pace(most), BUSY.__getitem__, 400)
    assert set(used[FIRST * (most + 1) :][:10]) <= {1, 2}
    assert used.count(1) >= 300


def test_it_finds_the_best_between() -> None:
    pace = Pace(16)
    used = calls(pace, FOUR_ARE_BEST.__getitem__, 300)
    assert pace.threads == 4
    assert used[-50:].count(4) >= 45


def test_it_follows_the_cores() -> None:
    pace = Pace(2)
    for now, best in ((QUIET, 2), (BUSY, 1), (QUIET, 2)):
        calls(pace, now.__getitem__, 200)
        assert pace.threads == best


def test_long_calls_keep_all_threads() -> None:
    """A trial would cost as much as a call, and the threads wait for each other but a small part of it."""
    assert set(calls(Pace(2), lambda threads: SHORT * threads, 300)) == {2}


def test_a_kind_of_call_has_one_pace() -> None:
    assert pace_of(2, "kind", (3, 2, 1)) is pace_of(2, "kind", (3, 2, 1))
    assert pace_of(2, "kind", (3, 2, 1)) is not pace_of(2, "kind", (3, 3, 1))


def test_what_fails_is_not_noted() -> None:
    pace = Pace(2)
    with pytest.raises(KeyboardInterrupt), paced(pace):
        raise KeyboardInterrupt
    assert pace.seconds == math.inf
    with paced(pace) as threads:
        assert threads == 2
    assert pace.seconds < math.inf
