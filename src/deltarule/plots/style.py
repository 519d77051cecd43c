"""What all pictures share: colors, line styles, a place to draw.

Not a theme: matplotlib's global settings are never touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"
INK, QUIET = "#222222", "#8A8A8A"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
"""The palette of Okabe and Ito (2008), made for all kinds of color vision."""

MARKERS = ("o", "s", "^", "D", "v", "P")


def axes(ax: Axes | None, size: tuple[float, float] = (6.0, 4.0)) -> Axes:
    """Return `ax`, or the Axes of a new pyplot figure of this size (inches), which notebooks show."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


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
