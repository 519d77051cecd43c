"""A training run of one input at a glance: the error trace, the data with the fit, the hidden units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from deltarule import inputs
from deltarule.core.arrays import Array, require_integer
from deltarule.errors import InputError, message
from deltarule.network import Network
from deltarule.plots import style
from deltarule.plots.curves import learning_curves
from deltarule.training.reports import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 400  # at which the curves are computed
MANY_UNITS = 10  # lines without a legend from here on


def training_view(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    history: History,
    ax: Sequence[Axes] | style.Panels | None = None,
    *,
    layer: int = 1,
    metric: str | None = None,
    input_name: str = "x",
    output_name: str = "y",
) -> style.Panels:
    """Draw three panels for a network of one input: the error trace, the data with ŷ, a(x) of hidden units.

    Arguments:
        net: the network, with one input and a hidden layer.
        X: inputs, (n, 1) or (n,).
        y: targets, (n, k) or, for one output, (n,).
        history: what `net.train` returned.
        ax: three Axes; a new figure where it is left out.
        layer: the hidden layer, from 1.
        metric: what the error trace shows, a name in `history.metrics`; the loss where it is left out.
        input_name: with its unit, for the axes ("time (s)").
        output_name: with its unit.

    Raises:
        InputError: the network has several inputs or no such hidden layer, or an argument cannot be used.

    >>> import deltarule as dr
    >>> net = dr.Network([1, 2, 1], activations=["tanh", "identity"])
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> panels = dr.plots.training_view(net, X, y, net.train(X, y, epochs=5), input_name="time (s)")
    >>> [ax.get_xlabel() for ax in panels]
    ['epoch', 'time (s)', 'time (s)']
    """
    x, target = _data(net, X, y)
    _require_hidden(net, layer)
    panels = style.panels(ax, 3, (13.0, 3.8))
    learning_curves(history, metric, panels[0])
    line = np.linspace(x.min(), x.max(), POINTS, dtype=net.dtype)
    _draw_fit(panels[1], x, target, line, net.predict(line[:, None]))
    panels[1].set_ylabel(output_name, parse_math=False)
    _draw_units(panels[2], line, net.forward(line[:, None])[layer - 1].a)
    kind = net.architecture.activations[layer - 1].name
    panels[2].set_ylabel(f"a of hidden layer {layer} ({kind})", parse_math=False)
    for panel in panels[1:]:
        panel.set_xlabel(input_name, parse_math=False)
        style.plain_frame(panel)
    return panels


def _data(net: Network, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return the inputs (n,) and the targets (n, k)."""
    widths = net.architecture.widths
    if widths[0] != 1:
        raise InputError(message("`net` must have one input", found=f"{widths[0]}"))
    rows = inputs.rows_of(widths, net.dtype, X, y)
    return rows.X[:, 0], rows.y


def _require_hidden(net: Network, layer: int) -> None:
    hidden = net.architecture.n_layers - 1
    if not hidden:
        hint = "Try learning_curves and predicted_against_actual."
        raise InputError(message("`net` must have a hidden layer", found="none", hint=hint))
    require_integer("layer", layer, 1, hidden)


def _draw_fit(ax: Axes, x: Array, y: Array, line: Array, y_hat: Array) -> None:
    many = len(x) > 1000
    for output in range(y.shape[1]):
        number = f" {output + 1}" if y.shape[1] > 1 else ""
        marker, color = style.MARKERS[output % len(style.MARKERS)], style.QUIET
        ax.scatter(
            x,
            y[:, output],
            s=5 if many else 14,
            alpha=0.3 if many else 0.7,
            marker=marker,
            color=color,
            linewidths=0,
            label=f"data{number}",
        )
        ax.plot(line, y_hat[:, output], label=f"network{number}", zorder=3, **style.look(output))
    style.legend(ax)


def _draw_units(ax: Axes, line: Array, a: Array) -> None:
    for unit, outputs in enumerate(a.T):
        ax.plot(line, outputs, label=f"unit {unit + 1}", **style.look(unit))
    if a.shape[1] < MANY_UNITS:
        style.legend_beside(ax)
