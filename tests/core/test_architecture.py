"""Architecture: how theta holds every W and b, for any depth, with and without biases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.architecture import Architecture
from deltarule.engines.reference import ReferenceEngine

WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=9)


def architecture(widths: list[int], bias: bool) -> Architecture:
    return Architecture(tuple(widths), (ACTIVATIONS["tanh"],) * (len(widths) - 1), bias)


@given(widths=WIDTHS, bias=st.booleans())
def test_theta_is_w1_b1_w2_b2_in_c_order(widths: list[int], bias: bool) -> None:
    net = architecture(widths, bias)
    theta = np.arange(float(net.n_parameters))
    W, b = net.views(theta)
    rest = list(range(net.n_parameters))
    for W_l, b_l, (i, o) in zip(W, b, net.shapes(), strict=True):
        for row in range(i):
            for column in range(o):
                assert W_l[row, column] == rest.pop(0)
        assert (b_l is None) == (not bias)
        for column in range(o if bias else 0):
            assert b_l[column] == rest.pop(0)
    assert not rest
    assert net.n_parameters == sum(i * o + (o if bias else 0) for i, o in net.shapes())


@given(widths=WIDTHS, bias=st.booleans())
def test_views_share_memory_and_flatten_is_their_inverse(widths: list[int], bias: bool) -> None:
    net = architecture(widths, bias)
    theta = np.random.default_rng(0).normal(size=net.n_parameters)
    W, b = net.views(theta)
    np.testing.assert_array_equal(net.flatten(W, b), theta)
    W[-1][:] = 7.0
    assert np.all(theta[net.places[-1].W] == 7.0)
    assert all(np.shares_memory(part, theta) for part in (*W, *b) if part is not None)


@given(widths=WIDTHS, bias=st.booleans())
def test_per_layer_values_reach_their_layer(widths: list[int], bias: bool) -> None:
    net = architecture(widths, bias)
    spread = net.per_layer(list(range(net.n_layers)), np.dtype(np.float32))
    assert spread.dtype == np.float32
    W, b = net.views(spread)
    for layer, (W_l, b_l) in enumerate(zip(W, b, strict=True)):
        assert np.all(W_l == layer)
        assert b_l is None or np.all(b_l == layer)


@given(widths=WIDTHS, bias=st.booleans(), n=st.integers(1, 5))
def test_forward_is_the_formula(widths: list[int], bias: bool, n: int) -> None:
    names = ["tanh"] * (len(widths) - 1)
    net = dr.Network(widths, names, bias=bias, bias_initializer="normal", seed=3)
    a = X = np.random.default_rng(n).normal(size=(n, widths[0]))
    steps = net.forward(X)
    for layer, step in enumerate(steps):
        z = np.array([[row @ column for column in net.weights[layer].T] for row in a])
        z = z + net.biases[layer] if bias else z
        np.testing.assert_array_equal(step.x, a)
        np.testing.assert_allclose(step.z, z, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(step.a, np.tanh(step.z))
        a = step.a
    np.testing.assert_array_equal(ReferenceEngine().predict(net.architecture, net.theta, X, None), a)
    np.testing.assert_allclose(net.predict(X), a, rtol=1e-12, atol=1e-14)


def test_zero_hidden_layers_are_a_linear_model() -> None:
    net = dr.Network([3, 2], ["identity"], bias_initializer="normal")
    X = np.random.default_rng(0).normal(size=(4, 3))
    z = X @ net.weights[0] + net.biases[0]
    np.testing.assert_array_equal(ReferenceEngine().predict(net.architecture, net.theta, X, None), z)
    np.testing.assert_allclose(net.predict(X), z, rtol=1e-13, atol=1e-15)
    assert net.architecture.n_layers == 1


def test_rows_do_not_depend_on_their_neighbors() -> None:
    net = dr.Network([3, 4, 2], ["softmax", "softmax"], seed=1)
    X = np.random.default_rng(0).normal(size=(9000, 3))  # more than one block of the reference engine
    whole = net.predict(X)
    np.testing.assert_allclose(whole[4090:4100], net.predict(X[4090:4100]), rtol=1e-13)
    np.testing.assert_allclose(whole, net.forward(X)[-1].a, rtol=1e-13)


def test_parameters_are_views_that_can_be_assigned() -> None:
    net = dr.Network([2, 3, 1], ["tanh", "identity"])
    net.weights[1] = [[1.0], [2.0], [3.0]]
    net.biases[0][1] = 5.0
    assert net.theta.tolist()[6:] == [0.0, 5.0, 0.0, 1.0, 2.0, 3.0, 0.0]
    net.theta = np.arange(13.0)
    assert net.weights[0].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert net.biases[1].tolist() == [12.0]
    with pytest.raises(dr.InputError, match=r"`weights\[0\]` must have shape \(2, 3\)"):
        net.weights[0] = np.ones((3, 2))


def test_a_copy_has_memory_of_its_own() -> None:
    net = dr.Network([2, 3, 1], ["tanh", "identity"])
    twin = net.copy()
    twin.theta[:] = 0.0
    assert net.theta.any()
    assert net.astype("float32").theta.dtype == np.float32
