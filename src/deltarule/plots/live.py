"""Live: a callback that draws while a network learns, in a notebook or a window, and keeps an animation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias

from deltarule.core.arrays import require_integer
from deltarule.errors import InputError, message
from deltarule.plots.curves import learning_curves
from deltarule.training.reports import EpochReport, History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Draw: TypeAlias = Callable[[History, Figure], object]


class Live:
    """A callback that draws the run so far on one figure, and shows it where there is a notebook or a window.

    A new run starts a new animation.

    Arguments:
        draw: called with the history so far and an empty figure; the learning curves where it is left out.
        frames: how many pictures of a run, at most, spread over the epochs planned; each takes about as long
            as drawing the figure once.
        figure: where to draw, such as one of `plt.figure()` that has a window; a new one of 6 by 4 inches
            where it is left out.

    Raises:
        InputError: `frames` is no whole number of at least 1.

    >>> import deltarule as dr
    >>> net, live = dr.Network([1, 1], activations=["identity"]), dr.plots.Live(frames=3)
    >>> history = net.train([[0.0], [1.0]], [1.0, 3.0], epochs=6, callbacks=[live])
    >>> live.epochs
    [2, 4, 6]
    """

    def __init__(self, draw: Draw | None = None, *, frames: int = 50, figure: Figure | None = None) -> None:
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=(6.0, 4.0), layout="constrained") if figure is None else figure
        self.epochs: list[int] = []
        self._draw = _learning_curves if draw is None else draw
        self._frames = require_integer("frames", frames, 1)
        self._history = History("", "", 0)
        self._pictures: list[bytes] = []
        self._display: Any = None

    def __call__(self, report: EpochReport) -> None:
        """Take an epoch in, and draw where it is its turn."""
        if report.epoch == 1:
            self._history, self.epochs, self._pictures, self._display = History("", "", 0), [], [], None
        self._history.epochs.append(report)
        if report.epoch % -(-report.epochs // self._frames) == 0:
            self._show(report.epoch)

    def save(self, path: str | PathLike[str], *, pictures_per_second: int = 10) -> None:
        """Write the pictures of the last run as an animated GIF; the last one stays for two seconds.

        Raises:
            InputError: nothing was drawn yet, or the speed is no whole number of at least 1.
        """
        from matplotlib.animation import PillowWriter
        from matplotlib.figure import Figure
        from matplotlib.image import imread

        speed = require_integer("pictures_per_second", pictures_per_second, 1)
        self._draw_last()
        pictures = [imread(BytesIO(picture), format="png") for picture in self._pictures]
        height, width, _ = pictures[0].shape
        canvas = Figure(figsize=(width / 100, height / 100), dpi=100)
        image, writer = canvas.figimage(pictures[0]), PillowWriter(fps=speed)
        with writer.saving(canvas, str(path), dpi=100):
            for picture in [*pictures, *pictures[-1:] * (2 * speed)]:
                image.set_data(picture)
                writer.grab_frame()

    def _draw_last(self) -> None:
        """Draw the last epoch if a run that ended early has none of it."""
        if not self._history.epochs:
            hint = "Train with callbacks=[live] first."
            raise InputError(message("an animation needs a run", found="none", hint=hint))
        last = self._history.epochs[-1].epoch
        if last not in self.epochs:
            self._show(last)

    def _show(self, epoch: int) -> None:
        self.figure.clear()
        self._draw(self._history, self.figure)
        self.epochs.append(epoch)
        self._pictures.append(self._picture())
        if _in_a_notebook():
            self._show_in_notebook()
        else:
            self.figure.canvas.draw_idle()
            self.figure.canvas.flush_events()

    def _picture(self) -> bytes:
        """Return the figure as PNG; all pictures have one size, whatever the user's settings crop."""
        from matplotlib import rc_context

        png = BytesIO()
        with rc_context({"savefig.bbox": None}):
            self.figure.savefig(png, format="png", dpi=self.figure.dpi)
        return png.getvalue()

    def _show_in_notebook(self) -> None:
        notebook: Any = import_module("IPython.display")
        picture = notebook.Image(data=self._pictures[-1])
        if self._display is None:
            self._display = notebook.display(picture, display_id=True)
        else:
            self._display.update(picture)


def _learning_curves(history: History, figure: Figure) -> None:
    learning_curves(history, ax=figure.subplots())


def _in_a_notebook() -> bool:
    """Return whether this runs in the kernel of a notebook, which can update a picture that it has shown."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None
