"""The slides on training: the identity network, cross-entropy, the chain rule."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import deltarule as dr
from tests.cases.support import CASES, TOTAL, Case, cases, column, network

Floats = NDArray[np.float64]

TABLE = CASES["train.identity_net"].inputs


def identity_network() -> dr.Network:
    """2-3-1, all identity, no bias: a linear map written as two."""
    return network(["identity", "identity"], [TABLE["W1"], TABLE["w2"]])


@cases("train.identity_net")
def test_identity_network(case: Case) -> None:
    """Half the squared error, summed over the points and not divided."""
    X, y, net = TABLE["X"], TABLE["y"], identity_network()
    hidden, output = net.forward(X)
    g = net.gradients(X, y, loss="half_squared_error", reduction="sum")
    case.reaches(a1=hidden.a, y_hat=output.a, e=g.delta[1], loss=g.objective, dw2=g.dW[1], dW1=g.dW[0])
    for point, (dW1, dw2) in enumerate(
        zip(case.expected["dW1_per_sample"], case.expected["dw2_per_sample"], strict=True)
    ):
        one = net.gradients([X[point]], [y[point]], loss="half_squared_error")
        case.close(one.dW[0], dW1)
        case.close(one.dW[1][:, 0], dw2)


@cases("train.identity_net")
def test_both_layers_step_at_their_old_weights(case: Case) -> None:
    net = identity_network()
    net.train(
        TABLE["X"],
        TABLE["y"],
        loss="half_squared_error",
        reduction="sum",
        optimizer=dr.SGD(TABLE["alpha"]),
        batch_size=None,
        epochs=1,
    )
    case.close(net.weights[0], case.expected["W1_new_alpha0.1"])
    case.close(net.weights[1], case.expected["w2_new_alpha0.1"])


@cases("train.identity_net.5000")
def test_identity_network_becomes_least_squares(case: Case) -> None:
    net = identity_network()
    net.train(
        TABLE["X"],
        TABLE["y"],
        loss="half_squared_error",
        reduction="sum",
        optimizer=dr.SGD(case.inputs["alpha"]),
        batch_size=None,
        epochs=case.inputs["epochs"],
    )
    case.reaches(
        loss=net.gradients(TABLE["X"], TABLE["y"], loss="half_squared_error", reduction="sum").objective
    )
    closed_form = dr.least_squares(TABLE["X"], TABLE["y"], bias=False)
    np.testing.assert_allclose(net.weights[0] @ net.weights[1], closed_form.weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(net.predict(TABLE["X"]), closed_form.predict(TABLE["X"]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("y", [TABLE["y"], [[1.0], [0.0], [1.0]]], ids=["soft targets", "labels"])
def test_classification(y: list[list[float]]) -> None:
    """With a sigmoid output the gradients keep their form: dw2 = Σ a (ŷ - y), dW1 = Σ x (ŷ - y) w2ᵀ."""
    X, W1, w2 = np.array(TABLE["X"]), np.array(TABLE["W1"]), np.array(TABLE["w2"])
    net = network(["identity", "sigmoid"], [W1, w2])
    a = X @ W1
    p = 1.0 / (1.0 + np.exp(-(a @ w2)))
    g = net.gradients(X, y, loss="binary_cross_entropy", reduction="sum")
    np.testing.assert_allclose(g.objective, -np.sum(y * np.log(p) + np.subtract(1.0, y) * np.log(1.0 - p)))
    np.testing.assert_allclose(g.delta[1], p - y, rtol=0, atol=1e-15)
    np.testing.assert_allclose(g.dW[1], a.T @ (p - y), rtol=0, atol=1e-15)
    np.testing.assert_allclose(g.dW[0], X.T @ (p - y) @ w2.T, rtol=0, atol=1e-15)
    history = net.train(
        X, y, loss="binary_cross_entropy", reduction="sum", optimizer=dr.SGD(0.1), batch_size=None, epochs=200
    )
    assert np.all(np.diff(history.loss) < 0.0)


@cases("train.sigmoid_ce_simplification.*")
def test_slope_of_cross_entropy_is_p_minus_y(case: Case) -> None:
    z, y = column(case.inputs["z"]), np.full((len(case.inputs["z"]), 1), case.inputs["y"])
    net = network(["sigmoid"], [[[1.0]]])
    g = net.gradients(z, y, loss="binary_cross_entropy", reduction="sum")
    case.reaches(dL_dz=g.delta[0][:, 0])
    single = [net.gradients(z[[i]], y[[i]], loss="binary_cross_entropy").objective for i in range(len(z))]
    case.reaches(loss=single)


def test_saturated_probabilities_divide_nothing_by_zero() -> None:
    net = network(["sigmoid"], [[[1.0]]])
    g = net.gradients([[-800.0], [800.0]], [1.0, 0.0], loss="binary_cross_entropy", reduction="sum")
    assert g.objective == 1600.0
    assert g.delta[0].ravel().tolist() == [-1.0, 1.0]


@cases("train.column_decomposition")
def test_a_layer_is_a_unit_per_column(case: Case) -> None:
    x, W = case.inputs["x"], np.array(case.inputs["W"])
    case.reaches(xW=network(["identity"], [W]).forward(x)[0].z)
    units = [network(["identity"], [column(w)]).forward(x)[0].z[0, 0] for w in W.T]
    case.reaches(sum_of_columns=units)


@cases("train.chain_rule")
def test_chain_rule(case: Case) -> None:
    """F(x) = σ(3x² - 1) as two units of weight 1, the parabola being an activation of our own."""
    parabola = dr.Activation("3z² - 1", value=lambda z: 3.0 * z**2 - 1.0, slope=lambda z, a: 6.0 * z)
    net = network([parabola, "sigmoid"], [[[1.0]], [[1.0]]])
    g = net.gradients([[case.inputs["x"]]], [0.0], loss=TOTAL)
    case.reaches(F=g.objective, dF_dx=g.delta[0])
