"""What all pictures share: colors, line styles, a place to draw.

Not a theme: matplotlib's global settings are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deltarule.core.arrays import Array
from deltarule.errors import InputError, message

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Panels: TypeAlias = NDArray[np.object_]

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"
INK, QUIET = "#222222", "#8A8A8A"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
"""The palette of Okabe and Ito (2008), made for all kinds of color vision."""

MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (7, 2, 1, 2, 1, 2)))
"""One fewer than colors, so that together they repeat only after thirty lines."""

SIGNED = "cividis_r"
"""From yellow over gray, which is 0, to blue: darker all the way, so that a gray print keeps the signs."""


def axes(
    ax: Axes | None,
    size: tuple[float, float] = (6.0, 4.0),
    layout: Literal["constrained", "compressed"] = "constrained",
) -> Axes:
    """Return `ax`, or the Axes of a new pyplot figure of this size (inches), which notebooks show."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout=layout)[1]


def panels(ax: Sequence[Axes] | Panels | None, count: int, size: tuple[float, float]) -> Panels:
    """Return `ax` as an array, or the Axes of a new pyplot figure of this size (inches), side by side.

    Raises:
        InputError: there are not as many Axes as panels.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(1, count, figsize=size, layout="constrained", squeeze=False)[1].ravel()
    given = np.asarray(ax, dtype=object).ravel()
    if len(given) != count:
        hint = f"Try plt.subplots(1, {count})[1]."
        raise InputError(message(f"`ax` must hold {count} Axes", found=str(len(given)), hint=hint))
    return given


def look(place: int) -> dict[str, Any]:
    """Return color and line style of one line among several."""
    return {"color": COLORS[place % len(COLORS)], "linestyle": LINES[place % len(LINES)], "linewidth": 1.6}


def largest(values: Array) -> float:
    """Return the largest finite |value|, or 1 where all are zero."""
    size = np.abs(np.asarray(values, dtype=float))
    return float(np.max(size, where=np.isfinite(size), initial=0.0)) or 1.0


def plain_frame(ax: Axes) -> None:
    """Leave two sides of the frame and a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)


def legend(ax: Axes) -> None:
    """Add a legend where there is more than one thing to tell apart."""
    handles, labels = ax.get_legend_handles_labels()
    if len(handles) > 1:
        ax.legend(handles, labels, framealpha=0.9, edgecolor="none", fontsize="small")


def legend_beside(ax: Axes, handles: Sequence[Any] | None = None) -> None:
    """Add a legend to the right of the Axes, where it covers nothing; of other handles, if so asked."""
    drawn, labels = ax.get_legend_handles_labels()
    ax.legend(
        drawn if handles is None else handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.2,
        frameon=False,
        fontsize="small",
    )
