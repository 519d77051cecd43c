"""Numbers in the units of a diagram: the activations or the deltas of one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from deltarule.core.arrays import Array, require_choice
from deltarule.core.losses import Loss
from deltarule.errors import InputError, message
from deltarule.network import Network
from deltarule.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values: TypeAlias = Literal["activations", "deltas"]
Color: TypeAlias = tuple[float, float, float]

NAMES = {"activations": "activation a", "deltas": "delta ∂ℓ/∂z"}
LETTERS = 5  # of the longest number
LETTER = 0.6  # width of a letter, as a share of the font size
INNER_WIDTH = 0.8  # for the number, as a share of the diameter
SMALLEST_FONT = 4.0  # in points; smaller numbers are left out
STRONGEST = 0.6  # share of color in the unit with the largest number; the number stays readable


def unit_values(
    net: Network, values: Values | None, x: ArrayLike | None, y: ArrayLike | None, loss: str | Loss
) -> list[Array | None]:
    """Return the numbers of each layer's units, (width,), inputs first; None where units stay empty.

    Raises:
        InputError: the row or its target is missing or cannot be used.
    """
    if values is None:
        return [None] * len(net.architecture.widths)
    require_choice("values", values, NAMES)
    row = _row("x", x, "Try x=X[0].")
    if values == "activations":
        return [np.ravel(row), *(step.a[0] for step in net.forward(row))]
    target = _row("y", y, "Try y=y[0].")
    return [None, *(delta[0] for delta in net.gradients(row, target, loss=loss).delta)]


def _row(name: str, given: ArrayLike | None, hint: str) -> ArrayLike:
    """Return one row, (1, width)."""
    row = None if given is None else np.atleast_2d(given)
    if row is None or row.ndim != 2 or len(row) != 1:
        found = "none" if row is None else f"shape {row.shape}"
        raise InputError(message(f"`values` needs one row `{name}`", found=found, hint=hint))
    return row


def fills(values: Array) -> list[Color]:
    """Return the colors of the units that hold a layer's numbers: by sign, stronger the larger."""
    size = np.nan_to_num(values / style.largest(values), nan=0.0, posinf=1.0, neginf=-1.0)
    return [tint(style.BLUE if share > 0 else style.VERMILION, STRONGEST * abs(share)) for share in size]


def write_values(ax: Axes, x: float, heights: list[float], values: Array, radius: float) -> None:
    """Write a layer's numbers into its units, of that radius in points."""
    font = 2 * radius * INNER_WIDTH / (LETTERS * LETTER)
    if font >= SMALLEST_FONT:
        for height, value in zip(heights, values, strict=True):
            ax.text(x, height, short(value), ha="center", va="center_baseline", fontsize=font, zorder=4)


def tint(color: str, share: float) -> Color:
    """Return the color mixed with white."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1.0 + (part - 1.0) * share for part in to_rgb(color))
    return red, green, blue


def short(value: float) -> str:
    """Return a number in at most five letters.

    >>> [short(value) for value in (0.0, -0.4217, 12.34, 1234.0, -0.00012)]
    ['0', '−0.42', '12', '1e3', '−1e−4']
    """
    size = abs(value)
    if size == 0.0 or not np.isfinite(size):
        text = f"{value:.0f}"
    elif 0.01 <= size < 9.995:
        text = f"{value:.2f}"
    elif 9.995 <= size < 999.5:
        text = f"{value:.0f}"
    else:
        digits, _, exponent = f"{value:.0e}".partition("e")
        text = f"{digits}e{int(exponent)}"
    return text.replace("-", "−")
