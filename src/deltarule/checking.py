"""check_gradients: a network's hand-derived gradient against central differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from deltarule.core.arrays import POSITIVE, require_integer, require_number
from deltarule.core.gradient_check import GradientCheck, check
from deltarule.core.losses import Loss
from deltarule.core.objective import Reduction
from deltarule.core.penalties import Penalty
from deltarule.network import Network
from deltarule.preparation import objective_of, rows_for


def check_gradients(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Loss = "mean_squared_error",
    reduction: Reduction = "mean",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty: str | Penalty | Sequence[Penalty] | None = None,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradientCheck:
    """Compare the hand-derived gradient with central differences, in float64 on a copy.

    Of each layer at most 200 parameters, chosen by ``seed``, are moved up and down by h; those that carry a
    unit across a kink (relu at 0) are counted, not judged. A layer is right when
    ‖g - ĝ‖ ≤ tolerance · (‖g‖ + ‖ĝ‖), up to rounding.

    Raises:
        InputError: an argument cannot be used, or the loss does not go with the output activation.

    >>> net = Network([2, 3, 1], activations=["tanh", "sigmoid"])
    >>> check_gradients(net, [[0.5, -1.0]], [1.0], loss="binary_cross_entropy").ok
    True
    """
    require_number("tolerance", tolerance, POSITIVE)
    theta = net.theta.astype(np.float64)
    objective = objective_of(net.architecture, loss, reduction, penalty)
    rows = rows_for(objective, theta.dtype, X, y, sample_weight, offset)
    return check(objective, theta, rows, tolerance, np.random.default_rng(require_integer("seed", seed, 0)))
