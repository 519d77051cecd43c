"""diagnose: the learning rate that descent bears, against formulas, second differences and descent itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import deltarule as dr
from tests.cases.support import CASES, Case, network as of_weights

Floats = NDArray[np.float64]

TOY = CASES["lab.linear.toy_data"]
TOY_X, TOY_Y = np.array(TOY.inputs["X"]), np.array(TOY.expected["y"])
VARIATIONS = [case for name, case in CASES.items() if name.startswith("lab.linear.variations.")]
RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(30, 4)), np.tanh(RNG.normal(size=(30, 2)))
W = RNG.uniform(0.5, 2.0, size=30)


def linear_unit() -> dr.Network:
    return of_weights(["identity"], [[[1.0], [1.0]]], [[0.0]])


def lambda_max(net: dr.Network, X: Any, y: Any, **arguments: Any) -> float:
    stability = dr.diagnose(net, X, y, **arguments).stability
    assert stability.lambda_max is not None, stability.reason
    assert stability.bound == pytest.approx(2.0 / stability.lambda_max)
    return stability.lambda_max


def rates_found(diagnosis: dr.Diagnosis) -> list[dr.Finding]:
    return [finding for finding in diagnosis if finding.kind == "learning_rate"]


# -- where the Hessian is constant -----------------------------------------------------------------------


def test_the_example_of_twelve_rows() -> None:
    """The source document's data: full-batch descent is stable for η < 0.256016."""
    diagnosis = dr.diagnose(linear_unit(), TOY_X, TOY_Y)
    bound = diagnosis.stability.bound
    assert bound is not None
    assert f"{bound:.6f}" == "0.256016"
    assert "below 2 / λ_max = 0.256016 (λ_max = 7.81202, everywhere" in str(diagnosis).replace("\n", " ")
    A = np.column_stack([TOY_X, np.ones(12)])
    assert bound == pytest.approx(2.0 / np.linalg.eigvalsh(A.T @ A * 2.0 / 12.0)[-1], rel=1e-13)
    assert diagnosis.stability.constant
    assert diagnosis.ok


@pytest.mark.parametrize("case", VARIATIONS, ids=lambda case: case.name)
def test_the_learning_rates_of_the_source(case: Case) -> None:
    findings = rates_found(dr.diagnose(linear_unit(), TOY_X, TOY_Y, learning_rate=case.inputs["eta"]))
    assert case.expected["converges"] == (not findings)
    for finding in findings:
        assert finding.numbers["bound"] == pytest.approx((0.25601575,))
        assert finding.numbers["lambda_max"] == pytest.approx(7.81201929)
        assert "0.3 is not below 0.256016" in finding.what
        assert "0.128008" in finding.suggestion


def test_both_signs_of_the_example_are_tried() -> None:
    assert {case.expected["converges"] for case in VARIATIONS} == {True, False}


def test_the_example_of_three_rows() -> None:
    case = CASES["lab.theta3.curvature"]
    net = of_weights(["identity"], [[[1.0]]], [[0.0]])
    for y in ([0.0, 0.0, 0.0], [1e6, -2e6, 3e6]):
        stability = dr.diagnose(net, np.array(case.inputs["x"])[:, np.newaxis], y).stability
        case.close(stability.lambda_max or 0.0, case.expected["eigenvalues"][-1])
        case.close(stability.bound or 0.0, case.expected["eta_max"])


@pytest.mark.parametrize(
    ("optimizer", "limit"),
    [
        (dr.SGD(1.0), 2.0),
        (dr.SGD(1.0, momentum=0.9), 3.8),
        (dr.SGD(1.0, momentum=0.9, nesterov=True), 3.8 / 2.8),
    ],
)
def test_descent_itself_agrees(optimizer: dr.SGD, limit: float) -> None:
    """Two percent below the bound it converges and nothing is found, two percent above both say otherwise."""
    bound = limit / lambda_max(linear_unit(), TOY_X, TOY_Y)
    for factor in (0.98, 1.02):
        sgd = dr.SGD(factor * bound, optimizer.momentum, optimizer.nesterov)
        net = linear_unit()
        findings = rates_found(dr.diagnose(net, TOY_X, TOY_Y, learning_rate=sgd))
        history = net.train(TOY_X, TOY_Y, optimizer=sgd, batch_size=None, epochs=300)
        converges = factor < 1.0
        assert (history.loss[-1] < history.loss[0]) == converges
        assert (not findings) == converges
        for finding in findings:
            assert finding.numbers["bound"] == pytest.approx((bound,))
            assert "diverges" in finding.what


@pytest.mark.parametrize("loss", ["mean_squared_error", "half_squared_error", "sum_squared_error"])
def test_the_constant_hessian_of_weighted_rows_with_penalty(loss: str) -> None:
    """A Aᵀ weighted and divided, times the loss's factor, plus λ on the weights."""
    factor = {"mean_squared_error": 2.0 / 2.0, "half_squared_error": 1.0, "sum_squared_error": 2.0}[loss]
    A = np.column_stack([X, np.ones(30)])
    H = A.T @ (W[:, np.newaxis] * A) * factor + np.diag([0.3] * 4 + [0.0])
    net = dr.Network([4, 2], activations=["identity"])
    for dtype in ("float64", "float32"):
        found = dr.diagnose(
            net.astype(dtype),
            X,
            Y,
            loss=loss,
            sample_weight=W,
            offset=100.0 * Y,
            penalty=dr.L2(0.3),
            reduction="sum",
        )
        assert found.stability.constant
        assert found.stability.lambda_max == pytest.approx(np.linalg.eigvalsh(H)[-1], rel=1e-12)


# -- where it is not -------------------------------------------------------------------------------------


def second_differences(net: dr.Network, **arguments: Any) -> Floats:
    """The Hessian from four values of J per entry: nothing of the hand-derived gradient is used."""
    h, p = 1e-3, net.theta.size
    start = net.theta.copy()

    def J(move: Floats) -> float:
        net.theta = start + move
        return net.gradients(**arguments).objective

    e = h * np.eye(p)
    H = [[(J(a + b) - J(a - b) - J(b - a) + J(-a - b)) / (4.0 * h * h) for b in e] for a in e]
    net.theta = start
    return np.array(H)


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("mean_squared_error", "identity"),
        ("huber", "tanh"),
        ("binary_cross_entropy", "sigmoid"),
        ("cross_entropy", "softmax"),
        ("poisson", "exponential"),
    ],
)
def test_hidden_layers_against_second_differences(loss: str, output: str) -> None:
    net = dr.Network([4, 3, 2], activations=["tanh", output], seed=2)
    y = Y if loss in ("mean_squared_error", "huber") else np.abs(Y)
    rows: Mapping[str, Any] = {"X": X, "y": y, "loss": loss, "sample_weight": W, "offset": 0.1 * Y}
    largest = lambda_max(net, **rows, penalty=dr.L2(0.1))
    assert largest == pytest.approx(
        np.linalg.eigvalsh(second_differences(net, **rows, penalty=dr.L2(0.1)))[-1], rel=1e-4
    )
    assert not dr.diagnose(net, **rows).stability.constant


@pytest.mark.parametrize("inputs", [4, 100])
def test_logistic_regression_against_its_formula(inputs: int) -> None:
    """Aᵀ diag(p (1 - p)) A / n: once from the whole matrix, once by iteration."""
    x = RNG.normal(size=(60, inputs))
    net = dr.Network([inputs, 1], activations=["sigmoid"])
    p = net.predict(x)
    A = np.column_stack([x, np.ones(60)])
    H = A.T @ (p * (1.0 - p) * A) / 60.0
    found = lambda_max(net, x, x[:, 0] > 0.0, loss="binary_cross_entropy")
    assert found == pytest.approx(np.linalg.eigvalsh(H)[-1], rel=1e-6)


def test_a_relu_that_is_on_everywhere_is_the_identity() -> None:
    relu = dr.Network([4, 12, 2], activations=["relu", "identity"])
    relu.biases[0][:] = 30.0
    identity = dr.Network([4, 12, 2], activations=["identity", "identity"])
    identity.theta = relu.theta
    assert lambda_max(relu, X, Y) == pytest.approx(lambda_max(identity, X, Y), rel=1e-5)


@pytest.mark.parametrize("near", [1e-5, 1e-6])
def test_a_row_close_to_a_kink_does_not_look_like_curvature(near: float) -> None:
    """A difference across the kink would divide the jump of the gradient by a small step."""
    net = dr.Network([4, 12, 2], activations=["relu", "identity"])
    expected, found = (
        lambda_max(net, np.vstack([X, distance * X[:1]]), np.vstack([Y, 100.0 * Y[:1]]))
        for distance in (1e-4, near)
    )
    assert found == pytest.approx(expected, rel=1e-3)


def test_a_row_on_a_kink_is_left_out() -> None:
    net = dr.Network([4, 12, 2], activations=["relu", "identity"])
    with_kink = dr.diagnose(net, np.vstack([X, np.zeros(4)]), np.vstack([Y, Y[:1]]))
    assert with_kink.stability.lambda_max == pytest.approx(lambda_max(net, X, Y), rel=1e-9)
    assert with_kink.stability.left_out == 1
    assert "without 1 of the rows, on a kink" in str(with_kink).replace("\n", " ")
    assert dr.diagnose(net, X, Y).stability.left_out == 0
    diagnosis = dr.diagnose(net, np.zeros((1, 4)), Y[:1])
    assert diagnosis.stability.lambda_max is None
    assert "every row lies on a kink" in str(diagnosis)


def test_a_loss_without_curvature_sets_no_bound() -> None:
    net = dr.Network([4, 2], activations=["identity"])
    diagnosis = dr.diagnose(net, X, Y, loss="absolute_error", learning_rate=1e6)
    assert diagnosis.stability.lambda_max == 0.0
    assert diagnosis.stability.bound == np.inf
    assert diagnosis.ok
    assert "curves upward in no direction" in str(diagnosis)


def test_it_is_computed_up_to_a_number_of_parameters() -> None:
    net = dr.Network([4, 4000, 2], activations=["tanh", "identity"])
    diagnosis = dr.diagnose(net, X, Y, learning_rate=1e6)
    assert diagnosis.stability == dr.Stability(
        None, None, reason="28002 parameters are more than the 20000 it is computed for"
    )
    assert not rates_found(diagnosis)


# -- the learning rate that is given ---------------------------------------------------------------------


@pytest.mark.parametrize("rates", [(3.0, 1.0), (0.2, 1.0)])
def test_one_rate_per_layer_near_a_minimum(rates: tuple[float, float]) -> None:
    """At a minimum of J with hidden layer, small errors die out below the bound and grow above it."""
    net = dr.Network([4, 3, 2], activations=["tanh", "identity"], seed=3)
    penalty, everything = dr.L2(0.1), {"batch_size": None, "shuffle": False}
    net.train(X, Y, optimizer=dr.SGD(0.2, momentum=0.9), epochs=3000, penalty=penalty, **everything)
    assert np.linalg.norm(net.gradients(X, Y, penalty=penalty).dW[0]) < 1e-12
    far = dr.diagnose(net, X, Y, penalty=penalty, learning_rate=dr.SGD([100.0 * rate for rate in rates]))
    (finding,) = rates_found(far)
    bounds = np.array(finding.numbers["bound"])
    assert bounds[0] / bounds[1] == pytest.approx(rates[0] / rates[1])
    assert "overshoots, at the present parameters" in finding.what
    for factor in (0.98, 1.02):
        sgd, moved = dr.SGD((factor * bounds).tolist()), net.copy()
        moved.theta = net.theta + 1e-6 * np.random.default_rng(1).normal(size=net.theta.size)
        before = np.linalg.norm(moved.theta - net.theta)
        assert bool(rates_found(dr.diagnose(moved, X, Y, penalty=penalty, learning_rate=sgd))) == (
            factor > 1.0
        )
        moved.train(X, Y, optimizer=sgd, epochs=200, penalty=penalty, **everything)
        assert (np.linalg.norm(moved.theta - net.theta) > before) == (factor > 1.0)


@pytest.mark.parametrize("optimizer", ["adam", dr.Adam(100.0)])
def test_no_bound_is_known_for_adam(optimizer: str | dr.Adam) -> None:
    assert dr.diagnose(linear_unit(), TOY_X, TOY_Y, learning_rate=optimizer).ok


def test_a_number_is_that_of_plain_descent() -> None:
    (by_number,) = dr.diagnose(linear_unit(), TOY_X, TOY_Y, learning_rate=1)
    (by_record,) = dr.diagnose(linear_unit(), TOY_X, TOY_Y, learning_rate=dr.SGD(1.0))
    assert by_number == by_record
    assert dr.diagnose(linear_unit(), TOY_X, TOY_Y, learning_rate="sgd").ok


@pytest.mark.parametrize("wrong", [-0.1, np.nan, True, "fast", dr.SGD([0.1, 0.2]), object()])
def test_a_wrong_rate_is_refused(wrong: Any) -> None:
    with pytest.raises(dr.InputError):
        dr.diagnose(linear_unit(), TOY_X, TOY_Y, learning_rate=wrong)
