"""The actuarial lab, second half: backpropagation, and 5000 steps of the 3-2-1 network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import deltarule as dr
from tests.cases.support import Case, after_epochs, cases, legacy, network

Floats = NDArray[np.float64]


@cases("lab.net321.gradients_small")
def test_gradients_of_the_3_2_1_network(case: Case) -> None:
    given = case.inputs
    net = network(["sigmoid", "exponential"], [given["W1"], given["W2"]], [given["b1"], given["b2"]])
    hidden, output = net.forward(given["X"])
    g = net.gradients(given["X"], given["y"])
    case.reaches(a1=hidden.a, y_hat=output.a, loss=g.objective)
    case.reaches(delta1=g.delta[0], delta2=g.delta[1])
    case.reaches(dW1=g.dW[0], dW2=g.dW[1], db1=g.db[0], db2=g.db[1])
    assert dr.check_gradients(net, given["X"], given["y"]).ok


@cases("lab.deep.*")
def test_gradients_of_a_deep_network(case: Case) -> None:
    given = case.inputs
    net = network(given["activations"], given["W"], given["b"])
    g = net.gradients(given["X"], given["y"], loss="sum_squared_error")
    case.reaches(output=net.predict(given["X"]), loss=g.objective)
    for layer in range(3):
        number = layer + 1
        case.close(g.delta[layer], case.expected[f"delta{number}"])
        case.close(g.dW[layer], case.expected[f"dW{number}"])
        case.close(g.db[layer], case.expected[f"db{number}"])
    assert dr.check_gradients(net, given["X"], given["y"], loss="sum_squared_error").ok


def network_321(case: Case, start: str, dtype: str = "float64") -> dr.Network:
    weights = [case.inputs[f"W1_{start}"], case.inputs[f"W2_{start}"]]
    return network(["sigmoid", "exponential"], weights, dtype=dtype)


def rows_321(case: Case) -> tuple[Floats, Floats]:
    """10,000 rows whose targets another network of the same shape has made."""
    given = case.inputs
    X = legacy(given["seed"]).randn(given["rows"], 3)
    y = network_321(case, "true").predict(X)
    case.close(X[[0, -1]], [given["X_first_row"], given["X_last_row"]])
    stats = {"mean": y.mean(), "std": y.std(), "min": y.min(), "max": y.max()}
    case.close(list(stats.values()), [given["y_stats"][name] for name in stats])
    case.close(y[0], given["y_first"])
    return X, y


def weights_of(net: dr.Network) -> list[Floats]:
    return [net.weights[0].copy(), net.weights[1].copy()]


@cases("lab.net321.grad0")
def test_first_gradient_of_the_3_2_1_network(case: Case) -> None:
    X, y = rows_321(case)
    g = network_321(case, "init").gradients(X, y)
    case.reaches(loss=g.objective, dW1=g.dW[0], dW2=g.dW[1])


@cases("lab.net321.gd5000")
def test_5000_steps_of_the_3_2_1_network(case: Case) -> None:
    X, y = rows_321(case)
    net = network_321(case, "init")
    run = net.training(
        X, y, optimizer=dr.SGD(case.inputs["eta"]), batch_size=None, epochs=case.inputs["iterations"]
    )
    seen = after_epochs(run, case.expected["weights_after"], lambda: weights_of(net))
    for step, expected in case.expected["weights_after"].items():
        case.close(seen[int(step)][0], expected["W1"], step)
        case.close(seen[int(step)][1], expected["W2"], step)
    losses = run.history.loss
    for step, loss in case.expected["losses_before_update"].items():
        case.close(losses[int(step)], loss, step)
    case.reaches(final_mse=net.gradients(X, y).objective)
    assert bool(np.all(np.diff(losses) < 0.0)) is case.expected["loss_monotone_decreasing"]
    printed = np.column_stack([case.printed["w1_1"], case.printed["w1_2"]])
    np.testing.assert_allclose(net.weights[0], printed, rtol=0, atol=1e-7)
    np.testing.assert_allclose(net.weights[1][:, 0], case.printed["w2_1"], rtol=0, atol=1e-7)


def adam(case: Case) -> dr.Adam:
    """Adam with ε inside, as in Keras."""
    names = ("learning_rate", "beta_1", "beta_2", "epsilon")
    return dr.Adam(**{name: case.inputs[name] for name in names}, epsilon_form="before_bias_correction")


@cases("lab.net321.keras_adam5000")
def test_5000_steps_of_adam(case: Case) -> None:
    X, y = rows_321(case)
    net = network_321(case, "init")
    run = net.training(X, y, optimizer=adam(case), batch_size=None, epochs=case.inputs["epochs"])
    seen = after_epochs(run, case.expected["weights_after"], lambda: weights_of(net))
    for step, expected in case.expected["weights_after"].items():
        case.close(seen[int(step)][0], expected["W1"], step)
        case.close(seen[int(step)][1], expected["W2"], step)
    for step, loss in case.expected["losses"].items():
        case.close(run.history.loss[int(step)], loss, step)
    case.reaches(final_mse=net.gradients(X, y).objective)


@cases("lab.net321.keras_adam5000")
def test_5000_steps_of_adam_in_single_precision(case: Case) -> None:
    """The precision of the printed run."""
    X, y = rows_321(case)
    net = network_321(case, "init", "float32")
    net.train(X, y, optimizer=adam(case), batch_size=None, epochs=case.inputs["epochs"])
    for expected in (case.printed, case.expected["float32"]):
        case.close(net.weights[0], expected["W1"])
        case.close(net.weights[1], expected["W2"])
