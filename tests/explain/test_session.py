"""Step and rewind: the bits of training after the same steps, in both directions, at any place."""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from tests.training.support import RNG, X, Y, curve

WEIGHTS = np.where(np.arange(23) % 3 == 0, 0.0, RNG.uniform(0.5, 2.0, 23))
RUNS: dict[str, dict[str, Any]] = {
    "full batch": {"batch_size": None},
    "mini-batch": {"batch_size": 4},
    "stochastic": {"batch_size": 1, "seed": 7},
    "in order": {"batch_size": 5, "shuffle": False, "remainder": "drop"},
    "merged": {"batch_size": 5, "remainder": "merge"},
    "adam": {"batch_size": 4, "optimizer": dr.Adam(0.01)},
    "momentum": {"batch_size": 4, "optimizer": dr.SGD(0.01, momentum=0.9, nesterov=True)},
    "rate per layer": {"batch_size": 4, "optimizer": dr.SGD([0.1, 0.01])},
    "penalty": {"batch_size": 4, "penalty": (dr.L2(0.01), dr.L1(0.001)), "reduction": "sum"},
    "weights and offset": {"batch_size": 4, "sample_weight": WEIGHTS, "offset": np.linspace(-1, 1, 23)},
    "rows without weight": {"batch_size": 1, "sample_weight": WEIGHTS, "optimizer": dr.Adam(0.01)},
    "own batches": {"batches": lambda epoch: [[epoch % 23, 3], [], [4, 5, 6]]},
}
each_run = pytest.mark.parametrize("name", RUNS)


def bits(session: dr.Session) -> tuple[bytes, dict[str, bytes]]:
    """The parameters and the optimizer's memory."""
    return session.theta.tobytes(), {key: a.tobytes() for key, a in session.optimizer_state.items()}


def place(session: dr.Session) -> tuple[int, int, int]:
    return session.steps, session.epoch, session.batch


def recorded(session: dr.Session, steps: int) -> list[tuple[Any, Any]]:
    """Where a session stands and its bits after 0, 1, ... steps."""
    seen = [(place(session), bits(session))]
    for _ in range(steps):
        session.step()
        seen.append((place(session), bits(session)))
    return seen


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each_run
def test_after_some_steps_it_has_the_bits_of_training_after_those_steps(name: str, dtype: Any) -> None:
    settings = RUNS[name]
    session, taken = dr.step_through(curve(dtype=dtype), X, Y, **settings), []
    own = {key: value for key, value in settings.items() if key not in ("batch_size", "remainder")}
    for _ in range(40):
        taken.append(session.rows)
        session.step()
        net = curve(dtype=dtype)
        run = net.training(X, Y, **{**own, "batches": taken}, epochs=1, engine="reference")
        run.run()
        assert net.theta.tobytes() == session.theta.tobytes()
        assert {key: a.tobytes() for key, a in run.state.optimizer.items()} == bits(session)[1]
        assert session.steps == run.state.step == len(taken)


@each_run
def test_epochs_batches_and_losses_are_those_of_the_reports(name: str) -> None:
    net = curve()
    session = dr.step_through(net, X, Y, **RUNS[name])
    run = net.training(X, Y, **RUNS[name], epochs=4, record_steps=True, engine="reference")
    for report in run:
        assert report.step_losses is not None
        losses = np.full(len(report.step_losses), np.nan)
        while session.epoch == report.epoch:
            losses[session.batch - 1] = session.loss
            session.step()
        np.testing.assert_array_equal(losses, report.step_losses)
        assert (session.epoch, session.steps) == (report.epoch + 1, run.state.step)
        assert session.theta.tobytes() == net.theta.tobytes()


@each_run
def test_a_step_and_back_has_the_very_same_bits(name: str) -> None:
    session = dr.step_through(curve(), X, Y, **RUNS[name])
    for where, before in recorded(session, 30)[::-1]:
        session.to(*where[1:])
        assert bits(session.step()) != before
        session.back()
        assert (place(session), bits(session)) == (where, before)


@each_run
def test_any_walk_is_exact(name: str) -> None:
    seen = recorded(dr.step_through(curve(), X, Y, **RUNS[name]), 150)
    session, rng = dr.step_through(curve(), X, Y, **RUNS[name]), np.random.default_rng(5)
    for target in rng.integers(0, 151, 100):
        (steps, epoch, batch), now = seen[target][0], session.steps
        if now == steps or rng.random() < 0.3:
            session.to(epoch, batch)
        elif now < steps:
            session.step(steps - now)
        else:
            session.back(now - steps)
        assert (place(session), bits(session)) == seen[target]


def test_going_to_an_epoch_means_before_its_first_batch() -> None:
    session = dr.step_through(curve(), X, Y, batch_size=4).to(3)
    assert place(session) == (12, 3, 1)
    assert place(session.to(1)) == (0, 1, 1)
    assert session.theta.tobytes() == curve().theta.tobytes()


def test_batches_without_weight_are_passed_over() -> None:
    w = np.ones(23)
    w[:4] = w[8:12] = w[20:] = 0.0
    session = dr.step_through(curve(), X, Y, batch_size=4, shuffle=False, sample_weight=w)
    assert [where for where, _ in recorded(session, 4)] == [
        (0, 1, 2),
        (1, 1, 4),
        (2, 1, 5),
        (3, 2, 2),
        (4, 2, 4),
    ]
    assert place(session.to(1, 1)) == (0, 1, 2)
    assert place(session.to(1, 3)) == (1, 1, 4)
    assert place(session.to(1, 6)) == (3, 2, 2)
    assert session.rows.tolist() == [4, 5, 6, 7]


def test_the_rows_are_those_of_the_next_step() -> None:
    session = dr.step_through(curve(), X, Y, batches=lambda epoch: [[epoch, 5], [3, 3, 1]])
    assert session.rows.tolist() == [0, 5]
    assert session.step().rows.tolist() == [3, 3, 1]
    assert session.step().rows.tolist() == [1, 5]
    assert dr.step_through(curve(), X, Y, batch_size=None).rows.tolist() == list(range(23))
    twice = np.vstack([X, X]), np.vstack([Y, Y])
    assert len(dr.step_through(curve(), *twice).rows) == 32


def test_the_network_and_the_arrays_are_left_alone_and_are_no_longer_needed() -> None:
    net, X_, y, w = curve(), X.copy(), Y.copy(), np.ones(23)
    before, record = net.theta.tobytes(), net.training_record
    session = dr.step_through(net, X_, y, sample_weight=w, batch_size=4)
    seen = [entry for _, entry in recorded(session, 9)]
    assert (net.theta.tobytes(), net.training_record, net.history) == (before, record, None)
    assert X_.tobytes() + y.tobytes() == X.tobytes() + Y.tobytes()
    net.theta[:] = X_[:] = y[:] = w[:] = 7.0
    assert [entry for _, entry in recorded(session.to(1), 9)] == seen


def test_what_is_read_can_be_written_to_without_harm() -> None:
    session = dr.step_through(curve(), X, Y, batch_size=4, optimizer="adam").step(3)
    before, rows = bits(session), session.rows
    session.theta[:] = session.net.theta[:] = session.optimizer_state["m"][:] = session.rows[:] = 0
    assert bits(session) == before
    np.testing.assert_array_equal(session.rows, rows)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_its_network_has_the_current_parameters(dtype: Any) -> None:
    net = dr.Network([3, 2, 1], ["sigmoid", "exponential"], bias=False, dtype=dtype)
    session = dr.step_through(net, X, abs(Y), loss="poisson").step(2)
    assert session.net.architecture == net.architecture
    assert session.net.dtype == net.dtype
    assert session.net.theta.tobytes() == session.theta.tobytes() != net.theta.tobytes()
    net.theta = session.theta
    np.testing.assert_array_equal(net.predict(X), session.net.predict(X))


@pytest.mark.parametrize("layout", ["F", "columns", "every third", "backward", "one row"])
def test_the_layout_of_the_arrays_changes_no_bit(layout: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        n, i = rng.integers(2, 50, 2)
        table = rng.normal(size=(n, 3 * i))
        x = {
            "F": np.asfortranarray(table[:, :i]),
            "columns": table[:, :i],
            "every third": table[:, ::3],
            "backward": table[::-1, :i],
            "one row": np.broadcast_to(table[0, :i], (n, i)),
        }[layout]
        net = dr.Network([i, 5, 1], ["tanh", "identity"])
        session = dr.step_through(net, x, table[:, -1], batch_size=None).step(5)
        assert session.job.rows.X.strides == x.strides
        net.train(x, table[:, -1], batch_size=None, epochs=5, engine="reference")
        assert session.theta.tobytes() == net.theta.tobytes()


def test_parameters_that_diverge_are_shown_and_can_be_left_again() -> None:
    session = dr.step_through(curve(), X, Y, batch_size=None, optimizer=dr.SGD(1e6))
    seen = recorded(session, 40)
    assert not np.isfinite(session.net.theta).all()
    assert "loss nan" in repr(session)
    losses = [session.back().loss for _ in range(40)]
    assert np.isinf(losses).any()
    assert (place(session), bits(session)) == seen[0]


def test_its_representation_says_where_it_stands() -> None:
    session = dr.step_through(curve(), X, Y, batch_size=5)
    assert repr(session) == (
        f"<Session: epoch 1, batch 1 of 5, after 0 steps; the next uses 5 rows with loss {session.loss:.6g}>"
    )
    session.step(14)
    assert repr(session).startswith("<Session: epoch 3, batch 5 of 5, after 14 steps; the next uses 3 rows")


@each_run
def test_it_tells_what_the_next_step_changes(name: str) -> None:
    session = dr.step_through(curve(), X, Y, **RUNS[name]).step(3)
    before, rows = bits(session), session.job.rows
    parts, after = {"of all rows": rows}, session.theta_after
    if len(session.rows) < len(X):
        parts[f"of th{'is row' if len(session.rows) == 1 else 'ese rows'}"] = rows.take(session.rows)
    told = session.to_text()
    assert bits(session) == before
    for words, which in parts.items():
        losses = [np.divide(*session.job.objective.losses(theta, which)) for theta in (session.theta, after)]
        assert f"{words} {losses[0]:.6g} → {losses[1]:.6g}" in told
    W = session.net.weights[0]
    session.step()
    assert session.theta.tobytes() == after.tobytes()
    change = session.net.weights[0] - W
    at = np.unravel_index(abs(change).argmax(), change.shape)
    assert f"norm {np.linalg.norm(change):.4g}, most in W⁽¹⁾" in told
    assert f"{W[at]:.6g} → {session.net.weights[0][at]:.6g}" in told


@pytest.mark.parametrize(
    ("move", "arguments", "words"),
    [
        ("step", (0,), "`n` must be at least 1; got 0"),
        ("step", (1.5,), "`n` must be a whole number, at least 1; got 1.5"),
        ("back", (0,), "`n` must be at least 1; got 0"),
        ("back", (3,), "`back` can undo the steps that were taken; got n=3. Allowed: 1 to 2."),
        ("to", (0,), "`epoch` must be between 1 and 18446744073709551616; got 0"),
        ("to", (2**64 + 1,), "`epoch` must be between 1 and 18446744073709551616; got"),
        ("to", (1, 0), "`batch` must be at least 1; got 0"),
        ("to", (2, 7), "there is no such batch; got batch 7 of epoch 2. Allowed: 1 to 6."),
        ("to", (True,), "`epoch` must be a whole number"),
    ],
)
def test_a_move_that_cannot_be_made_is_refused_and_changes_nothing(
    move: str, arguments: tuple[Any, ...], words: str
) -> None:
    session = dr.step_through(curve(), X, Y, batch_size=4).step(2)
    before = place(session), bits(session)
    with pytest.raises(dr.InputError) as caught:
        getattr(session, move)(*arguments)
    assert str(caught.value).startswith(words)
    assert (place(session), bits(session)) == before


def test_back_at_the_start_is_refused() -> None:
    with pytest.raises(dr.InputError, match=r"got n=1\. Allowed: none, the session is at its start"):
        dr.step_through(curve(), X, Y).back()


@pytest.mark.parametrize("empty", [[], [[]], [[1, 2]]])
def test_an_epoch_without_weight_is_refused_before_it_begins(empty: Any) -> None:
    w = np.ones(23)
    w[1:3] = 0.0
    settings = {"sample_weight": w, "batches": lambda epoch: empty if epoch == 1 else [[0], [5]]}
    session = dr.step_through(curve(), X, Y, **settings).step()
    before = bits(session)
    with pytest.raises(dr.InputError, match=r"at least one row with weight; got none in epoch 2\."):
        session.step()
    assert (session.batch, bits(session)) == (2, before)
    with pytest.raises(dr.InputError, match="at least one row with weight"):
        dr.step_through(curve(), X, Y, sample_weight=w, batches=[[1, 2]])


def test_equal_units_are_warned_of_as_in_training() -> None:
    with pytest.warns(dr.SymmetryWarning):
        dr.step_through(curve(initializer="constant"), X, Y)


def test_its_arguments_are_those_of_train() -> None:
    train, session = (inspect.signature(f).parameters for f in (dr.Network.train, dr.step_through))
    names = [name for name in session if name != "net"]
    assert names == [name for name in train if name in names]
    assert [session[name] for name in names] == [train[name] for name in names]


def test_each_epoch_has_its_own_order() -> None:
    session = dr.step_through(curve(), X, Y, batch_size=22)
    orders = [session.to(epoch).rows.tolist() for epoch in (1, 2, 3)]
    assert all(one != other for one, other in pairwise(orders))
    assert session.to(2).rows.tolist() == orders[1]
