"""What Network.predict does: a few plain rows go straight to compiled code, all else through the border."""

from __future__ import annotations

from numpy.typing import ArrayLike

from deltarule import inputs
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.engines.native.engine import FewRows
from deltarule.engines.selection import NATIVE


class Prediction:
    """Predictions of one architecture, for whatever parameters it is given."""

    def __init__(self, architecture: Architecture) -> None:
        self._architecture = architecture
        self._few_rows = FewRows(architecture)

    def __call__(self, theta: Array, X: ArrayLike, offset: ArrayLike | None) -> Array:
        """Return ŷ, (n, k)."""
        y_hat = self._few_rows.predict(theta, X) if offset is None else None
        if y_hat is not None:
            return y_hat
        X_ = inputs.matrix("X", X, self._architecture.n_inputs, theta.dtype)
        offset_ = inputs.offset_of(offset, len(X_), self._architecture.n_outputs, theta.dtype)
        return NATIVE.predict(self._architecture, theta, X_, offset_)
