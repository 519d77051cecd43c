"""A step in the notation of five documents: every equation holds for the numbers beside it."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.losses import LOSSES
from deltarule.explain.conventions import CHOICES, CONVENTIONS, LETTERS
from deltarule.explain.renderings import equations
from deltarule.explain.text import TextWriter
from tests.core.support import ACTIVATION_RECORDS, PAIRS, targets
from tests.explain.test_workbook import assert_all_follow
from tests.explain.test_working import (
    OPTIMIZERS,
    assert_equations_hold,
    rows,
    small,
    toy_step,
    worked_example,
)

LABS = ["lab0", "lab1", "lab2", "lab3", "lab4"]
each_lab = pytest.mark.parametrize("lab", LABS)
SQUARED = ["mean_squared_error", "half_squared_error", "sum_squared_error"]


def parameters(working: dr.Working) -> list[Any]:
    """W and b after the step, laid out as in this library."""
    found = []
    for layer in range(1, len(working.widths)):
        W, b = (working.values.get(f"{letter}{layer}_after") for letter in "Wb")
        if working.conventions.samples == "columns":
            W, b = W.T, None if b is None else b.T
        if working.conventions.bias == "augmented" and len(W) > working.widths[layer - 1]:
            b, W = W[:1], W[1:]
        found += [W] if b is None else [W, np.ravel(b)]
    return found


def random_working(rng: np.random.Generator, lab: Any, **settings: Any) -> dr.Working:
    """A step of a random network: widths, activations, loss, optimizer, penalty, rows, weights, offset."""
    loss, output = PAIRS[rng.integers(len(PAIRS))]
    widths = rng.integers(2, 4, size=rng.integers(2, 5)).tolist()
    hidden = [
        ACTIVATION_RECORDS[place] for place in rng.integers(len(ACTIVATION_RECORDS), size=len(widths) - 2)
    ]
    net = dr.Network(widths, [*hidden, output], bias=bool(rng.random() < 0.7), seed=0)
    net.theta = 0.5 * rng.normal(size=net.theta.size)
    n = int(rng.integers(1, 5))
    choices: dict[str, Any] = {
        "sample_weight": [None, rng.uniform(0.5, 2.0, n)],
        "offset": [None, np.full((n, widths[-1]), 0.1)],
        "penalty": [None, dr.L2(0.3), (dr.L1(0.2, biases=True), dr.L2(0.1))],
        "optimizer": [dr.SGD(0.3), *OPTIMIZERS[2:]],
        "reduction": ["mean", "sum"],
    }
    chosen = {name: options[rng.integers(len(options))] for name, options in choices.items()}
    X, y = rng.normal(size=(n, widths[0])), targets(rng, loss, n, widths[-1])
    return dr.show_step(net, X, y, loss=loss, conventions=lab, **chosen, **settings)


# -- equations and numbers -------------------------------------------------------------------------------


@each_lab
def test_every_equation_holds_for_the_numbers_shown(lab: str) -> None:
    rng = np.random.default_rng(LABS.index(lab))
    for _ in range(40):
        working = random_working(rng, lab)
        assert_equations_hold(working)
        own = working.in_conventions("library")
        for shown, expected in zip(parameters(working), parameters(own), strict=True):
            assert shown.tobytes() == expected.tobytes()


@pytest.mark.parametrize("loss", SQUARED)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_choices_go_together(loss: str, optimizer: Any) -> None:
    net = small(widths=(2, 2, 2))
    X, y = rows(2, net, LOSSES[loss])
    settings: dict[str, Any] = {"loss": loss, "optimizer": optimizer, "penalty": dr.L2(0.2)}
    own = dr.show_step(net, X, y, **settings)
    combinations = list(product(*(get_args(choice) for choice in CHOICES.values())))
    rng = np.random.default_rng([SQUARED.index(loss), OPTIMIZERS.index(optimizer)])
    for place in rng.choice(len(combinations), 12, replace=False):
        chosen = combinations[place]
        working = own.in_conventions(dr.Conventions(**dict(zip(CHOICES, chosen, strict=True))))
        assert_equations_hold(working)
        for shown, expected in zip(parameters(working), parameters(own), strict=True):
            assert shown.tobytes() == expected.tobytes()


def value_of(text: str) -> float:
    """What a written scalar expression is worth."""
    for written, python in {"·": "*", "²": "**2", " ln ": "*log", "\u2212": "-"}.items():
        text = text.replace(written, python)
    names = {"exp": np.exp, "tanh": np.tanh, "max": max, "min": min}
    return float(eval(text, {"__builtins__": {}}, names))  # noqa: S307 (the text is our own)


@pytest.mark.parametrize("lab", ["library", *LABS])
def test_what_is_written_is_right(lab: str) -> None:
    """The expression with the numbers put in, as it is printed, is worth the number printed after it."""
    rng, count = np.random.default_rng(5), 0
    for loss, bias in product(SQUARED, [True, False]):
        net = dr.Network([2, 2, 2], ["sigmoid", "tanh"], bias=bias)
        net.theta = rng.normal(size=net.theta.size)
        X, y = rng.normal(size=(2, 2)), rng.normal(size=(2, 2))
        working = dr.show_step(
            net, X, y, loss=loss, penalty=dr.L2(0.2), detail="scalar", decimals=15, conventions=lab
        )
        for line in working:
            for equation in equations(working, line, TextWriter()):
                *_, put_in, value = equation.rights
                assert value_of(put_in) == pytest.approx(float(value), rel=1e-9, abs=1e-12), equation
                count += 1
    assert count > 300


@each_lab
def test_records_of_the_user(lab: str) -> None:
    cube = dr.Activation("cube", value=lambda z: z**3, slope=lambda z, a: 3 * z**2)
    loss = dr.Loss(
        "fourth",
        value=lambda y, y_hat: np.sum((y_hat - y) ** 4, axis=1),
        slope=lambda y, y_hat: 4 * (y_hat - y) ** 3,
    )
    net = small(cube)
    working = dr.show_step(
        net, *rows(2, net, LOSSES["huber"]), loss=loss, optimizer=Halving(), conventions=lab
    )
    for line in working:
        found = np.broadcast_to(line.equation.evaluate(working.values), np.shape(np.atleast_2d(line.value)))
        np.testing.assert_allclose(found, np.atleast_2d(line.value), rtol=1e-12, err_msg=line.key)
    assert "cube(" in str(working)
    assert "halving(" in str(working)
    assert working.check(**{line.key: line.value for line in working}).ok


class Halving:
    """An optimizer of the user's own."""

    name, formula, learning_rate = "halving", r"\theta / 2", 1.0

    def init(self, theta: Any) -> dict[str, Any]:
        return {}

    def update(self, theta: Any, gradient: Any, state: Any, rate: Any) -> tuple[Any, dict[str, Any]]:
        return theta / 2.0, {}


@each_lab
def test_fractions(lab: str) -> None:
    working = toy_step(conventions=lab)
    for line in working:
        assert all(isinstance(value, Fraction) for value in np.ravel(line.value)), line.key
        assert np.all(line.equation.evaluate(working.values) == np.atleast_2d(line.value)), line.key
    assert {Fraction(8, 5), Fraction(107, 75), Fraction(8, 25)} <= {
        value for each in parameters(working) for value in np.ravel(each)
    }


def test_our_own_conventions_change_nothing() -> None:
    own = worked_example()
    assert own.notes == ()
    for other in (
        worked_example(conventions="library"),
        worked_example(conventions=dr.Conventions()),
        own.in_conventions("lab1").in_conventions("library"),
    ):
        assert str(other) == str(own)
        assert other.to_html() == own.to_html()


# -- renderings ------------------------------------------------------------------------------------------


@each_lab
@pytest.mark.parametrize("detail", ["scalar", "matrix", "summary"])
def test_every_rendering_is_well_formed(lab: str, detail: Any) -> None:
    rng = np.random.default_rng([LABS.index(lab), 2])
    for _ in range(3):
        working = random_working(rng, lab, detail=detail)
        html = working.to_html().replace("&nbsp;", " ")
        assert len(ElementTree.fromstring(html).findall(".//math")) >= len(working)
        latex = working.to_latex()
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\begin{") == latex.count(r"\end{")
        assert working.to_markdown().count("$$") == 2 * len(working)
        for page in (str(working), latex, html, working.to_markdown()):
            assert f"Notation: {lab}" in page
        assert all(line.why.endswith(".") and "{" not in line.why for line in working)


def test_all_renderings_follow() -> None:
    working = worked_example(conventions="lab1")
    assert r"\rho" in working.to_latex()
    assert r"-0.5\, \frac{\partial E}{\partial W_{11}^{(2)}}" in working.to_latex()
    assert "<mi>ρ</mi>" in working.to_html()
    assert "<mi>η</mi>" not in working.to_html()
    assert "$t$ is the target" in working.to_markdown()
    latex = dr.show_step(small(), *rows(3, small(), LOSSES["huber"]), conventions="lab1").to_latex()
    assert r"\begin{bmatrix} 1 & x \end{bmatrix}\, W^{(1)}" in latex
    assert r"\hat{W}^{(2)}" in latex


@each_lab
def test_the_workbook_follows(lab: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"hidden": ["sigmoid"], "n": 3, "penalty": dr.L2(0.1), "conventions": lab}
    assert_all_follow(tmp_path / "step.xlsx", loss="mean_squared_error", optimizer=dr.SGD(0.3), **settings)


def test_a_unit_has_the_sign_of_its_document() -> None:
    own, working = worked_example(), worked_example(conventions="lab3")
    assert working.unit(1, 1).delta == -own.unit(1, 1).delta
    working = dr.show_step(small(), *rows(4, small(), LOSSES["huber"]), conventions="lab2")
    assert working.rows == 4
    assert working.widths == (3, 2, 2)
    assert np.array_equal(working.unit(1, 2).z, working["z1"].value[1])
    assert np.array_equal(working.contributions(), working.in_conventions("library").contributions())


def test_a_session_speaks_them_too() -> None:
    """With what the optimizer remembers, which changes its sign with the gradient."""
    net = small()
    session = dr.step_through(
        net, *rows(4, net, LOSSES["mean_squared_error"]), optimizer="adam", batch_size=2
    )
    own = session.step(3).working()
    for lab in LABS:
        working = session.working(conventions=lab)
        assert_equations_hold(working)
        assert working.check(**{line.key: line.value for line in working}).ok
    working = session.working(conventions="lab3")
    assert np.array_equal(working["m_W1"].value, -own["m_W1"].value)
    assert np.array_equal(working["v_W1"].value, own["v_W1"].value)
    assert "A running mean of minus the gradient." in str(working)


def test_entries_of_columns() -> None:
    """One sample: units are counted; several: first the unit, then the sample. Sums keep their meaning."""
    X, y = rows(2, small(), LOSSES["mean_squared_error"])
    one = str(dr.show_step(small(), X[:1], y[:1], detail="scalar", conventions="lab2"))
    assert "z⁽²⁾₂ = W⁽²⁾₂₁·x₁ + W⁽²⁾₂₂·x₂ + W⁽²⁾₂₃·x₃ + b⁽²⁾₂" in one
    two = str(dr.show_step(small(), X, y, detail="scalar", conventions="lab2"))
    assert "z⁽³⁾₂₁ = W⁽³⁾₂₁·a⁽²⁾₁₁ + W⁽³⁾₂₂·a⁽²⁾₂₁ + b⁽³⁾₂" in two
    text = str(dr.show_step(small(), X, y, detail="matrix", conventions="lab2"))
    assert "E = Σᵣ ℓ / N" in text
    assert "ℓ = Σₖ (y - a⁽³⁾)² / 2" in text


# -- choices ---------------------------------------------------------------------------------------------


def test_the_names() -> None:
    assert list(dr.CONVENTIONS) == ["library", *LABS]
    assert dr.CONVENTIONS["library"].differences == []
    assert all(CONVENTIONS[lab].differences for lab in LABS)


@pytest.mark.parametrize(
    ("conventions", "words"),
    [
        ("lab7", r"`conventions` must be one of library, lab0, .*got 'lab7'. Did you mean 'lab4'\?"),
        (3, r"`conventions` must be a name or a record; got 3. Allowed: library, lab0"),
        (dr.Conventions, r"Try Conventions\(...\)"),
    ],
)
def test_unknown_conventions(conventions: Any, words: str) -> None:
    with pytest.raises(dr.InputError, match=words):
        worked_example(conventions=conventions)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"samples": "cols"}, r"`samples` must be one of rows, columns; got 'cols'"),
        ({"factor": "1/2"}, r"`factor` must be one of of the loss, two, half, in the rate"),
        ({"target": "W"}, r"`target` must have a letter of its own; got 'W', the letter of another quantity"),
        ({"target": "a"}, r"`activation` must have a letter of its own; got 'a', the letter of `target`"),
        ({"learning_rate": "rate"}, r"`learning_rate` must be one letter, .*; got 'rate'. Try"),
        ({"rows": ""}, r"`rows` must be one letter, .*; got ''"),
        ({"function": "ϕ"}, r"`function` must be one letter, .*; got 'ϕ'"),
    ],
)
def test_choices_that_cannot_be(choice: Any, words: str) -> None:
    with pytest.raises(dr.InputError, match=words):
        dr.Conventions(**choice)


@pytest.mark.parametrize("field", LETTERS)
def test_every_letter_is_used(field: str) -> None:
    working = worked_example(conventions=dr.Conventions(**{field: "ξ"}))
    assert "ξ" in str(working).partition("Forward")[2] or field == "rows"
    assert r"\xi" in working.to_latex()
