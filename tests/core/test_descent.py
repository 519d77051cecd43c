"""descend: gradient descent on a plain function, with its path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import deltarule as dr


@given(start=st.floats(-10.0, 10.0), rate=st.floats(0.01, 0.9), steps=st.integers(0, 30))
def test_the_parabola_has_a_closed_form(start: float, rate: float, steps: int) -> None:
    """x ← x - η 2x gives xₙ = x₀ (1 - 2η)ⁿ."""
    path = dr.descend(lambda x: float(x[0] ** 2), lambda x: 2.0 * x, start, learning_rate=rate, steps=steps)
    expected = start * (1.0 - 2.0 * rate) ** np.arange(steps + 1)
    assert path.points.shape == (steps + 1, 1)
    np.testing.assert_allclose(path.points[:, 0], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(path.values, path.points[:, 0] ** 2, rtol=1e-15)


def test_the_paraboloid_of_the_lecture() -> None:
    path = dr.descend(lambda x: float(x @ x), lambda x: 2.0 * x, [10.0, 10.0], learning_rate=0.3, steps=7)
    expected = [10.0, 4.0, 1.6, 0.64, 0.256, 0.1024, 0.04096, 0.016384]
    np.testing.assert_allclose(path.points, np.column_stack([expected, expected]), rtol=1e-12)
    np.testing.assert_allclose(path.values[:3], [200.0, 32.0, 5.12], rtol=1e-12)
    assert path.values[6] == pytest.approx(0.0033554432, rel=1e-12)


def test_it_stops_where_it_is_flat() -> None:
    path = dr.descend(lambda x: float(x @ x), lambda x: 2.0 * x, [1.0, 1.0], steps=1000, tol=1e-3)
    assert 10 < len(path.points) < 100
    assert np.max(np.abs(2.0 * path.points[-1])) <= 1e-3
    assert np.max(np.abs(2.0 * path.points[-2])) > 1e-3


def test_start_is_left_alone_and_may_be_whole_numbers() -> None:
    start = np.array([10, 10])
    path = dr.descend(lambda x: float(x @ x), lambda x: 2 * x, start, steps=3)
    assert start.tolist() == [10, 10]
    assert path.points.dtype == np.float64


def test_a_rate_that_leads_nowhere_is_refused() -> None:
    for rate in (0.0, -0.1, float("nan")):
        with pytest.raises(dr.InputError, match="`learning_rate` must"):
            dr.descend(lambda x: 0.0, lambda x: x, [1.0], learning_rate=rate)


def test_a_diverging_path_ends_where_it_is_finite() -> None:
    path = dr.descend(
        lambda x: float(x @ x), lambda x: 2.0 * x, [10.0, -10.0], learning_rate=50.0, steps=1000
    )
    assert 50 < len(path.points) < 100
    assert len(path.values) == len(path.points)
    assert np.isfinite(path.points).all()
    assert np.isfinite(path.values).all()
    np.testing.assert_allclose(path.points[1:], path.points[:-1] * (1.0 - 2.0 * 50.0), rtol=1e-12)
    assert path.values[-1] > np.finfo(float).max / 99.0**2, "one more step would not be finite"


def test_a_gradient_that_is_not_finite_ends_the_path() -> None:
    path = dr.descend(lambda x: np.log(x[0]), lambda x: 1.0 / x, 1.0, learning_rate=0.7, steps=50)
    np.testing.assert_allclose(path.points[:, 0], [1.0, 0.3], rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tol": "a"}, "`tol` must be a finite number; got 'a'"),
        ({"tol": -1.0}, "`tol` must lie in"),
        ({"steps": 2.5}, "`steps` must be a whole number"),
        ({"learning_rate": "a"}, "`learning_rate` must be a finite number"),
        ({"start": "a"}, r"`start` must be one finite number or several, \(d,\); got could not convert"),
        ({"start": None}, "`start` must be one finite number or several.* got None"),
        ({"start": []}, r"`start` must be one finite number or several.* got \[\]"),
        ({"start": [[1.0, 2.0]]}, r"`start` must be one finite number or several.* got \[\[1.0, 2.0\]\]"),
        ({"start": [1.0, np.nan]}, r"`start` must be one finite number or several.* got \[1.0, nan\]"),
        ({"start": 1j}, "`start` must be one finite number or several.* complex"),
        ({"f": 3}, "`f` must be a function of a point"),
        ({"f": lambda x: x}, r"`f` must give one number; got shape \(2,\)"),
        ({"f": lambda x: None}, "`f` must give one number; got None"),
        ({"f": lambda x: np.nan}, "`f` must be finite at the start; got nan"),
        ({"grad": None}, "`grad` must be a function of a point"),
        (
            {"grad": lambda x: 1.0},
            r"`grad` must give one number per coordinate, shape \(2,\); got shape \(1,\)",
        ),
        ({"grad": lambda x: np.ones((2, 2))}, r"`grad` must give one number per coordinate.*\(2, 2\)"),
        ({"grad": lambda x: ["a", "b"]}, "`grad` must give one number per coordinate.*could not convert"),
    ],
)
def test_what_cannot_be_walked_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    call = {"f": lambda x: float(x @ x), "grad": lambda x: 2.0 * x, "start": [1.0, 2.0], **changes}
    with pytest.raises(dr.InputError, match=words):
        dr.descend(**call)
