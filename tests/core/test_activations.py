"""Activations: values, slopes, ranges and stability, for every registered record."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special, stats

from deltarule import Activation, InputError, Network
from deltarule.core.activations import ACTIVATIONS, LEAK, SELU_ALPHA, SELU_SCALE
from deltarule.core.arrays import Array
from tests.core.support import CLEARANCE, H, away_from, each_activation, each_dtype, relative_error

UNBOUNDED = ("exponential",)  # may be inf, silently

LARGE = np.concatenate([-np.geomspace(1e4, 1e-4, 60), [0.0, -0.0], np.geomspace(1e-4, 1e4, 60)])


def plane(z: Array, dtype: type[np.floating] = np.float64) -> Array:
    """z as rows of two, so that softmax has something to compare."""
    return np.column_stack([z, z[::-1]]).astype(dtype)


def test_registry_holds_the_promised_names() -> None:
    assert {*CLOSED_FORMS, "softmax"} <= set(ACTIVATIONS)
    assert ACTIVATIONS["logistic"] is ACTIVATIONS["sigmoid"]
    assert ACTIVATIONS["linear"] is ACTIVATIONS["identity"]


@each_dtype
@each_activation
def test_extreme_inputs_give_finite_values_and_no_warning(
    activation: Activation, dtype: type[np.floating]
) -> None:
    z = plane(LARGE, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a = activation.value(z)
        d_z = activation.derivative(z, a, np.ones_like(a))
    assert not np.isnan(a).any()
    if activation.name not in UNBOUNDED:
        assert np.isfinite(a).all()
        assert np.isfinite(d_z).all()


@each_activation
def test_float32_agrees_with_float64(activation: Activation) -> None:
    z = plane(np.linspace(-20.0, 20.0, 401), np.float32)
    wide = activation.value(z.astype(np.float64))
    np.testing.assert_allclose(activation.value(z), wide, rtol=2e-5, atol=2e-6)


@each_dtype
@each_activation
def test_dtype_and_shape_are_kept(activation: Activation, dtype: type[np.floating]) -> None:
    for shape in [(0, 3), (1, 1), (4, 3)]:
        z = np.linspace(-2, 2, math.prod(shape)).reshape(shape).astype(dtype)
        a = activation.value(z)
        d_z = activation.derivative(z, a, np.ones_like(a))
        assert a.shape == d_z.shape == shape
        assert a.dtype == d_z.dtype == dtype


@each_activation
def test_arguments_are_left_alone(activation: Activation) -> None:
    z = plane(np.linspace(-3.0, 3.0, 20))
    for array in (kept := [z.copy(), activation.value(z), np.full_like(z, 2.0)]):
        array.flags.writeable = False
    a = activation.value(kept[0])
    activation.derivative(*kept)
    assert not np.shares_memory(a, kept[0])


@each_activation
def test_memory_order_does_not_matter(activation: Activation) -> None:
    z = plane(np.linspace(-3.0, 3.0, 20))
    np.testing.assert_array_equal(activation.value(np.asfortranarray(z)), activation.value(z))


@each_activation
def test_derivative_is_the_vector_jacobian_product(activation: Activation) -> None:
    rng = np.random.default_rng(0)
    for k in range(1, 6):
        z = away_from(activation.kinks, rng.normal(0.0, 2.0, (40, k)))
        d_a = rng.normal(size=z.shape)
        numeric = np.empty_like(z)
        for column in range(k):
            step = np.zeros_like(z)
            step[:, column] = H
            change = activation.value(z + step) - activation.value(z - step)
            numeric[:, column] = np.sum(d_a * change, axis=1) / (2.0 * H)
        derived = activation.derivative(z, activation.value(z), d_a)
        assert relative_error(derived, numeric, floor=1.0) < 1e-8


@given(z=hnp.arrays(np.float64, (6, 3), elements=st.floats(-30.0, 30.0)))
@each_activation
def test_derivative_anywhere(activation: Activation, z: Array) -> None:
    z = away_from(
        (0.0, *activation.kinks), z
    )  # at 0 some slopes bend, which costs central differences digits
    a = activation.value(z)
    moved = activation.value(z + H) - activation.value(z - H)  # all units together: the sum of the Jacobian
    rows = activation.derivative(z, a, np.ones_like(a))
    assert relative_error(rows.sum(axis=1), moved.sum(axis=1) / (2.0 * H), floor=1.0) < 1e-7


@each_activation
def test_range_holds_and_is_not_too_wide(activation: Activation) -> None:
    moderate = activation.value(plane(np.linspace(-8.0, 8.0, 1001)))
    assert activation.range.holds(moderate).all()
    a = activation.value(plane(np.concatenate([LARGE, np.linspace(-8.0, 8.0, 1001)])))
    low, high = activation.range.low, activation.range.high
    assert np.all(a >= low)
    assert np.all(a <= high)
    assert a.min() < (low + 0.002 if np.isfinite(low) else -50.0)
    assert a.max() > (high - 0.002 if np.isfinite(high) else 50.0)


@each_activation
def test_slope_jumps_at_kinks_and_nowhere_else(activation: Activation) -> None:
    if activation.slope is None:
        return
    grid = np.linspace(-4.0, 4.0, 8001)  # holds 0
    slope = activation.slope(grid, activation.value(grid))
    jumps = grid[1:][np.abs(np.diff(slope)) > 0.05 * (1.0 + np.abs(slope[1:]))]
    assert {round(float(z), 2) for z in jumps} == {round(kink, 2) for kink in activation.kinks}


@each_activation
def test_formulas_are_latex(activation: Activation) -> None:
    for formula in (activation.formula, activation.slope_formula):
        assert formula
        assert formula.count("{") == formula.count("}")
        assert "$" not in formula


# -- closed forms ----------------------------------------------------------------------------------------


CLOSED_FORMS = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1.0 / (1.0 + math.exp(-z)),
    "tanh": math.tanh,
    "relu": lambda z: z if z > 0.0 else 0.0,
    "leaky_relu": lambda z: z if z > 0.0 else 0.01 * z,
    "elu": lambda z: z if z > 0.0 else math.expm1(z),
    "selu": lambda z: 1.0507009873554805 * (z if z > 0.0 else 1.6732632423543772 * math.expm1(z)),
    "gelu": lambda z: z * stats.norm.cdf(z),
    "silu": lambda z: z / (1.0 + math.exp(-z)),
    "mish": lambda z: z * math.tanh(math.log1p(math.exp(z))),
    "softplus": lambda z: math.log1p(math.exp(z)),
    "exponential": math.exp,
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_value_equals_its_closed_form(name: str) -> None:
    z = np.linspace(-30.0, 30.0, 241)
    expected = np.array([CLOSED_FORMS[name](value) for value in z])
    np.testing.assert_allclose(ACTIVATIONS[name].value(z), expected, rtol=1e-13, atol=1e-300)


def test_selu_constants_keep_mean_zero_and_variance_one() -> None:
    """Klambauer et al. (2017), equation 14."""
    q = special.erfc(1.0 / math.sqrt(2.0)) * math.sqrt(math.e)
    alpha = -math.sqrt(2.0 / math.pi) / (q - 1.0)
    c = special.erfc(math.sqrt(2.0)) * math.e**2
    variance = 2.0 * c + math.pi * q * q - 2.0 * (2.0 + math.pi) * q + math.pi + 2.0
    scale = (1.0 - q) * math.sqrt(2.0 * math.pi) / math.sqrt(variance)
    assert pytest.approx(alpha, rel=1e-14) == SELU_ALPHA
    assert pytest.approx(scale, rel=1e-14) == SELU_SCALE


@pytest.mark.parametrize(
    ("name", "z", "a", "slope"),
    [
        ("sigmoid", 0.0, 0.5, 0.25),
        ("sigmoid", 1.0, 0.7310585786300049, 0.19661193324148185),
        ("tanh", 1.0, 0.7615941559557649, 0.41997434161402614),
        ("gelu", 1.0, 0.8413447460685429, 1.0833154705876864),
        ("gelu", -1.0, -0.15865525393145707, -0.08331547058768628),
        ("silu", 1.0, 0.7310585786300049, 0.9276705118714867),
        ("mish", 1.0, 0.8650983882673103, 1.0490362200997922),
        ("softplus", 0.0, 0.6931471805599453, 0.5),
        ("elu", -1.0, -0.6321205588285577, 0.36787944117144233),
        ("selu", -1.0, -1.1113307378125625, 0.6467686030348141),
        ("leaky_relu", -1.0, -0.01, 0.01),
        ("exponential", 1.0, math.e, math.e),
    ],
)
def test_well_known_numbers(name: str, z: float, a: float, slope: float) -> None:
    activation, at = ACTIVATIONS[name], np.array([[z]])
    assert activation.value(at)[0, 0] == pytest.approx(a, rel=1e-14)
    assert activation.derivative(at, activation.value(at), np.ones((1, 1)))[0, 0] == pytest.approx(
        slope, rel=1e-13
    )


@pytest.mark.parametrize(
    ("name", "slope"),
    [("relu", 0.0), ("leaky_relu", LEAK), ("elu", 1.0), ("selu", SELU_SCALE * SELU_ALPHA)],
)
def test_slope_at_zero_is_that_of_the_left_side(name: str, slope: float) -> None:
    for zero in (0.0, -0.0):
        z = np.array([[zero]])
        found = ACTIVATIONS[name].derivative(z, ACTIVATIONS[name].value(z), np.ones((1, 1)))
        assert found[0, 0] == pytest.approx(slope, rel=1e-15, abs=0.0)


# -- softmax ---------------------------------------------------------------------------------------------


@given(z=hnp.arrays(np.float64, (3, 4), elements=st.floats(-1e4, 1e4)), shift=st.floats(-1e3, 1e3))
def test_softmax_is_a_distribution_that_ignores_a_common_shift(z: Array, shift: float) -> None:
    a = ACTIVATIONS["softmax"].value(z)
    np.testing.assert_allclose(a.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(ACTIVATIONS["softmax"].value(z + shift), a, rtol=1e-9, atol=1e-300)


def test_softmax_jacobian() -> None:
    a = ACTIVATIONS["softmax"].value(np.array([[0.3, -1.2, 2.0]]))
    jacobian = np.diag(a[0]) - np.outer(a[0], a[0])
    pulled = [
        ACTIVATIONS["softmax"].derivative(np.zeros((1, 3)), a, unit[np.newaxis])[0] for unit in np.eye(3)
    ]
    np.testing.assert_allclose(pulled, jacobian, rtol=0, atol=1e-16)


def test_softmax_of_one_output_is_one_and_flat() -> None:
    z = np.array([[-1e4], [0.0], [1e4]])
    a = ACTIVATIONS["softmax"].value(z)
    np.testing.assert_array_equal(a, 1.0)
    np.testing.assert_array_equal(ACTIVATIONS["softmax"].derivative(z, a, np.ones_like(z)), 0.0)


# -- the user's own --------------------------------------------------------------------------------------


def test_the_polynomial_unit_of_the_lecture() -> None:
    """h = 3 + 2x + x² + 3x⁵ with h′ = 2 + 2x + 15x⁴; h′(5) = 9387."""
    unit = Activation(
        "polynomial unit",
        value=lambda z: 3.0 + 2.0 * z + z**2 + 3.0 * z**5,
        slope=lambda z, a: 2.0 + 2.0 * z + 15.0 * z**4,
    )
    z = np.array([[5.0]])
    assert unit.derivative(z, unit.value(z), np.ones((1, 1)))[0, 0] == 9387.0
    net = Network([1, 1], activations=[unit], initializer="constant")
    assert net.predict([[10.0]])[0, 0] == 3.0 + 2.0 + 1.0 + 3.0


def test_either_slope_or_pull_back() -> None:
    for given_ in ({}, {"slope": lambda z, a: z, "pull_back": lambda z, a, d_a: z}):
        with pytest.raises(InputError, match=r"'half' needs .*slope\(z, a\) or a pull_back"):
            Activation("half", value=lambda z: z, **given_)


def test_clearance_is_wider_than_the_differences() -> None:
    assert CLEARANCE > 100.0 * H
