"""Weight maps: every weight is at its place, zero in the middle of the scale, and darker means larger."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

from deltarule import plots
from deltarule.errors import InputError
from deltarule.plots import style
from tests.plots.support import drawn, network


def test_the_map_is_the_matrix(ax: Axes) -> None:
    net = network((3, 2, 1))
    net.weights[0] = [[1.0, -2.0], [0.5, 0.0], [-0.25, 1.0]]
    assert plots.weight_map(net, ax=ax) is ax
    drawn(ax)
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array(), net.weights[0])
    assert image.get_clim() == (-2.0, 2.0)
    assert [text.get_text() for text in ax.texts] == ["1.00", "−2.00", "0.50", "0", "−0.25", "1.00"]
    assert [text.get_position() for text in ax.texts][1] == (2, 1), "from unit 1 to unit 2, counted from 1"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("unit of hidden layer 1", "input")
    assert plt.get_fignums() == []


def test_the_output_layer(ax: Axes) -> None:
    net = network((3, 2, 1))
    plots.weight_map(net, 2, ax)
    np.testing.assert_array_equal(ax.images[0].get_array(), net.weights[1])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("output", "unit of hidden layer 1")


def test_a_large_map_has_no_numbers(ax: Axes) -> None:
    plots.weight_map(network((100, 8, 1)), ax=ax)
    drawn(ax)
    assert not ax.texts


def test_images_are_the_weights_of_each_unit(ax: Axes) -> None:
    net = network((6, 5, 1))
    plots.weight_map(net, ax=ax, shape=(2, 3))
    drawn(ax)
    picture = np.asarray(ax.images[0].get_array().filled(np.nan))  # type: ignore[union-attr]
    assert np.isfinite(picture).sum() == 6 * 5
    for unit, text in enumerate(ax.texts):
        x, y = text.get_position()
        left, top = round(x - 1.0), round(y + 0.6)
        np.testing.assert_array_equal(
            picture[top : top + 2, left : left + 3], net.weights[0][:, unit].reshape(2, 3)
        )
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3", "4", "5"]
    assert "pixel columns" in ax.get_xlabel()
    assert "pixel rows" in ax.get_ylabel()


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_weights_without_a_largest(ax: Axes, value: float) -> None:
    net = network((2, 2, 1))
    net.theta[:] = value
    plots.weight_map(net, ax=ax)
    drawn(ax)


def test_the_scale_keeps_signs_in_a_gray_print() -> None:
    colors = mpl.colormaps[style.SIGNED](np.linspace(0, 1, 21))[:, :3]
    gray = colors @ [0.299, 0.587, 0.114]
    assert (np.diff(gray) < 0).all()


def test_no_such_layer_or_image_is_refused() -> None:
    with pytest.raises(InputError, match="`layer` must be between 1 and 2"):
        plots.weight_map(network((6, 5, 1)), 3)
    with pytest.raises(InputError, match=r"as the layer has inputs, 6; got \(2, 2\), 4 pixels"):
        plots.weight_map(network((6, 5, 1)), shape=(2, 2))
    with pytest.raises(InputError, match=r"got \(6,\), 6 pixels"):
        plots.weight_map(network((6, 5, 1)), shape=(6,))  # type: ignore[arg-type]
    assert plt.get_fignums() == []
