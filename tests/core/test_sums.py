"""The laws of sums: weights count rows, rows have no order, batches and workers add up, one place divides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.arrays import Array
from deltarule.core.losses import LOSSES, Loss
from deltarule.core.objective import Objective, Rows, Sums
from deltarule.core.optimizers import SGD, Adam, Optimizer
from deltarule.core.penalties import PENALTIES
from deltarule.data.batches import BatchPlan
from deltarule.engines.base import Job, TrainingState, apply
from deltarule.engines.selection import REFERENCE
from tests.core.support import Problem, each_dtype, each_pair, problem

CLOSE = {"rtol": 1e-11, "atol": 1e-13}
POISSON = (LOSSES["poisson"], ACTIVATIONS["exponential"])


def with_weights(rows: Rows, w: Array | None) -> Rows:
    return rows._replace(w=w)


def assert_same(one: Problem, other: Problem) -> None:
    """Same objective, same gradient, up to rounding."""
    assert one.value() == pytest.approx(other.value(), rel=1e-12)
    np.testing.assert_allclose(one.gradient(), other.gradient(), **CLOSE)


@each_pair
def test_a_row_with_weight_two_is_the_row_twice(loss: Loss, output: Activation) -> None:
    case = problem(loss, output, 3, n=6, shifted=True)
    for times in ([2, 1, 1, 1, 1, 1], [3, 0, 2, 1, 0, 5]):
        weighted = case.of(with_weights(case.rows, np.array(times, dtype=float)))
        repeated = case.of(case.rows.take(np.repeat(np.arange(6), times)))
        assert_same(weighted, repeated)


@each_pair
def test_a_row_without_weight_is_absent(loss: Loss, output: Activation) -> None:
    case = problem(loss, output, 3, n=6, weighted=True, shifted=True)
    assert_same(case, case.of(case.rows.take(np.flatnonzero(case.rows.w))))


@each_pair
def test_weights_of_one_are_no_weights(loss: Loss, output: Activation) -> None:
    case = problem(loss, output, 3, shifted=True)
    assert_same(case, case.of(with_weights(case.rows, np.ones(5))))


@each_pair
def test_permuting_the_rows_changes_nothing(loss: Loss, output: Activation) -> None:
    case = problem(loss, output, 3, n=9, weighted=True, shifted=True)
    assert_same(case, case.of(case.rows.take(np.random.default_rng(0).permutation(9))))


@each_pair
def test_scaling_all_weights_changes_nothing_under_mean(loss: Loss, output: Activation) -> None:
    case = problem(loss, output, 3, n=6, weighted=True, shifted=True)
    for factor in (0.125, 3.7, 1000.0):
        assert_same(case, case.of(with_weights(case.rows, factor * case.rows.w)))


@each_pair
def test_sum_is_mean_times_the_weights(loss: Loss, output: Activation) -> None:
    for weighted in (False, True):
        mean = problem(loss, output, 3, weighted=weighted, shifted=True)
        total = problem(loss, output, 3, weighted=weighted, shifted=True, reduction="sum")
        factor = float(mean.rows.w.sum()) if weighted else len(mean.rows.X)
        assert total.value() == pytest.approx(factor * mean.value(), rel=1e-13)
        np.testing.assert_allclose(total.gradient(), factor * mean.gradient(), **CLOSE)


@each_pair
def test_batches_add_up(loss: Loss, output: Activation) -> None:
    case = problem(loss, output, 3, n=9, weighted=True, shifted=True)
    whole = case.objective.sums(case.theta, case.rows)
    order = np.random.default_rng(1).permutation(9)
    parts = [case.objective.sums(case.theta, case.rows.take(part)) for part in np.split(order, [1, 5, 7])]
    assert sum(part.weight for part in parts) == pytest.approx(whole.weight, rel=1e-14)
    assert sum(part.loss for part in parts) == pytest.approx(whole.loss, rel=1e-12)
    np.testing.assert_allclose(sum(part.gradient for part in parts), whole.gradient, **CLOSE)
    # what several workers have summed is one step
    united = Sums(whole.loss, sum(p.weight for p in parts), sum(p.gradient for p in parts))
    np.testing.assert_allclose(case.objective.gradient(case.theta, united), case.gradient(), **CLOSE)


@given(
    times=st.lists(st.integers(0, 4), min_size=6, max_size=6).filter(any),
    cut=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_all_laws_together(times: list[int], cut: int, seed: int) -> None:
    """Weights, repetition, order and division into two workers at once."""
    case = problem(*POISSON, 2, n=6, shifted=True)
    weighted = case.of(with_weights(case.rows, np.array(times, dtype=float)))
    rows = np.random.default_rng(seed).permutation(np.repeat(np.arange(6), times))
    parts = [case.objective.sums(case.theta, case.rows.take(part)) for part in (rows[:cut], rows[cut:])]
    total = Sums(*(sum(column) for column in zip(*parts, strict=True)))
    np.testing.assert_allclose(case.objective.gradient(case.theta, total), weighted.gradient(), **CLOSE)
    assert total.loss / total.weight == pytest.approx(weighted.value(), rel=1e-12)


# -- penalties are added once ----------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", list(PENALTIES))
def test_a_penalty_is_added_once_whatever_the_rows(name: str, reduction: str) -> None:
    penalty = PENALTIES[name]
    for n, weighted in ((5, False), (11, True)):
        plain = problem(*POISSON, 2, n=n, weighted=weighted, reduction=reduction)
        architecture = plain.objective.architecture
        objective = Objective(architecture, POISSON[0], (penalty,), reduction)
        penalized = plain._replace(objective=objective)
        W = architecture.views(plain.theta).W
        expected = sum(penalty.value(W_l) for W_l in W)
        assert penalized.value() - plain.value() == pytest.approx(expected, rel=1e-9)
        difference = architecture.views(penalized.gradient() - plain.gradient())
        for found, W_l in zip(difference.W, W, strict=True):
            np.testing.assert_allclose(found, penalty.slope(W_l), rtol=1e-9, atol=1e-12)
        for found in difference.b:
            np.testing.assert_array_equal(found, 0.0)  # biases are left alone unless asked


def test_two_penalties_add() -> None:
    case = problem(*POISSON, 2, penalties=(dr.L1(0.3), dr.L2(0.2)))
    parts = [problem(*POISSON, 2, penalties=(p,)) for p in (dr.L1(0.3), dr.L2(0.2))]
    none = problem(*POISSON, 2)
    assert case.value() == pytest.approx(parts[0].value() + parts[1].value() - none.value(), rel=1e-13)
    np.testing.assert_allclose(
        case.gradient(), parts[0].gradient() + parts[1].gradient() - none.gradient(), **CLOSE
    )


# -- steps -----------------------------------------------------------------------------------------------


def state_of(job: Job, theta: Array) -> TrainingState:
    return TrainingState(theta.copy(), job.optimizer.init(theta))


def job_of(case: Problem, optimizer: Optimizer, batches: list[list[int]] | None = None) -> Job:
    own = None if batches is None else (lambda epoch: [np.array(batch) for batch in batches])
    return Job(case.objective, optimizer, case.rows, BatchPlan(len(case.rows.X), own=own), record_steps=True)


each_optimizer = pytest.mark.parametrize(
    "optimizer",
    [SGD(0.1), SGD(0.1, momentum=0.9), SGD(0.1, momentum=0.9, nesterov=True), Adam(0.1)],
    ids=["sgd", "momentum", "nesterov", "adam"],
)


@each_optimizer
def test_a_batch_without_weight_is_skipped(optimizer: Optimizer) -> None:
    """Parameters, optimizer state and step counter are untouched, though momentum would move them."""
    case = problem(*POISSON, 2, n=6, penalties=(dr.L2(0.5),))
    case = case.of(with_weights(case.rows, np.array([1.0, 2.0, 0.0, 0.0, 1.0, 0.0])))
    with_empty, without = (
        job_of(case, optimizer, [[0, 1], [2, 3], [4, 5]]),
        job_of(case, optimizer, [[0, 1], [4, 5]]),
    )
    first, second = state_of(with_empty, case.theta), state_of(without, case.theta)
    for job, state in ((with_empty, first), (without, second)):
        REFERENCE.run_epochs(job, state, 3, [])
    np.testing.assert_array_equal(first.theta, second.theta)
    assert first.step == second.step == 6
    for name, values in first.optimizer.items():
        np.testing.assert_array_equal(values, second.optimizer[name])


def test_apply_with_no_weight_changes_nothing_at_all() -> None:
    case = problem(*POISSON, 2)
    job = job_of(case, Adam(0.1))
    state = state_of(job, case.theta)
    before = state.copy()
    apply(job, state, Sums(0.0, 0.0, np.full_like(case.theta, np.nan)), np.array([0.1]))
    np.testing.assert_array_equal(state.theta, before.theta)
    assert (state.step, state.epoch) == (0, 0)
    assert all(np.array_equal(values, before.optimizer[name]) for name, values in state.optimizer.items())


def test_one_epoch_of_batches_is_the_loop_by_hand() -> None:
    """A step divides by the weight of the rows it used; the epoch's loss is Σwℓ/Σw, before each step."""
    case = problem(*POISSON, 2, n=5, weighted=True, shifted=True, penalties=(dr.L2(0.1),))
    job = Job(case.objective, SGD(0.05), case.rows, BatchPlan(5, 2, shuffle=False), record_steps=True)
    state = state_of(job, case.theta)
    REFERENCE.run_epochs(job, state, 1, done := [])
    theta, loss, weight, steps = case.theta, 0.0, 0.0, []
    for batch in (slice(0, 2), slice(2, 4), slice(4, 5)):
        part = Problem(case.objective, theta, case.rows.take(batch))
        w = float(part.rows.w.sum())
        if w == 0.0:
            steps.append(np.nan)
            continue
        mean = part.value() - case.objective.penalty(theta)
        loss, weight = loss + mean * w, weight + w
        steps.append(mean)
        theta = theta - 0.05 * part.gradient()
    np.testing.assert_allclose(state.theta, theta, rtol=1e-14)
    assert done[0].loss / done[0].weight == pytest.approx(loss / weight, rel=1e-13)
    assert done[0].penalty == pytest.approx(case.objective.penalty(case.theta), rel=1e-15)
    np.testing.assert_allclose(done[0].step_losses, steps, rtol=1e-13)


@pytest.mark.parametrize("batch_size", [None, 3], ids=["full", "mini"])
def test_training_on_weights_is_training_on_repeated_rows(batch_size: int | None) -> None:
    case = problem(*POISSON, 1, n=6)
    X, y, w = case.rows.X, case.rows.y, np.array([1.0, 2.0, 1.0, 3.0, 1.0, 1.0])
    repeated = np.repeat(np.arange(6), w.astype(int))
    if batch_size is None:
        weighted_batches, repeated_batches = None, None
    else:
        weighted_batches = [np.arange(3), np.arange(3, 6)]
        repeated_batches = [np.flatnonzero(repeated < 3), np.flatnonzero(repeated >= 3)]
    nets = [dr.Network([3, 4, 1], ["tanh", "exponential"], seed=5) for _ in range(2)]
    common = {"loss": "poisson", "optimizer": Adam(0.01), "epochs": 20, "batch_size": None}
    nets[0].train(X, y, sample_weight=w, batches=weighted_batches, **common)
    nets[1].train(X[repeated], y[repeated], batches=repeated_batches, **common)
    np.testing.assert_allclose(nets[0].theta, nets[1].theta, rtol=1e-9)


@each_dtype
@each_optimizer
def test_training_keeps_the_dtype(optimizer: Optimizer, dtype: type[np.floating]) -> None:
    case = problem(
        *POISSON, 2, n=6, weighted=True, shifted=True, penalties=(dr.L1(0.01), dr.L2(0.01))
    ).astype(dtype)
    job = Job(case.objective, optimizer, case.rows, BatchPlan(6, 2))
    state = state_of(job, case.theta)
    REFERENCE.run_epochs(job, state, 3, [])
    assert state.theta.dtype == dtype
    assert all(
        values.dtype == dtype for values in state.optimizer.values() if values.shape == state.theta.shape
    )
    assert case.gradient().dtype == dtype
    predicted = REFERENCE.predict(case.objective.architecture, state.theta, case.rows.X, case.rows.offset)
    assert predicted.dtype == dtype


def test_float32_network_stays_float32_whatever_it_is_given() -> None:
    net = dr.Network([2, 3, 1], ["relu", "sigmoid"], dtype="float32", seed=2)
    X, y = np.random.default_rng(0).normal(size=(20, 2)), [0, 1] * 10
    net.train(
        X,
        y,
        loss="binary_cross_entropy",
        optimizer=dr.SGD([0.1, 0.2], momentum=0.5),
        sample_weight=np.arange(20),
        offset=np.linspace(-1, 1, 20),
        penalty=(dr.L1(1e-3), dr.L2(1e-3)),
        epochs=3,
        batch_size=7,
        validation=0.2,
        metrics=("accuracy",),
    )
    g = net.gradients(X, y, loss="binary_cross_entropy", sample_weight=np.arange(20))
    arrays = [net.theta, net.weights[0], net.biases[1], net.predict(X), *g.dW, *g.db, *g.delta]
    arrays += [part for step in net.forward(X) for part in step]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
