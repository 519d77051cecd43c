"""check_gradients: it agrees with what is right, finds what is broken, and says where."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import deltarule as dr
from deltarule.core import equations
from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.losses import LOSSES, Loss
from tests.core.support import each_activation, each_pair, problem

RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2))


def network(*hidden: str | Activation, output: str | Activation = "identity", width: int = 4) -> dr.Network:
    widths = [3, *[width] * len(hidden), 2]
    return dr.Network(widths, [*hidden, output], bias_initializer="normal", seed=2)


@each_pair
def test_every_pair_passes(loss: Loss, output: Activation) -> None:
    case = problem(loss, output, 2, weighted=True, shifted=True)
    net = dr.Network(case.objective.architecture.widths, case.objective.architecture.activations)
    net.theta = case.theta
    check = dr.check_gradients(
        net,
        case.rows.X,
        case.rows.y,
        loss=loss,
        sample_weight=case.rows.w,
        offset=case.rows.offset,
        penalty=dr.L2(0.1),
    )
    assert check.ok, str(check)
    assert check.kinks == 0
    assert check.relative_error < 1e-6
    assert [layer.entries for layer in check.layers] == [16, 10]
    assert "agrees with" in str(check)


@each_activation
def test_every_hidden_activation_passes(activation: Activation) -> None:
    assert dr.check_gradients(network(activation, activation), X, Y).ok


def broken(name: str, factor: float) -> Activation:
    right = ACTIVATIONS[name]
    return dataclasses.replace(right, name="broken", slope=lambda z, a: factor * right.slope(z, a))


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.5, 1.001])
def test_a_broken_slope_is_found_in_the_layers_below_it(factor: float) -> None:
    check = dr.check_gradients(network("tanh", broken("sigmoid", factor), "tanh"), X, Y)
    assert not check.ok
    assert [layer.ok for layer in check.layers] == [False, False, True, True]
    assert check.worst.layer in (1, 2)
    assert "DIFFERS" in str(check)


@pytest.mark.parametrize(
    "loss",
    [
        dataclasses.replace(LOSSES["sum_squared_error"], slope=lambda y, y_hat: y_hat - y, fused={}),
        dataclasses.replace(LOSSES["huber"], slope=lambda y, y_hat: np.sign(y_hat - y) / 2.0),
    ],
    ids=["without its factor", "slope of another loss"],
)
def test_a_broken_loss_slope_is_found_everywhere(loss: Loss) -> None:
    check = dr.check_gradients(network("tanh"), X, Y, loss=loss)
    assert [layer.ok for layer in check.layers] == [False, False]


@pytest.mark.parametrize(
    ("layer", "place", "name"),
    [(0, (2, 1), "weights[0][2, 1]"), (1, (3, 0), "weights[1][3, 0]"), (2, (0, 1), "weights[2][0, 1]")],
)
def test_the_worst_entry_is_named(
    monkeypatch: pytest.MonkeyPatch, layer: int, place: tuple, name: str
) -> None:
    right = equations.weight_sums

    def wrong(steps: list, deltas: list) -> list:
        dW = right(steps, deltas)
        dW[layer][place] += 7.0  # one seventh of it per row
        return dW

    monkeypatch.setattr(equations, "weight_sums", wrong)
    check = dr.check_gradients(network("tanh", "tanh"), X, Y)
    assert not check.ok
    assert (check.worst.layer, check.worst.name) == (layer + 1, name)
    assert check.worst.derived - check.worst.numeric == pytest.approx(1.0, abs=1e-6)
    assert [each.ok for each in check.layers] == [each != layer for each in range(3)]
    assert f"{name} of layer {layer + 1}" in str(check)


def test_the_worst_bias_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    right = equations.bias_sums

    def wrong(deltas: list, b: list) -> list:
        db = right(deltas, b)
        db[0][2] *= -1.0
        return db

    monkeypatch.setattr(equations, "bias_sums", wrong)
    check = dr.check_gradients(network("tanh"), X, Y)
    assert check.worst.name == "biases[0][2]"
    assert not check.layers[0].ok


def test_entries_at_a_kink_are_counted_not_failed() -> None:
    """The second unit sits at 0 exactly: moving its weights and bias carries it across the kink."""
    net = network("relu")
    net.weights[0][:, 1] = 0.0
    net.biases[0][1] = 0.0
    check = dr.check_gradients(net, X, Y)
    assert check.ok, str(check)
    assert [layer.kinks for layer in check.layers] == [4, 0]
    assert [layer.entries for layer in check.layers] == [12, 10]
    assert check.kinks == 4
    assert "4 left out at kinks" in str(check)


def test_a_prediction_at_the_kink_of_the_absolute_error() -> None:
    net = network("tanh")
    y = Y.copy()
    y[0, 0] = net.predict(X)[0, 0]
    check = dr.check_gradients(net, X, y, loss="absolute_error")
    assert check.ok, str(check)
    assert check.layers[1].kinks == 5  # the four weights and the bias of the first output


def test_a_network_entirely_at_kinks() -> None:
    net = dr.Network([1, 1], ["relu"], initializer="zeros")
    check = dr.check_gradients(net, [[1.0]], [1.0])
    assert check.ok
    assert check.kinks == 2
    assert check.relative_error == 0.0
    assert "2 left out at kinks" in str(check)


def test_at_most_two_hundred_entries_of_a_layer() -> None:
    net = dr.Network([30, 20, 2], ["tanh", "identity"], seed=1)
    X_wide = np.random.default_rng(0).normal(size=(3, 30))
    check = dr.check_gradients(net, X_wide, Y[:3])
    assert [layer.entries for layer in check.layers] == [200, 42]
    assert check.ok
    assert str(check) == str(dr.check_gradients(net, X_wide, Y[:3]))
    assert check.worst != dr.check_gradients(net, X_wide, Y[:3], seed=1).worst


def test_a_float32_network_is_checked_in_float64_and_left_alone() -> None:
    net = network("tanh").astype("float32")
    before = net.theta.tobytes()
    check = dr.check_gradients(net, X.astype(np.float32), Y.astype(np.float32))
    assert check.ok
    assert check.relative_error < 1e-8
    assert net.theta.tobytes() == before
    assert net.theta.dtype == np.float32


def test_a_gradient_that_is_not_finite_does_not_pass() -> None:
    nowhere = Activation("nowhere", value=np.tanh, slope=lambda z, a: np.full_like(z, np.nan))
    assert not dr.check_gradients(network(nowhere), X, Y).ok


def test_an_entry_that_is_not_a_number_is_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    right = equations.weight_sums

    def wrong(steps: list, deltas: list) -> list:
        dW = right(steps, deltas)
        dW[0][1, 1] = np.nan
        return dW

    monkeypatch.setattr(equations, "weight_sums", wrong)
    check = dr.check_gradients(network("tanh"), X, Y)
    assert not check.ok
    assert check.worst.name == "weights[0][1, 1]"
