"""The network as a diagram: units as circles, weights as lines, drawn from the real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.core.losses import Loss
from deltarule.errors import InputError, message
from deltarule.network import Network
from deltarule.plots import style
from deltarule.plots.unit_values import NAMES, Color, Values, fills, unit_values, write_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDEST_LINE = 4.0
FINEST_LINE = 0.25
LARGEST_RADIUS = 13.0  # of a unit; this and what follows in points
LETTER, SMALL_LETTER, SMALL_LINE = 6.0, 5.0, 10.0  # about the width of a letter and the height of a line
GAP = 6.0
RADIUS_SHARE = 0.3  # of the distance between two units


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
    values: Values | None = None,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    loss: str | Loss = "mean_squared_error",
) -> Axes:
    r"""Draw units and weights: positive weights solid blue, negative ones dashed orange, wide ones large.

    With `values`, each unit holds its number for one row: the activation a, or delta = ∂ℓ/∂z.

    Arguments:
        net: the network; its weights are drawn as they are now.
        ax: where to draw; a new figure where it is left out.
        input_names: one per input; x₁, x₂, … where it is left out.
        output_names: one per output; ŷ₁, ŷ₂, … where it is left out.
        biases: whether to draw the biases, as lines from a small square that holds 1.
        max_units: units drawn per layer; of a larger layer, the first and the last ones, with dots between.
        values: what to write into the units, "activations" or "deltas"; nothing where it is left out.
        x: the row, (i,); `values` needs it.
        y: its target, (k,) or one number; deltas need it.
        loss: a name or a ``dr.Loss``, for the deltas.

    Raises:
        InputError: the number of names is wrong, `max_units` is less than 2, or the row cannot be used.

    >>> import deltarule as dr
    >>> ax = dr.plots.network_diagram(dr.Network([3, 2, 1], activations=["tanh", "identity"]))
    >>> [text.get_text() for text in ax.texts if "units" in text.get_text()]
    ['inputs\n3 units', 'hidden 1\n2 units, tanh']
    """
    widths = net.architecture.widths
    _require(input_names, widths[0], "input_names")
    _require(output_names, widths[-1], "output_names")
    if max_units < 2:
        raise InputError(message("`max_units` must be at least 2", found=str(max_units)))
    columns = [_column(layer, width, max_units) for layer, width in enumerate(widths)]
    numbers = unit_values(net, values, x, y, loss)
    ax = style.axes(ax, (2.2 + 2.0 * len(columns), 1.8 + 0.5 * max(len(c.units) for c in columns)))
    largest = _largest(net, biases)
    labels = _layer_names(net.architecture, _spread_layers(ax, columns, input_names, output_names))
    lines, entries = max(label.count("\n") for label in labels) + 1, 3 if values is None else 4
    radius = _spread_units(ax, columns, lines, entries)
    _draw_weights(ax, net, columns, largest)
    if biases:
        _draw_biases(ax, net, columns, largest, radius)
    for column, each in zip(columns, numbers, strict=True):
        _draw_units(ax, column, radius, None if each is None else each[column.units])
    for column, names, side in ((columns[0], input_names, -1), (columns[-1], output_names, 1)):
        _name_units(ax, column, names, side, radius)
    _name_layers(ax, labels, columns, radius)
    _explain(ax, largest, "" if values is None else NAMES[values])
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


def _spread_layers(
    ax: Axes, columns: list[Column], inputs: Sequence[str] | None, outputs: Sequence[str] | None
) -> float:
    """Set limits that leave room for the names at both ends; return the points between two layers."""
    left, right = (
        LARGEST_RADIUS + 2 * GAP + LETTER * max(map(len, names or ["x_1"])) for names in (inputs, outputs)
    )
    low, high = _limits(0.0, columns[-1].x, left, right, _size(ax)[0])
    ax.set_xlim(low, high)
    ax.set_axis_off()
    return _size(ax)[0] / (high - low)


def _spread_units(ax: Axes, columns: list[Column], lines: int, entries: int) -> float:
    """Set limits that leave room for labels and legend; return the radius of a unit, in points."""
    width, height = _size(ax)
    rows = -(-entries // _legend_columns(width))
    below = LARGEST_RADIUS + 2 * GAP + SMALL_LINE * lines + 1.3 * SMALL_LINE * rows
    places = [height for column in columns for height in column.heights]
    low, high = _limits(min(places), max(places) + 1.0, below, LARGEST_RADIUS, height)
    ax.set_ylim(low, high)
    return min(LARGEST_RADIUS, RADIUS_SHARE * height / (high - low))


def _size(ax: Axes) -> tuple[float, float]:
    """Return width and height of the Axes, in points."""
    extent = ax.get_window_extent()
    return extent.width / ax.figure.dpi * 72, extent.height / ax.figure.dpi * 72


def _limits(low: float, high: float, before: float, after: float, size: float) -> tuple[float, float]:
    """Return the limits that keep some points free before `low` and after `high`, but at most 7 in 10."""
    scale = (high - low) / max(size - before - after, 0.3 * size)
    return low - before * scale, high + after * scale


def _legend_columns(width: float) -> int:
    return 3 if width > 310 else 2 if width > 200 else 1


def _largest(net: Network, biases: bool) -> float:
    """Return the largest finite |w|, also of the biases where they are drawn; 1 where all are zero."""
    drawn = [*net.weights, *(b for b in net.biases if biases and b is not None)]
    return style.largest(np.concatenate([np.asarray(part).ravel() for part in drawn]))


def _draw_weights(ax: Axes, net: Network, columns: list[Column], largest: float) -> None:
    for W, left, right in zip(net.weights, columns, columns[1:], strict=False):
        _draw_lines(ax, np.asarray(W)[np.ix_(left.units, right.units)], left, right, largest)


def _draw_biases(ax: Axes, net: Network, columns: list[Column], largest: float, radius: float) -> None:
    for b, left, right in zip(net.biases, columns, columns[1:], strict=False):
        if b is not None:
            x, height = left.x, left.heights[0] + 1.0
            _draw_lines(ax, np.asarray(b)[None, right.units], Column(x, [0], [height], None), right, largest)
            size = min(130.0, (2 * radius) ** 2)
            ax.scatter([x], [height], s=size, marker="s", color="#EEEEEE", edgecolors=style.INK, zorder=3)
            font = min(8.0, 1.4 * radius)
            ax.text(x, height, "1", ha="center", va="center_baseline", fontsize=font, zorder=4)


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


def _draw_units(ax: Axes, column: Column, radius: float, numbers: Array | None) -> None:
    places, size = [column.x] * len(column.units), (2 * radius) ** 2
    fill: str | list[Color] = "white" if numbers is None else fills(numbers)
    ax.scatter(places, column.heights, s=size, color=fill, edgecolors=style.INK, linewidths=1.2, zorder=3)
    if numbers is not None:
        write_values(ax, column.x, column.heights, numbers, radius)
    if column.gap is not None:
        dots = [column.gap - 0.22, column.gap, column.gap + 0.22]
        ax.scatter([column.x] * 3, dots, s=6, color=style.INK, zorder=3)


def _name_units(ax: Axes, column: Column, names: Sequence[str] | None, side: int, radius: float) -> None:
    """Write a name left (side -1) or right (side 1) of each unit, no higher than the units are apart."""
    letter = "x" if side < 0 else r"\hat{y}"
    for unit, height in zip(column.units, column.heights, strict=True):
        ax.annotate(
            f"${letter}_{{{unit + 1}}}$" if names is None else str(names[unit]),
            (column.x, height),
            xytext=((radius + GAP) * side, 0),
            textcoords="offset points",
            ha="right" if side < 0 else "left",
            va="center",
            fontsize=min(10.0, 0.8 * radius / RADIUS_SHARE),
            parse_math=names is None,
        )


def _name_layers(ax: Axes, labels: list[str], columns: list[Column], radius: float) -> None:
    lowest = min(min(column.heights) for column in columns)
    for label, column in zip(labels, columns, strict=True):
        ax.annotate(
            label,
            (column.x, lowest),
            xytext=(0, -radius - GAP),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize="small",
            parse_math=False,
        )


def _layer_names(architecture: Architecture, room: float) -> list[str]:
    """Return what is written below each layer; units and activation below each other where it is narrow."""
    last, kinds = architecture.n_layers, [activation.name for activation in architecture.activations]
    roles = ["inputs", *(f"hidden {layer}" for layer in range(1, last)), "output"]
    units = [f"{width:,} unit{'s' if width > 1 else ''}" for width in architecture.widths]
    longest = max(len(f"{units[layer]}, {kind}") for layer, kind in enumerate(kinds, start=1))
    comma = ", " if longest * SMALL_LETTER + GAP < room else "\n"
    names = [units[0], *(f"{unit}{comma}{kind}" for unit, kind in zip(units[1:], kinds, strict=True))]
    return [f"{role}\n{name}" for role, name in zip(roles, names, strict=True)]


def _explain(ax: Axes, largest: float, numbers: str) -> None:
    """Add the legend at the lower edge, in as many rows as it needs."""
    from matplotlib.lines import Line2D

    dashes = (0, (3.0, 1.5))
    handles = [
        Line2D([], [], color=style.BLUE, linewidth=2.0, label="positive weight"),
        Line2D([], [], color=style.VERMILION, linewidth=2.0, linestyle=dashes, label="negative weight"),
        Line2D([], [], color=style.QUIET, linewidth=WIDEST_LINE, label=f"widest: |w| = {largest:.3g}"),
    ]
    if numbers:
        handles.append(
            Line2D([], [], ls="", marker="o", mfc="white", mec=style.INK, markersize=7, label=numbers)
        )
    ax.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=_legend_columns(_size(ax)[0]),
        borderaxespad=0.0,
        borderpad=0.0,
        columnspacing=1.0,
        handlelength=1.6,
        frameon=False,
        fontsize="small",
    )
