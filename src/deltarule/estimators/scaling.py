"""Scaling: what ``standardize=True`` learns, and how it is folded into the parameters, and out of them.

With x′ = (x - m) / s, a first layer x′ W + b is x (W / s) + (b - (m / s) W): after a fit the network takes
rows as they are, and nothing has to be remembered to predict.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from deltarule.core.arrays import Array
from deltarule.estimators.samples import Samples
from deltarule.network import Network


class Scaling(NamedTuple):
    """The means and standard deviations of the inputs, (i,), and of the targets, (k,)."""

    x_mean: Array
    x_scale: Array
    y_mean: Array
    y_scale: Array

    def of(self, samples: Samples) -> Samples:
        """Return the rows scaled; an offset has the unit of the targets."""
        X, y, w, offset = samples
        X = _divided(X, self.x_scale) if sparse.issparse(X) else (X - self.x_mean) / self.x_scale
        if self.scales_targets:
            y = (y - self.y_mean) / self.y_scale
            offset = None if offset is None else offset / self.y_scale
        return Samples(X, y, w, offset)

    @property
    def scales_targets(self) -> bool:
        """Whether the targets are scaled, too."""
        return bool(np.any(self.y_mean != 0.0) or np.any(self.y_scale != 1.0))

    def fold(self, network: Network) -> None:
        """Turn parameters for scaled rows into those for rows as they are."""
        W, b = network.weights, network.biases
        with np.errstate(all="ignore"):
            W[0][:] /= self.x_scale[:, np.newaxis]
            b[0][:] -= self.x_mean @ W[0]
            W[-1][:] *= self.y_scale
            b[-1][:] = b[-1] * self.y_scale + self.y_mean

    def unfold(self, network: Network) -> None:
        """Turn parameters for rows as they are into those for scaled rows."""
        W, b = network.weights, network.biases
        W[-1][:] /= self.y_scale
        b[-1][:] = (b[-1] - self.y_mean) / self.y_scale
        b[0][:] += self.x_mean @ W[0]
        W[0][:] *= self.x_scale[:, np.newaxis]


def scaling_of(samples: Samples, scales_targets: bool) -> Scaling:
    """Return the scaling of weighted rows; a constant column is not divided, a sparse one not centered."""
    x_mean, x_scale = _fitted(samples.X, samples.w)
    k = samples.y.shape[1]
    y_mean, y_scale = np.zeros(k), np.ones(k)
    if scales_targets:
        y = samples.y if samples.offset is None else samples.y - samples.offset
        y_mean, y_scale = _fitted(y, samples.w)
    return Scaling(x_mean, x_scale, y_mean, y_scale)


def _fitted(X: Any, w: Any) -> tuple[Array, Array]:
    is_sparse = sparse.issparse(X)
    fitted = StandardScaler(with_mean=not is_sparse).fit(X, sample_weight=w)
    return np.zeros(X.shape[1]) if is_sparse else fitted.mean_, fitted.scale_


def _divided(X: Any, scale: Array) -> Any:
    return X @ sparse.diags_array(1.0 / scale, format="csr", dtype=X.dtype)
