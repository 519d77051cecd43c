"""A step in the notation of each document: its printed numbers and equations, and the check of answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.losses import LOSSES
from tests.cases.support import Case, cases, column, network
from tests.explain.test_conventions import LABS, each_lab, random_working
from tests.explain.test_working import rows, small, worked_example


def step_of(
    weights: Any, X: Any, y: Any, activations: Any, lab: str, biases: Any = None, **settings: Any
) -> Any:
    return dr.show_step(network(activations, weights, biases), X, y, conventions=lab, **settings)


@cases("lab.linear.minibatch_step")
def test_document_0(case: Case) -> None:
    given = case.inputs
    settings = {"biases": [[given["b"]]], "optimizer": dr.SGD(given["eta"])}
    working = step_of([given["w"]], given["X"], given["y"], ["identity"], "lab0", **settings)
    shown = {"loss": "J", "dw": "dW1", "db": "db1", "w1": "W1_after", "b1": "b1_after"}
    case.reaches(
        **{name: np.reshape(working[key].value, np.shape(case.expected[name])) for name, key in shown.items()}
    )
    assert "δ⁽¹⁾ = 2 (ŷ - y)" in str(working)
    assert "L = Σᵣ ℓ / N" in str(working)


@cases("intro.scalar.one_output")
def test_document_1(case: Case) -> None:
    """The deltas go without the factor -2 of the gradient, and ρ = 2 η."""
    given = case.inputs
    weights = [[[given["v"]]], [[given["w"]]]]
    settings = {"loss": "sum_squared_error", "optimizer": dr.SGD(0.05)}
    working = step_of(weights, [[given["x"]]], [given["t"]], ["tanh", "identity"], "lab1", **settings)
    case.reaches(z=working["a1"].value[0, 0], y=working["y_hat"].value[0, 0], E=working["J"].value)
    case.reaches(dE_dv=-2 * working["dW1"].value[0, 0], dE_dw=-2 * working["dW2"].value[0, 0])
    assert working.values["eta"] == 0.1
    for text in (
        "δ⁽²⁾₁ = t₁ - y₁",
        "h′(a⁽¹⁾₁) = 1 - (z⁽¹⁾₁)²",
        "-0.5 ∂E/∂W⁽¹⁾₁₁ = x₁·δ⁽¹⁾₁",
        "ρ is twice the",
    ):
        assert text in str(working)


def test_document_1_has_the_bias_in_the_first_row_of_its_weights() -> None:
    """V + ρ/(NK) X̃ᵀ [(T - Y) Ŵᵀ ⊙ (1 - Z²)] and W + ρ/(NK) Z̃ᵀ (T - Y), both from the old V and W."""
    rng = np.random.default_rng(3)
    V, W = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    X, T, rho = rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), 0.1
    X1 = np.insert(X, 0, 1, axis=1)
    Z = np.tanh(X1 @ V)
    Z1 = np.insert(Z, 0, 1, axis=1)
    error = T - Z1 @ W
    V_after = V + rho / 8 * X1.T @ (error @ W[1:].T * (1 - Z**2))
    W_after = W + rho / 8 * Z1.T @ error
    settings = {"biases": [V[0], W[0]], "optimizer": dr.SGD(rho / 2)}
    working = step_of([V[1:], W[1:]], X, T, ["tanh", "identity"], "lab1", **settings)
    np.testing.assert_allclose(working["W1_after"].value, V_after, rtol=1e-12)
    np.testing.assert_allclose(working["W2_after"].value, W_after, rtol=1e-12)
    assert working.check(W1_after=V_after, W2_after=W_after, delta2=error / 2).ok
    text = str(working.in_conventions("lab1"))
    assert "a⁽¹⁾ = [1, x] W⁽¹⁾" in text
    assert "-0.5 ∂ℓ/∂z⁽¹⁾ = δ⁽²⁾ Ŵ⁽²⁾ᵀ" in text
    assert "-0.5 ∂E/∂W⁽²⁾ = [1, z⁽¹⁾]ᵀ δ⁽²⁾ / N" in text


@cases("back.parity.first_step")
def test_document_2(case: Case) -> None:
    given = case.inputs
    numbers = given["batch_numbers"]
    X = [[int(bit) for bit in f"{number:010b}"] for number in numbers]
    y = [[0, 1] if number % 2 == 0 else [1, 0] for number in numbers]
    weights = [np.transpose(given["W2"]), np.transpose(given["W3"])]
    settings = {"biases": [given["b2"], given["b3"]], "loss": "sum_squared_error", "optimizer": dr.SGD(0.3)}
    working = step_of(weights, X, y, ["sigmoid", "sigmoid"], "lab2", **settings)
    case.reaches(mean_error=working["J"].value, dW2=working["dW1"].value, dW3=working["dW2"].value)
    assert working.values["W1"].tolist() == given["W2"]
    text = str(working)
    for equation in (
        "z⁽²⁾ = W⁽²⁾ x + b⁽²⁾",
        "∂ℓ/∂a⁽³⁾ = -2 (y - a⁽³⁾)",
        "δ⁽²⁾ = ∂ℓ/∂a⁽²⁾ ⊙ σ′(z⁽²⁾)",
        "∂ℓ/∂a⁽²⁾ = W⁽³⁾ᵀ δ⁽³⁾",
        "∂E/∂W⁽²⁾ = δ⁽²⁾ xᵀ / N",
        "The activation sigmoid of layer 3",
        'working["z1"] is z⁽²⁾',
    ):
        assert equation in text


@cases("mlp2.single_unit_step")
def test_document_3_one_unit(case: Case) -> None:
    given = case.inputs
    settings = {"loss": "half_squared_error", "optimizer": dr.SGD(given["eta"])}
    working = step_of([column(given["w"])], [given["x"]], [given["y"]], ["sigmoid"], "lab3", **settings)
    shown = {"h": "z1", "output": "y_hat", "error": "dy_hat", "delta": "delta1", "E_half": "J"}
    case.reaches(**{name: np.squeeze(working[key].value) for name, key in shown.items()})
    case.reaches(del_w=working["step_W1"].value[:, 0], w_new=working["W1_after"].value[:, 0])


@cases("mlp2.worked_example")
def test_document_3(case: Case) -> None:
    """What is printed comes out digit by digit; the last step is printed from a rounded δ."""
    working, printed = worked_example(conventions="lab3"), case.printed
    shown = {
        "h": "z1",
        "a": "a1",
        "y_hat": "y_hat",
        "delta_o": "delta2",
        "delta_h": "delta1",
        "del_W": "step_W2",
    }
    for name, key in shown.items():
        value = float(np.squeeze(working[key].value))
        case.reaches(**{name: value})
        assert round(value, 4 if name == "del_W" else 3) == printed[name]
    case.reaches(del_w=working["step_W1"].value[:, 0], w_new=working["W1_after"].value[:, 0])
    text = str(working)
    assert "-∂ℓ/∂ŷ₁ = y₁ - ŷ₁" in text
    assert "δ⁽²⁾₁ = (-∂ℓ/∂ŷ₁)·f′(h⁽²⁾₁)" in text
    assert "ΔW⁽¹⁾₁₁ = η·(-∂E/∂W⁽¹⁾₁₁)" in text
    assert "new W⁽¹⁾₁₁ = W⁽¹⁾₁₁ + ΔW⁽¹⁾₁₁" in text
    check = working.check(z1="-.02", y_hat=".512", delta2=".122", delta1=".003", step_W2=".0302")
    assert {verdict.status for verdict in check.verdicts} == {"right"}
    assert working.check(step_W1=[".00015", ".00045"])["step_W1"].status == "rounded"


@cases("train.identity_net")
def test_document_4(case: Case) -> None:
    given = case.inputs
    settings: dict[str, Any] = {
        "loss": "half_squared_error",
        "reduction": "sum",
        "optimizer": dr.SGD(given["alpha"]),
    }
    weights, activations = [given["W1"], given["w2"]], ["identity", "identity"]
    working = step_of(weights, given["X"], given["y"], activations, "lab4", **settings)
    shown = {"a1": "a1", "y_hat": "y_hat", "e": "delta2", "loss": "J", "dW1": "dW1", "dw2": "dW2"}
    case.reaches(**{name: working[key].value for name, key in shown.items()})
    case.reaches(
        **{"W1_new_alpha0.1": working["W1_after"].value, "w2_new_alpha0.1": working["W2_after"].value}
    )
    assert "ΔW⁽²⁾ = -α ∂L/∂W⁽²⁾" in str(working)
    assert "L = Σᵣ ℓ\n" in str(working)


@each_lab
def test_squared_errors_get_the_factor_of_the_document(lab: str) -> None:
    """Whatever squared error is given, ℓ and the first δ are those of the document, and η makes up for it."""
    net = small("tanh", "identity", (2, 2, 1))
    X, y = rows(3, net, LOSSES["mean_squared_error"])
    found = [
        dr.show_step(net, X, y, loss=loss, optimizer=dr.SGD(eta), conventions=lab)
        for loss, eta in (("mean_squared_error", 0.1), ("half_squared_error", 0.2))
    ]
    for line in found[0]:
        other = found[1][line.key]
        assert line.equation == other.equation
        np.testing.assert_allclose(line.value, other.value, rtol=1e-12)
    assert (
        found[0].values["eta"] == found[1].values["eta"] == (0.2 if lab in ("lab1", "lab3", "lab4") else 0.1)
    )


def test_an_optimizer_that_is_no_multiple_of_the_gradient_keeps_the_factor() -> None:
    net = small()
    working = dr.show_step(net, *rows(2, net, LOSSES["huber"]), optimizer="adam", conventions="lab3")
    own = working.in_conventions("library")
    assert working["J"].value == own["J"].value
    assert np.array_equal(working["delta2"].value, -own["delta2"].value)
    assert "no multiple of the gradient" in str(working)
    assert "new W⁽²⁾ = W⁽²⁾ + ΔW⁽²⁾" in str(working)


# -- answers ---------------------------------------------------------------------------------------------


@each_lab
def test_answers_in_the_chosen_conventions_are_right(lab: str) -> None:
    rng = np.random.default_rng([LABS.index(lab), 1])
    for _ in range(15):
        working = random_working(rng, lab)
        check = working.check(**{line.key: line.value for line in working})
        assert {verdict.status for verdict in check.verdicts} == {"right"}, check
        for verdict in check.verdicts:
            shown = np.squeeze(working[verdict.key].value)
            np.testing.assert_allclose(np.squeeze(verdict.expected), shown, rtol=1e-9, atol=1e-12)


@each_lab
@pytest.mark.parametrize("bias", [True, False])
def test_slips_are_named_in_every_notation(lab: str, bias: bool) -> None:
    net = dr.Network([2, 3, 2], ["sigmoid", "tanh"], bias=bias)
    net.theta = np.random.default_rng(4).normal(size=net.theta.size)
    X, y = rows(3, net, LOSSES["mean_squared_error"])
    working = dr.show_step(net, X, y, optimizer=dr.SGD(0.1), conventions=lab)
    own = working.in_conventions("library")
    columns = lab == "lab2"
    W_x, after = own.values["x"] @ own.values["W1"], own.values["W2_after"]
    early = (working["delta2"].value.T if columns else working["delta2"].value) @ after.T
    wrong = {
        "slope forgotten": {"delta1": working["da1"].value},
        "updated too early": {"da1": early.T if columns else early},
        "sign": {"delta2": -working["delta2"].value},
        "not averaged": {"dW2": 3 * working["dW2"].value},
    }
    if bias:
        wrong["bias forgotten"] = {"z1": W_x.T if columns else W_x}
    for name, answer in wrong.items():
        check = working.check(**answer)
        assert name in {slip.name for slip in check.verdicts[0].slips}, (name, check)


def test_our_own_numbers_are_right_in_another_convention() -> None:
    verdict = worked_example(conventions="lab3").check(delta2="-0.12183", delta1="-0.0030455")["delta2"]
    assert verdict.status == "convention"
    assert "the error is ŷ - y and the step is subtracted" in str(verdict)
    working = dr.show_step(small(), *rows(3, small(), LOSSES["huber"]), conventions="lab2")
    verdict = working.check(dW1=working["dW1"].value.T)["dW1"]
    assert verdict.status == "convention"
    assert "samples are rows" in str(verdict)
    verdict = working.check(dW1=-working["dW1"].value)["dW1"]
    assert "δ is minus the derivative and the step is added" in str(verdict)


def test_slips_are_told_in_the_letters_of_the_document() -> None:
    working = worked_example(conventions="lab3")
    a = working["a1"].value
    slope = 1 / (1 + np.exp(-a)) * (1 - 1 / (1 + np.exp(-a)))
    assert "the slope is taken at a instead of h" in str(working.check(slope1=slope))
    assert "-∂E/∂W⁽¹⁾: right" in str(working.check(dW1=working["dW1"].value))
    assert "the step is subtracted instead of added" in str(working.check(step_W1=-working["step_W1"].value))
    own = working.in_conventions("library")
    assert "the gradient is added instead of subtracted" in str(own.check(step_W1=-working["step_W1"].value))


def test_an_answer_of_the_wrong_shape_is_told_the_shape_shown() -> None:
    working = dr.show_step(small(), *rows(4, small(), LOSSES["huber"]), conventions="lab2")
    with pytest.raises(dr.InputError, match=r"got shape \(5, 5\).*Allowed: \(2, 4\)"):
        working.check(z1=np.zeros((5, 5)))
