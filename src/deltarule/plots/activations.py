"""An activation and its slope as curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.arrays import Array
from deltarule.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def activation(
    which: Activation | str, ax: Axes | None = None, *, low: float = -5.0, high: float = 5.0
) -> Axes:
    """Draw φ(z) and φ′(z) for z from `low` to `high`.

    An activation over several units (softmax) is drawn for the first of two units, the other held at z = 0.

    Arguments:
        which: a name or a record.
        ax: where to draw; a new figure where it is left out.
        low: the smallest z.
        high: the largest z.

    Raises:
        InputError: there is no activation of that name.

    >>> import deltarule as dr
    >>> dr.plots.activation("tanh").get_xlabel()
    'z'
    """
    record = which if isinstance(which, Activation) else ACTIVATIONS.find(which)
    ax = style.axes(ax)
    z = np.union1d(np.linspace(low, high, 401), [kink for kink in record.kinks if low < kink < high])
    value, slope = _curves(record, z)
    ax.plot(z, value, "-", color=style.BLUE, linewidth=1.8, label="value φ(z)")
    ax.plot(z, slope, "--", color=style.VERMILION, linewidth=1.8, label="slope φ′(z)")
    ax.set_xlabel("z")
    ax.set_ylabel("φ(z), φ′(z)")
    ax.set_title(_title(record), fontsize="medium", pad=10.0)
    style.plain_frame(ax)
    style.legend(ax)
    return ax


def _curves(record: Activation, z: Array) -> tuple[Array, Array]:
    """Return φ and φ′ at each z; φ′ is NaN, a gap in the curve, where it jumps."""
    inputs = z[:, None] if record.slope is not None else np.column_stack([z, np.zeros_like(z)])
    a = record.value(inputs)
    d_a = np.zeros_like(a)
    d_a[:, 0] = 1.0
    slope = record.derivative(inputs, a, d_a)[:, 0]
    return a[:, 0], np.where(np.isin(z, record.kinks), np.nan, slope)


def _title(record: Activation) -> str:
    name = record.name.replace("$", r"\$")
    if record.slope is None:
        name += " (first of two units, the other at z = 0)"
    formula = (
        record.formula.replace(r"\tfrac", r"\frac").replace(r"\frac", r"\dfrac").replace(r"\le ", r"\leq ")
    )
    return f"{name}\n$\\varphi(z) = {formula}$" if _can_be_set(formula) else name


def _can_be_set(formula: str) -> bool:
    """Return whether matplotlib, which knows a part of LaTeX, can set the formula."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(f"${formula}$")
    except ValueError:
        return False
    return bool(formula)
