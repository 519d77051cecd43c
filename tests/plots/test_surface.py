"""The parameter path, the gradient norms along it, and the loss surface below it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

import deltarule as dr
from deltarule import plots
from deltarule.errors import InputError
from deltarule.plots.surface import name_of, place_of
from tests.plots.support import drawn, lines, network

X = np.linspace(-1.0, 1.0, 9)[:, None]
Y = 2.0 * X + 1.0


def line_and_path(epochs: int = 20) -> tuple[dr.Network, plots.ParameterPath]:
    net = network((1, 1))
    path = plots.ParameterPath(net)
    net.train(X, Y, optimizer=dr.SGD(0.2), batch_size=None, epochs=epochs, callbacks=[path])
    return net, path


# Path


def test_the_path_holds_start_and_every_epoch() -> None:
    net = network((1, 1))
    start = net.theta.copy()
    path = plots.ParameterPath(net)
    run = net.training(X, Y, epochs=4, callbacks=[path])
    by_hand = [start, *(net.theta.copy() for _ in run)]
    np.testing.assert_array_equal(path.thetas, by_hand)
    assert path.epochs == [0, 1, 2, 3, 4]


def test_every_third_epoch_and_the_last_one() -> None:
    net = network((1, 1))
    path = plots.ParameterPath(net, every=3)
    net.train(X, Y, epochs=7, callbacks=[path])
    assert path.epochs == [0, 3, 6, 7]
    np.testing.assert_array_equal(path.thetas[-1], net.theta)
    net.train(X, Y, epochs=2, callbacks=[path])
    assert path.epochs == [0, 3, 6, 7, 9]


def test_every_must_be_a_number_of_epochs() -> None:
    with pytest.raises(InputError, match="`every` must be at least 1; got 0"):
        plots.ParameterPath(network((1, 1)), every=0)


# Gradient norms


def test_norms_are_those_of_the_gradients(ax: Axes) -> None:
    net = network((1, 3, 1))
    path = plots.ParameterPath(net)
    net.train(X, Y, epochs=3, callbacks=[path])
    penalty = dr.L2(0.1)
    assert plots.gradient_norms(path, X, Y, ax, loss="half_squared_error", penalty=penalty) is ax
    drawn(ax)
    for layer, name in enumerate(["layer 1 (tanh)", "layer 2 (identity)"]):
        norms = []
        for theta in path.thetas:
            net.theta = theta
            gradients = net.gradients(X, Y, loss="half_squared_error", penalty=penalty)
            norms.append(np.sqrt((gradients.dW[layer] ** 2).sum()))
        np.testing.assert_array_equal(lines(ax)[name].get_xdata(), [0, 1, 2, 3])
        np.testing.assert_allclose(lines(ax)[name].get_ydata(), norms, rtol=1e-12)
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "epoch (0: before training)",
        "‖∂J/∂W‖ (Frobenius norm)",
    )
    assert plt.get_fignums() == []


def test_norms_that_are_all_zero(ax: Axes) -> None:
    net = network((1, 1))
    net.theta = [2.0, 1.0]
    plots.gradient_norms(plots.ParameterPath(net), X, Y, ax)
    drawn(ax)
    assert ax.get_yscale() == "linear"


# Surface


def test_the_surface_is_the_objective(ax: Axes) -> None:
    net, path = line_and_path()
    assert plots.loss_surface(net, X, Y, ("W1[0,0]", "b1[0]"), ax, path=path, resolution=7) is ax
    drawn(ax)
    now = net.theta.copy()
    contours = ax.collections[0]
    assert contours.zmax <= max(  # type: ignore[attr-defined]
        objective(net, [w, b]) for w in ax.get_xlim() for b in ax.get_ylim()
    )
    net.theta = now
    assert contours.zmin >= net.gradients(X, Y).objective  # type: ignore[attr-defined]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("W1[0, 0]", "b1[0]")


def objective(net: dr.Network, theta: list[float]) -> float:
    net.theta = theta
    return net.gradients(X, Y).objective


def test_contours_run_through_equal_objectives(ax: Axes) -> None:
    net = network((1, 1))
    plots.loss_surface(net, X, Y, ax=ax, limits=((1.0, 3.0), (0.0, 2.0)), resolution=101)
    contours = ax.collections[1]
    for level, contour in zip(contours.levels, contours.get_paths(), strict=True):  # type: ignore[attr-defined]
        for w, b in np.asarray(contour.vertices)[::40]:
            assert objective(net, [w, b]) == pytest.approx(level, abs=2e-3)


def test_the_path_ends_at_the_network(ax: Axes) -> None:
    net, path = line_and_path()
    plots.loss_surface(net, X, Y, ax=ax, path=path, resolution=5)
    drawn(ax)
    np.testing.assert_array_equal(lines(ax)["path"].get_xydata(), path.thetas)
    np.testing.assert_array_equal(lines(ax)["start"].get_xydata(), path.thetas[:1])
    np.testing.assert_array_equal(lines(ax)["now"].get_xydata(), [net.theta])
    np.testing.assert_array_equal(lines(ax)["path"].get_xydata()[-1], net.theta)
    across, upward = ax.get_xlim(), ax.get_ylim()
    assert all(across[0] < w < across[1] and upward[0] < b < upward[1] for w, b in path.thetas)


def test_other_parameters_stay_as_they_are(ax: Axes) -> None:
    net = network((1, 2, 1))
    before = net.theta.copy()
    plots.loss_surface(net, X, Y, ("W2[1, 0]", 0), ax, resolution=5)
    drawn(ax)
    np.testing.assert_array_equal(net.theta, before)
    assert ax.get_xlabel() == "W2[1, 0]\n(the other 5 as they are now)"
    assert ax.get_ylabel() == "W1[0, 0]"
    np.testing.assert_array_equal(lines(ax)["now"].get_xydata(), [[net.weights[1][1, 0], before[0]]])


def test_names_and_places_agree() -> None:
    for net in (network((2, 3, 2)), network((2, 3, 2), bias=False)):
        architecture = net.architecture
        names = [name_of(architecture, place) for place in range(architecture.n_parameters)]
        assert [place_of(architecture, name) for name in names] == list(range(len(names)))
    net = network((2, 3, 2))
    net.theta[place_of(net.architecture, "W2[1,0]")] = 7.0
    net.theta[place_of(net.architecture, "b1[2]")] = 8.0
    assert (net.weights[1][1, 0], net.biases[0][2]) == (7.0, 8.0)


@pytest.mark.parametrize("name", ["W3[0, 0]", "W0[0, 0]", "W1[2, 0]", "W1[0]", "b1[0, 0]", "b1[3]", "w1", ""])
def test_unknown_parameters_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"got '.*'\. Allowed: names from W1\[0, 0\] to b2\[1\]"):
        plots.loss_surface(network((2, 3, 2)), X, Y, (name, 0))
    assert plt.get_fignums() == []


def test_a_pair_is_two_different_parameters() -> None:
    with pytest.raises(InputError, match="must be two different ones"):
        plots.loss_surface(network((1, 1)), X, Y, (0, "W1[0, 0]"))
    with pytest.raises(InputError, match="`parameters` must be between 0 and 1; got 2"):
        plots.loss_surface(network((1, 1)), X, Y, (0, 2))
    with pytest.raises(InputError, match="names from W1"):
        plots.loss_surface(network((1, 1), bias=False), X, Y, (0, "b1[0]"))
    with pytest.raises(InputError, match="`limits` must be"):
        plots.loss_surface(network((1, 1)), X, Y, limits=((0.0, 1.0), (1.0, 1.0)))
    assert plt.get_fignums() == []


def test_a_flat_or_infinite_surface(ax: Axes) -> None:
    net = dr.Network([1, 1], ["exponential"])
    plots.loss_surface(net, X, np.exp(X), ax=ax, limits=((-800.0, 800.0), (0.0, 1.0)), resolution=9)
    drawn(ax)
    flat = dr.Network([1, 1], ["identity"])
    plots.loss_surface(flat, np.zeros((2, 1)), [0.0, 0.0], ax=ax, limits=((0.0, 1.0), (0.0, 1e-9)))
    drawn(ax)
