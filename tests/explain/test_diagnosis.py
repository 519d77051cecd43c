"""diagnose: each illness is found where it is and told with its numbers; healthy networks have none."""

from __future__ import annotations

import pickle
from contextlib import nullcontext
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from numpy.typing import NDArray

import deltarule as dr

Floats = NDArray[np.float64]

N = 200
UNUSUAL = ("exponential", "softmax")  # as hidden layers: the one explodes, the other hardly passes deltas on
ORDINARY = [name for name in dr.ACTIVATIONS if name not in UNUSUAL]
OUTPUTS = {
    "mean_squared_error": "identity",
    "half_squared_error": "tanh",
    "absolute_error": "identity",
    "huber": "identity",
    "binary_cross_entropy": "sigmoid",
    "cross_entropy": "softmax",
    "poisson": "exponential",
}


def rows(seed: int = 0, loss: str = "mean_squared_error") -> tuple[Floats, Floats]:
    """200 standardized rows of 4 inputs, and 3 targets that they explain but for some noise."""
    rng = np.random.default_rng(seed)
    X = dr.Standardizer.fit(raw := rng.normal(size=(N, 4))).transform(raw)
    s = X @ rng.normal(size=(4, 3)) + 0.1 * rng.normal(size=(N, 3))
    if loss == "binary_cross_entropy":
        return X, (s > 0.0).astype(float)
    if loss == "cross_entropy":
        return X, np.eye(3)[s.argmax(axis=1)]
    return X, rng.poisson(np.exp(0.3 * s)).astype(float) if loss == "poisson" else np.tanh(s)


def network(*activations: str | dr.Activation, width: int = 6, seed: int = 0) -> dr.Network:
    widths = [4, *[width] * (len(activations) - 1), 3]
    return dr.Network(widths, activations=activations, seed=seed)


def found(diagnosis: dr.Diagnosis) -> list[str]:
    return [finding.kind for finding in diagnosis]


def only(diagnosis: dr.Diagnosis) -> dr.Finding:
    """The finding, which is the only one."""
    (finding,) = diagnosis
    assert not diagnosis.ok
    return finding


X, Y = rows()

# -- healthy networks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal"])
@pytest.mark.parametrize("activation", ORDINARY)
def test_healthy_networks_have_no_findings(activation: str, initializer: str) -> None:
    for seed in range(5):
        depth = 1 if activation == "relu" else 1 + seed % 2  # a unit of layer 2 may really be off on all rows
        net = dr.Network(
            [4, *[8] * depth, 3],
            activations=[*[activation] * depth, "identity"],
            initializer=initializer,
            seed=seed,
        )
        diagnosis = dr.diagnose(net, *rows(seed), learning_rate=0.01)
        assert diagnosis.ok, diagnosis


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "gelu"])
@pytest.mark.parametrize(("loss", "output"), OUTPUTS.items())
def test_healthy_networks_stay_healthy_in_training(loss: str, output: str, activation: str) -> None:
    X, y = rows(1, loss)
    net = network(activation, output, width=8)
    assert dr.diagnose(net, X, y, loss=loss, learning_rate=0.01).ok
    net.train(X, y, loss=loss, optimizer=dr.Adam(0.01), epochs=30)
    diagnosis = dr.diagnose(net, X, y, loss=loss, learning_rate=0.01)
    assert diagnosis.ok, diagnosis


def test_deep_sigmoids_are_healthy_up_to_four_layers() -> None:
    assert dr.diagnose(network(*["sigmoid"] * 3, "identity"), X, Y).ok


# -- rows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [(30.0, 1.0), (0.0, 5.0), (1.0, 0.01), (0.0, 1e-4)])
def test_inputs_that_are_not_scaled(change: tuple[float, float]) -> None:
    mean, std = change
    scaled = X.copy()
    scaled[:, 2] = mean + std * X[:, 2]
    finding = only(dr.diagnose(network("identity"), scaled, Y))
    assert (finding.kind, finding.layer, finding.units) == ("unscaled_inputs", 0, (3,))
    assert finding.numbers["mean"] == pytest.approx((mean,), abs=1e-9)
    assert finding.numbers["standard_deviation"] == pytest.approx((std,))
    assert f"mean {mean:.3g}" in finding.what or mean == 0.0
    assert "Standardizer" in finding.suggestion


def test_indicators_and_the_unit_interval_are_scaled() -> None:
    columns = X.copy()
    columns[:, 0] = np.arange(N) < 1  # a rare category
    columns[:, 1] = np.arange(N) > 0  # one that hardly ever fails
    columns[:, 2] = np.linspace(0.0, 1.0, N)
    assert dr.diagnose(network("tanh", "identity"), columns, Y).ok


def test_constant_inputs() -> None:
    columns = X.copy()
    columns[:, 0], columns[:, 3] = 0.0, 0.5
    finding = only(dr.diagnose(network("tanh", "identity"), columns, Y))
    assert (finding.kind, finding.layer, finding.units) == ("constant_inputs", 0, (1, 4))
    assert finding.numbers["value"] == (0.0, 0.5)


def test_one_constant_column_is_the_bias_of_a_network_without() -> None:
    columns = X.copy()
    columns[:, 1] = 1.0
    net = dr.Network([4, 3], activations=["identity"], bias=False)
    assert dr.diagnose(net, columns, Y).ok
    columns[:, 2] = 1.0
    assert only(dr.diagnose(net, columns, Y)).units == (3,)
    columns[:, 1] = 0.0
    assert only(dr.diagnose(net, columns, Y)).units == (2,)


@pytest.mark.parametrize(
    ("output", "target"),
    [("sigmoid", 1.5), ("sigmoid", -0.1), ("tanh", 3.0), ("relu", -1.0), ("softplus", -1.0)],
)
def test_targets_out_of_range(output: str, target: float) -> None:
    y = np.full((N, 3), 0.5)
    y[::4, 1] = target
    finding = next(iter(dr.diagnose(network("tanh", output), X, y)))
    assert (finding.kind, finding.layer, finding.units) == ("targets_out_of_range", 2, (2,))
    assert finding.numbers["share_of_rows"] == (0.25,)
    assert finding.numbers["smallest"] == (min(target, 0.5),)
    assert finding.numbers["largest"] == (max(target, 0.5),)
    assert f"range {dr.ACTIVATIONS[output].range}" in finding.what
    assert "25 %" in finding.what


def test_targets_at_the_ends_of_the_range_are_allowed() -> None:
    y = np.where(Y > 0.0, 1.0, -1.0)
    assert dr.diagnose(network("tanh", "tanh"), X, y).ok


# -- units -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "z"), [("tanh", 4.0), ("sigmoid", -6.0), ("elu", -9.0), ("exponential", -9.0)]
)
def test_saturated_units(activation: str, z: float) -> None:
    net = network(activation, "identity")
    net.biases[0][[1, 4]] = z
    net.weights[0][:, [1, 4]] *= 0.1
    finding = only(dr.diagnose(net, X, Y))
    assert (finding.kind, finding.layer, finding.units) == ("saturated_units", 1, (2, 5))
    assert finding.numbers["share_of_rows"] == (1.0, 1.0)
    assert "smaller weights" in finding.suggestion


def test_saturation_is_a_matter_of_most_rows() -> None:
    """tanh has 5 % of its slope left at |z| = 2.18."""
    net = dr.Network([1, 1, 1], activations=["tanh", "identity"], initializer="constant")
    net.weights[0][:] = 1.0
    z = np.where(np.arange(100) < 95, 2.5, -2.5)[:, np.newaxis]
    y = np.zeros(100)
    assert found(dr.diagnose(net, z, y)) == ["saturated_units"]
    assert dr.diagnose(net, z * 0.8, y).ok
    z[::8] = 0.0
    assert dr.diagnose(net, z, y).ok


def test_a_small_slope_that_stays_is_not_saturation() -> None:
    """Below zero a leaky_relu unit has the slope 0.01 everywhere, so that smaller z would not help."""
    net = network("leaky_relu", "identity")
    net.biases[0][2] = -50.0
    assert dr.diagnose(net, X, Y).ok


def test_one_sided_activations_may_rest_on_most_rows() -> None:
    net = dr.Network([1, 1, 1], activations=["relu", "identity"], initializer="constant")
    x = np.where(np.arange(100) < 95, -1.0, 1.0)
    assert dr.diagnose(net, x, x).ok


def test_dead_units() -> None:
    net = network("relu", "identity")
    net.biases[0][2] = -50.0
    diagnosis = dr.diagnose(net, X, Y)
    finding = only(diagnosis)
    assert (finding.kind, finding.layer, finding.units) == ("dead_units", 1, (3,))
    assert finding.numbers["largest_z"] == (net.forward(X)[0].z[:, 2].max(),)
    assert "in layer 1 (relu): unit 3" in finding.what
    assert not np.any(net.gradients(X, Y).dW[0][:, 2])


def test_the_activation_counts_that_the_layer_has() -> None:
    """A relu of one's own is dead, a step with a slope of 3 everywhere is not saturated."""
    mine = dr.Activation("mine", lambda z: np.maximum(z, 0.0) ** 2, lambda z, a: 2.0 * np.maximum(z, 0.0))
    steep = dr.Activation("steep", lambda z: 3.0 * z, lambda z, a: np.full_like(z, 3.0))
    for activation, kinds in ((mine, ["dead_units"]), (steep, [])):
        net = network(activation, "identity")
        net.biases[0][0] = -9.0
        assert found(dr.diagnose(net, X, Y)) == kinds


def test_a_stuck_output_is_saturated_and_a_learned_one_is_not() -> None:
    y = np.where(X[:, :3] > 0.0, 0.999, 0.001)
    stuck = dr.Network([4, 3], activations=["sigmoid"], initializer="zeros")
    stuck.biases[0][1] = 12.0
    finding = only(dr.diagnose(stuck, X, y))
    assert (finding.kind, finding.layer, finding.units) == ("saturated_units", 1, (2,))
    learned = dr.Network([4, 3], activations=["sigmoid"])
    learned.weights[0] = 500.0 * np.eye(4, 3)
    assert dr.diagnose(learned, X, y).ok
    assert dr.diagnose(stuck, X, y, loss="binary_cross_entropy").ok, "there the slope cancels"


def test_a_dead_output() -> None:
    net = dr.Network([4, 3], activations=["relu"])
    net.biases[0][0] = -50.0
    finding = only(dr.diagnose(net, X, np.abs(Y)))
    assert (finding.kind, finding.layer, finding.units) == ("dead_units", 1, (1,))


def test_constant_units() -> None:
    net = network("tanh", "identity")
    net.weights[0][:, 3] = 0.0
    net.biases[0][3] = 0.3
    finding = only(dr.diagnose(net, X, Y))
    assert (finding.kind, finding.layer, finding.units) == ("constant_units", 1, (4,))
    assert finding.numbers["value"] == pytest.approx((np.tanh(0.3),))


def test_a_single_row_says_nothing_about_units_and_inputs() -> None:
    net = network("relu", "identity")
    net.biases[0][2] = -50.0
    assert dr.diagnose(net, 100.0 * X[:1], Y[:1]).ok


# -- symmetry --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounding", [0.0, 1e-15])
def test_symmetric_units(rounding: float) -> None:
    net = network("tanh", "tanh", "identity")
    for twin in (1, 4):
        net.weights[1][:, twin] = net.weights[1][:, 3] + rounding * twin
        net.weights[2][twin] = net.weights[2][3]
    finding = only(dr.diagnose(net, X, Y))
    assert (finding.kind, finding.layer, finding.units) == ("symmetric_units", 2, (2, 4, 5))
    with pytest.warns(dr.SymmetryWarning) if rounding == 0.0 else nullcontext():
        net.train(X, Y, epochs=3)
    np.testing.assert_allclose(net.weights[1][:, 1], net.weights[1][:, 3], rtol=1e-9)


def test_every_group_of_symmetric_units_is_named() -> None:
    net = network("tanh", "identity")
    for unit, twin in ((0, 5), (1, 2)):
        net.weights[0][:, twin], net.weights[1][twin] = net.weights[0][:, unit], net.weights[1][unit]
    groups = [finding.units for finding in dr.diagnose(net, X, Y)]
    assert sorted(groups) == [(1, 6), (2, 3)]


@pytest.mark.parametrize("differ", ["in", "bias", "out"])
def test_units_that_differ_anywhere_are_not_symmetric(differ: str) -> None:
    net = network("tanh", "identity")
    net.weights[0][:, 1], net.weights[1][1] = net.weights[0][:, 0], net.weights[1][0]
    part = {"in": net.weights[0][:, 1], "bias": net.biases[0][1:2], "out": net.weights[1][1]}[differ]
    part += 1e-6
    assert dr.diagnose(net, X, Y).ok


# -- deltas ----------------------------------------------------------------------------------------------


def norms(net: dr.Network) -> list[float]:
    return [float(np.linalg.norm(delta)) for delta in net.gradients(X, Y).delta]


def test_vanishing_deltas() -> None:
    net = network(*["sigmoid"] * 9, "identity")
    diagnosis = dr.diagnose(net, X, Y)
    finding = next(finding for finding in diagnosis if finding.kind == "vanishing_deltas")
    assert finding.layer == 1
    assert finding.numbers["norms"] == pytest.approx(norms(net))
    ratios = finding.numbers["ratios"]
    assert ratios == pytest.approx(np.divide(norms(net)[:-1], norms(net)[1:]))
    assert np.prod(ratios) < 1e-3
    assert f"{np.prod(ratios):.2g}" in finding.what


def test_exploding_deltas() -> None:
    net = network(*["identity"] * 5)
    for W in net.weights[1:]:
        W *= 12.0
    finding = only(dr.diagnose(net, X, Y))
    assert (finding.kind, finding.layer) == ("exploding_deltas", 1)
    assert finding.numbers["norms"] == pytest.approx(norms(net))
    assert norms(net)[0] > 1000.0 * norms(net)[-1]


def test_deltas_that_are_all_zero_have_no_ratios() -> None:
    net = network("tanh", "identity")
    assert dr.diagnose(net, X, net.predict(X)).ok


def test_nothing_flows_back_through_weights_of_zero() -> None:
    net = network("tanh", "tanh", "identity")
    net.weights[2][:] = 0.0
    finding = only(dr.diagnose(net, X, Y))
    assert finding.kind == "vanishing_deltas"
    assert finding.numbers["ratios"] == (0.0, 0.0)


def test_numbers_that_overflow() -> None:
    net = network("exponential", "identity")
    net.biases[0][1] = 1e4
    diagnosis = dr.diagnose(net, X, Y)
    finding = only(diagnosis)
    assert (finding.kind, finding.layer, finding.units) == ("not_finite", 1, (2,))
    assert diagnosis.stability.bound is None
    assert "not finite" in str(diagnosis)


# -- the record ------------------------------------------------------------------------------------------


def test_it_is_shown_in_words() -> None:
    net = network(dr.Activation("<b>", np.tanh, lambda z, a: 1.0 - a * a), "identity")
    net.weights[0][:, 3] = 0.0
    diagnosis = dr.diagnose(net, X, Y)
    text, html = str(diagnosis), diagnosis._repr_html_()
    assert text.startswith(
        "Network 4-6-3 (<b>, identity) on 200 rows: 1 finding.\n  1. Constant in layer 1 (<b>)"
    )
    assert f"first to last: {norms(net)[0]:.3g}, {norms(net)[1]:.3g}." in text
    assert max(map(len, text.splitlines())) <= 100
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert only(diagnosis).suggestion in html


def test_a_healthy_network_is_told_so() -> None:
    diagnosis = dr.diagnose(network("tanh", "identity"), X, Y)
    assert "nothing found" in str(diagnosis)
    assert "<table>" not in diagnosis._repr_html_()


def test_many_units_are_counted() -> None:
    net = network("relu", "identity", width=30)
    net.biases[0][:] = -50.0
    finding = next(iter(dr.diagnose(net, X, Y)))
    assert "units 1, 2, 3, 4, 5, 6, 7, 8, ... (30 in all)" in finding.what


def test_records_cannot_be_changed_but_sent() -> None:
    diagnosis = dr.diagnose(network("tanh", "identity"), 100.0 * X, Y)
    with pytest.raises(FrozenInstanceError):
        diagnosis.findings = ()  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(diagnosis)) == diagnosis  # noqa: S301


def test_the_network_is_not_changed() -> None:
    net = network("relu", "identity").astype("float32")
    theta = net.theta.copy()
    dr.diagnose(net, X, Y)
    np.testing.assert_array_equal(net.theta, theta)
    assert net.history is None


def test_rows_of_weight_zero_are_absent() -> None:
    columns, w = X.copy(), np.ones(N)
    columns[5], w[5] = 1e6, 0.0
    assert dr.diagnose(network("tanh", "identity"), columns, Y, sample_weight=w).ok


def test_arguments_are_checked_as_in_training() -> None:
    with pytest.raises(dr.InputError, match="shape"):
        dr.diagnose(network("identity"), X[:, :2], Y)
    with pytest.raises(dr.InputError, match="refused"):
        dr.diagnose(network("identity"), X, Y, loss="poisson")
