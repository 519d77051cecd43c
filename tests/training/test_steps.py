"""Full batch, mini-batch and stochastic descent: which rows a step uses, and what it does with them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from tests.training.support import RNG, X_VAL, Y_VAL, X, Y, curve, line, rows_of_each_epoch, theta_after

SGD = dr.SGD(learning_rate=0.1)


def stepped_by_hand(net: dr.Network, batches: list[list[int]], **settings: Any) -> np.ndarray:
    """theta after one plain gradient step per batch, with the gradients that Network gives."""
    net = net.copy()
    for batch in batches:
        chosen = {key: np.asarray(value)[batch] for key, value in settings.items()}
        g = net.gradients(X[batch], Y[batch], **chosen)
        for layer in range(len(g.dW)):
            net.weights[layer] = net.weights[layer] - 0.1 * g.dW[layer]
            net.biases[layer] = net.biases[layer] - 0.1 * g.db[layer]
    return net.theta


def test_a_full_batch_is_one_step_per_epoch_in_the_given_order() -> None:
    assert rows_of_each_epoch(2, batch_size=None) == [[list(range(23))]] * 2


@pytest.mark.parametrize("size", [23, 24, 1000])
def test_a_batch_size_of_n_or_more_is_the_full_batch(size: int) -> None:
    np.testing.assert_array_equal(theta_after(3, batch_size=size), theta_after(3, batch_size=None))


@pytest.mark.parametrize("asked", [{}, {"batch_size": "auto"}])
def test_a_step_takes_32_rows_unless_another_number_is_asked_for(asked: dict[str, Any]) -> None:
    plan = line().training(np.zeros((80, 3)), np.zeros(80), **asked).job.plan
    assert [len(rows) for rows in plan.epoch(0)] == [32, 32, 16]


def test_stochastic_descent_takes_one_row_per_step_and_every_row_once() -> None:
    for epoch in rows_of_each_epoch(3, batch_size=1):
        assert [len(batch) for batch in epoch] == [1] * 23
        assert sorted(row for batch in epoch for row in batch) == list(range(23))


@pytest.mark.parametrize(
    ("remainder", "sizes"), [("keep", [5, 5, 5, 5, 3]), ("drop", [5] * 4), ("merge", [5, 5, 5, 8])]
)
def test_the_rows_left_over(remainder: Any, sizes: list[int]) -> None:
    for epoch in rows_of_each_epoch(3, batch_size=5, remainder=remainder):
        rows = [row for batch in epoch for row in batch]
        assert [len(batch) for batch in epoch] == sizes
        assert len(set(rows)) == len(rows) == sum(sizes)


@pytest.mark.parametrize("remainder", ["keep", "drop", "merge"])
def test_without_a_remainder_there_is_nothing_to_choose(remainder: Any) -> None:
    shared = {"n": 20, "batch_size": 5}
    assert rows_of_each_epoch(2, remainder=remainder, **shared) == rows_of_each_epoch(2, **shared)


def test_rows_are_dropped_at_random_not_always_the_same_ones() -> None:
    epochs = rows_of_each_epoch(20, batch_size=20, remainder="drop")
    assert len({frozenset(epoch[0]) for epoch in epochs}) > 10


def test_shuffling_gives_each_epoch_a_new_order_and_turned_off_keeps_the_given_one() -> None:
    shuffled = rows_of_each_epoch(4, batch_size=4)
    assert all(one != other for one, other in pairwise(shuffled))
    kept = rows_of_each_epoch(2, batch_size=4, shuffle=False)
    assert kept == [[list(range(start, min(start + 4, 23))) for start in range(0, 23, 4)]] * 2


def test_a_step_is_a_gradient_step_on_its_rows_divided_by_the_rows_it_has() -> None:
    net = curve()
    expected = stepped_by_hand(net, [list(range(10)), list(range(10, 20)), [20, 21, 22]])
    net.train(X, Y, epochs=1, batch_size=10, shuffle=False, optimizer=SGD)
    np.testing.assert_allclose(net.theta, expected, rtol=1e-13)


def test_sample_weights_and_offsets_follow_their_rows() -> None:
    w, offset = RNG.uniform(0.1, 2.0, 23), RNG.normal(size=23)
    net = curve()
    batches = rows_of_each_epoch(1, batch_size=4, seed=5)[0]
    expected = stepped_by_hand(net, batches, sample_weight=w, offset=offset)
    net.train(X, Y, epochs=1, batch_size=4, seed=5, sample_weight=w, offset=offset, optimizer=SGD)
    np.testing.assert_allclose(net.theta, expected, rtol=1e-12)


def test_reduction_sum_does_not_divide() -> None:
    net, other = line(), line()
    net.train(X, Y, epochs=1, batch_size=None, reduction="sum", optimizer=dr.SGD(0.1 / 23))
    other.train(X, Y, epochs=1, batch_size=None, optimizer=SGD)
    np.testing.assert_allclose(net.theta, other.theta, rtol=1e-13)


def test_own_batches_are_used_in_every_epoch_as_they_are() -> None:
    own = [[3, 1, 2], np.array([22, 22], dtype=np.uint8), range(5)]
    net = curve()
    expected = stepped_by_hand(net, [list(map(int, batch)) for batch in own] * 2)
    net.train(X, Y, epochs=2, batches=own, optimizer=SGD)
    np.testing.assert_allclose(net.theta, expected, rtol=1e-12)


def test_own_batches_by_function_are_asked_for_each_epoch_from_0() -> None:
    asked: list[int] = []

    def batches(epoch: int) -> list[list[int]]:
        asked.append(epoch)
        return [[epoch], [epoch + 1, epoch + 2]]

    net = curve()
    expected = stepped_by_hand(net, [batch for epoch in range(3) for batch in batches(epoch)])
    asked.clear()
    net.train(X, Y, epochs=3, batches=batches, optimizer=SGD)
    assert asked == [0, 1, 2]
    np.testing.assert_allclose(net.theta, expected, rtol=1e-12)


def test_a_batch_without_weight_is_skipped_in_parameters_memory_and_step_count() -> None:
    w = np.ones(23)
    w[5:10] = 0.0
    momentum = dr.SGD(0.1, momentum=0.9)
    net, other = curve(), curve()
    run = net.training(
        X, Y, epochs=2, sample_weight=w, batches=[range(5), range(5, 10), []], optimizer=momentum
    )
    list(run)
    other.train(X, Y, epochs=2, batches=[range(5)], optimizer=momentum)
    np.testing.assert_array_equal(net.theta, other.theta)
    assert run.state.step == 2
    assert run.history.loss == other.history.loss


def test_zero_weights_everywhere_in_an_epoch_are_refused() -> None:
    w = np.zeros(23)
    w[0] = 1.0
    with pytest.raises(dr.InputError, match="at least one row with weight"):
        line().train(X, Y, sample_weight=w, batches=[[1, 2]])


def test_a_row_of_weight_2_is_the_row_twice() -> None:
    w = np.ones(23)
    w[4] = 2.0
    net, other = curve(), curve()
    net.train(X, Y, epochs=5, batch_size=None, sample_weight=w)
    other.train(np.vstack([X, X[4:5]]), np.vstack([Y, Y[4:5]]), epochs=5, batch_size=None)
    np.testing.assert_allclose(net.theta, other.theta, rtol=1e-12)
    np.testing.assert_allclose(net.history.loss, other.history.loss, rtol=1e-12)


def test_the_loss_of_an_epoch_takes_each_row_at_the_parameters_before_its_step() -> None:
    w = RNG.uniform(0.5, 1.5, 23)
    net, walker = curve(), curve()
    history = net.train(
        X, Y, epochs=1, batch_size=10, shuffle=False, sample_weight=w, record_steps=True, optimizer=SGD
    )
    total = 0.0
    for step, rows in enumerate((slice(0, 10), slice(10, 20), slice(20, 23))):
        per_row = np.mean((walker.predict(X[rows]) - Y[rows]) ** 2, axis=1)
        total += float(per_row @ w[rows])
        assert history.step_losses[0][step] == pytest.approx(per_row @ w[rows] / w[rows].sum(), rel=1e-12)
        walker.theta = stepped_by_hand(walker, [list(range(23))[rows]], sample_weight=w)
    assert history.loss[0] == pytest.approx(total / w.sum(), rel=1e-12)


def test_penalties_are_reported_apart_from_the_loss_and_count_once_per_step() -> None:
    penalty = (dr.L2(0.1), dr.L1(0.01, biases=True))
    net = curve(bias_initializer="uniform")
    before = net.copy()
    history = net.train(X, Y, epochs=1, batch_size=None, penalty=penalty, optimizer=SGD)
    W = np.concatenate([w.ravel() for w in before.weights])
    b = np.concatenate([b.ravel() for b in before.biases])
    expected = 0.05 * np.sum(W**2) + 0.01 * (np.abs(W).sum() + np.abs(b).sum())
    assert history.epochs[0].penalty == pytest.approx(expected, rel=1e-12)
    g = before.gradients(X, Y, penalty=penalty)
    assert g.objective == pytest.approx(history.loss[0] + expected, rel=1e-12)
    np.testing.assert_allclose(net.weights[0], before.weights[0] - 0.1 * g.dW[0], rtol=1e-12)


def test_a_rate_per_layer_moves_each_layer_at_its_own() -> None:
    net, before = curve(), curve()
    g = before.gradients(X, Y)
    net.train(X, Y, epochs=1, batch_size=None, optimizer=dr.SGD([0.0, 0.5]))
    np.testing.assert_array_equal(net.weights[0], before.weights[0])
    np.testing.assert_array_equal(net.biases[0], before.biases[0])
    np.testing.assert_allclose(net.weights[1], before.weights[1] - 0.5 * g.dW[1], rtol=1e-13)


@pytest.mark.parametrize(
    "rate", [0.1, 1, np.float64(0.1), np.float32(0.1), np.int64(1), np.array(0.1), [0.1], np.array([0.1])]
)
def test_a_learning_rate_may_be_any_number(rate: Any) -> None:
    history = line().train(X, Y, epochs=2, optimizer=dr.SGD(rate))
    first = history.learning_rate[0]
    assert first == (pytest.approx(0.1) if np.max(rate) < 1 else 1.0) or first == (0.1,)


@pytest.mark.parametrize("optimizer", [SGD, dr.SGD(0.1, momentum=0.9), dr.Adam(0.1)])
def test_a_second_training_goes_on_from_the_current_parameters(optimizer: Any) -> None:
    net = curve()
    first = net.train(X, Y, epochs=5, batch_size=None, optimizer=optimizer)
    middle = net.theta.copy()
    second = net.train(X, Y, epochs=1, batch_size=None, optimizer=optimizer)
    assert second.loss[0] == pytest.approx(float(np.mean((_predict(middle) - Y) ** 2)), rel=1e-12)
    assert second.loss[0] < first.loss[0]
    assert second.epochs[0].epoch == 1
    assert net.history is second


def _predict(theta: np.ndarray) -> np.ndarray:
    net = curve()
    net.theta = theta
    return net.predict(X)


def test_plain_descent_may_be_cut_in_two_runs() -> None:
    net, whole = curve(), curve()
    for epochs in (3, 4):
        net.train(X, Y, epochs=epochs, batch_size=None, optimizer=SGD)
    whole.train(X, Y, epochs=7, batch_size=None, optimizer=SGD)
    np.testing.assert_array_equal(net.theta, whole.theta)


def test_validation_rows_are_watched_and_never_learned_from() -> None:
    net, other = curve(), curve()
    w, offset = np.linspace(0.5, 1.5, 11), np.full(11, 0.25)
    history = net.train(X, Y, epochs=4, validation=(X_VAL, Y_VAL, w, offset), metrics=["rmse"])
    other.train(X, Y, epochs=4)
    np.testing.assert_array_equal(net.theta, other.theta)
    per_row = np.mean((net.predict(X_VAL, offset) - Y_VAL) ** 2, axis=1)
    assert history.validation_loss[-1] == pytest.approx(per_row @ w / w.sum(), rel=1e-12)
    assert history.validation_metrics["rmse"][-1] ** 2 == pytest.approx(history.validation_loss[-1])


@pytest.mark.parametrize("fraction", [0.2, 1e-9, 0.999999, np.float32(0.5)])
def test_a_fraction_of_the_rows_is_set_aside_by_the_seed(fraction: Any) -> None:
    runs = [curve().training(X, Y, epochs=1, validation=fraction, seed=seed) for seed in (3, 3, 4)]
    kept, held_out = runs[0].job.rows, runs[0].settings.validation
    assert held_out is not None
    assert len(held_out.X) == min(22, max(1, round(23 * float(fraction))))
    both = np.vstack([kept.X, held_out.X])
    np.testing.assert_array_equal(both[np.lexsort(both.T)], X[np.lexsort(X.T)])
    np.testing.assert_array_equal(kept.X, runs[1].job.rows.X)
    assert not np.array_equal(kept.X, runs[2].job.rows.X)


def test_weights_and_offsets_are_divided_with_the_rows() -> None:
    w, offset = np.arange(1.0, 24.0), np.arange(23.0)
    run = curve().training(X, Y, sample_weight=w, offset=offset, validation=0.3)
    for rows in (run.job.rows, run.settings.validation):
        assert rows is not None
        assert rows.w is not None
        assert rows.offset is not None
        places = rows.w.astype(int) - 1
        np.testing.assert_array_equal(rows.X, X[places])
        np.testing.assert_array_equal(rows.y, Y[places])
        np.testing.assert_array_equal(rows.offset[:, 0], places)


def test_weights_that_leave_one_part_without_any_are_refused() -> None:
    w = np.zeros(23)
    w[0] = 1.0
    with pytest.raises(dr.InputError, match="sample_weight` must be positive for some row"):
        curve().train(X, Y, sample_weight=w, validation=0.5)


def test_the_documented_signatures_of_train_and_training_are_one() -> None:
    import inspect

    train, training = (inspect.signature(f).parameters for f in (dr.Network.train, dr.Network.training))
    assert list(train.values()) == list(training.values())
