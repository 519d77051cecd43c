"""∂J/∂theta through whole networks: every loss, output and hidden activation, depth, weights and offset."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.losses import LOSSES, Loss
from deltarule.core.objective import Reduction, forward_pass
from deltarule.engines.reference import ReferenceEngine
from tests.core.support import (
    Problem,
    each_activation,
    each_dtype,
    each_pair,
    gradient_error,
    problem,
    relative_error,
)

TOLERANCE = 1e-8


@pytest.mark.parametrize("k", range(1, 6))
@each_pair
def test_gradient_is_the_derivative(loss: Loss, output: Activation, k: int) -> None:
    for weighted, shifted in itertools.product((False, True), repeat=2):
        reduction = "sum" if weighted != shifted else "mean"
        case = problem(loss, output, k, n=4, weighted=weighted, shifted=shifted, reduction=reduction, seed=k)
        assert gradient_error(case) < TOLERANCE


@each_pair
def test_gradient_with_the_other_reduction_and_penalties(loss: Loss, output: Activation) -> None:
    for weighted, shifted in itertools.product((False, True), repeat=2):
        reduction = "mean" if weighted != shifted else "sum"
        case = problem(
            loss,
            output,
            2,
            weighted=weighted,
            shifted=shifted,
            reduction=reduction,
            penalties=(dr.L2(0.3), dr.L1(0.2, biases=True)),
        )
        assert gradient_error(case) < TOLERANCE


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradient_with_penalties_that_are_averaged(reduction: Reduction) -> None:
    """scikit-learn's J: the penalties are divided by the weight of the rows, too."""
    penalties = (dr.L2(0.3), dr.L1(0.2, biases=True))
    case = problem(
        LOSSES["huber"], ACTIVATIONS["identity"], weighted=True, reduction=reduction, penalties=penalties
    )
    averaging = case._replace(objective=dataclasses.replace(case.objective, averages_penalties=True))
    assert gradient_error(averaging) < TOLERANCE
    share = averaging.value() - case.objective.reduce(*case.objective.losses(case.theta, case.rows))
    weight = float(np.sum(case.rows.w)) if reduction == "mean" else 1.0
    assert share == pytest.approx(case.objective.penalty(case.theta) / weight, rel=1e-12)


@each_pair
def test_gradient_without_hidden_layer_and_without_bias(loss: Loss, output: Activation) -> None:
    for bias in (False, True):
        case = problem(loss, output, 3, hidden=(), bias=bias, weighted=True, shifted=True)
        assert gradient_error(case) < TOLERANCE
        hidden = problem(loss, output, 3, bias=bias, weighted=True, shifted=True)
        assert gradient_error(hidden) < TOLERANCE


@each_activation
def test_gradient_through_a_hidden_layer_of_every_activation(activation: Activation) -> None:
    for loss, output in (("half_squared_error", "identity"), ("cross_entropy", "softmax")):
        for hidden in ((activation,), (activation, activation), (ACTIVATIONS["tanh"], activation)):
            case = problem(LOSSES[loss], ACTIVATIONS[output], 3, hidden=hidden, weighted=True)
            assert gradient_error(case) < TOLERANCE


def test_gradient_of_eight_layers_of_different_activations() -> None:
    names = ("tanh", "sigmoid", "softplus", "gelu", "mish", "silu", "softmax", "elu")
    hidden = tuple(ACTIVATIONS[name] for name in names)
    case = problem(LOSSES["poisson"], ACTIVATIONS["exponential"], 2, hidden=hidden, weighted=True)
    assert case.objective.architecture.n_layers == 9
    assert gradient_error(case) < TOLERANCE


@each_pair
def test_float32_gradient_agrees_with_float64(loss: Loss, output: Activation) -> None:
    for k in (
        2,
        3,
        5,
    ):  # softmax of one output is saturated: its loss is the logarithm of the smallest number
        narrow = problem(loss, output, k, n=8, weighted=True, shifted=True).astype(np.float32)
        wide = narrow.astype(np.float64)
        assert relative_error(narrow.gradient(), wide.gradient(), floor=0.1) < 2e-5
        assert narrow.value() == pytest.approx(wide.value(), rel=2e-5, abs=1e-5)


@each_dtype
@each_pair
def test_everything_keeps_the_dtype(loss: Loss, output: Activation, dtype: type[np.floating]) -> None:
    case = problem(
        loss, output, weighted=True, shifted=True, penalties=(dr.L1(0.1), dr.L2(0.1, biases=True))
    ).astype(dtype)
    record = case.objective.gradients(case.theta, case.rows)
    steps = forward_pass(case.objective.architecture, case.theta, case.rows.X, case.rows.offset)
    arrays = [*record.delta, *record.dW, *record.db, *itertools.chain(*steps), case.gradient()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


# -- the record of a backward pass -----------------------------------------------------------------------


def network_of(case: Problem) -> dr.Network:
    architecture = case.objective.architecture
    net = dr.Network(architecture.widths, architecture.activations, bias=architecture.bias)
    net.theta = case.theta
    return net


@each_pair
def test_network_gives_the_gradients_of_the_objective(loss: Loss, output: Activation) -> None:
    case = problem(loss, output, 2, weighted=True, shifted=True, penalties=(dr.L2(0.1),))
    rows = case.rows
    g = network_of(case).gradients(
        rows.X, rows.y, loss=loss, sample_weight=rows.w, offset=rows.offset, penalty=dr.L2(0.1)
    )
    np.testing.assert_array_equal(case.objective.architecture.flatten(g.dW, g.db), case.gradient())
    assert g.objective == case.value()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_deltas_are_per_row_weighted_and_undivided(reduction: str) -> None:
    """dW = xᵀ delta / Σw for "mean", xᵀ delta for "sum"; the deltas are the same."""
    case = problem(LOSSES["poisson"], ACTIVATIONS["exponential"], 2, weighted=True, shifted=True)
    net, rows = network_of(case), case.rows
    g = net.gradients(
        rows.X, rows.y, loss="poisson", reduction=reduction, sample_weight=rows.w, offset=rows.offset
    )
    divisor = rows.w.sum() if reduction == "mean" else 1.0
    steps = net.forward(rows.X, offset=rows.offset)
    last = rows.w[:, np.newaxis] * (steps[-1].a - rows.y)
    hidden = (last @ net.weights[1].T) * (1.0 - steps[0].a ** 2)
    np.testing.assert_allclose(g.delta[1], last, rtol=1e-14)
    np.testing.assert_allclose(g.delta[0], hidden, rtol=1e-14, atol=1e-16)
    for layer, step in enumerate(steps):
        np.testing.assert_allclose(g.dW[layer], step.x.T @ g.delta[layer] / divisor, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(g.db[layer], g.delta[layer].sum(axis=0) / divisor, rtol=1e-13, atol=1e-15)


def test_offset_is_added_to_the_last_z_only() -> None:
    net = dr.Network([2, 3, 2], ["tanh", "exponential"], seed=1)
    X, offset = np.ones((4, 2)), np.arange(8.0).reshape(4, 2)
    plain, shifted = net.forward(X), net.forward(X, offset=offset)
    np.testing.assert_array_equal(plain[0].z, shifted[0].z)
    np.testing.assert_array_equal(plain[1].z + offset, shifted[1].z)
    y_hat = ReferenceEngine().predict(net.architecture, net.theta, X, offset)
    np.testing.assert_array_equal(y_hat, shifted[1].a)
    np.testing.assert_allclose(net.predict(X, offset=offset), y_hat, rtol=1e-14)


def test_two_by_two_by_one_by_hand() -> None:
    """One step written out with scalars: sigmoid, sigmoid, half squared error."""
    net = dr.Network([2, 1, 1], ["sigmoid", "sigmoid"])
    net.weights[0], net.biases[0] = [[0.3], [-0.2]], [0.1]
    net.weights[1], net.biases[1] = [[0.7]], [-0.4]
    z1 = 0.3 * 1.0 - 0.2 * 2.0 + 0.1
    a1 = 1.0 / (1.0 + np.exp(-z1))
    a2 = 1.0 / (1.0 + np.exp(-(0.7 * a1 - 0.4)))
    delta2 = (a2 - 1.0) * a2 * (1.0 - a2)
    delta1 = delta2 * 0.7 * a1 * (1.0 - a1)
    g = net.gradients([[1.0, 2.0]], [1.0], loss="half_squared_error")
    assert g.objective == pytest.approx(0.5 * (a2 - 1.0) ** 2, rel=1e-15)
    np.testing.assert_allclose(g.dW[1], [[delta2 * a1]], rtol=1e-15)
    np.testing.assert_allclose(g.dW[0], [[delta1], [2.0 * delta1]], rtol=1e-15)
    assert (g.db[0][0], g.db[1][0]) == pytest.approx((delta1, delta2), rel=1e-15)


# -- a network that traveled -----------------------------------------------------------------------------


def through_pickle(net: dr.Network) -> dr.Network:
    return pickle.loads(pickle.dumps(net))  # noqa: S301 (made in the same line)


@pytest.mark.parametrize("travel", [copy.deepcopy, through_pickle])
@each_pair
def test_a_copied_or_pickled_network_still_knows_its_pairs(
    loss: Loss, output: Activation, travel: Callable[[dr.Network], dr.Network]
) -> None:
    """The fused forms and the refusals go by the record, so a copy must have the same record."""
    case = problem(loss, output, 2)
    net, X, y = (
        network_of(case),
        30.0 * case.rows.X,
        case.rows.y,
    )  # saturated, where only fused forms are exact
    twin = travel(net)
    expected, found = (each.gradients(X, y, loss=loss) for each in (net, twin))
    assert found.objective == expected.objective
    np.testing.assert_array_equal(found.dW[0], expected.dW[0])
    twin.theta[:] = 0.0
    assert net.theta.any()
    assert not twin.weights[0].any()
