"""The slides from a single unit to a network: the delta rule by hand, and graduate admissions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from tests.cases.support import TOTAL, Case, cases, column, legacy, network, real_data

Floats = NDArray[np.float64]

# -- one step by hand: the slides' delta is (y - ŷ) f′(h), our minus delta -------------------------------


@cases("mlp2.single_unit_step")
def test_one_unit(case: Case) -> None:
    given = case.inputs
    X, y = [given["x"]], [given["y"]]
    net = network(["sigmoid"], [column(given["w"])])
    unit = net.forward(X)[0]
    g = net.gradients(X, y, loss="half_squared_error")
    case.reaches(h=unit.z, output=unit.a, error=given["y"] - unit.a, delta=-g.delta[0], E_half=g.objective)
    case.reaches(del_w=-given["eta"] * g.dW[0][:, 0])
    net.train(X, y, loss="half_squared_error", optimizer=dr.SGD(given["eta"]), epochs=1)
    case.reaches(w_new=net.weights[0][:, 0])


@cases("mlp2.worked_example")
def test_network_2_1_1(case: Case) -> None:
    given, printed = case.inputs, case.printed
    X, y = [given["x"]], [given["y"]]
    net = network(["sigmoid", "sigmoid"], [column(given["w"]), [[given["W"]]]])
    hidden, output = net.forward(X)
    case.reaches(h=hidden.z, a=hidden.a, z=output.z, y_hat=output.a)
    g = net.gradients(X, y, loss="half_squared_error")
    delta_h, delta_o = -g.delta[0], -g.delta[1]
    del_w, del_W = -given["eta"] * g.dW[0][:, 0], -given["eta"] * g.dW[1]
    case.reaches(delta_o=delta_o, delta_h=delta_h, del_W=del_W, del_w=del_w)
    net.train(X, y, loss="half_squared_error", optimizer=dr.SGD(given["eta"]), epochs=1)
    case.reaches(W_new=net.weights[1], w_new=net.weights[0][:, 0])
    shown = [hidden.z, hidden.a, output.a, delta_o, delta_h]
    assert [round(float(value[0, 0]), 3) for value in shown] == [
        printed[name] for name in ("h", "a", "y_hat", "delta_o", "delta_h")
    ]
    assert round(float(del_W[0, 0]), 4) == printed["del_W"]
    np.testing.assert_allclose(del_w, printed["del_w"], rtol=0.016)  # printed from the rounded delta_h


@cases("mlp2.backprop_step")
def test_network_3_2_1(case: Case) -> None:
    given = case.inputs
    X, y = [given["x"]], [given["y"]]
    net = network(["sigmoid", "sigmoid"], [given["W_ih"], column(given["W_ho"])])
    hidden, output = net.forward(X)
    g = net.gradients(X, y, loss="half_squared_error")
    case.reaches(hidden=hidden.a[0], output=output.a, error=given["y"] - output.a)
    case.reaches(output_delta=-g.delta[1], hidden_delta=-g.delta[0][0])
    case.reaches(del_W_ho=-given["eta"] * g.dW[1][:, 0], del_W_ih=-given["eta"] * g.dW[0])


@cases("mlp2.forward_4x3x2")
def test_forward_4_3_2(case: Case) -> None:
    given, shapes = case.inputs, case.expected["shapes"]
    net = network(["sigmoid", "sigmoid"], [given["W_input_hidden"], given["W_hidden_output"]])
    hidden, output = net.forward([given["X"]])
    case.reaches(hidden=hidden.a[0], output=output.a[0])
    assert [list(net.weights[0].shape), list(net.weights[1].shape)] == [shapes["W1"], shapes["W2"]]
    assert [list(hidden.a[0].shape), list(output.a[0].shape)] == [shapes["hidden"], shapes["output"]]


def test_batch_of_records_by_hand() -> None:
    """Steps of all records are added up, then W += η ΔW / m, letter by letter."""
    rng, eta = legacy(3), 0.5
    X, y, w, W = rng.randn(4, 3), np.array([1.0, 0.0, 1.0, 1.0]), rng.randn(3, 2), rng.randn(2)
    net = network(["sigmoid", "sigmoid"], [w, column(W)])
    net.train(X, y, loss="half_squared_error", optimizer=dr.SGD(eta), batch_size=None, epochs=1)
    del_w, del_W = np.zeros_like(w), np.zeros_like(W)
    for record, target in zip(X, y, strict=True):
        hidden = 1.0 / (1.0 + np.exp(-(record @ w)))
        output = 1.0 / (1.0 + np.exp(-(hidden @ W)))
        delta_o = (target - output) * output * (1.0 - output)
        delta_h = delta_o * W * hidden * (1.0 - hidden)
        del_W += delta_o * hidden
        del_w += delta_h * record[:, np.newaxis]
    np.testing.assert_allclose(net.weights[0], w + eta * del_w / 4, rtol=1e-13)
    np.testing.assert_allclose(net.weights[1][:, 0], W + eta * del_W / 4, rtol=1e-13)


# -- pieces ----------------------------------------------------------------------------------------------


@cases("mlp2.sigmoid_prime_sign")
def test_slope_of_the_sigmoid_is_positive(case: Case) -> None:
    x, h = np.array(case.inputs["x"]), 1e-5
    sigmoid = ACTIVATIONS["sigmoid"]
    slope = sigmoid.derivative(x, sigmoid.value(x), np.ones_like(x))
    case.reaches(sigmoid_prime=slope, with_lost_minus=-slope)
    case.close((sigmoid.value(x + h) - sigmoid.value(x - h)) / (2.0 * h), slope)


SQUARED_ERRORS = {
    "sse": ("sum_squared_error", "sum"),
    "half_sse": ("half_squared_error", "sum"),
    "one_over_2m": ("half_squared_error", "mean"),
    "mse": ("mean_squared_error", "mean"),
}


@cases("mlp2.loss_variants")
def test_four_squared_errors(case: Case) -> None:
    """A unit with weight 1 hands ŷ through, so ∂J/∂ŷ is its delta, divided where the objective is."""
    y, y_hat = case.inputs["y"], case.inputs["y_hat"]
    net = network(["identity"], [[[1.0]]])
    for name, (loss, reduction) in SQUARED_ERRORS.items():
        g = net.gradients(y_hat, y, loss=loss, reduction=reduction)
        divisor = len(y) if reduction == "mean" else 1
        case.reaches(**{name: g.objective})
        case.close(g.delta[0][:, 0] / divisor, case.expected["grad_wrt_yhat"][name], name)


@cases("mlp2.init_scale")
def test_scale_of_random_weights(case: Case) -> None:
    for n_in, std in zip(case.inputs["n_inputs"], case.expected["std"], strict=True):
        drawn = dr.Network([n_in, 3], activations=["sigmoid"], initializer=dr.LecunNormal())
        standard = dr.Network([n_in, 3], activations=["sigmoid"], initializer=dr.Normal(0.0, 1.0))
        case.close(drawn.weights[0], std * standard.weights[0])


@cases("mlp2.dot_shapes")
def test_shapes_must_fit(case: Case) -> None:
    x, W = case.inputs["x"], case.inputs["W"]
    case.reaches(row_times_W=network(["identity"], [W]).forward([x])[0].z[0])
    case.reaches(WT_times_column=network(["identity"], [W]).forward([x])[0].z.T[:, 0])
    with pytest.raises(dr.InputError, match="shape"):
        network(["identity"], [np.transpose(W)]).forward([x])


@cases("mlp2.column_vector")
def test_one_feature_is_a_column(case: Case) -> None:
    features = np.array(case.inputs["features"])
    assert list(features.T.shape) == case.expected["features.T shape"]
    x = network(["identity"], [[[1.0]]]).forward(features)[0].x
    for name in ("features[:,None]", "array(features,ndmin=2).T"):
        case.close(x, case.expected[name])


@cases("mlp2.outer_product")
def test_gradient_of_one_record_is_an_outer_product(case: Case) -> None:
    x, delta = case.inputs["inputs"], case.inputs["hidden_error"]
    net = network(["identity"], [np.zeros((6, 3))])
    g = net.gradients([x], [np.negative(delta)], loss="half_squared_error")
    assert list(g.dW[0].shape) == case.expected["shape"]
    case.reaches(product=g.dW[0])


@cases("mlp2.vanishing_gradient")
def test_each_sigmoid_keeps_a_quarter_of_the_gradient(case: Case) -> None:
    """A chain of units with weight 1, each at z = 0, where the slope is largest."""
    for layers, factor, percent in zip(
        case.inputs["layers"], case.expected["max_factor"], case.expected["reduction_percent"], strict=True
    ):
        chain = network(["sigmoid"] * layers, [[[1.0]]] * layers, [[0.0], *[[-0.5]] * (layers - 1)])
        kept = chain.gradients([[0.0]], [0.0], loss=TOTAL).delta[0]
        case.close(kept, factor)
        case.close(100.0 * (1.0 - kept), percent)


# -- graduate admissions ---------------------------------------------------------------------------------


@cases("mlp2.admissions.standardise")
def test_standardized_admissions(case: Case) -> None:
    given, raw = case.inputs, case.inputs["raw"]
    scaler = dr.Standardizer(
        mean=np.array([given["gre_mean"], given["gpa_mean"]]),
        std=np.array([given["gre_std"], given["gpa_std"]]),
    )
    marks = scaler.transform([[row["gre"], row["gpa"]] for row in raw])
    rank = dr.one_hot([row["rank"] for row in raw], classes=[1, 2, 3, 4])
    case.reaches(features=np.hstack([marks, rank]))
    for row, printed, mark in zip(raw, case.printed, marks.round(6), strict=True):
        assert [row["admit"], *mark, row["rank"]] == printed


def admissions() -> Floats:
    """admit, gre, gpa, rank of 400 applicants."""
    return np.genfromtxt(real_data("admissions", "binary.csv"), delimiter=",", skip_header=1)


@cases("mlp2.admissions.standardise")
def test_statistics_of_all_400_rows(case: Case) -> None:
    rows, stats = admissions(), case.expected["stats"]
    assert len(rows) == stats["n"]
    for ddof in (0, 1):
        scaler = dr.Standardizer.fit(rows[:, 1:3], ddof=ddof)
        case.close(scaler.mean, [stats["gre_mean"], stats["gpa_mean"]])
        case.close(scaler.std, [stats[f"gre_std_ddof{ddof}"], stats[f"gpa_std_ddof{ddof}"]])
    for row, raw in zip(case.inputs["rows"], case.inputs["raw"], strict=True):
        assert rows[row].tolist() == [raw["admit"], raw["gre"], raw["gpa"], raw["rank"]]


def features(rows: Floats) -> tuple[Floats, Floats]:
    """gre and gpa standardized as a sample, then rank as four columns; and admit."""
    marks = dr.Standardizer.fit(rows[:, 1:3], ddof=1).transform(rows[:, 1:3])
    return np.hstack([marks, dr.one_hot(rows[:, 3])]), rows[:, 0]


def split(case: Case, X: Floats, y: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Nine tenths at random to train on, the others to test."""
    given = case.inputs
    chosen = legacy(given["seed"]).choice(given["n"], given["n_train"], replace=False)
    others = np.setdiff1d(np.arange(given["n"]), chosen)
    return (X[chosen], y[chosen]), (X[others], y[others])


def learn(case: Case, net: dr.Network, train: Any, test: Any) -> None:
    """Batch descent on half the mean squared error; the errors are those after each update."""
    given = case.inputs
    history = net.train(
        *train,
        loss="half_squared_error",
        optimizer=dr.SGD(given["eta"]),
        batch_size=None,
        epochs=given["epochs"],
        metrics=["mean_squared_error", "accuracy"],
        validation=test,
    )
    for epoch, error in case.expected["train_mse_after_epoch"].items():
        case.close(history.metrics["mean_squared_error"][int(epoch)], error, epoch)
    case.reaches(test_accuracy=history.validation_metrics["accuracy"][-1])


@cases("mlp2.admissions.single_unit*")
def test_one_unit_learns_admissions(case: Case) -> None:
    """``single_unit`` was computed from a copy of the table in which one of 127 admitted was rejected."""
    X, y = features(admissions())
    if "row_read_as_rejected" in case.inputs:
        y[case.inputs["row_read_as_rejected"]] = 0.0
    train, test = split(case, X, y)
    w = legacy(case.inputs["seed"]).normal(scale=1.0 / np.sqrt(6), size=6)
    case.close(w, case.inputs["w_init"])
    net = network(["sigmoid"], [column(w)])
    learn(case, net, train, test)
    case.reaches(majority_class_test_accuracy=np.mean(test[1] == 0.0))
    if "w" in case.expected:
        case.reaches(w=net.weights[0][:, 0])


@cases("mlp2.admissions.one_hidden_layer")
def test_one_hidden_layer_learns_admissions(case: Case) -> None:
    train, test = split(case, *features(admissions()))
    rng, hidden = legacy(case.inputs["seed"]), case.inputs["hidden"]
    scale = 1.0 / np.sqrt(6)
    weights: list[ArrayLike] = [
        rng.normal(scale=scale, size=(6, hidden)),
        rng.normal(scale=scale, size=(hidden, 1)),
    ]
    learn(case, network(["sigmoid", "sigmoid"], weights), train, test)
