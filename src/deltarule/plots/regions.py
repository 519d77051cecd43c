"""Decision regions: which class a network of two inputs gives to each point of the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule import inputs
from deltarule.core.arrays import REALS, Array, require_integer, require_number
from deltarule.errors import InputError, message
from deltarule.network import Network
from deltarule.plots import style
from deltarule.plots.unit_values import Color, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN = 0.08  # around the points, as a share of what they span
LIGHTEST, STRONGEST = 0.14, 0.38  # share of color in the regions: no two are equal in a gray print


def decision_regions(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    ax: Axes | None = None,
    *,
    class_names: Sequence[str] | None = None,
    input_names: tuple[str, str] = ("x₁", "x₂"),
    threshold: float = 0.5,
    resolution: int = 200,
) -> Axes:
    """Draw the region of each class, the boundaries between them, and the rows with their true classes.

    With one output, class 1 is where ŷ > `threshold`; with several, the class is the largest output.

    Arguments:
        net: the network, with two inputs.
        X: inputs, (n, 2).
        y: the classes: numbers from 0, (n,), or one column per class, (n, k).
        ax: where to draw; a new figure where it is left out.
        class_names: one per class; "class 0", "class 1", … where it is left out.
        input_names: with their units, for the axes.
        threshold: between the two classes of a network with one output.
        resolution: points per axis at which ŷ is computed.

    Raises:
        InputError: the network has not two inputs, or the rows, their classes or names do not fit it.

    >>> import deltarule as dr
    >>> net = dr.Network([2, 1], activations=["sigmoid"], bias=False)
    >>> net.weights[0] = [[1.0], [1.0]]
    >>> dr.plots.decision_regions(net, [[1.0, 1.0], [-1.0, -1.0]], [1, 0], resolution=20).get_title()
    '2 of 2 rows right (100.0 %)'
    """
    points = _points(net, X)
    k = max(2, net.architecture.n_outputs)
    actual, threshold = _classes(y, len(points), k), require_number("threshold", threshold, REALS)
    names = _names(class_names, k)
    u, v = (
        np.linspace(*_limits(column), require_integer("resolution", resolution, 2)) for column in points.T
    )
    plane = np.column_stack([part.ravel() for part in np.meshgrid(u, v)])
    leads = _leads(net.predict(plane), threshold).reshape(len(v), len(u), k)
    predicted = _leads(net.predict(points), threshold).argmax(axis=1)
    ax = style.axes(ax, (6.0, 5.0))
    for number, name in enumerate(names):
        _draw_region(ax, u, v, leads[:, :, number], _tint(number, k))
        _draw_rows(ax, points[actual == number], number, name)
    _label(ax, input_names, int((actual == predicted).sum()), len(points))
    _explain(ax, k)
    return ax


def _points(net: Network, X: ArrayLike) -> Array:
    if net.architecture.n_inputs != 2:
        found = str(net.architecture.n_inputs)
        raise InputError(message("`net` must have two inputs", found=found, hint="Try confusion instead."))
    points = inputs.matrix("X", X, 2, np.dtype(np.float64))
    if not len(points):
        raise InputError(message("`X` must have at least one row", found="none"))
    return points


def _classes(y: ArrayLike, n: int, k: int) -> NDArray[np.intp]:
    """Return the number of each row's class, (n,)."""
    given = np.asarray(y, dtype=float)
    if given.shape == (n, k):
        return given.argmax(axis=1)
    if given.shape not in ((n,), (n, 1)):
        asked = f"`y` must have shape ({n},) or ({n}, {k})"
        raise InputError(message(asked, found=f"shape {given.shape}"))
    numbers = given.ravel()
    if not np.isin(numbers, np.arange(k)).all():
        wrong = numbers[~np.isin(numbers, np.arange(k))][0]
        raise InputError(message(f"`y` must hold class numbers from 0 to {k - 1}", found=f"{wrong:g}"))
    return numbers.astype(np.intp)


def _names(given: Sequence[str] | None, k: int) -> list[str]:
    if given is not None and len(given) != k:
        raise InputError(message(f"`class_names` must have {k} entries", found=str(len(given))))
    return [f"class {number}" for number in range(k)] if given is None else [str(name) for name in given]


def _limits(values: Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _leads(y_hat: Array, threshold: float) -> Array:
    """Return by how much each class leads over the best other one, (n, k): positive where it is chosen."""
    if y_hat.shape[1] == 1:
        return np.hstack([threshold - y_hat, y_hat - threshold])
    highest = np.sort(y_hat, axis=1)[:, -2:]
    best_other = np.where(y_hat == highest[:, 1:], highest[:, :1], highest[:, 1:])
    return y_hat - best_other


def _tint(number: int, k: int) -> Color:
    share = LIGHTEST + (STRONGEST - LIGHTEST) * number / (k - 1)
    return tint(style.COLORS[number % len(style.COLORS)], share)


def _draw_region(ax: Axes, u: Array, v: Array, lead: Array, color: Color) -> None:
    if lead.max() <= 0.0:
        return
    ax.contourf(u, v, lead, levels=[0.0, 2.0 * lead.max()], colors=[color], zorder=0)
    if lead.min() < 0.0:
        ax.contour(u, v, lead, levels=[0.0], colors=[style.INK], linewidths=1.0, zorder=1)


def _draw_rows(ax: Axes, points: Array, number: int, name: str) -> None:
    ax.scatter(
        points[:, 0],
        points[:, 1],
        s=8 if len(points) > 500 else 24,
        marker=style.MARKERS[number % len(style.MARKERS)],
        color=style.COLORS[number % len(style.COLORS)],
        edgecolors="white",
        linewidths=0.5,
        zorder=3,
        label=name,
    )


def _label(ax: Axes, input_names: tuple[str, str], right: int, rows: int) -> None:
    ax.set_xlabel(input_names[0], parse_math=False)
    ax.set_ylabel(input_names[1], parse_math=False)
    share = f"{right / rows:.1%}".replace("%", " %")
    ax.set_title(f"{right:,} of {rows:,} rows right ({share})", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)


def _explain(ax: Axes, k: int) -> None:
    """Add a legend beside the picture: each class's mark on the tint of its region."""
    from matplotlib.patches import Patch

    marks, _ = ax.get_legend_handles_labels()
    handles = [(Patch(facecolor=_tint(number, k)), mark) for number, mark in enumerate(marks)]
    style.legend_beside(ax, handles)
