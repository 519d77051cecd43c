"""The weights of a layer as a heat map, or as one image per unit where the inputs are images."""

from __future__ import annotations

from math import ceil, prod, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from deltarule.core.arrays import Array, require_integer
from deltarule.errors import InputError, message
from deltarule.network import Network
from deltarule.plots import style
from deltarule.plots.unit_values import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

MOST_NUMBERS = 64  # numbers or names of units that are written
LONGEST_SQUARES = 4  # times as long as wide; longer maps have no square cells
HEADROOM = 0.22  # above each image, for the number of its unit, as a share of its height


def weight_map(
    net: Network, layer: int = 1, ax: Axes | None = None, *, shape: tuple[int, int] | None = None
) -> Axes:
    """Draw W of one layer: yellow is negative, gray is 0, blue is positive; darker all the way.

    With `shape`, each unit's weights are one image, as large as the images that it gets.

    Arguments:
        net: the network; its weights are drawn as they are now.
        layer: from 1.
        ax: where to draw; a new figure where it is left out.
        shape: (rows, columns) of the images that are the layer's inputs, such as (28, 28).

    Raises:
        InputError: there is no such layer, or the images have another number of pixels than the layer inputs.

    >>> import deltarule as dr
    >>> ax = dr.plots.weight_map(dr.Network([3, 2, 1], activations=["tanh", "identity"]))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('unit of hidden layer 1', 'input')
    """
    W = np.asarray(
        net.weights[require_integer("layer", layer, 1, net.architecture.n_layers) - 1], dtype=float
    )
    if shape is not None:
        _require_pixels(shape, len(W))
    if shape is None:
        ax = style.axes(ax, _size_of_map(W), "compressed")
        image = _draw_matrix(ax, W)
    else:
        ax = style.axes(ax, (6.4, 5.6), "compressed")
        image = _draw_images(ax, W, shape)
    ax.figure.colorbar(image, ax=ax, label="weight w", shrink=0.9)
    _label(ax, net, layer, images=shape is not None)
    return ax


def _require_pixels(shape: tuple[int, int], inputs: int) -> None:
    pixels = prod(require_integer("shape", length, 1) for length in shape)
    if np.shape(shape) != (2,) or pixels != inputs:
        asked = (
            f"`shape` must be (rows, columns) of images with as many pixels as the layer has inputs, {inputs}"
        )
        raise InputError(message(asked, found=f"{shape}, {pixels} pixels"))


def _size_of_map(W: Array) -> tuple[float, float]:
    """Return a size in inches for which the cells are about square."""
    i, o = W.shape
    return min(10.0, max(3.6, 2.0 + 0.5 * o)), min(8.0, max(3.2, 1.2 + 0.4 * i))


def _draw_matrix(ax: Axes, W: Array) -> AxesImage:
    from matplotlib.ticker import MaxNLocator

    (i, o), largest = W.shape, style.largest(W)
    aspect: Literal["equal", "auto"] = "equal" if max(i, o) <= LONGEST_SQUARES * min(i, o) else "auto"
    extent = (0.5, o + 0.5, i + 0.5, 0.5)
    image = ax.imshow(W, cmap=style.SIGNED, vmin=-largest, vmax=largest, extent=extent, aspect=aspect)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    if W.size <= MOST_NUMBERS:
        for (row, column), w in np.ndenumerate(W):
            color = "white" if w > 0.05 * largest else "black"
            ax.text(
                column + 1, row + 1, short(float(w)), ha="center", va="center", color=color, fontsize="small"
            )
    return image


def _draw_images(ax: Axes, W: Array, shape: tuple[int, int]) -> AxesImage:
    """Draw the weights of all units as one picture of tiles, row by row, with gaps."""
    (height, width), units, largest = shape, W.shape[1], style.largest(W)
    columns = ceil(sqrt(units))
    top, gap = ceil(HEADROOM * height), max(1, round(0.08 * width))
    picture = np.full((ceil(units / columns) * (height + top), columns * (width + gap) - gap), np.nan)
    for unit in range(units):
        y, x = unit // columns * (height + top) + top, unit % columns * (width + gap)
        picture[y : y + height, x : x + width] = W[:, unit].reshape(shape)
        if units <= MOST_NUMBERS:
            middle = x + width / 2 - 0.5
            ax.text(middle, y - 0.6, str(unit + 1), ha="center", va="bottom", fontsize=max(5, 11 - columns))
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    return ax.imshow(picture, cmap=style.SIGNED, vmin=-largest, vmax=largest)


def _label(ax: Axes, net: Network, layer: int, images: bool) -> None:
    last = net.architecture.n_layers
    unit = "output" if layer == last else f"unit of hidden layer {layer}"
    if images:
        ax.set_xlabel(f"one image per {unit}: pixel columns across")
        ax.set_ylabel("pixel rows downward")
        return
    ax.set_xlabel(unit)
    ax.set_ylabel("input" if layer == 1 else f"unit of hidden layer {layer - 1}")
