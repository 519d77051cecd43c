"""The loss surface: the objective over two parameters, with the path that a descent has taken on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from deltarule import preparation
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array, require_integer
from deltarule.core.losses import Loss
from deltarule.core.objective import Objective, Reduction, Rows
from deltarule.core.penalties import Penalty
from deltarule.errors import InputError, message
from deltarule.network import Network
from deltarule.plots import style
from deltarule.plots.parameter_path import ParameterPath

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Limits: TypeAlias = tuple[float, float]

LEVELS = 14
MANY_STEPS = 60  # have no marker each
MARGIN = 0.2  # of what the path spans, on each side
NAME = re.compile(r"([Wb])(\d+)\[\s*(\d+)\s*(?:,\s*(\d+)\s*)?\]")


class Grid(NamedTuple):
    """J at each pair of values: u (c,) across, v (r,) upward, J (r, c)."""

    u: Array
    v: Array
    J: Array


def loss_surface(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    parameters: tuple[int | str, int | str] = (0, 1),
    ax: Axes | None = None,
    *,
    path: ParameterPath | None = None,
    limits: tuple[Limits, Limits] | None = None,
    resolution: int = 60,
    loss: str | Loss = "mean_squared_error",
    reduction: Reduction = "mean",
    sample_weight: ArrayLike | None = None,
    penalty: str | Penalty | Sequence[Penalty] | None = None,
) -> Axes:
    """Draw J as contours over two parameters, the others held at what they are now in the network.

    The star is the network as it is now. A path is drawn by its two coordinates; where the network has more
    than two parameters, the others moved as well, so J on the way was not that of the surface below it.

    Arguments:
        net: the network.
        X: inputs, (n, i).
        y: targets, (n, k) or, for one output, (n,).
        parameters: two places in ``net.theta``, or names: "W1[0, 0]" is ``net.weights[0][0, 0]``, "b1[0]" is
            ``net.biases[0][0]``. The first two, where left out, are (w, b) of a network of one weight.
        ax: where to draw; a new figure where it is left out.
        path: the callback that recorded the run.
        limits: (low, high) of both parameters; around the path, or the network, where it is left out.
        resolution: values per axis; J is computed for each pair.
        loss: a name or a ``dr.Loss``.
        reduction: whether J divides by the weight of the rows ("mean") or not ("sum").
        sample_weight: wᵢ ≥ 0, (n,).
        penalty: one or several.

    Raises:
        InputError: there is no such parameter, both are the same, or another argument cannot be used.

    >>> import deltarule as dr
    >>> net = dr.Network([1, 1], activations=["identity"])
    >>> ax = dr.plots.loss_surface(net, [[0.0], [1.0]], [1.0, 3.0], ("W1[0, 0]", "b1[0]"), resolution=9)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('W1[0, 0]', 'b1[0]')
    """
    pair = _two_places(net.architecture, parameters)
    objective = preparation.objective_of(net.architecture, loss, reduction, penalty)
    rows = preparation.rows_for(objective, net.dtype, X, y, sample_weight)
    walked = net.theta[None, pair] if path is None else path.thetas[:, pair]
    across, upward = limits or _limits_around(np.vstack([walked, net.theta[pair]]))
    _require_order(across, upward)
    n = require_integer("resolution", resolution, 2)
    grid = _compute(objective, net.theta, rows, pair, np.linspace(*across, n), np.linspace(*upward, n))
    ax = style.axes(ax, (6.4, 4.8))
    _draw_surface(ax, grid)
    _draw_path(ax, walked, net.theta[pair])
    ax.set(xlim=across, ylim=upward)
    _label(ax, net.architecture, pair)
    return ax


def _two_places(architecture: Architecture, parameters: tuple[int | str, int | str]) -> list[int]:
    places = [place_of(architecture, parameter) for parameter in parameters]
    if len(places) != 2 or places[0] == places[1]:
        asked = "`parameters` must be two different ones"
        raise InputError(message(asked, found=repr(parameters), hint='Try ("W1[0, 0]", "b1[0]").'))
    return places


def place_of(architecture: Architecture, parameter: int | str) -> int:
    """Return where in theta a parameter lies, given by that place or by its name.

    Raises:
        InputError: there is no such parameter.
    """
    if not isinstance(parameter, str):
        return require_integer("parameters", parameter, 0, architecture.n_parameters - 1)
    found = NAME.fullmatch(parameter.strip())
    if found is not None:
        letter, layer, *indices = found.groups()
        places = architecture.views(np.arange(architecture.n_parameters, dtype=float))
        arrays = (places.W if letter == "W" else places.b)[int(layer) - 1 : int(layer)]
        index = tuple(int(each) for each in indices if each is not None)
        if arrays and arrays[0] is not None and _lies_in(index, arrays[0].shape):
            return int(arrays[0][index])
    first, last = name_of(architecture, 0), name_of(architecture, architecture.n_parameters - 1)
    allowed = f"names from {first} to {last}, or places in net.theta"
    raise InputError(
        message("there must be a parameter of that name", found=repr(parameter), allowed=allowed)
    )


def _lies_in(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(index) == len(shape) and all(i < n for i, n in zip(index, shape, strict=True))


def name_of(architecture: Architecture, place: int) -> str:
    """Return the name of the parameter at a place of theta, such as "W1[0, 0]"."""
    for layer, (where, shape) in enumerate(zip(architecture.places, architecture.shapes(), strict=True), 1):
        if place < where.W.stop:
            i, o = np.unravel_index(place - where.W.start, shape)
            return f"W{layer}[{i}, {o}]"
        if place < where.b.stop:
            return f"b{layer}[{place - where.b.start}]"
    raise IndexError(place)


def _limits_around(points: Array) -> tuple[Limits, Limits]:
    """Return limits of both parameters that leave a margin around the points, (m, 2)."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, MARGIN * (high - low), np.maximum(1.0, np.abs(high)))
    (u, v), (u_, v_) = low - margin, high + margin
    return (float(u), float(u_)), (float(v), float(v_))


def _require_order(*limits: Limits) -> None:
    for low, high in limits:
        if not low < high:
            raise InputError(message("`limits` must be (low, high) of both parameters", found=f"{limits}"))


def _compute(objective: Objective, theta: Array, rows: Rows, pair: list[int], u: Array, v: Array) -> Grid:
    """Return J for each pair of values of two parameters; NaN where it is not finite."""
    theta, J = theta.copy(), np.empty((len(v), len(u)))
    with np.errstate(all="ignore"):
        for r, c in np.ndindex(J.shape):
            theta[pair] = u[c], v[r]
            J[r, c] = objective.value(theta, *objective.losses(theta, rows))
    return Grid(u, v, np.where(np.isfinite(J), J, np.nan))


def _draw_surface(ax: Axes, grid: Grid) -> None:
    """Draw contours that lie as far apart as those of a bowl: their heights grow with the square."""
    low, high = np.nanmin(grid.J), np.nanmax(grid.J)
    levels = low + (high - low or 1.0) * np.linspace(0.0, 1.0, LEVELS + 1) ** 2
    filled = ax.contourf(*grid, levels=levels, cmap="cividis")
    ax.contour(*grid, levels=levels, colors="white", linewidths=0.5, alpha=0.6)
    ax.figure.colorbar(filled, ax=ax, label="objective J", format="%.2g")


def _draw_path(ax: Axes, walked: Array, now: Array) -> None:
    if len(walked) > 1:
        (u, v), marker = walked.T, "o" if len(walked) <= MANY_STEPS else ""
        ax.plot(u, v, color="white", linewidth=3.2, zorder=3)
        ax.plot(u, v, color=style.VERMILION, linewidth=1.6, marker=marker, ms=3, zorder=4, label="path")
        ax.plot(u[:1], v[:1], "s", color="white", mec=style.INK, ms=7, zorder=4, label="start")
    ax.plot(now[:1], now[1:], "*", color=style.ORANGE, mec=style.INK, ms=14, zorder=5, label="now")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize="small")


def _label(ax: Axes, architecture: Architecture, pair: list[int]) -> None:
    others = architecture.n_parameters - 2
    held = "\n(the other one as it is now)" if others == 1 else f"\n(the other {others:,} as they are now)"
    ax.set_xlabel(name_of(architecture, pair[0]) + (held if others else ""))
    ax.set_ylabel(name_of(architecture, pair[1]))
