"""What a fitted estimator answers: the outputs, the pre-activations and the activations of its network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_feature_names, _check_n_features, check_is_fitted, validate_data

from deltarule import inputs
from deltarule.core.arrays import Array, require_integer
from deltarule.core.equations import Step
from deltarule.data.tables import is_data_frame
from deltarule.data.transforms import TableTransform
from deltarule.errors import InputError, message
from deltarule.estimators.sparse_inputs import blocks_of, dense
from deltarule.network import Network


class Predicting(BaseEstimator, ABC):
    """An estimator with a network; a sparse X is made dense block by block."""

    network_: Network
    transform_: TableTransform | None

    def predict(self, X: Any, offset: Any = None) -> Any:
        """Return the predictions for X, (n, i): (n,), or (n, k) for several outputs.

        An offset, (n, k) or (n,), is added to z of the output layer.
        """
        check_is_fitted(self)
        return self._predict(X, offset)

    def hidden_activations(self, X: Any, layer: int | None = None) -> Array:
        """Return the activations a of a hidden layer for X, (n, i): (n, width).

        Arguments:
            X: rows as for ``predict``.
            layer: from 1, the first hidden layer; None is the last.

        Raises:
            ValueError: there is no such hidden layer.
        """
        check_is_fitted(self)
        hidden = self.network_.architecture.n_layers - 1
        number = hidden if layer is None else require_integer("layer", layer, 0)
        if not 1 <= number <= hidden:
            allowed = f"1 to {hidden}" if hidden else ""
            found = f"{layer}" if hidden else "a network without"
            raise InputError(message("`layer` must be that of a hidden layer", found=found, allowed=allowed))
        return self._steps(self._inputs(X), None, lambda steps: steps[number - 1].a)

    @abstractmethod
    def _predict(self, X: Any, offset: Any = None, check_input: bool = True) -> Any: ...

    def _inputs(self, X: Any) -> Any:
        """X once it is known to be good, of any dtype."""
        check_is_fitted(self)
        if self.transform_ is not None:
            return self._numbers_of(X, self.transform_)
        return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)

    def _numbers_of(self, X: Any, transform: TableTransform, reset: bool = False) -> Array:
        """The inputs of the network that a data frame stands for, once its columns are those of the fit.

        Raises:
            ValueError: it is no data frame, or has other columns.
        """
        if not is_data_frame(X):
            asked = "X must be a data frame, as in fit, where columns held text or missing values"
            raise InputError(message(asked, found=type(X).__name__))
        _check_feature_names(self, X, reset=reset)
        _check_n_features(self, X, reset=reset)
        return transform.transform(X)

    def _outputs(self, X: Any, offset: Any = None, check_input: bool = True) -> Array:
        """The outputs ŷ of the network, (n, k)."""
        if check_input:
            X = self._inputs(X)
        if not sparse.issparse(X):
            return self.network_.predict(X, offset)
        return self._in_blocks(X, offset, self.network_.predict)

    def _scores(self, X: Any, offset: Any = None) -> Array:
        """The last pre-activation z, (n, k)."""
        return self._steps(self._inputs(X), offset, lambda steps: steps[-1].z)

    def _steps(self, X: Any, offset: Any, take: Callable[[list[Step]], Array]) -> Array:
        """What is taken of the layers' steps."""
        return self._in_blocks(X, offset, lambda block, part: take(self.network_.forward(block, part)))

    def _in_blocks(self, X: Any, offset: Any, answer: Callable[[Any, Any], Array]) -> Array:
        """The answers to all rows, block by block."""
        k, rows = self.network_.architecture.n_outputs, X.tocsr() if sparse.issparse(X) else X
        offset = inputs.offset_of(offset, X.shape[0], k, self.network_.dtype)
        return np.concatenate(
            [answer(dense(rows[block]), None if offset is None else offset[block]) for block in blocks_of(X)]
        )
