"""The three panels: what they show is the history, the data, the network's answers and its hidden units."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from deltarule import plots
from deltarule.errors import InputError
from tests.plots.support import drawn, history, lines, network

X = np.array([-1.0, 0.5, 2.0])
Y = np.array([3.0, 1.0, 2.0])


def test_three_panels() -> None:
    given = Figure(layout="constrained").subplots(1, 3)
    net = network((1, 2, 1))
    panels = plots.training_view(
        net, X, Y, history([3.0, 2.0]), given, input_name="t (s)", output_name="h (cm)"
    )
    drawn(panels[0])
    assert all(one is other for one, other in zip(panels, given, strict=True))
    np.testing.assert_array_equal(lines(panels[0])["training"].get_ydata(), [3.0, 2.0])
    np.testing.assert_array_equal(panels[1].collections[0].get_offsets(), np.column_stack([X, Y]))
    fit = lines(panels[1])["network"]
    t = np.asarray(fit.get_xdata())
    assert (t.min(), t.max()) == (-1.0, 2.0)
    np.testing.assert_array_equal(fit.get_ydata(), net.predict(t)[:, 0])
    for unit in range(2):
        drawn_unit = lines(panels[2])[f"unit {unit + 1}"]
        np.testing.assert_array_equal(drawn_unit.get_ydata(), net.forward(t)[0].a[:, unit])
    assert [panel.get_xlabel() for panel in panels] == ["epoch", "t (s)", "t (s)"]
    assert panels[1].get_ylabel() == "h (cm)"
    assert panels[2].get_ylabel() == "a of hidden layer 1 (tanh)"
    assert plt.get_fignums() == []


def test_the_second_hidden_layer_two_outputs_and_a_metric() -> None:
    net = network((1, 2, 3, 2))
    panels = plots.training_view(net, X, np.column_stack([Y, Y]), history([3.0, 2.0]), layer=2, metric="rmse")
    drawn(panels[0])
    assert plt.get_fignums() == [1]
    assert len(panels[2].lines) == 3
    assert {"network 1", "network 2"} == set(lines(panels[1]))
    np.testing.assert_array_equal(lines(panels[0])["training"].get_ydata(), [6.0, 4.0])


def test_many_units_have_no_legend() -> None:
    panels = plots.training_view(network((1, 40, 1)), X, Y, history([3.0]))
    drawn(panels[2])
    assert len(panels[2].lines) == 40
    assert panels[2].get_legend() is None


def test_what_has_no_three_panels_is_refused() -> None:
    run = history([1.0])
    with pytest.raises(InputError, match="must have one input; got 2"):
        plots.training_view(network((2, 2, 1)), np.ones((3, 2)), Y, run)
    with pytest.raises(InputError, match="must have a hidden layer; got none"):
        plots.training_view(network((1, 1)), X, Y, run)
    with pytest.raises(InputError, match="`layer` must be between 1 and 1"):
        plots.training_view(network((1, 2, 1)), X, Y, run, layer=2)
    with pytest.raises(InputError, match="`ax` must hold 3 Axes; got 2"):
        plots.training_view(network((1, 2, 1)), X, Y, run, Figure().subplots(1, 2))
    assert plt.get_fignums() == []
