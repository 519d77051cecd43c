"""Initializers: moments, bounds, order of draws, and the same numbers for every dtype."""

from __future__ import annotations

import math

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.architecture import Architecture
from deltarule.core.initializers import INITIALIZERS, Initializer, draw_parameters, symmetric_units

each_initializer = pytest.mark.parametrize("initializer", INITIALIZERS.values(), ids=list(INITIALIZERS))

FAN_IN, FAN_OUT = 300, 200
STD = {
    "zeros": 0.0,
    "constant": 0.0,
    "uniform": 0.2 / math.sqrt(12.0),
    "normal": 1.0,
    "lecun_normal": math.sqrt(1.0 / FAN_IN),
    "glorot_uniform": math.sqrt(2.0 / (FAN_IN + FAN_OUT)),
    "glorot_normal": math.sqrt(2.0 / (FAN_IN + FAN_OUT)),
    "he_uniform": math.sqrt(2.0 / FAN_IN),
    "he_normal": math.sqrt(2.0 / FAN_IN),
}
BOUND = {
    "uniform": 0.1,
    "glorot_uniform": math.sqrt(6.0 / (FAN_IN + FAN_OUT)),
    "he_uniform": math.sqrt(6.0 / FAN_IN),
}


def draw(initializer: Initializer, seed: int = 0) -> np.ndarray:
    return initializer.draw(np.random.default_rng(seed), (FAN_IN, FAN_OUT), FAN_IN, FAN_OUT)


def test_registry_holds_the_promised_names() -> None:
    assert set(STD) <= set(INITIALIZERS)


@pytest.mark.parametrize("name", STD)
def test_mean_and_standard_deviation(name: str) -> None:
    W = draw(INITIALIZERS[name])
    mean = 0.1 if name == "constant" else 0.0
    error = STD[name] / math.sqrt(W.size)
    assert abs(W.mean() - mean) <= 4.0 * error + 1e-15
    assert W.std() == pytest.approx(STD[name], rel=4.0 / math.sqrt(2.0 * W.size), abs=1e-15)


@pytest.mark.parametrize("name", BOUND)
def test_uniform_draws_fill_their_bounds(name: str) -> None:
    W, bound = draw(INITIALIZERS[name]), BOUND[name]
    assert np.all(np.abs(W) <= bound)
    assert np.abs(W).max() > 0.999 * bound


@pytest.mark.parametrize("name", ["normal", "lecun_normal", "glorot_normal", "he_normal"])
def test_normal_draws_are_normal(name: str) -> None:
    W = draw(INITIALIZERS[name]) / STD[name]
    assert np.mean(np.abs(W) < 1.0) == pytest.approx(0.6827, abs=0.01)
    assert np.mean(np.abs(W) < 2.0) == pytest.approx(0.9545, abs=0.005)


@each_initializer
def test_same_seed_same_bits(initializer: Initializer) -> None:
    assert draw(initializer, 3).tobytes() == draw(initializer, 3).tobytes()
    if STD.get(initializer.name, 1.0):
        assert draw(initializer, 3).tobytes() != draw(initializer, 4).tobytes()


@each_initializer
def test_draws_have_the_shape_that_was_asked_for(initializer: Initializer) -> None:
    for shape in [(3, 2), (2,)]:
        values = initializer.draw(np.random.default_rng(0), shape, 3, 2)
        assert values.shape == shape
        assert values.dtype == np.float64
    assert initializer.formula


@each_initializer
def test_float32_networks_start_from_the_same_numbers(initializer: Initializer) -> None:
    common = {
        "activations": ["tanh", "identity"],
        "initializer": initializer,
        "bias_initializer": initializer,
    }
    wide = dr.Network([4, 3, 2], seed=6, **common)
    narrow = dr.Network([4, 3, 2], seed=6, dtype="float32", **common)
    assert narrow.theta.dtype == np.float32
    np.testing.assert_array_equal(narrow.theta, wide.theta.astype(np.float32))


def test_order_of_draws_is_w1_b1_w2_b2() -> None:
    net = dr.Network([2, 3, 1], ["tanh", "identity"], initializer="normal", bias_initializer="normal", seed=9)
    rng = np.random.default_rng(9)
    for layer, (i, o) in enumerate([(2, 3), (3, 1)]):
        np.testing.assert_array_equal(net.weights[layer], rng.normal(0.0, 1.0, (i, o)))
        np.testing.assert_array_equal(net.biases[layer], rng.normal(0.0, 1.0, o))


def test_constant_biases_do_not_disturb_the_draws_of_the_weights() -> None:
    with_bias = dr.Network([2, 3, 1], ["tanh", "identity"], bias_initializer="constant", seed=1)
    without = dr.Network([2, 3, 1], ["tanh", "identity"], bias=False, seed=1)
    for layer in range(2):
        np.testing.assert_array_equal(with_bias.weights[layer], without.weights[layer])
        np.testing.assert_array_equal(with_bias.biases[layer], 0.1)


def test_settings_are_used() -> None:
    rng = np.random.default_rng(0)
    assert dr.Constant(2.5).draw(rng, (2,), 1, 1).tolist() == [2.5, 2.5]
    values = dr.Uniform(1.0, 3.0).draw(rng, (10_000,), 1, 1)
    assert values.min() >= 1.0
    assert values.max() < 3.0
    assert values.mean() == pytest.approx(2.0, abs=0.03)
    values = dr.Normal(5.0, 0.5).draw(rng, (10_000,), 1, 1)
    assert (values.mean(), values.std()) == pytest.approx((5.0, 0.5), abs=0.02)


def test_equal_units_are_found_and_named() -> None:
    architecture = Architecture((2, 3, 1), (ACTIVATIONS["tanh"], ACTIVATIONS["identity"]), bias=True)
    rng = np.random.default_rng(0)
    theta = draw_parameters(architecture, dr.GlorotUniform(), dr.Zeros(), rng)
    assert symmetric_units(architecture, theta) is None
    W, b = architecture.views(theta)
    W[0][:, 2] = W[0][:, 0]
    assert symmetric_units(architecture, theta) is None  # the weights out still tell them apart
    W[1][2] = W[1][0]
    assert symmetric_units(architecture, theta) == (1, 1, 3)
    b[0][2] = 1.0
    assert symmetric_units(architecture, theta) is None


@pytest.mark.parametrize("initializer", ["zeros", "constant"])
def test_equal_units_stay_equal_and_training_warns(initializer: str) -> None:
    net = dr.Network([2, 3, 1], ["tanh", "identity"], initializer=initializer)
    X = np.random.default_rng(0).normal(size=(10, 2))
    with pytest.warns(dr.SymmetryWarning, match="hidden layer 1 have equal weights"):
        net.train(X, X[:, 0], epochs=5)
    np.testing.assert_allclose(net.weights[0], net.weights[0][:, :1] * np.ones(3), rtol=1e-12)
