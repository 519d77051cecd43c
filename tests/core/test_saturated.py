"""Far from z = 0, where ŷ has been rounded to 0 or 1, a gradient must stay near the true one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deltarule.core.activations import SOFTMAX
from deltarule.core.losses import BINARY_CROSS_ENTROPY


def exact(z: Any, y: Any) -> tuple[Any, Any]:
    """ℓ and ∂ℓ/∂z of binary cross-entropy after a softmax over two outputs, ŷ₁ = σ(z₁ - z₂)."""
    gap = np.longdouble(z[:, 0]) - np.longdouble(z[:, 1])
    log_first, log_second = -np.logaddexp(0, -gap), -np.logaddexp(0, gap)
    weight_first = y[:, 0] + 1 - y[:, 1]  # both outputs ask for it: ŷ₁ = 1 - ŷ₂
    value = -(weight_first * log_first + (2 - weight_first) * log_second)
    slope = 2 * np.exp(log_first) - weight_first
    return value, np.column_stack([slope, -slope])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-6), ("float32", 1e-2)])
@pytest.mark.parametrize("size", [1.0, 3.0, 6.0])
def test_softmax_with_binary_cross_entropy_follows_the_exact_numbers(
    size: float, tolerance: float, dtype: Any
) -> None:
    z = np.array([[size, -size], [-size, size], [size, -size]], dtype=dtype)
    y = np.array([[1.0, 0.0], [1.0, 0.0], [0.3, 0.6]], dtype=dtype)
    a = SOFTMAX.value(z)
    value, delta = exact(z, y)
    np.testing.assert_allclose(BINARY_CROSS_ENTROPY.per_row(y, z, a, SOFTMAX), value, rtol=tolerance)
    np.testing.assert_allclose(
        BINARY_CROSS_ENTROPY.delta(y, z, a, SOFTMAX), delta, rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [9.0, 19.0, 40.0, 1e3, 1e4])
def test_softmax_with_binary_cross_entropy_does_not_explode(size: float, dtype: Any) -> None:
    z = np.array([[size, -size], [-size, size]], dtype=dtype)
    y = np.array([[0.0, 1.0], [0.0, 1.0]], dtype=dtype)
    a = SOFTMAX.value(z)
    assert np.all(np.abs(BINARY_CROSS_ENTROPY.delta(y, z, a, SOFTMAX)) <= 8.0)
    assert np.all(BINARY_CROSS_ENTROPY.per_row(y, z, a, SOFTMAX) <= 4 * size + 1e3)
