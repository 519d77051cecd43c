"""The network as a diagram: units as circles, weights as lines, drawn from the real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.errors import InputError, message
from deltarule.network import Network
from deltarule.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDEST_LINE = 4.0
FINEST_LINE = 0.25


class Column(NamedTuple):
    """One layer on paper: which of its units are drawn, how high, and where units were left out."""

    x: float
    units: list[int]
    heights: list[float]
    gap: float | None


def network_diagram(
    net: Network,
    ax: Axes | None = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    biases: bool = True,
    max_units: int = 10,
) -> Axes:
    r"""Draw units and weights: positive weights solid blue, negative ones dashed orange, wide ones large.

    Arguments:
        net: the network; its weights are drawn as they are now.
        ax: where to draw; a new figure where it is left out.
        input_names: one per input; x₁, x₂, … where it is left out.
        output_names: one per output; ŷ₁, ŷ₂, … where it is left out.
        biases: whether to draw the biases, as lines from a small square that holds 1.
        max_units: units drawn per layer; of a larger layer, the first and the last ones, with dots between.

    Raises:
        InputError: the number of names is wrong, or `max_units` is less than 2.

    >>> import deltarule as dr
    >>> ax = network_diagram(dr.Network([3, 2, 1], activations=["tanh", "identity"]))
    >>> [text.get_text() for text in ax.texts if "units" in text.get_text()]
    ['inputs\n3 units', 'hidden 1\n2 units, tanh']
    """
    widths = net.architecture.widths
    _require(input_names, widths[0], "input_names")
    _require(output_names, widths[-1], "output_names")
    if max_units < 2:
        raise InputError(message("`max_units` must be at least 2", found=str(max_units)))
    columns = [_column(layer, width, max_units) for layer, width in enumerate(widths)]
    tallest = max(len(column.units) for column in columns)
    ax = style.axes(ax, (2.2 + 2.0 * len(columns), 1.8 + 0.5 * tallest))
    largest = _largest(net, biases)
    _draw_weights(ax, net, columns, largest)
    if biases:
        _draw_biases(ax, net, columns, largest)
    for column in columns:
        _draw_units(ax, column, tallest)
    _name_ends(ax, columns, input_names, output_names)
    _name_layers(ax, net.architecture, columns)
    _finish(ax, columns, largest)
    return ax


def _require(names: Sequence[str] | None, width: int, what: str) -> None:
    if names is not None and len(names) != width:
        raise InputError(message(f"`{what}` must have {width} entries, one per unit", found=str(len(names))))


def _column(layer: int, width: int, max_units: int) -> Column:
    if width <= max_units:
        heights = [(width - 1) / 2 - unit for unit in range(width)]
        return Column(layer, list(range(width)), heights, None)
    first, last = (max_units + 1) // 2, max_units // 2
    units = [*range(first), *range(width - last, width)]
    slots = [*range(first), *range(first + 1, max_units + 1)]
    return Column(layer, units, [max_units / 2 - slot for slot in slots], max_units / 2 - first)


def _largest(net: Network, biases: bool) -> float:
    """Return the largest finite |w|, also of the biases where they are drawn; 1 where all are zero."""
    drawn = [*net.weights, *(b for b in net.biases if biases and b is not None)]
    values = np.abs(np.concatenate([np.asarray(part, dtype=float).ravel() for part in drawn]))
    return float(np.max(values, where=np.isfinite(values), initial=0.0)) or 1.0


def _draw_weights(ax: Axes, net: Network, columns: list[Column], largest: float) -> None:
    for W, left, right in zip(net.weights, columns, columns[1:], strict=False):
        _draw_lines(ax, np.asarray(W)[np.ix_(left.units, right.units)], left, right, largest)


def _draw_biases(ax: Axes, net: Network, columns: list[Column], largest: float) -> None:
    for b, left, right in zip(net.biases, columns, columns[1:], strict=False):
        if b is not None:
            one = Column(left.x, [0], [left.heights[0] + 1.0], None)
            _draw_lines(ax, np.asarray(b)[None, right.units], one, right, largest)
            ax.scatter(
                [one.x], one.heights, s=130, marker="s", color="#EEEEEE", edgecolors=style.INK, zorder=3
            )
            ax.text(one.x, one.heights[0], "1", ha="center", va="center", fontsize=8, zorder=4)


def _draw_lines(ax: Axes, weights: Array, left: Column, right: Column, largest: float) -> None:
    """Draw weights[i, o] as a line from the i-th drawn unit on the left to the o-th on the right."""
    from matplotlib.collections import LineCollection

    size = np.nan_to_num(np.abs(weights) / largest, nan=1.0, posinf=1.0)
    for sign, color, line in (
        (weights >= 0, style.BLUE, "solid"),
        (weights < 0, style.VERMILION, (0, (3.0, 1.5))),
    ):
        pairs = np.argwhere(sign)
        segments = [[(left.x, left.heights[i]), (right.x, right.heights[o])] for i, o in pairs]
        widths = [FINEST_LINE + (WIDEST_LINE - FINEST_LINE) * size[i, o] for i, o in pairs]
        ax.add_collection(
            LineCollection(segments, linewidths=widths, colors=color, linestyles=[line], alpha=0.85, zorder=1)
        )


def _draw_units(ax: Axes, column: Column, tallest: int) -> None:
    figure_height = ax.get_window_extent().height / ax.figure.dpi * 72
    diameter = min(22.0, 0.6 * figure_height / (tallest + 2))
    places = [column.x] * len(column.units)
    ax.scatter(
        places, column.heights, s=diameter**2, color="white", edgecolors=style.INK, linewidths=1.2, zorder=3
    )
    if column.gap is not None:
        dots = [column.gap - 0.22, column.gap, column.gap + 0.22]
        ax.scatter([column.x] * 3, dots, s=6, color=style.INK, zorder=3)


def _name_ends(
    ax: Axes, columns: list[Column], inputs: Sequence[str] | None, outputs: Sequence[str] | None
) -> None:
    for column, names, letter, side in ((columns[0], inputs, "x", -1), (columns[-1], outputs, r"\hat{y}", 1)):
        for unit, height in zip(column.units, column.heights, strict=True):
            ax.annotate(
                f"${letter}_{{{unit + 1}}}$" if names is None else str(names[unit]),
                (column.x, height),
                xytext=(16 * side, 0),
                textcoords="offset points",
                ha="right" if side < 0 else "left",
                va="center",
                parse_math=names is None,
            )


def _name_layers(ax: Axes, architecture: Architecture, columns: list[Column]) -> None:
    bottom = min(min(column.heights) for column in columns) - 1.2
    last = len(columns) - 1
    for layer, (column, width) in enumerate(zip(columns, architecture.widths, strict=True)):
        what = "inputs" if layer == 0 else "output" if layer == last else f"hidden {layer}"
        kind = f", {architecture.activations[layer - 1].name}" if layer else ""
        label = f"{what}\n{width:,} unit{'s' if width > 1 else ''}{kind}"
        ax.text(column.x, bottom, label, ha="center", va="baseline", fontsize="small", parse_math=False)


def _finish(ax: Axes, columns: list[Column], largest: float) -> None:
    from matplotlib.lines import Line2D

    top = max(max(column.heights) for column in columns)
    bottom = min(min(column.heights) for column in columns)
    ax.set(xlim=(-0.4, columns[-1].x + 0.4), ylim=(bottom - 1.9, top + 1.5))
    ax.set_axis_off()
    handles = [
        Line2D([], [], color=style.BLUE, linewidth=2.0, label="positive weight"),
        Line2D(
            [], [], color=style.VERMILION, linewidth=2.0, linestyle=(0, (3.0, 1.5)), label="negative weight"
        ),
        Line2D([], [], color=style.QUIET, linewidth=WIDEST_LINE, label=f"widest: |w| = {largest:.3g}"),
    ]
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.02),
        ncols=3,
        frameon=False,
        fontsize="small",
    )
