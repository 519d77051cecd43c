"""Pictures: what is drawn is the data, labels are there, and nothing global is touched."""

from __future__ import annotations

import itertools
import re
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from deltarule import plots
from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.errors import InputError
from deltarule.plots import style
from deltarule.plots.unit_values import Values
from deltarule.training.reports import Stop
from tests.plots.support import drawn, history, lines, network

# Learning curves


def test_curves_are_the_history(ax: Axes) -> None:
    assert plots.learning_curves(history([3.0, 2.0, 1.5], [3.1, 2.2, 2.4]), ax=ax) is ax
    drawn(ax)
    by_label = lines(ax)
    np.testing.assert_array_equal(by_label["training"].get_xydata(), [[1, 3.0], [2, 2.0], [3, 1.5]])
    np.testing.assert_array_equal(by_label["validation"].get_xydata(), [[1, 3.1], [2, 2.2], [3, 2.4]])
    np.testing.assert_array_equal(by_label["epoch 2: lowest validation loss"].get_xydata(), [[2, 2.2]])
    assert by_label["training"].get_linestyle() != by_label["validation"].get_linestyle()
    assert ax.get_title() == "Ran all 3 epochs"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss (mean over rows)")
    assert ax.get_yscale() == "linear"
    assert ax.get_legend() is not None
    assert plt.get_fignums() == []


def test_a_metric_with_its_unit(ax: Axes) -> None:
    plots.learning_curves(history([3.0, 2.0]), metric="rmse", unit="USD", ax=ax)
    drawn(ax)
    assert list(lines(ax)["training"].get_ydata()) == [6.0, 4.0]
    assert ax.get_ylabel() == "rmse (USD)"
    assert "validation" not in lines(ax)


@pytest.mark.parametrize(
    "losses", [[1.0], [1.0, float("nan")], [1.0, float("inf")], [], [0.0, 0.0], [-1.0, 1.0]]
)
def test_short_and_diverged_runs(ax: Axes, losses: list[float]) -> None:
    plots.learning_curves(history(losses), ax=ax)
    drawn(ax)
    assert ax.get_yscale() == "linear"
    assert ax.get_xlabel() == "epoch"


@pytest.mark.parametrize(("last", "scale"), [(0.011, "linear"), (0.0099, "log")])
def test_more_than_two_decades_are_logarithmic(ax: Axes, last: float, scale: str) -> None:
    plots.learning_curves(history([1.0, last]), ax=ax)
    drawn(ax)
    assert ax.get_yscale() == scale


def test_steps_lie_within_their_epoch(ax: Axes) -> None:
    plots.learning_curves(history([3.0, 2.0], steps=True), steps=True, ax=ax)
    np.testing.assert_array_equal(lines(ax)["each step"].get_xydata(), [[0.5, 6], [1, 3], [1.5, 4], [2, 2]])


def test_what_was_not_recorded_is_refused() -> None:
    with pytest.raises(InputError, match=r"rmse; got 'rsme'. Did you mean 'rmse'\?"):
        plots.learning_curves(history([1.0]), metric="rsme")
    with pytest.raises(InputError, match="record_steps=True"):
        plots.learning_curves(history([1.0]), steps=True)
    with pytest.raises(InputError, match="losses, not metrics"):
        plots.learning_curves(history([1.0], steps=True), metric="rmse", steps=True)
    assert plt.get_fignums() == []


def test_a_network_is_no_history() -> None:
    with pytest.raises(
        InputError, match=r"must be a History; got a Network\. Pass what net\.train returned\."
    ):
        plots.learning_curves(network((2, 1)))  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_the_title_fits_a_small_panel(layout: Literal["constrained"] | None) -> None:
    figure = Figure(figsize=(8, 3.2), layout=layout)
    ax = figure.subplots(1, 2)[0]
    run = history([3.0, 2.0], [2.0, 3.0])
    run.stop = Stop("early_stopping", "stopped early after epoch 2: no improvement (best 2); it has the best")
    plots.learning_curves(run, ax=ax)
    assert ax.get_title() == "Stopped early after epoch 2"
    run.stop = Stop(
        "tolerance", "stopped after epoch 2: the training loss changed by 0.012, less than tol=0.1"
    )
    plots.learning_curves(run, ax=ax)
    drawn(ax)
    assert ax.get_title().endswith("less than tol=0.1")
    title = ax.title.get_window_extent()
    assert title.x0 >= 0
    assert title.y1 <= figure.bbox.y1


def test_without_axes_there_is_one_new_figure() -> None:
    ax = plots.learning_curves(history([1.0, 0.5]))
    assert plt.get_fignums() == [1]
    assert ax.figure is plt.figure(1)


# Several runs


def test_runs_are_their_histories(ax: Axes) -> None:
    runs = {"η = 0.1": history([3.0, 2.0, 1.5]), "η = 1": history([3.0, 0.002])}
    assert plots.compare_runs(runs, ax=ax) is ax
    drawn(ax)
    first, second = (lines(ax)[name] for name in runs)
    np.testing.assert_array_equal(first.get_xydata(), [[1, 3.0], [2, 2.0], [3, 1.5]])
    np.testing.assert_array_equal(second.get_xydata(), [[1, 3.0], [2, 0.002]])
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "training loss (mean over rows)")
    assert ax.get_yscale() == "log"


def test_runs_by_a_metric_against_time(ax: Axes) -> None:
    runs = {"a": history([3.0, 2.0], [3.5, 2.5]), "b": history([1.0], [1.5])}
    plots.compare_runs(runs, "rmse", ax, rows="validation", against="seconds", unit="USD")
    np.testing.assert_allclose(lines(ax)["a"].get_xydata(), [[0.1, 7.0], [0.2, 5.0]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("wall time (s)", "validation rmse (USD)")
    assert ax.get_yscale() == "linear"


def test_thirty_runs_look_different() -> None:
    looks = [style.look(run) for run in range(31)]
    assert len({(look["color"], look["linestyle"]) for look in looks}) == 30
    assert looks[30] == looks[0]


def test_what_are_no_runs_is_refused() -> None:
    with pytest.raises(InputError, match="dictionary with a History for each name; got a list"):
        plots.compare_runs([history([1.0])])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="for each name; got none"):
        plots.compare_runs({})
    with pytest.raises(InputError, match="must be a History; got a Network"):
        plots.compare_runs({"a": network((1, 1))})  # type: ignore[dict-item]
    with pytest.raises(InputError, match="needs validation rows in every run"):
        plots.compare_runs({"a": history([1.0])}, rows="validation")
    assert plt.get_fignums() == []


# Network


def collections(ax: Axes) -> list[LineCollection]:
    return [c for c in ax.collections if isinstance(c, LineCollection)]


def test_each_weight_is_a_line(ax: Axes) -> None:
    net = network((3, 2, 1), bias=False)
    net.weights[0][:] = [[1.0, -2.0], [0.5, 0.0], [-0.25, 1.0]]
    net.weights[1][:] = [[4.0], [-4.0]]
    plots.network_diagram(net, ax)
    drawn(ax)
    positive, negative = collections(ax)[:2]
    assert (len(positive.get_segments()), len(negative.get_segments())) == (4, 2)
    assert positive.get_linestyle() != negative.get_linestyle()
    assert not np.array_equal(positive.get_colors(), negative.get_colors())
    widths = np.concatenate([c.get_linewidth() for c in collections(ax)])
    np.testing.assert_allclose(
        np.sort(widths), np.sort(0.25 + 3.75 * np.array([1, 2, 0.5, 0, 0.25, 1, 4, 4]) / 4)
    )
    texts = [text.get_text() for text in ax.texts]
    assert texts[-3:] == ["inputs\n3 units", "hidden 1\n2 units, tanh", "output\n1 unit, identity"]
    assert "$x_{3}$" in texts
    assert "$\\hat{y}_{1}$" in texts
    assert "widest: |w| = 4" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert plt.get_fignums() == []


def test_biases_are_lines_from_a_one(ax: Axes) -> None:
    plots.network_diagram(network((3, 2, 1)), ax)
    assert [text.get_text() for text in ax.texts].count("1") == 2
    assert sum(len(c.get_segments()) for c in collections(ax)) == 3 * 2 + 2 + 2 + 1


def test_biases_can_be_left_out(ax: Axes) -> None:
    plots.network_diagram(network((3, 2, 1)), ax, biases=False)
    assert sum(len(c.get_segments()) for c in collections(ax)) == 3 * 2 + 2


def test_large_layers_are_shortened(ax: Axes) -> None:
    plots.network_diagram(network((784, 32, 10)), ax, max_units=5, biases=False)
    drawn(ax)
    assert sum(len(c.get_segments()) for c in collections(ax)) == 25 + 25
    texts = [text.get_text() for text in ax.texts]
    assert texts[:5] == ["$x_{1}$", "$x_{2}$", "$x_{3}$", "$x_{783}$", "$x_{784}$"]
    assert "inputs\n784 units" in texts


def test_names_are_written_as_they_are(ax: Axes) -> None:
    plots.network_diagram(network((2, 1)), ax, input_names=["cost $", "$_{"], output_names=["größer"])
    drawn(ax)
    assert {"cost $", "$_{", "größer"} <= {text.get_text() for text in ax.texts}


def test_activations_of_a_row_are_in_the_units(ax: Axes) -> None:
    net = network((2, 2, 1), bias=False)
    net.weights[0][:] = [[1.0, -1.0], [0.0, 2.0]]
    net.weights[1][:] = [[0.5], [-12.0]]
    plots.network_diagram(net, ax, values="activations", x=[0.5, -1.0])
    drawn(ax)
    texts = [text.get_text() for text in ax.texts]
    steps = net.forward([[0.5, -1.0]])
    assert texts[:2] == ["0.50", "−1.00"]
    assert texts[2:4] == [f"{a:.2f}".replace("-", "−") for a in steps[0].a[0]]
    assert texts[4] == f"{steps[1].a[0, 0]:.0f}"
    x_1, x_2 = (fill[:3] for fill in units(ax)[0].get_facecolor())
    assert x_1[2] > x_1[0], "positive is blue"
    assert x_2[0] > x_2[2], "negative is orange"
    assert "activation a" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_deltas_of_a_row_are_in_the_units(ax: Axes) -> None:
    net = network((2, 2, 1))
    plots.network_diagram(net, ax, values="deltas", x=[0.5, -1.0], y=3.0, loss="half_squared_error")
    drawn(ax)
    texts = [text.get_text() for text in ax.texts]
    deltas = net.gradients([[0.5, -1.0]], [3.0], loss="half_squared_error").delta
    numbers = [f"{delta:.2f}".replace("-", "−") for layer in deltas for delta in layer[0]]
    assert [text for text in texts if text in numbers] == numbers
    np.testing.assert_array_equal(units(ax)[0].get_facecolor(), [[1, 1, 1, 1]], "inputs have no delta")


def units(ax: Axes) -> list[PathCollection]:
    """The circles of each layer; the squares of the biases are smaller."""
    found = [c for c in ax.collections if isinstance(c, PathCollection)]
    return [c for c in found if c.get_sizes()[0] > 140]


def test_numbers_too_small_to_read_are_left_out() -> None:
    ax = Figure(figsize=(2, 1)).subplots()
    plots.network_diagram(network((2, 9, 1)), ax, values="activations", x=[0.5, -1.0])
    drawn(ax)
    assert "0.50" not in [text.get_text() for text in ax.texts]


def test_a_row_that_cannot_be_used_is_refused() -> None:
    net = network((2, 1))
    with pytest.raises(InputError, match=r"needs one row `x`; got none. Try x=X\[0\]"):
        plots.network_diagram(net, values="activations")
    with pytest.raises(InputError, match=r"needs one row `x`; got shape \(2, 2\)"):
        plots.network_diagram(net, values="activations", x=[[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(InputError, match="needs one row `y`; got none"):
        plots.network_diagram(net, values="deltas", x=[1.0, 2.0])
    with pytest.raises(InputError, match=r"Did you mean 'deltas'\?"):
        plots.network_diagram(net, values="delta", x=[1.0, 2.0])  # type: ignore[arg-type]
    assert plt.get_fignums() == []


@pytest.mark.parametrize("values", [None, "activations"])
@pytest.mark.parametrize("layout", [None, "constrained"])
@pytest.mark.parametrize("size", [(8.0, 3.2), (10.0, 4.0), (14.0, 6.0)])
def test_labels_and_legend_are_clear_of_units_and_neighbors(
    layout: Literal["constrained"] | None, size: tuple[float, float], values: Values | None
) -> None:
    figure = Figure(figsize=size, layout=layout)
    left, right = figure.subplots(1, 2)
    plots.network_diagram(network((4, 10, 3)), left, values=values, x=[1.0, 2.0, 3.0, 4.0])
    plots.learning_curves(history([3.0, 2.0]), ax=right)
    drawn(left)
    labels = [text.get_window_extent() for text in left.texts[-3:]]
    lowest = min(c.get_window_extent().y0 for c in left.collections if isinstance(c, PathCollection))
    legend, neighbor = left.get_legend().get_window_extent(), right.get_tightbbox()
    assert neighbor is not None
    assert max(label.y1 for label in labels) < lowest
    assert min(label.y0 for label in labels) > legend.y1
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(labels))
    assert legend.y0 >= 0
    assert max(legend.x1, *(text.get_window_extent().x1 for text in left.texts)) < neighbor.x0


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_networks_without_a_largest_weight(ax: Axes, value: float) -> None:
    net = network((2, 2, 1))
    net.theta[:] = value
    plots.network_diagram(net, ax)
    drawn(ax)


def test_wrong_names_and_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="`input_names` must have 2 entries, one per unit; got 1"):
        plots.network_diagram(network((2, 1)), input_names=["a"])
    with pytest.raises(InputError, match="`max_units` must be at least 2; got 1"):
        plots.network_diagram(network((2, 1)), max_units=1)


# Activations


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_activation_can_be_drawn(ax: Axes, name: str) -> None:
    plots.activation(name, ax)
    drawn(ax)
    value, slope = ax.lines
    z = np.asarray(value.get_xdata())
    difference = np.gradient(np.asarray(value.get_ydata()), z)
    smooth = np.isfinite(slope.get_ydata())
    smooth[1:] &= smooth[:-1]
    smooth[:-1] &= smooth[1:]
    np.testing.assert_allclose(
        np.asarray(slope.get_ydata())[smooth], difference[smooth], rtol=0.02, atol=0.02
    )
    assert ax.get_title().startswith(name)
    assert "varphi" in ax.get_title(), "the formula can be set by matplotlib"
    assert ax.get_xlabel() == "z"


def test_a_users_own_activation(ax: Axes) -> None:
    cube = Activation("c$ube", value=lambda z: z**3, slope=lambda z, a: 3 * z**2, formula=r"\nonsense{z")
    plots.activation(cube, ax, low=-1, high=1)
    drawn(ax)
    assert ax.get_title() == r"c\$ube"


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(InputError, match=r"Did you mean 'relu'\?"):
        plots.activation("rleu")


# Predictions


def test_points_and_quality(ax: Axes) -> None:
    plots.predicted_against_actual([1.0, 2.0, 3.0], [1.0, 2.0, 6.0], ax, name="price $ (USD)")
    drawn(ax)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[1, 1], [2, 2], [3, 6]])
    assert ax.get_xlabel() == "actual price $ (USD)"
    assert ax.get_ylabel() == "predicted price $ (USD)"
    assert ax.get_title() == "RMSE 1.732, R² -3.500"
    assert ax.get_legend() is None


def test_several_outputs_have_a_legend(ax: Axes) -> None:
    y = np.arange(8.0).reshape(4, 2)
    plots.predicted_against_actual(y, y + 1, ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["output 1", "output 2"]


@pytest.mark.parametrize("y", [[5.0], [5.0, 5.0], [0.0, np.nan]])
def test_points_without_a_spread(ax: Axes, y: list[float]) -> None:
    plots.predicted_against_actual(y, y, ax)
    drawn(ax)


def test_confusion_counts_rows(ax: Axes) -> None:
    plots.confusion(["b", "a", "a", "a"], ["a", "a", "b", "a"], ax, labels=["b", "a"])
    drawn(ax)
    assert [text.get_text() for text in ax.texts] == ["0", "1", "1", "2"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["b", "a"]
    assert ax.get_title() == "2 of 4 rows right (50.0 %)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "actual class")


def test_confusion_finds_the_classes(ax: Axes) -> None:
    plots.confusion(np.array([2, 0, 1]), np.array([2, 0, 0]), ax=ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "2"]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=re.escape("got (2, 1) and (3, 1)")):
        plots.predicted_against_actual([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="at least one row"):
        plots.confusion([], [])
    with pytest.raises(InputError, match="`labels` must name every class: a, b; got 'c'"):
        plots.confusion(["a"], ["c"], labels=["a", "b"])
    assert plt.get_fignums() == []
