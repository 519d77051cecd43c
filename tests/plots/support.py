"""What the tests of the pictures share: histories, networks, and drawing for real."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from deltarule.network import Network
from deltarule.training.reports import EpochReport, History, Stop


def drawn(ax: Axes) -> None:
    """Draw for real, so that what fails only when drawn fails here; warnings are errors."""
    ax.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]


def history(losses: list[float], validation: list[float] | None = None, steps: bool = False) -> History:
    reports = [
        EpochReport(
            epoch=epoch,
            epochs=len(losses),
            loss=loss,
            penalty=0.0,
            validation_loss=validation[epoch - 1] if validation else None,
            metrics={"rmse": 2 * loss},
            validation_metrics={"rmse": 2 * validation[epoch - 1]} if validation else {},
            learning_rate=0.1,
            seconds=0.1,
            step_losses=np.array([loss * 2, loss]) if steps else None,
        )
        for epoch, loss in enumerate(losses, start=1)
    ]
    return History("reference", "", 0, reports, Stop("epochs", f"ran all {len(losses)} epochs"))


def lines(ax: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in ax.lines}


def network(widths: tuple[int, ...], bias: bool = True) -> Network:
    return Network(widths, ["tanh"] * (len(widths) - 2) + ["identity"], bias=bias)
