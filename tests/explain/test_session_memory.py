"""What a session keeps and what it computes again: few snapshots, short replays, and Ctrl-C at any moment."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.arrays import Array
from tests.explain.test_session import bits, place, recorded
from tests.training.support import X, Y, curve


class CountingSGD:
    """Momentum that counts its updates, and at one of them the user presses Ctrl-C."""

    name = "counting_sgd"
    learning_rate = 0.01

    def __init__(self) -> None:
        self.count = 0
        self.pressed_at: int | None = None

    def init(self, theta: Array) -> Any:
        return {"v": np.zeros_like(theta)}

    def update(self, theta: Array, gradient: Array, state: Any, rate: Any) -> tuple[Array, Any]:
        self.count += 1
        if self.count == self.pressed_at:
            raise KeyboardInterrupt
        v = 0.9 * state["v"] - rate * gradient
        return theta + v, {"v": v}

    def updates(self, move: Any, *arguments: int) -> int:
        """How many updates a move takes."""
        before = self.count
        move(*arguments)
        return self.count - before


def counted(steps: int, **settings: Any) -> tuple[dr.Session, CountingSGD]:
    optimizer = CountingSGD()
    session = dr.step_through(curve(), X, Y, batch_size=4, optimizer=optimizer, **settings)
    if steps:
        assert optimizer.updates(session.step, steps) == steps
    return session, optimizer


def assert_few_snapshots(session: dr.Session, farthest: int) -> None:
    """The start, and at most three for each power of 2 up to the farthest step that was ever reached."""
    start, *others = session.snapshots
    assert start == 0
    assert max(others, default=0) <= farthest
    assert max(Counter(step & -step for step in others).values(), default=0) <= 3


def test_few_snapshots_are_kept_wherever_the_session_goes() -> None:
    session, _ = counted(0)
    for steps in range(1, 701):
        session.step()
        assert_few_snapshots(session, steps)
    rng = np.random.default_rng(1)
    for _ in range(50):
        session.to(int(rng.integers(1, 117)))
        assert_few_snapshots(session, 700)


@pytest.mark.parametrize("steps", [1, 2, 3, 255, 256, 257, 700])
def test_going_back_n_steps_replays_fewer_than_2_n(steps: int) -> None:
    for n in {1, 2, 3, 5, 17, 100} & set(range(steps + 1)):
        session, optimizer = counted(steps)
        assert optimizer.updates(session.back, n) < 2 * n


def test_back_again_and_again_replays_little_in_all() -> None:
    session, optimizer = counted(1024)
    for _ in range(1024):
        session.back()
        assert_few_snapshots(session, 1024)
    assert place(session) == (0, 1, 1)
    assert optimizer.count < 1024 * 11


def test_a_place_that_is_in_memory_costs_no_step() -> None:
    session, optimizer = counted(1000)
    assert optimizer.updates(session.back, 1000) == 0
    for steps in session.snapshots[1:2]:
        assert optimizer.updates(session.step, steps) == 0


def test_reading_takes_no_step() -> None:
    session, optimizer = counted(10)
    optimizer.pressed_at = optimizer.count + 1
    assert repr(session)
    assert session.loss > 0.0
    assert session.net.theta.tobytes() == session.theta.tobytes()


@pytest.mark.parametrize(("move", "argument"), [("step", 100), ("back", 85), ("to", 90)])
@pytest.mark.parametrize("finished", [0, 1, 7])
def test_ctrl_c_leaves_the_session_where_it_stood_and_the_same_move_goes_on(
    move: str, argument: int, finished: int
) -> None:
    expected, twin = counted(200)
    cost = twin.updates(getattr(expected, move), argument)
    assert cost > finished
    session, optimizer = counted(200)
    before = place(session), bits(session)
    optimizer.pressed_at = optimizer.count + finished + 1
    with pytest.raises(KeyboardInterrupt):
        getattr(session, move)(argument)
    assert (place(session), bits(session)) == before
    assert optimizer.updates(getattr(session, move), argument) == cost - finished
    assert (place(session), bits(session)) == (place(expected), bits(expected))


def test_a_state_that_an_optimizer_writes_to_is_rewound_all_the_same() -> None:
    class InPlace(CountingSGD):
        def update(self, theta: Array, gradient: Array, state: Any, rate: Any) -> tuple[Array, Any]:
            state["v"][:] = 0.9 * state["v"] - rate * gradient
            return theta + state["v"], state

    session = dr.step_through(curve(), X, Y, batch_size=4, optimizer=InPlace())
    seen = recorded(session, 20)
    for where, memory in seen[::-1]:
        session.to(*where[1:])
        assert (place(session), bits(session)) == (where, memory)
