"""ParameterPath: a callback that records where the parameters went, and the gradient norms on that way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from deltarule import preparation
from deltarule.core.arrays import Array, require_integer
from deltarule.core.losses import Loss
from deltarule.core.objective import Reduction
from deltarule.core.penalties import Penalty
from deltarule.network import Network
from deltarule.plots import style
from deltarule.training.reports import EpochReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ParameterPath:
    """A callback that records theta as it is now, and again after the epochs of a run; a second run goes on.

    It holds one vector of all parameters per recorded epoch: for large networks, take `every` larger.

    Arguments:
        net: the network that will be trained.
        every: record after every so many epochs, and after the last one planned.

    Raises:
        InputError: `every` is no whole number of at least 1.

    >>> import deltarule as dr
    >>> net = dr.Network([1, 1], activations=["identity"])
    >>> path = dr.plots.ParameterPath(net)
    >>> history = net.train([[0.0], [1.0]], [1.0, 3.0], epochs=5, callbacks=[path])
    >>> path.thetas.shape, path.epochs
    ((6, 2), [0, 1, 2, 3, 4, 5])
    """

    def __init__(self, net: Network, every: int = 1) -> None:
        self.net = net
        self.epochs = [0]
        self._every = require_integer("every", every, 1)
        self._seen = 0
        self._thetas = [net.theta.copy()]

    def __call__(self, report: EpochReport) -> None:
        """Record the parameters after an epoch."""
        self._seen += 1
        if self._seen % self._every == 0 or report.epoch == report.epochs:
            self.epochs.append(self._seen)
            self._thetas.append(self.net.theta.copy())

    @property
    def thetas(self) -> Array:
        """The parameters at the start and after each recorded epoch, (m + 1, p)."""
        return np.array(self._thetas)


def gradient_norms(
    path: ParameterPath,
    X: ArrayLike,
    y: ArrayLike,
    ax: Axes | None = None,
    *,
    loss: str | Loss = "mean_squared_error",
    reduction: Reduction = "mean",
    sample_weight: ArrayLike | None = None,
    penalty: str | Penalty | Sequence[Penalty] | None = None,
) -> Axes:
    """Draw ‖∂J/∂W‖ (Frobenius) of each layer at the start and after each recorded epoch, over all rows given.

    Arguments:
        path: the callback that recorded the run.
        X: inputs, (n, i).
        y: targets, (n, k) or, for one output, (n,).
        ax: where to draw; a new figure where it is left out.
        loss: a name or a ``dr.Loss``.
        reduction: whether J divides by the weight of the rows ("mean") or not ("sum").
        sample_weight: wᵢ ≥ 0, (n,).
        penalty: one or several.

    Raises:
        InputError: an argument cannot be used.

    >>> import deltarule as dr
    >>> net = dr.Network([1, 2, 1], activations=["tanh", "identity"])
    >>> path = dr.plots.ParameterPath(net)
    >>> history = net.train([[0.0], [1.0]], [1.0, 3.0], epochs=5, callbacks=[path])
    >>> [line.get_label() for line in dr.plots.gradient_norms(path, [[0.0], [1.0]], [1.0, 3.0]).lines]
    ['layer 1 (tanh)', 'layer 2 (identity)']
    """
    objective = preparation.objective_of(path.net.architecture, loss, reduction, penalty)
    rows = preparation.rows_for(objective, path.net.dtype, X, y, sample_weight)
    gradients = [objective.gradients(theta, rows).dW for theta in path.thetas]
    norms = np.array([[np.linalg.norm(dW) for dW in layers] for layers in gradients])
    ax = style.axes(ax)
    for layer, (activation, norm) in enumerate(zip(path.net.architecture.activations, norms.T, strict=True)):
        ax.plot(path.epochs, norm, **style.look(layer), label=f"layer {layer + 1} ({activation.name})")
    if (norms > 0.0).any():
        ax.set_yscale("log")
    ax.set_xlabel("epoch (0: before training)")
    ax.set_ylabel("‖∂J/∂W‖ (Frobenius norm)")
    style.plain_frame(ax)
    style.legend_beside(ax)
    return ax
