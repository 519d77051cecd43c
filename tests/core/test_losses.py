"""Losses: values, deltas, domains and stability, for every allowed pair of loss and output activation."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import special, stats

from deltarule import InputError, Loss, Network
from deltarule.core import equations
from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.arrays import Array
from deltarule.core.equations import Step
from deltarule.core.losses import LOSSES
from tests.core.support import (
    PAIRS,
    REFUSED,
    away_from,
    each_dtype,
    each_loss,
    each_pair,
    numeric_row_slopes,
    relative_error,
    targets,
    weights,
)

OUTPUTS = range(1, 6)
FUSED_PAIRS = [(loss, out) for loss, out in PAIRS if out in loss.fused]
each_fused_pair = pytest.mark.parametrize(
    ("loss", "output"), FUSED_PAIRS, ids=[f"{loss.name}-{out.name}" for loss, out in FUSED_PAIRS]
)


def draw(loss: Loss, output: Activation, k: int, n: int = 12) -> tuple[Array, Array]:
    """Targets and pre-activations at which the delta exists."""
    rng = np.random.default_rng([k, 7])
    z = away_from((0.0, *output.kinks), rng.normal(0.0, 1.5, (n, k)))
    y = targets(rng, loss, n, k)
    for kink in loss.kinks:
        y = np.where(np.abs(output.value(z) - y - kink) < 0.01, y + 0.1, y)
    return y, z


# -- delta = ∂ℓ/∂z ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", OUTPUTS)
@each_pair
def test_delta_is_the_derivative_of_the_loss(loss: Loss, output: Activation, k: int) -> None:
    y, z = draw(loss, output, k)
    delta = loss.delta(y, z, output.value(z), output)
    numeric = numeric_row_slopes(lambda z: loss.per_row(y, z, output.value(z), output), z)
    assert delta.shape == z.shape
    assert relative_error(delta, numeric, floor=1.0) < 2e-9


@pytest.mark.parametrize("k", OUTPUTS)
@each_pair
def test_output_delta_is_the_derivative_of_the_weighted_sum(loss: Loss, output: Activation, k: int) -> None:
    """delta = wᵢ ∂ℓᵢ/∂z of Σ wᵢ ℓᵢ, with the offset added to z first."""
    y, z = draw(loss, output, k)
    w = weights(np.random.default_rng(k), len(z))
    offset = np.random.default_rng(k).normal(size=z.shape)

    def last(x: Array) -> Step:
        return equations.forward(x, [np.eye(k)], [None], [output], offset)[-1]

    def per_row(x: Array) -> Array:
        return loss.per_row(y, last(x).z, last(x).a, output) * w

    x = z - offset
    delta = equations.output_delta(y, w, last(x), loss, output)
    assert relative_error(delta, numeric_row_slopes(per_row, x), floor=1.0) < 2e-9
    np.testing.assert_array_equal(delta[w == 0.0], 0.0)
    assert equations.loss_sum(y, w, last(x), loss, output) == pytest.approx(per_row(x).sum(), rel=1e-13)


@each_fused_pair
def test_fused_form_is_the_general_chain_rule(loss: Loss, output: Activation) -> None:
    general = Loss(loss.name, loss.value, loss.slope, kinks=loss.kinks)
    for k in OUTPUTS:
        y, z = draw(loss, output, k)
        y_hat = output.value(z)
        fused = loss.per_row(y, z, y_hat, output), loss.delta(y, z, y_hat, output)
        plain = general.per_row(y, z, y_hat, output), general.delta(y, z, y_hat, output)
        np.testing.assert_allclose(fused[0], plain[0], rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(fused[1], plain[1], rtol=1e-11, atol=1e-12)


def test_the_pairs_that_cancel_are_fused() -> None:
    fused = {(loss.name, output.name) for loss, output in FUSED_PAIRS}
    assert fused >= {
        ("binary_cross_entropy", "sigmoid"),
        ("cross_entropy", "softmax"),
        ("poisson", "exponential"),
        ("mean_squared_error", "identity"),
        ("half_squared_error", "identity"),
        ("sum_squared_error", "identity"),
    }


@each_pair
def test_delta_is_zero_and_the_loss_least_where_the_prediction_is_right(
    loss: Loss, output: Activation
) -> None:
    """Where ŷ = y the delta is zero, and moving z away does not help."""
    rng = np.random.default_rng(3)
    for k in OUTPUTS:
        z = away_from(output.kinks, rng.normal(0.0, 1.0, (20, k)))
        y = output.value(z)
        if not loss.y_domain.holds(y).all():
            continue
        best = loss.per_row(y, z, y, output)
        moved = z + rng.normal(0.0, 0.3, z.shape)
        np.testing.assert_allclose(loss.delta(y, z, y, output), 0.0, atol=1e-14)
        assert np.all(best <= loss.per_row(y, moved, output.value(moved), output) + 1e-12)


# -- stability -------------------------------------------------------------------------------------------

EXTREME = np.array([[-1e4, 1e4], [1e4, -1e4], [1e4, 1e4], [-1e4, -1e4], [-800.0, 800.0], [50.0, -50.0]])


def extreme_targets(loss: Loss) -> list[Array]:
    """The ends of the domain where it has ends, and something in between."""
    low, high = loss.y_domain.low, loss.y_domain.high
    values = [end for end in (low, high) if np.isfinite(end)] + [0.25 if low == 0.0 else -1.0, 1.0]
    return [np.full_like(EXTREME, value) for value in values]


@each_dtype
@each_fused_pair
def test_fused_pairs_survive_extreme_z_without_warning(
    loss: Loss, output: Activation, dtype: type[np.floating]
) -> None:
    z = EXTREME.astype(dtype)
    for y in extreme_targets(loss):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            y_hat = output.value(z)
            value = loss.per_row(y.astype(dtype), z, y_hat, output)
            delta = loss.delta(y.astype(dtype), z, y_hat, output)
        assert not np.isnan(value).any()
        assert not np.isnan(delta).any()
        if output.name != "exponential":
            assert np.isfinite(value).all()
            assert np.isfinite(delta).all()


@each_dtype
@each_pair
def test_every_pair_survives_extreme_z_without_nan(
    loss: Loss, output: Activation, dtype: type[np.floating]
) -> None:
    z = EXTREME.astype(dtype)
    for y in extreme_targets(loss):
        with np.errstate(over="ignore"):
            y_hat = output.value(z)
            value = loss.per_row(y.astype(dtype), z, y_hat, output)
            delta = loss.delta(y.astype(dtype), z, y_hat, output)
        assert not np.isnan(value).any()
        assert not np.isnan(delta).any()


def test_saturated_cross_entropies_are_linear_in_z() -> None:
    """Where ŷ has underflowed the fused forms still know the loss: 10 000 and not ln of a tiny number."""
    z, y = np.array([[-1e4]]), np.array([[1.0]])
    binary, sigmoid = LOSSES["binary_cross_entropy"], ACTIVATIONS["sigmoid"]
    assert binary.per_row(y, z, sigmoid.value(z), sigmoid)[0] == 1e4
    assert binary.delta(y, z, sigmoid.value(z), sigmoid)[0, 0] == -1.0
    z, y = np.array([[-1e4, 0.0]]), np.array([[1.0, 0.0]])
    cross, softmax = LOSSES["cross_entropy"], ACTIVATIONS["softmax"]
    assert cross.per_row(y, z, softmax.value(z), softmax)[0] == 1e4
    np.testing.assert_array_equal(cross.delta(y, z, softmax.value(z), softmax), [[-1.0, 1.0]])


@each_dtype
@each_pair
def test_dtype_is_kept(loss: Loss, output: Activation, dtype: type[np.floating]) -> None:
    y, z = (array.astype(dtype) for array in draw(loss, output, 3))
    a = output.value(z)
    w = weights(np.random.default_rng(0), len(z)).astype(dtype)
    assert loss.per_row(y, z, a, output).dtype == dtype
    assert loss.value(y, a).dtype == dtype
    assert loss.slope(y, a).dtype == dtype
    assert equations.output_delta(y, w, Step(z, z, a), loss, output).dtype == dtype


@each_pair
def test_float32_agrees_with_float64(loss: Loss, output: Activation) -> None:
    y, z = (array.astype(np.float32) for array in draw(loss, output, 3))
    wide_y, wide_z = y.astype(np.float64), z.astype(np.float64)
    a, wide_a = output.value(z), output.value(wide_z)
    delta, wide = loss.delta(y, z, a, output), loss.delta(wide_y, wide_z, wide_a, output)
    assert relative_error(delta, wide, floor=0.1) < 1e-5
    per_row = loss.per_row(y, z, a, output)
    assert relative_error(per_row, loss.per_row(wide_y, wide_z, wide_a, output), floor=0.1) < 1e-5


# -- values against other ways to write them -------------------------------------------------------------


def _bernoulli(y: Array, p: Array) -> float:
    """Written with SciPy's relative entropy plus entropy."""
    cross = special.rel_entr(y, p) + special.rel_entr(1.0 - y, 1.0 - p)
    return float(np.sum(cross + special.entr(y) + special.entr(1.0 - y)))


def _half_deviance(y: Array, mean: Array) -> float:
    """Twice the log-likelihood ratio of whole numbers, halved."""
    return float(np.sum(stats.poisson.logpmf(y, np.maximum(y, 1e-300)) - stats.poisson.logpmf(y, mean)))


def _huber(e: float) -> float:
    return 0.5 * e * e if abs(e) <= 1.0 else abs(e) - 0.5


INDEPENDENT = {
    "mean_squared_error": lambda y, p: float(np.dot(p - y, p - y)) / len(y),
    "half_squared_error": lambda y, p: math.dist(y, p) ** 2 / 2.0,
    "sum_squared_error": lambda y, p: math.dist(y, p) ** 2,
    "absolute_error": lambda y, p: sum(abs(b - a) for a, b in zip(y, p, strict=True)) / len(y),
    "huber": lambda y, p: sum(_huber(b - a) for a, b in zip(y, p, strict=True)) / len(y),
    "binary_cross_entropy": _bernoulli,
    "cross_entropy": lambda y, p: float(np.sum(special.rel_entr(y, p) + special.entr(y))),
    "poisson": _half_deviance,
}


@pytest.mark.parametrize("k", OUTPUTS)
@pytest.mark.parametrize("name", INDEPENDENT)
def test_value_equals_an_independent_formula(name: str, k: int) -> None:
    rng, loss = np.random.default_rng(k), LOSSES[name]
    y = np.floor(targets(rng, loss, 9, k)) if name == "poisson" else targets(rng, loss, 9, k)
    unit = loss.y_hat_domain.high == 1.0
    y_hat = rng.uniform(0.05, 0.95, y.shape) if unit else rng.uniform(0.1, 5.0, y.shape)
    expected = [INDEPENDENT[name](*row) for row in zip(y, y_hat, strict=True)]
    np.testing.assert_allclose(loss.value(y, y_hat), expected, rtol=1e-12, atol=1e-13)


def test_every_promised_loss_has_an_independent_formula() -> None:
    assert set(INDEPENDENT) <= set(LOSSES)
    assert LOSSES["mse"] is LOSSES["mean_squared_error"]


@pytest.mark.parametrize(
    ("name", "y", "y_hat", "value", "slope"),
    [
        ("mean_squared_error", [0.0, 1.0], [0.2, 0.7], 0.065, [0.2, -0.3]),
        ("half_squared_error", [0.0, 1.0], [0.2, 0.7], 0.065, [0.2, -0.3]),
        ("sum_squared_error", [0.0, 1.0], [0.2, 0.7], 0.13, [0.4, -0.6]),
        ("absolute_error", [0.0, 1.0], [0.2, 0.7], 0.25, [0.5, -0.5]),
        ("huber", [0.0, 1.0], [0.2, 4.0], (0.02 + 2.5) / 2.0, [0.1, 0.5]),
        ("binary_cross_entropy", [1.0], [0.5], math.log(2.0), [-2.0]),
        ("cross_entropy", [0.0, 1.0], [0.75, 0.25], math.log(4.0), [0.0, -4.0]),
        ("poisson", [2.0], [1.0], 2.0 * math.log(2.0) - 1.0, [-1.0]),
        ("poisson", [0.0], [3.0], 3.0, [1.0]),
    ],
)
def test_numbers_by_hand(
    name: str, y: list[float], y_hat: list[float], value: float, slope: list[float]
) -> None:
    target, prediction = np.array([y]), np.array([y_hat])
    assert LOSSES[name].value(target, prediction)[0] == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(LOSSES[name].slope(target, prediction)[0], slope, rtol=1e-14)


def test_soft_targets_need_not_sum_to_one() -> None:
    """delta = ŷ Σ y - y, which is ŷ - y only for targets that sum to 1."""
    loss, softmax = LOSSES["cross_entropy"], ACTIVATIONS["softmax"]
    y, z = np.array([[0.5, 0.75, 0.0]]), np.array([[0.1, 0.2, -1.0]])
    delta = loss.delta(y, z, softmax.value(z), softmax)
    np.testing.assert_allclose(delta, 1.25 * softmax.value(z) - y, rtol=1e-15)
    assert abs(delta.sum()) < 1e-15


@pytest.mark.parametrize(
    "name",
    ["mean_squared_error", "half_squared_error", "sum_squared_error", "absolute_error", "huber", "poisson"],
)
def test_a_perfect_prediction_costs_nothing(name: str) -> None:
    y = np.array([[0.5, 2.0, 7.0]])
    assert LOSSES[name].value(y, y)[0] == pytest.approx(0.0, abs=1e-15)
    np.testing.assert_array_equal(LOSSES[name].slope(y, y), 0.0)


def test_slope_of_the_absolute_error_at_zero_is_zero() -> None:
    y = np.array([[0.0, 1.0]])
    np.testing.assert_array_equal(LOSSES["absolute_error"].slope(y, y), 0.0)


def test_hubers_slope_is_continuous_at_its_threshold() -> None:
    y = np.zeros((3, 1))
    slope = LOSSES["huber"].slope(y, np.array([[1.0 - 1e-12], [1.0], [1.0 + 1e-12]]))
    np.testing.assert_allclose(slope, 1.0, rtol=1e-11)


# -- domains ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "output"), REFUSED, ids=[f"{loss.name}-{out.name}" for loss, out in REFUSED]
)
def test_a_pair_that_makes_no_sense_is_refused_by_name(loss: Loss, output: Activation) -> None:
    net = Network([2, 2], activations=[output])
    pair = f"the pair of {loss.name} and output activation {output.name} is refused"
    with pytest.raises(InputError, match=pair):
        net.gradients(np.ones((1, 2)), np.full((1, 2), 0.5), loss=loss)
    with pytest.raises(InputError, match=pair):
        net.train(np.ones((1, 2)), np.full((1, 2), 0.5), loss=loss.name, epochs=1)


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("cross_entropy", "identity"),
        ("cross_entropy", "sigmoid"),
        ("binary_cross_entropy", "identity"),
        ("binary_cross_entropy", "tanh"),
        ("poisson", "identity"),
        ("poisson", "relu"),
    ],
)
def test_these_pairs_are_among_the_refused(loss: str, output: str) -> None:
    assert not LOSSES[loss].allows(ACTIVATIONS[output])


@each_pair
def test_a_target_outside_the_domain_is_refused_with_its_row(loss: Loss, output: Activation) -> None:
    domain = loss.y_domain
    outside = [end + side for end, side in ((domain.low, -0.5), (domain.high, 0.5)) if np.isfinite(end)]
    outside += [domain.low] if np.isfinite(domain.low) and not domain.closed_low else []
    for wrong in outside:
        y = np.full((6, 2), 0.5)
        y[4, 1] = wrong
        with pytest.raises(InputError, match=rf"{loss.name}.*{output.name}.*row 4, column 1"):
            Network([1, 2], activations=[output]).gradients(np.ones((6, 1)), y, loss=loss)


@each_loss
def test_formulas_are_latex(loss: Loss) -> None:
    for formula in (loss.formula, loss.slope_formula):
        assert formula
        assert formula.count("{") == formula.count("}")
        assert "$" not in formula


@each_loss
def test_every_loss_goes_with_some_activation(loss: Loss) -> None:
    assert any(loss is allowed for allowed, _ in PAIRS)
