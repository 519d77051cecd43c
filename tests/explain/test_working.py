"""Every number of a step next to its equation: the numbers are those of the network, the equations hold."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.explain.formulas import LOSS_SLOPES, LOSS_VALUES, PULL_BACKS, SLOPES, VALUES
from tests.core.support import each_activation, each_pair, targets

OPTIMIZERS = [
    dr.SGD(0.3),
    dr.SGD([0.3, 0.1]),
    dr.SGD(0.3, momentum=0.9),
    dr.SGD(0.3, momentum=0.9, nesterov=True),
    dr.Adam(0.1),
    dr.AdamW(0.1, weight_decay=0.5),
    dr.RMSProp(0.1),
    dr.Adam(0.1, epsilon_form="before_bias_correction"),
]


def small(hidden: Any = "tanh", output: Any = "identity", widths: Any = (3, 2, 2), **settings: Any) -> Any:
    net = dr.Network(widths, [hidden] * (len(widths) - 2) + [output], seed=3, **settings)
    net.theta = np.random.default_rng(1).normal(size=net.theta.size)
    return net


def rows(n: int, net: Any, loss: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    return rng.normal(size=(n, net.architecture.n_inputs)), targets(rng, loss, n, net.architecture.n_outputs)


def assert_equations_hold(working: dr.Working) -> None:
    """Over whole arrays and, written out, entry by entry."""
    for line in working:
        found = np.broadcast_to(line.equation.evaluate(working.values), np.shape(np.atleast_2d(line.value)))
        np.testing.assert_allclose(found, np.atleast_2d(line.value), rtol=1e-9, atol=1e-12, err_msg=line.key)
        for symbol, expression, value in working.entries(line.key):
            assert np.shape(expression.evaluate(working.values)) == (), (line.key, symbol)
            np.testing.assert_allclose(expression.evaluate(working.values), value, rtol=1e-9, atol=1e-12)


def test_every_record_has_a_formula() -> None:
    assert set(VALUES) == set(ACTIVATIONS)
    assert {*SLOPES, *PULL_BACKS} == set(VALUES)
    assert set(LOSS_VALUES) == set(LOSS_SLOPES) == set(LOSSES)


@each_pair
@pytest.mark.parametrize("n", [1, 4])
def test_equations_of_every_loss_and_output_activation(loss: Any, output: Any, n: int) -> None:
    net = small("sigmoid", output)
    X, y = rows(n, net, loss)
    weights = None if n == 1 else np.linspace(0.5, 2.0, n)
    assert_equations_hold(
        dr.show_step(net, X, y, loss=loss, sample_weight=weights, offset=np.full((n, 2), 0.1))
    )


@each_activation
def test_equations_of_every_hidden_activation(activation: Any) -> None:
    net = small(activation, widths=(2, 3, 2, 1))
    assert_equations_hold(dr.show_step(net, *rows(3, net, LOSSES["huber"]), loss="huber"))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize(
    "penalty", [None, dr.L2(0.1), (dr.L1(0.2, biases=True), dr.L2(0.1), dr.L2(0.3))], ids=repr
)
@pytest.mark.parametrize("bias", [True, False])
def test_the_step_is_the_one_that_training_takes(optimizer: Any, penalty: Any, bias: bool) -> None:
    net = small(bias=bias)
    X, y = rows(5, net, LOSSES["mean_squared_error"])
    working = dr.show_step(net, X, y, optimizer=optimizer, penalty=penalty)
    assert_equations_hold(working)
    before = net.theta.copy()
    net.train(X, y, optimizer=optimizer, penalty=penalty, batch_size=None, epochs=1, engine="reference")
    assert not np.array_equal(before, net.theta)
    for layer in (1, 2):
        assert working[f"W{layer}_after"].value.tobytes() == net.weights[layer - 1].tobytes()
        if bias:
            assert working[f"b{layer}_after"].value.tobytes() == net.biases[layer - 1].tobytes()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("conventions", ["library", "lab1", "lab2", "lab3"])
def test_what_is_added_can_be_asked_for(optimizer: Any, conventions: str) -> None:
    """By the keys that ``check`` takes; every notation has a line for it, with its letters."""
    net = small()
    X, y = rows(3, net, LOSSES["mean_squared_error"])
    working = dr.show_step(net, X, y, optimizer=optimizer, conventions=conventions)
    for layer in (1, 2):
        step, after = working[f"step_W{layer}"], working[f"W{layer}_after"]
        np.testing.assert_allclose(working.values[f"W{layer}"] + step.value, after.value, rtol=1e-12)
        assert str(after).partition("new ")[2].partition(" ")[0] in str(step).partition("Δ")[2]
        assert f"Δ{str(step).partition('Δ')[2]}" in str(working)
    keys = working.keys()
    assert working.check(**{key: working[key].value for key in keys}).ok


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_are_those_of_the_network_to_the_last_bit(reduction: Any, dtype: Any) -> None:
    net = small("tanh", "sigmoid", (3, 4, 3, 2), dtype=dtype)
    X, y = rows(6, net, LOSSES["binary_cross_entropy"])
    settings = {"loss": "binary_cross_entropy", "reduction": reduction, "penalty": dr.L2(0.1)}
    working = dr.show_step(net, X, y, **settings)
    steps, g = net.forward(X), net.gradients(X, y, **settings)
    assert working["J"].value == g.objective
    for layer, (step, delta, dW, db) in enumerate(zip(steps, g.delta, g.dW, g.db, strict=True), start=1):
        for key, value in {"z": step.z, "a": step.a, "delta": delta, "dW": dW, "db": db}.items():
            assert working[f"{key}{layer}"].value.tobytes() == value.tobytes()
    assert working["y_hat"] is working["a3"]


def test_nothing_of_the_network_changes() -> None:
    net = small()
    before = net.theta.copy()
    dr.show_step(net, *rows(2, net, LOSSES["mean_squared_error"]), optimizer="adam")
    assert np.array_equal(net.theta, before)
    assert net.history is None


def test_records_of_the_user() -> None:
    """Their equations are their names; the numbers are still all there."""
    cube = dr.Activation("cube", value=lambda z: z**3, slope=lambda z, a: 3 * z**2)
    loss = dr.Loss(
        "fourth",
        value=lambda y, y_hat: np.sum((y_hat - y) ** 4, axis=1),
        slope=lambda y, y_hat: 4 * (y_hat - y) ** 3,
    )
    net = small(cube)
    working = dr.show_step(net, *rows(2, net, LOSSES["mean_squared_error"]), loss=loss, detail="scalar")
    for line in working:
        found = np.broadcast_to(line.equation.evaluate(working.values), np.shape(np.atleast_2d(line.value)))
        np.testing.assert_allclose(found, np.atleast_2d(line.value), rtol=1e-12)
    assert "ℓ = fourth(ŷ)" in str(working)
    assert "a⁽¹⁾ = cube(z⁽¹⁾)" in str(working)


# -- exact -----------------------------------------------------------------------------------------------


def toy_step(**settings: Any) -> dr.Working:
    """The mini-batch step of the first document: a linear unit, three rows, η = 0.1."""
    net = dr.Network([2, 1], ["identity"])
    net.weights, net.biases = [[[1.0], [1.0]]], [[0.0]]
    X, y = [[1.0, 2.0], [3.0, 1.0], [1.0, 1.0]], [4.6, 6.1, 3.1]
    return dr.show_step(net, X, y, optimizer=dr.SGD(0.1), exact=True, **settings)


def test_the_toy_step_in_fractions() -> None:
    working = toy_step()
    assert working["dW1"].value.tolist() == [[-6], [Fraction(-64, 15)]]
    assert working["db1"].value.tolist() == [Fraction(-16, 5)]
    assert working["W1_after"].value.tolist() == [[Fraction(8, 5)], [Fraction(107, 75)]]
    assert working["b1_after"].value.tolist() == [Fraction(8, 25)]
    assert "-64/15" in str(working)
    assert r"-\frac{64}{15}" in working.to_latex()
    ElementTree.fromstring(working.to_html().replace("&nbsp;", " "))
    assert working.rounded["dW1"].value.dtype == np.float64
    assert working.check(dW1=["-6", "-4.267"], db1="-3.2").ok
    assert "weights     [1 1]" in str(working.unit(1, 1))


def test_the_workbook_of_a_step_in_fractions(tmp_path: Path) -> None:
    toy_step().to_xlsx(tmp_path / "step.xlsx")
    assert (tmp_path / "step.xlsx").stat().st_size > 1_000


@pytest.mark.parametrize("penalty", [None, (dr.L1(0.5), dr.L2(0.25, biases=True))], ids=repr)
@pytest.mark.parametrize("loss", ["mean_squared_error", "half_squared_error", "absolute_error", "huber"])
def test_fractions_agree_with_floats(loss: str, penalty: Any) -> None:
    net = dr.Network([2, 3, 2], ["relu", "identity"], seed=0)
    net.theta = np.random.default_rng(5).integers(-30, 30, size=net.theta.size) / 10
    X, y = np.array([[0.5, -1.25], [2.0, 0.75]]), np.array([[1.5, 0.2], [-1.0, 3.0]])
    optimizer = dr.SGD(0.1, momentum=0.9, nesterov=True)
    settings = {"loss": loss, "penalty": penalty, "optimizer": optimizer, "sample_weight": [0.5, 2.0]}
    rounded, exact = (dr.show_step(net, X, y, exact=flag, **settings) for flag in (False, True))
    for line in exact:
        assert all(isinstance(value, Fraction) for value in np.ravel(line.value)), line.key
        np.testing.assert_allclose(
            np.asarray(line.value, dtype=float), rounded[line.key].value, rtol=1e-12, atol=1e-14
        )


def test_what_is_no_fraction_is_refused() -> None:
    net = dr.Network([1, 1], ["sigmoid"], initializer="constant")
    with pytest.raises(dr.InputError, match="the equation of y_hat"):
        dr.show_step(net, [[1.0]], [1.0], exact=True)
    net = dr.Network([1, 1], ["identity"], seed=1)
    with pytest.raises(dr.InputError, match=r"at most 8 decimals.* in W1"):
        dr.show_step(net, [[1.0]], [1.0], exact=True)


# -- renderings ------------------------------------------------------------------------------------------


def worked_example(**settings: Any) -> dr.Working:
    """The 2-1-1 example of the third document: x = (0.1, 0.3), w = (0.4, -0.2), W = 0.1, η = 0.5."""
    net = dr.Network([2, 1, 1], ["sigmoid", "sigmoid"], bias=False)
    net.weights = [[[0.4], [-0.2]], [[0.1]]]
    half = {"loss": "half_squared_error", "optimizer": dr.SGD(0.5)}
    return dr.show_step(net, [[0.1, 0.3]], [1.0], **half, **settings)


def test_the_worked_example_in_words() -> None:
    text = str(worked_example(decimals=5))
    assert "z⁽¹⁾₁ = x₁·W⁽¹⁾₁₁ + x₂·W⁽¹⁾₂₁\n          = 0.10000·0.40000 + 0.30000·(-0.20000)" in text
    for number in ("-0.02000", "0.49500", "0.51237", "-0.12183", "-0.00305"):
        assert number in text
    assert "ΔW⁽²⁾₁₁ = -η·∂J/∂W⁽²⁾₁₁" in text
    assert "new W⁽²⁾₁₁ = W⁽²⁾₁₁ + ΔW⁽²⁾₁₁" in text


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    assert "-0.0\n" not in f"{worked_example(decimals=1)}\n"


@pytest.mark.parametrize("detail", ["scalar", "matrix", "summary"])
@pytest.mark.parametrize("hidden", ["sigmoid", "gelu", "relu", "softmax"])
def test_every_rendering_is_well_formed(detail: Any, hidden: str) -> None:
    net = small(hidden, "exponential", (2, 2, 1))
    for n in (1, 3):
        X, y = rows(n, net, LOSSES["poisson"])
        working = dr.show_step(net, X, y, loss="poisson", optimizer="adam", penalty=dr.L1(0.1), detail=detail)
        html = working.to_html().replace("&nbsp;", " ")
        assert len(ElementTree.fromstring(html).findall(".//math")) >= len(working)
        latex = working.to_latex()
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\begin{") == latex.count(r"\end{")
        assert latex.count(r"\left") == latex.count(r"\right")
        assert working.to_markdown().count("$$") == 2 * len(working)
        for line in working:
            assert line.why.endswith(".")


@pytest.mark.parametrize("detail", ["scalar", "matrix", "summary"])
def test_a_line_shows_itself_as_in_its_working(detail: Any) -> None:
    net = small("softmax", "exponential", (2, 2, 1))
    working = dr.show_step(net, *rows(3, net, LOSSES["poisson"]), loss="poisson", detail=detail)
    for shown in (working, working.in_conventions("lab2"), working.layer(1)):
        for line in shown:
            assert f"\n\n{line}\n\n" in f"{shown}\n\n"
            assert repr(line) == str(line)
            html = line._repr_html_()
            assert len(ElementTree.fromstring(html.replace("&nbsp;", " "))) >= 3  # style, sentence, equations
            assert html.partition("</style>")[2].removesuffix("</div>") in shown.to_html()
    assert str(replace(working["z1"], writer=None)) == working["z1"].why


def test_detail_follows_the_size() -> None:
    net = small(widths=(2, 2, 1))
    loss = LOSSES["mean_squared_error"]
    assert dr.show_step(net, *rows(1, net, loss)).detail == "scalar"
    assert dr.show_step(net, *rows(8, net, loss)).detail == "matrix"
    working = dr.show_step(net, *rows(500, net, loss))
    assert working.detail == "summary"
    assert "500 × 2, norm " in str(working)
    assert working["z1"].value.shape == (500, 2)


# -- one unit --------------------------------------------------------------------------------------------


def test_a_unit_adds_up() -> None:
    """From its parts come its z and, through the slope, its delta; what it sends is part of the next z."""
    net = small("tanh", "identity", (3, 4, 2, 2))
    working = dr.show_step(net, *rows(5, net, LOSSES["mean_squared_error"]))
    for layer, units in ((1, 4), (2, 2)):
        sent = np.zeros_like(working[f"z{layer + 1}"].value)
        for number in range(1, units + 1):
            unit = working.unit(layer, number)
            np.testing.assert_allclose(unit.inputs @ unit.weights + unit.bias, unit.z, rtol=1e-12)
            np.testing.assert_array_equal(np.tanh(unit.z), unit.a)
            np.testing.assert_allclose(unit.received.sum(axis=1) * (1 - unit.a**2), unit.delta, rtol=1e-9)
            sent += unit.contributions
        np.testing.assert_allclose(sent + net.biases[layer], working[f"z{layer + 1}"].value, rtol=1e-9)
    last = working.unit(3, 2)
    assert last.received is None
    assert np.array_equal(last.a, working["y_hat"].value[:, 1])
    assert "gets back" in str(working.unit(1, 1))
    total = working.contributions().sum(axis=1) + net.biases[2]
    np.testing.assert_allclose(total, working["z3"].value, rtol=1e-9)


@pytest.mark.parametrize(("layer", "unit", "name"), [(0, 1, "layer"), (4, 1, "layer"), (1, 5, "unit")])
def test_a_unit_that_is_not_there(layer: int, unit: int, name: str) -> None:
    net = small("tanh", "identity", (3, 4, 2, 2))
    working = dr.show_step(net, *rows(2, net, LOSSES["mean_squared_error"]))
    with pytest.raises(dr.InputError, match=name):
        working.unit(layer, unit)


# -- one layer -------------------------------------------------------------------------------------------


def test_the_lines_of_a_layer() -> None:
    net = small("tanh", "identity", (3, 4, 2, 2))
    working = dr.show_step(net, *rows(2, net, LOSSES["mean_squared_error"]))
    parts = [working.layer(layer) for layer in (1, 2, 3)]
    assert parts[2].keys() == [
        *("z3", "y_hat", "a3", "delta3", "dW3", "db3", "step_W3", "W3_after", "step_b3", "b3_after"),
    ]
    shared = {"loss", "J", "dy_hat"} & set(working.keys())
    assert {key for part in parts for key in list(part.keys())} | shared == set(working.keys())
    for part in parts:
        assert part.unit(1, 4).z.tobytes() == working.unit(1, 4).z.tobytes()
        assert part.check(delta1=working["delta1"].value, decimals=4).ok
        with pytest.raises(dr.InputError, match="got 'loss'"):
            part["loss"]
    for layer in (0, 4):
        with pytest.raises(dr.InputError, match="`layer` must be"):
            working.layer(layer)


def test_an_unknown_key_is_answered_with_those_there_are() -> None:
    with pytest.raises(dr.InputError, match=r"got 'delt2'.*Allowed: z1, a1.*Did you mean 'delta2'"):
        worked_example()["delt2"]
    with pytest.raises(dr.InputError, match=r"got 1\. Allowed: z1"):
        worked_example()[1]  # type: ignore[index]
    with pytest.raises(dr.InputError) as asked:
        worked_example()["delt2"]
    with pytest.raises(dr.InputError) as answered:
        worked_example().check(delt2=1.0)
    assert str(asked.value).partition(" Allowed")[2] == str(answered.value).partition(" Allowed")[2]


def test_arguments_are_checked() -> None:
    net = small()
    with pytest.raises(dr.InputError, match="detail"):
        dr.show_step(net, [[1.0, 2.0, 3.0]], [[1.0, 0.0]], detail="all")  # type: ignore[arg-type]
    with pytest.raises(dr.InputError, match="decimals"):
        dr.show_step(net, [[1.0, 2.0, 3.0]], [[1.0, 0.0]], decimals=-1)
    with pytest.raises(dr.InputError, match="X"):
        dr.show_step(net, [[1.0, 2.0]], [[1.0, 0.0]])
    for what in (dr.show_step, dr.step_through, dr.diagnose):
        with pytest.raises(dr.InputError, match=r"must be a dr\.Network; got a list"):
            what([1.0], [[1.0]], [[1.0]])


@pytest.mark.parametrize("detail", ["scalar", "matrix", "summary"])
def test_what_overflows_is_shown_as_it_is(detail: Any) -> None:
    """Without a warning; and squares may overflow where the norm of the numbers does not."""
    net = small("tanh", "softmax")
    net.weights[1][:] *= 1e6
    X, y = rows(2, net, LOSSES["cross_entropy"])
    working = dr.show_step(net, 1e200 * X, y, loss="cross_entropy", detail=detail)
    assert "inf" not in str(working["dW1"])
    wild = small("identity", "identity")
    wild.theta[:] = 1e200
    assert "inf" in str(dr.show_step(wild, 1e200 * X, y, detail=detail)["z1"])


# -- in a session ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_the_working_of_a_step_in_the_middle_of_training(optimizer: Any) -> None:
    """The rows of its batch, the memory of the steps before, and the next state to the last bit."""
    net = small()
    X, y = rows(7, net, LOSSES["mean_squared_error"])
    session = dr.step_through(net, X, y, optimizer=optimizer, batch_size=3, seed=4)
    session.step(4)
    working = session.working()
    assert_equations_hold(working)
    np.testing.assert_array_equal(working.values["x"], X[session.rows])
    after = session.step().net
    for layer in (1, 2):
        assert working[f"W{layer}_after"].value.tobytes() == after.weights[layer - 1].tobytes()
        assert working[f"b{layer}_after"].value.tobytes() == after.biases[layer - 1].tobytes()
