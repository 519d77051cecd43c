"""The actuarial lab, first half: affine maps, activations, linear and logistic regression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from tests.cases.support import CASES, Case, cases, column, legacy, network

Floats = NDArray[np.float64]

# -- z = X w + b, and what comes after it ----------------------------------------------------------------


@cases("lab.affine.e*[!4]", "lab.linear.toy_data")
def test_affine_map(case: Case) -> None:
    given = case.inputs
    bias = np.ravel(given["b"])[0]  # the same in every row
    net = network(["identity"], [given["w"]], [[bias]])
    z = net.forward(given["X"])[0].z
    case.close(z, next(iter(case.expected.values())))


@cases("lab.affine.ex4")
def test_rows_are_observations_and_columns_are_inputs(case: Case) -> None:
    for n, p in case.inputs["shapes"]:
        says = case.expected[f"{n}x{p}"]
        net = dr.Network([says["n_inputs"], 1], activations=["identity"])
        assert len(net.predict(np.ones((n, p)))) == says["n_observations"]
        with pytest.raises(dr.InputError, match="shape"):
            net.predict(np.ones((p, n)))


@cases("lab.act.ex*", "lab.act.stability")
def test_activation(case: Case) -> None:
    """Softmax works on a row: all entries of z are the outputs of one observation."""
    z = np.array([case.inputs["z"]])
    for name, expected in case.expected.items():
        case.close(ACTIVATIONS[name].value(z)[0], expected, name)


@cases("lab.act.derivatives")
def test_activation_derivative(case: Case) -> None:
    z = np.array([case.inputs["z"]])
    for name in set(case.expected) - {"softmax_jacobian"}:
        activation = ACTIVATIONS[name]
        slope = activation.derivative(z, activation.value(z), np.ones_like(z))
        case.close(slope[0], case.expected[name], name)
    softmax, rows = ACTIVATIONS["softmax"], np.repeat(z, z.size, axis=0)
    case.reaches(softmax_jacobian=softmax.derivative(rows, softmax.value(rows), np.eye(z.size)))


@cases("lab.final_output.surrogate")
def test_final_output_and_decision(case: Case) -> None:
    given = case.inputs
    net = network(
        ["sigmoid", "softmax"], [given["w1"], given["w2"]], [np.ravel(given["b1"]), np.ravel(given["b2"])]
    )
    hidden, output = net.forward(given["X"])
    case.reaches(hidden=hidden.a, z2=output.z, output=output.a)
    assert given["labels"][np.argmax(output.a)] == case.expected["decision"]


# -- linear regression by mini-batches -------------------------------------------------------------------

TOY = CASES["lab.linear.toy_data"]
TOY_X, TOY_Y = np.array(TOY.inputs["X"]), np.array(TOY.expected["y"])


def linear_unit(w: ArrayLike = ((1.0,), (1.0,)), b: float = 0.0) -> dr.Network:
    """The model X w + b; the lab starts it from w = (1, 1) and b = 0."""
    return network(["identity"], [w], [[b]])


@cases("lab.linear.minibatch_step", "lab.linear.sgd_exercise.first_row")
def test_one_step(case: Case) -> None:
    given = case.inputs
    net = linear_unit(given["w"], given["b"])
    g = net.gradients(given["X"], given["y"])
    case.reaches(y_hat=net.predict(given["X"]), loss=g.objective, dw=g.dW[0], db=g.db[0])
    net.train(given["X"], given["y"], optimizer=dr.SGD(given["eta"]), batch_size=None, epochs=1)
    case.reaches(w1=net.weights[0], b1=net.biases[0])
    if "loss_after" in case.expected:
        case.reaches(loss_after=net.gradients(given["X"], given["y"]).objective)


@cases("lab.linear.minibatch_step")
def test_one_step_is_printed_so(case: Case) -> None:
    net = linear_unit()
    net.train(TOY_X, TOY_Y, optimizer=dr.SGD(case.inputs["eta"]), batches=[[0, 1, 2]], epochs=1)
    assert net.weights[0].round(3).ravel().tolist() == case.printed["w1_rounded"]
    assert net.biases[0].round(3).tolist() == [case.printed["b1_rounded"]]
    g = linear_unit().gradients(TOY_X[:3], TOY_Y[:3])
    assert g.dW[0].round(3).ravel().tolist() == case.printed["dw_rounded"]
    assert g.db[0].round(3).tolist() == [case.printed["db_rounded"]]


@cases("lab.linear.lr_gradient_descent.fullbatch_1000")
def test_full_batch_stops_when_the_loss_settles(case: Case) -> None:
    """The lab looks at the loss before it steps; an epoch of ours has stepped when its loss is compared."""
    given, expected = case.inputs, case.expected
    net = linear_unit()
    history = net.train(
        TOY_X,
        TOY_Y,
        optimizer=dr.SGD(given["eta"]),
        batch_size=None,
        epochs=given["max_iter"],
        tol=given["tol"],
    )
    assert history.stop is not None
    assert (history.stop.kind == "tolerance") is expected["stopped_by_tol"]
    assert len(history.epochs) == expected["updates"] + 1
    case.reaches(last_error=history.loss[-1])
    net = linear_unit()
    net.train(TOY_X, TOY_Y, optimizer=dr.SGD(given["eta"]), batch_size=None, epochs=expected["updates"])
    case.reaches(w=net.weights[0], b=net.biases[0], max_abs_dist_to_true=distance(net))


@cases("lab.linear.lr_gradient_descent.defaults")
def test_default_epochs_are_too_few_for_the_tolerance(case: Case) -> None:
    given, expected = case.inputs, case.expected
    net = linear_unit()
    history = net.train(
        TOY_X,
        TOY_Y,
        optimizer=dr.SGD(given["eta"]),
        batch_size=given["batch_size"],
        epochs=given["max_iter"],
        tol=given["tol"],
    )
    assert history.stop is not None
    assert (history.stop.kind == "tolerance") is expected["stopped_by_tol"]
    assert len(history.epochs) == expected["epochs_completed"]
    case.reaches(
        w=net.weights[0], b=net.biases[0], last_error=history.loss[-1], max_abs_dist_to_true=distance(net)
    )


@cases("lab.linear.remainder.*")
def test_rows_left_over(case: Case) -> None:
    given, policy = case.inputs, case.name.split(".")[-1].split("_")[0]
    net = linear_unit(given["w"], given["b"])
    history = net.train(
        TOY_X,
        TOY_Y,
        optimizer=dr.SGD(given["eta"]),
        batch_size=given["batch_size"],
        shuffle=given["shuffle"],
        remainder=policy,
        epochs=given["epochs"],
        record_steps=True,
    )
    assert len(history.step_losses[0]) == len(case.expected["batches"])
    case.reaches(w=net.weights[0], b=net.biases[0])


@cases("lab.linear.remainder.*")
def test_rows_left_over_as_own_batches(case: Case) -> None:
    own = [np.arange(first, end) for first, end in case.expected["batches"]]
    net = linear_unit(case.inputs["w"], case.inputs["b"])
    net.train(TOY_X, TOY_Y, optimizer=dr.SGD(case.inputs["eta"]), batches=own, epochs=1)
    case.reaches(w=net.weights[0], b=net.biases[0])


@cases("lab.linear.sgd_exercise.*_epochs")
def test_stochastic_descent(case: Case) -> None:
    given = case.inputs
    net = linear_unit(given["w"], given["b"])
    net.train(
        TOY_X,
        TOY_Y,
        optimizer=dr.SGD(given["eta"]),
        batch_size=given["batch_size"],
        shuffle=given["shuffle"],
        epochs=given["epochs"],
    )
    case.reaches(w=net.weights[0], b=net.biases[0])


@cases("lab.linear.variations.*")
def test_learning_rates_and_starts(case: Case) -> None:
    """Above 2 / largest curvature = 0.2560 full-batch descent runs away, but slowly enough to stay finite."""
    given = case.inputs
    for start, (w, b) in given["inits"].items():
        net = linear_unit(w, b)
        net.train(TOY_X, TOY_Y, optimizer=dr.SGD(given["eta"]), batch_size=None, epochs=given["iterations"])
        expected = case.expected["runs"][start]
        case.close(net.weights[0], expected["w"])
        case.close(net.biases[0], expected["b"])
        case.close(net.gradients(TOY_X, TOY_Y).objective, expected["loss"])
        case.close(distance(net), expected["dist"])
    assert case.expected["converges"] == (
        given["eta"] < 2.0 / np.linalg.eigvalsh(hessian(net, TOY_X, TOY_Y))[-1]
    )


def distance(net: dr.Network) -> float:
    """How far the farthest parameter is from the truth."""
    return float(np.max(np.abs(net.theta - [*np.ravel(TOY.inputs["w"]), TOY.inputs["b"]])))


# -- the lab's own stop rule: compare with the previous mini-batch, before the step ----------------------


class Ending(NamedTuple):
    net: dr.Network
    epochs: int
    updates: int
    stopped: bool


def descend_by_the_lab(batch_size: int, seed: int, eta: float, max_iter: int, tol: float) -> Ending:
    """The rule that our ``tol`` does not follow, because two mini-batches can agree by chance."""
    net, rng, previous, updates = linear_unit(), legacy(seed), np.inf, 0
    for epoch in range(max_iter):
        order = np.arange(len(TOY_X))
        rng.shuffle(order)
        for batch in order[: len(order) // batch_size * batch_size].reshape(-1, batch_size):
            g = net.gradients(TOY_X[batch], TOY_Y[batch])
            if abs(g.objective - previous) < tol:
                return Ending(net, epoch, updates, True)
            previous, updates = g.objective, updates + 1
            net.weights[0] -= eta * g.dW[0]
            net.biases[0] -= eta * g.db[0]
    return Ending(net, max_iter, updates, False)


@cases("lab.linear.lr_gradient_descent.batch3")
def test_mini_batches_of_three(case: Case) -> None:
    given = case.inputs
    for run in case.expected["runs"]:
        end = descend_by_the_lab(
            given["batch_size"], run["seed"], given["eta"], given["max_iter"], given["tol"]
        )
        assert (end.epochs, end.updates, end.stopped) == (
            run["epochs"],
            run["updates"],
            run["stopped_by_tol"],
        )
        case.close(end.net.weights[0], run["w"])
        case.close(end.net.biases[0], run["b"])
        assert distance(end.net) < 0.02


@cases("lab.linear.lr_gradient_descent.batch3")
def test_mini_batches_of_three_in_the_order_of_the_run(case: Case) -> None:
    """The same steps by ``train``, the shuffled rows handed over as batches."""
    given = case.inputs
    for run in case.expected["runs"]:
        rng, orders = legacy(run["seed"]), []
        for _ in range(run["epochs"] + 1):
            order = np.arange(len(TOY_X))
            rng.shuffle(order)
            orders.append(order.reshape(-1, given["batch_size"]))
        steps = list(np.concatenate(orders)[: run["updates"]])
        net = linear_unit()
        net.train(TOY_X, TOY_Y, optimizer=dr.SGD(given["eta"]), batches=steps, epochs=1)
        case.close(net.weights[0], run["w"])
        case.close(net.biases[0], run["b"])


def test_our_tolerance_compares_epochs() -> None:
    """Whole epochs do not agree by chance, so the end is near the truth from every order of the rows."""
    for seed in range(20):
        net = linear_unit()
        history = net.train(
            TOY_X, TOY_Y, optimizer=dr.SGD(0.1), batch_size=1, epochs=1000, tol=1e-8, seed=seed
        )
        assert history.stop is not None
        assert history.stop.kind == "tolerance"
        assert distance(net) < 1e-3


@pytest.mark.slow
@cases("lab.linear.stop_rule_statistics")
def test_comparing_mini_batches_may_stop_far_from_the_truth(case: Case) -> None:
    given = case.inputs
    for name, expected in case.expected.items():
        size = int(name.removeprefix("batch_size_"))
        ends = [
            descend_by_the_lab(size, seed, given["eta"], given["max_iter"], given["tol"])
            for seed in range(given["seeds"])
        ]
        distances, epochs = [distance(end.net) for end in ends], [end.epochs for end in ends]
        case.close(np.median(distances), expected["dist_median"])
        case.close(np.percentile(distances, 95), expected["dist_p95"])
        case.close(np.max(distances), expected["dist_max"])
        found = (min(epochs), np.median(epochs), max(epochs))
        assert found == (expected["epochs_min"], expected["epochs_median"], expected["epochs_max"])


# -- logistic regression, and one weight with one bias by hand -------------------------------------------


@cases("lab.logistic.batch_gd.*")
def test_logistic_regression(case: Case) -> None:
    given, expected = case.inputs, case.expected
    X, y = given["X"], given["y"]
    net = network(["sigmoid"], [given["w"]], [[given["b"]]])
    g, p = net.gradients(X, y, loss="binary_cross_entropy"), net.predict(X)
    history = net.train(
        X,
        y,
        loss="binary_cross_entropy",
        optimizer=dr.SGD(given["eta"]),
        batch_size=None,
        epochs=given["iterations"],
        metrics=["accuracy"],
    )
    loss_final = net.gradients(X, y, loss="binary_cross_entropy").objective
    case.reaches(w=net.weights[0], b=net.biases[0], loss_final=loss_final)
    if "p0" in expected:
        case.reaches(p0=p, dw0=g.dW[0], db0=g.db[0], loss0=g.objective, p_final=net.predict(X))
        case.reaches(accuracy_final=history.metrics["accuracy"][-1])


@cases("lab.theta3.eta*")
def test_three_steps_by_hand(case: Case) -> None:
    given, expected = case.inputs, case.expected
    x, y = given["x"], given["y"]
    net = network(["identity"], [[[given["w"]]]], [[given["b"]]])
    for line in expected.get("trace", []):
        g = net.gradients(column(x), y)
        case.close(
            [net.weights[0][0, 0], net.biases[0][0], g.objective], [line["w"], line["b"], line["loss"]]
        )
        if line["t"] < given["iterations"]:
            case.close([g.dW[0][0, 0], g.db[0][0]], [line["dw"], line["db"]])
            net.train(column(x), y, optimizer=dr.SGD(given["eta"]), batch_size=None, epochs=1)
    net = network(["identity"], [[[given["w"]]]], [[given["b"]]])
    net.train(x, y, optimizer=dr.SGD(given["eta"]), batch_size=None, epochs=given["iterations"])
    case.reaches(w3=net.weights[0], b3=net.biases[0])


@cases("lab.theta3.eta*")
def test_small_rates_reach_the_line(case: Case) -> None:
    net = network(["identity"], [[[case.inputs["w"]]]], [[case.inputs["b"]]])
    steps = case.expected.get("converges_to_3_1_within_1e_8_after") or 10_000
    if case.expected["stable"]:
        net.train(
            case.inputs["x"],
            case.inputs["y"],
            optimizer=dr.SGD(case.inputs["eta"]),
            batch_size=None,
            epochs=steps,
        )
        assert np.max(np.abs(net.theta - [3.0, 1.0])) < 1e-8
        return
    with pytest.warns(dr.DivergenceWarning):
        history = net.train(
            case.inputs["x"],
            case.inputs["y"],
            optimizer=dr.SGD(case.inputs["eta"]),
            batch_size=None,
            epochs=steps,
        )
    assert history.stop is not None
    assert history.stop.kind == "diverged"


def hessian(net: dr.Network, X: ArrayLike, y: ArrayLike) -> Floats:
    """Second derivatives of a quadratic objective: differences of its gradient."""

    def gradient(theta: Floats) -> Floats:
        moved = net.copy()
        moved.theta = theta
        g = moved.gradients(X, y)
        return np.concatenate([g.dW[0].ravel(), np.ravel(g.db[0])])

    origin = np.zeros(net.theta.size)
    return np.array([gradient(step) - gradient(origin) for step in np.eye(net.theta.size)])


@cases("lab.theta3.curvature")
def test_largest_stable_rate(case: Case) -> None:
    x = column(case.inputs["x"])
    H = hessian(dr.Network([1, 1], activations=["identity"]), x, np.zeros(len(x)))
    curvatures = np.linalg.eigvalsh(H)
    case.reaches(hessian=H, eigenvalues=curvatures, eta_max=2.0 / curvatures[-1])
