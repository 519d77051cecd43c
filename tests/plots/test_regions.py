"""Decision regions: each point of the plane has the color of the class that the network gives it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.contour import QuadContourSet

from deltarule import plots
from deltarule.errors import InputError
from deltarule.network import Network
from tests.plots.support import drawn, network

X = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])


def half_plane() -> Network:
    """Class 1 to the right of x₁ = 0."""
    net = Network([2, 1], ["sigmoid"], bias=False)
    net.weights[0] = [[1.0], [0.0]]
    return net


def three_rays() -> Network:
    net = Network([2, 3], ["softmax"], bias=False)
    net.weights[0] = [[0.0, -1.0, 1.0], [1.0, -1.0, -1.0]]
    return net


def regions(ax: Axes) -> list[QuadContourSet]:
    return [c for c in ax.collections if isinstance(c, QuadContourSet) and c.filled]


def boundaries(ax: Axes) -> list[QuadContourSet]:
    return [c for c in ax.collections if isinstance(c, QuadContourSet) and not c.filled]


def color_at(ax: Axes, x: float, y: float) -> set[tuple[float, ...]]:
    found = [region for region in regions(ax) if region.get_paths()[0].contains_point((x, y))]
    return {tuple(region.get_facecolor()[0]) for region in found}


def test_two_classes(ax: Axes) -> None:
    assert plots.decision_regions(half_plane(), X, [0, 1, 1, 0], ax, class_names=["no $", "yes"]) is ax
    drawn(ax)
    left, right = color_at(ax, -0.7, 0.4), color_at(ax, 0.7, 0.4)
    assert len(left) == len(right) == 1
    assert left != right
    for line in boundaries(ax):
        np.testing.assert_allclose(line.get_paths()[0].vertices[:, 0], 0.0, atol=1e-12)  # type: ignore[index]
    assert ax.get_title() == "3 of 4 rows right (75.0 %)", "the row on the boundary counts as class 0"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["no $", "yes"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x₁", "x₂")
    assert plt.get_fignums() == []


def test_rows_have_the_marker_of_their_class(ax: Axes) -> None:
    plots.decision_regions(half_plane(), X, [[0], [1], [1], [0]], ax)
    zero, one = (c for c in ax.collections if isinstance(c, PathCollection))
    np.testing.assert_array_equal(zero.get_offsets(), X[[0, 3]])
    np.testing.assert_array_equal(one.get_offsets(), X[[1, 2]])
    assert not np.array_equal(zero.get_facecolor(), one.get_facecolor())
    assert len(zero.get_paths()[0]) != len(one.get_paths()[0]), "circle and square"


def test_the_threshold_moves_the_boundary(ax: Axes) -> None:
    plots.decision_regions(half_plane(), X, [0, 1, 1, 0], ax, threshold=float(1 / (1 + np.exp(-0.5))))
    drawn(ax)
    for line in boundaries(ax):
        np.testing.assert_allclose(line.get_paths()[0].vertices[:, 0], 0.5, atol=1e-4)  # type: ignore[index]


def test_three_classes(ax: Axes) -> None:
    net, y = three_rays(), np.eye(3)[[1, 2, 0, 1]]
    plots.decision_regions(net, X, y, ax)
    drawn(ax)
    tints = [tuple(region.get_facecolor()[0]) for region in regions(ax)]
    assert len(set(tints)) == 3
    for point in ([-0.8, 0.1], [0.8, 0.1], [0.1, 0.9], [0.4, -0.9]):
        assert color_at(ax, *point) == {tints[net.predict([point]).argmax()]}
    grays = [np.dot(tint[:3], [0.299, 0.587, 0.114]) for tint in tints]
    assert min(abs(a - b) for a in grays for b in grays if a != b) > 0.03, "a gray print tells them apart"


def test_a_class_that_is_never_chosen_has_no_region(ax: Axes) -> None:
    net = half_plane()
    net.weights[0] = [[0.0], [0.0]]
    plots.decision_regions(net, X, [0, 0, 0, 0], ax, threshold=0.9)
    drawn(ax)
    assert len(regions(ax)) == 1
    assert not boundaries(ax)


def test_what_has_no_regions_is_refused() -> None:
    with pytest.raises(InputError, match="must have two inputs; got 3"):
        plots.decision_regions(network((3, 1)), np.ones((1, 3)), [1])
    with pytest.raises(InputError, match=r"`y` must have shape \(4,\) or \(4, 2\); got shape \(3,\)"):
        plots.decision_regions(half_plane(), X, [0, 1, 1])
    with pytest.raises(InputError, match="class numbers from 0 to 1; got 2"):
        plots.decision_regions(half_plane(), X, [0, 1, 2, 1])
    with pytest.raises(InputError, match="`class_names` must have 2 entries; got 1"):
        plots.decision_regions(half_plane(), X, [0, 1, 1, 0], class_names=["a"])
    with pytest.raises(InputError, match="`X` must have at least one row"):
        plots.decision_regions(half_plane(), np.empty((0, 2)), [])
    assert plt.get_fignums() == []
