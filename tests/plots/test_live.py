"""Live: what is drawn during a run, where it is shown, and the animation it leaves."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import deltarule as dr
from deltarule import plots
from deltarule.errors import InputError
from tests.plots.support import lines, network

X = np.linspace(-1.0, 1.0, 9)[:, None]


def train(live: plots.Live, epochs: int = 6, **settings: Any) -> dr.History:
    return network((1, 1)).train(X, 2 * X, epochs=epochs, callbacks=[live], **settings)


def test_the_last_picture_is_the_whole_run() -> None:
    live = plots.Live(frames=3)
    run = train(live)
    assert live.epochs == [2, 4, 6]
    np.testing.assert_array_equal(lines(live.figure.axes[0])["training"].get_ydata(), run.loss)
    assert plt.get_fignums() == []


def test_few_epochs_have_a_picture_each() -> None:
    live = plots.Live()
    train(live, epochs=4)
    assert live.epochs == [1, 2, 3, 4]


def test_a_drawing_of_ones_own_sees_the_history_so_far() -> None:
    seen: list[tuple[int, int]] = []
    figure = plt.figure()
    live = plots.Live(lambda h, f: seen.append((len(h.epochs), len(f.axes))), frames=2, figure=figure)
    train(live)
    assert seen == [(3, 0), (6, 0)]
    assert live.figure is figure


def test_the_animation_has_the_pictures(tmp_path: Path) -> None:
    live = plots.Live(frames=3, figure=Figure(figsize=(3, 2)))
    train(live)
    live.save(tmp_path / "run.gif", pictures_per_second=5)
    with Image.open(tmp_path / "run.gif") as animation:
        assert animation.format == "GIF"
        assert animation.size == (300, 200)
        frames = []
        for number in range(animation.n_frames):  # type: ignore[attr-defined]
            animation.seek(number)
            frames.append((np.asarray(animation.convert("L")), animation.info["duration"]))
    assert len(frames) == 3
    assert not np.array_equal(frames[0][0], frames[1][0])
    assert [duration for _, duration in frames] == [200, 200, 2200], "the last one stays, in milliseconds"


def test_a_run_that_ended_early_ends_with_its_last_epoch(tmp_path: Path) -> None:
    live = plots.Live(frames=2)
    network((1, 1)).train(X, 2 * X, epochs=10, callbacks=[live, lambda report: report.epoch == 7])
    assert live.epochs == [5]
    live.save(tmp_path / "run.gif")
    assert live.epochs == [5, 7]
    live.save(tmp_path / "again.gif")
    assert live.epochs == [5, 7]


def test_a_new_run_starts_anew() -> None:
    live = plots.Live(frames=2)
    train(live)
    run = train(live, epochs=2)
    assert live.epochs == [1, 2]
    np.testing.assert_array_equal(lines(live.figure.axes[0])["training"].get_ydata(), run.loss)


def test_without_a_run_there_is_no_animation(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs a run; got none\. Train with callbacks=\[live\] first\."):
        plots.Live().save(tmp_path / "run.gif")
    with pytest.raises(InputError, match="`frames` must be at least 1; got 0"):
        plots.Live(frames=0)
    live = plots.Live()
    train(live, epochs=1)
    with pytest.raises(InputError, match="`pictures_per_second` must be at least 1"):
        live.save(tmp_path / "run.gif", pictures_per_second=0)
    assert not list(tmp_path.iterdir())


class Notebook:
    """A stand-in for IPython and the notebook around it: it remembers what was shown where."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kernel: object) -> None:
        self.shown: list[list[bytes]] = []
        ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
        ipython.get_ipython = lambda: SimpleNamespace(kernel=kernel)  # type: ignore[attr-defined]
        ipython.version_info = (9, 0)  # type: ignore[attr-defined]  # matplotlib asks, once per process
        display.Image = lambda data: data  # type: ignore[attr-defined]
        display.display = self.display  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", display)

    def display(self, picture: bytes, display_id: bool) -> SimpleNamespace:
        assert display_id
        place = [picture]
        self.shown.append(place)
        return SimpleNamespace(update=place.append)


def test_a_notebook_shows_one_picture_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch, kernel=object())
    live = plots.Live(frames=3)
    train(live)
    assert [len(place) for place in notebook.shown] == [3]
    assert len(set(notebook.shown[0])) == 3
    assert all(picture.startswith(b"\x89PNG") for picture in notebook.shown[0])
    train(live)
    assert [len(place) for place in notebook.shown] == [3, 3], "a new run has a picture of its own"


def test_ipython_in_a_terminal_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch, kernel=None)
    train(plots.Live(frames=3))
    assert notebook.shown == []
