"""Figures are closed and matplotlib's settings left alone, by every test of the pictures."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure


@pytest.fixture(autouse=True)
def settings_and_figures_are_left_alone() -> Iterator[None]:
    before = mpl.rcParams.copy()
    plt.close("all")
    yield
    assert mpl.rcParams.copy() == before
    plt.close("all")


@pytest.fixture
def ax() -> Axes:
    """An Axes that pyplot knows nothing of."""
    return Figure(layout="constrained").subplots()
