"""theta, weights and biases: one memory, assignable, bound after every kind of copy; files keep them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS

X = np.arange(12.0).reshape(4, 3) / 12.0
LABELS = [0, 1, 1, 0]


def network(**settings: Any) -> dr.Network:
    return dr.Network([3, 2, 2], ["tanh", "softmax"], bias_initializer="uniform", **settings)


def train(net: dr.Network) -> float:
    return net.train(X, dr.one_hot(LABELS), loss="cross_entropy", epochs=3).loss[-1]


def test_theta_holds_w1_b1_w2_b2_in_c_order() -> None:
    net = network()
    parts = [net.weights[0], net.biases[0], net.weights[1], net.biases[1]]
    np.testing.assert_array_equal(net.theta, np.concatenate([part.ravel() for part in parts]))
    assert [part.shape for part in parts] == [(3, 2), (2,), (2, 2), (2,)]
    assert all(np.shares_memory(part, net.theta) for part in parts)


def test_what_is_written_to_theta_shows_in_the_layers_and_back() -> None:
    net = network()
    net.theta = np.arange(14)
    np.testing.assert_array_equal(net.weights[1], [[8, 9], [10, 11]])
    net.weights[1][0, 1] = 90.0
    net.biases[0] = [60, 70]
    assert net.theta[[9, 6, 7]].tolist() == [90.0, 60.0, 70.0]
    net.theta[0] = -1.0
    assert net.weights[0][0, 0] == -1.0


def test_layers_are_assigned_by_copy() -> None:
    net = network()
    ones = np.ones((3, 2))
    net.weights[0] = ones
    ones[:] = 7.0
    net.weights[-1] = [[1, 2], [3, 4]]
    assert net.weights[0].max() == 1.0
    assert net.theta[8:12].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_all_layers_at_once() -> None:
    net = network()
    net.weights = [np.zeros((3, 2)), np.ones((2, 2))]
    net.biases = [None, [5, 6]]
    assert net.theta[:6].tolist() == [0.0] * 6
    assert net.biases[1].tolist() == [5.0, 6.0]


def test_an_assignment_that_does_not_fit_changes_nothing() -> None:
    net = network()
    before = net.theta.copy()
    with pytest.raises(dr.InputError):
        net.weights = [np.zeros((3, 2)), np.ones((3, 3))]
    np.testing.assert_array_equal(net.theta, before)


def test_weights_are_a_sequence() -> None:
    net = network()
    assert len(net.weights) == 2
    assert [w.shape for w in net.weights] == [(3, 2), (2, 2)]
    assert len(net.weights[0:1]) == 1
    assert "weights" in repr(net.weights)
    with pytest.raises(IndexError):
        net.weights[2]


def test_without_biases_the_entries_are_none() -> None:
    net = dr.Network([3, 2, 1], ["tanh", "identity"], bias=False)
    assert list(net.biases) == [None, None]
    assert net.theta.size == 8
    net.biases = [None, None]


def test_an_old_view_sees_training() -> None:
    net = network()
    view = net.weights[0]
    before = view.copy()
    train(net)
    assert not np.array_equal(view, before)
    np.testing.assert_array_equal(view, net.weights[0])


COPIES = {
    "copy()": lambda net: net.copy(),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),  # noqa: S301 (our own bytes)
    "astype": lambda net: net.astype("float64"),
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_has_memory_of_its_own_and_bound_views(way: str) -> None:
    net = network()
    other = COPIES[way](net)
    np.testing.assert_array_equal(other.theta, net.theta)
    assert not np.shares_memory(other.theta, net.theta)
    other.weights[0][0, 0] = 7.0
    assert other.theta[0] == 7.0 != net.theta[0]


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_trains_like_the_original(way: str) -> None:
    other = COPIES[way](network())
    assert train(other) == train(network())
    assert other.architecture.activations == (ACTIVATIONS["tanh"], ACTIVATIONS["softmax"])


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_of_a_trained_network_keeps_its_record(way: str) -> None:
    net = network()
    train(net)
    assert COPIES[way](net).training_record == net.training_record
    assert dr.check_gradients(COPIES[way](net), X, dr.one_hot(LABELS), loss="cross_entropy").ok


def test_astype() -> None:
    net = network()
    single = net.astype("float32")
    assert single.dtype == single.predict(X).dtype == np.float32
    assert net.dtype == np.float64
    np.testing.assert_array_equal(single.theta, net.theta.astype(np.float32))


def test_the_seed_decides_the_start_in_every_dtype() -> None:
    assert network(seed=3).theta.tobytes() == network(seed=np.int64(3)).theta.tobytes()
    assert network(seed=3).theta.tobytes() != network(seed=4).theta.tobytes()
    np.testing.assert_array_equal(network(dtype="float32").theta, network().theta.astype(np.float32))


def test_repr() -> None:
    assert repr(network()) == "<Network 3-2-2 (tanh, softmax), 14 parameters, float64>"


# -- files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_saved_network_comes_back_bit_for_bit(dtype: Any, bias: bool, tmp_path: Any) -> None:
    net = dr.Network([3, 4, 2], ["gelu", "softmax"], dtype=dtype, bias=bias, seed=5)
    train(net)
    net.save(tmp_path / "net.safetensors")
    loaded = dr.load(tmp_path / "net.safetensors")
    assert loaded.theta.tobytes() == net.theta.tobytes()
    assert loaded.dtype == net.dtype
    assert loaded.architecture == net.architecture
    assert loaded.training_record == net.training_record
    assert loaded.predict(X).tobytes() == net.predict(X).tobytes()
    loaded.save(str(tmp_path / "again.safetensors"))
    assert (tmp_path / "net.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert train(loaded) == train(net)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that a test registers are forgotten afterwards."""
    monkeypatch.setattr(ACTIVATIONS, "_records", dict(ACTIVATIONS._records))
    monkeypatch.setattr(ACTIVATIONS, "_aliases", dict(ACTIVATIONS._aliases))


def polynomial() -> dr.Activation:
    return dr.Activation(
        "polynomial_unit",
        value=lambda z: 3 + 2 * z + z**2 + 3 * z**5,
        slope=lambda z, a: 2 + 2 * z + 15 * z**4,
    )


@pytest.mark.usefixtures("known")
def test_an_activation_of_ones_own_comes_back_once_it_is_registered(tmp_path: Any) -> None:
    net = dr.Network([3, 2, 1], [polynomial(), "identity"])
    net.save(tmp_path / "net.safetensors")
    with pytest.raises(dr.ModelFileError, match=r"polynomial_unit.*dr\.register\(dr\.Activation"):
        dr.load(tmp_path / "net.safetensors")
    dr.register(polynomial())
    loaded = dr.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), net.predict(X))
    assert dr.Network([3, 1], ["polynomial_unit"]).architecture.activations[0].name == "polynomial_unit"


def test_an_activation_of_ones_own_under_a_known_name_never_comes_back_as_another(tmp_path: Any) -> None:
    impostor = dr.Activation("tanh", value=lambda z: 7.0 * z, slope=lambda z, a: np.full_like(z, 7.0))
    with pytest.raises((dr.InputError, dr.ModelFileError), match="tanh"):
        dr.Network([3, 1], [impostor]).save(tmp_path / "net.safetensors")


# -- symmetry ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initializer", ["constant", "zeros", dr.Constant(0.5)])
def test_equal_hidden_units_are_warned_about(initializer: Any) -> None:
    net = dr.Network([3, 2, 1], ["tanh", "identity"], initializer=initializer)
    with pytest.warns(dr.SymmetryWarning) as caught:
        net.train(X, [1.0, 2.0, 3.0, 4.0], epochs=2)
    words = str(caught[0].message)
    assert words.startswith("Units 1 and 2 of hidden layer 1 have equal weights")
    assert "Start from random weights" in words
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(net.weights[0][:, 0], net.weights[0][:, 1])


def test_the_layer_and_the_units_are_named() -> None:
    net = dr.Network([3, 2, 4, 1], ["tanh", "tanh", "identity"])
    net.weights[1][:, 3] = net.weights[1][:, 1]
    net.weights[2][3] = net.weights[2][1]
    with pytest.warns(dr.SymmetryWarning, match="Units 2 and 4 of hidden layer 2"):
        net.train(X, LABELS, epochs=0)


def test_units_that_differ_anywhere_are_no_symmetry() -> None:
    net = dr.Network([3, 2, 1], ["tanh", "identity"], initializer="constant")
    net.biases[0] = [0.0, 0.1]
    net.train(X, LABELS, epochs=1)
    dr.Network([3, 1, 1], ["tanh", "identity"], initializer="constant").train(X, LABELS, epochs=1)
    dr.Network([3, 2], ["identity"], initializer="zeros").train(X, dr.one_hot(LABELS), epochs=1)
