"""Penalties: value, slope, convention at zero, for every registered one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deltarule import L1, L2, InputError
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.architecture import Architecture
from deltarule.core.penalties import PENALTIES, Penalty, penalty_gradient, penalty_value
from tests.core.support import numeric_gradient, relative_error

each_penalty = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=list(PENALTIES))
ARCHITECTURE = Architecture((2, 3, 1), (ACTIVATIONS["tanh"], ACTIVATIONS["identity"]), bias=True)
THETA = np.linspace(-1.1, 1.3, ARCHITECTURE.n_parameters)


@pytest.mark.parametrize("biases", [False, True])
@each_penalty
def test_gradient_is_the_derivative(penalty: Penalty, biases: bool) -> None:
    penalties = (dataclasses.replace(penalty, strength=0.7, biases=biases),)
    numeric = numeric_gradient(lambda theta: penalty_value(penalties, ARCHITECTURE, theta), THETA)
    derived = penalty_gradient(penalties, ARCHITECTURE, THETA)
    assert relative_error(derived, numeric) < 1e-9
    b = ARCHITECTURE.views(derived).b
    assert all(bool(np.any(b_l)) == biases for b_l in b)


@each_penalty
def test_zero_costs_nothing_and_pulls_nowhere(penalty: Penalty) -> None:
    strong = dataclasses.replace(penalty, strength=2.0)
    assert strong.value(np.zeros(3)) == 0.0
    np.testing.assert_array_equal(strong.slope(np.zeros(3)), 0.0)


@each_penalty
def test_strength_is_a_factor(penalty: Penalty) -> None:
    one, three = (dataclasses.replace(penalty, strength=s) for s in (1.0, 3.0))
    assert three.value(THETA) == pytest.approx(3.0 * one.value(THETA))
    np.testing.assert_allclose(three.slope(THETA), 3.0 * one.slope(THETA))


@each_penalty
def test_dtype_is_kept(penalty: Penalty) -> None:
    theta = THETA.astype(np.float32)
    assert penalty.slope(theta).dtype == np.float32
    assert penalty_gradient((penalty,), ARCHITECTURE, theta).dtype == np.float32


def test_numbers_by_hand() -> None:
    w = np.array([3.0, -4.0, 0.0])
    assert L1(0.5).value(w) == 3.5
    assert L2(0.5).value(w) == 0.25 * 25.0
    np.testing.assert_array_equal(L1(0.5).slope(w), [0.5, -0.5, 0.0])
    np.testing.assert_array_equal(L2(0.5).slope(w), [1.5, -2.0, 0.0])


@each_penalty
def test_a_negative_strength_is_refused(penalty: Penalty) -> None:
    with pytest.raises(InputError, match="`strength` must"):
        dataclasses.replace(penalty, strength=-0.1)


@each_penalty
def test_formula_is_latex(penalty: Penalty) -> None:
    assert penalty.formula.count("{") == penalty.formula.count("}")
    assert penalty.formula
