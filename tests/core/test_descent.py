"""descend: gradient descent on a plain function, with its path."""

from __future__ import annotations

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
