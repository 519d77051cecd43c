"""MLPClassifier: classes, or several labels at once, of a multilayer perceptron."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from deltarule.core.activations import Activation
from deltarule.core.losses import Loss
from deltarule.estimators import parameters
from deltarule.estimators.perceptron import BasePerceptron


class MLPClassifier(ClassifierMixin, BasePerceptron):
    """A multilayer perceptron that predicts classes, with the parameters of scikit-learn's and more.

    Two classes, and several labels per row, have sigmoid outputs and binary cross-entropy; more classes have
    softmax outputs and cross-entropy.

    Arguments:
        hidden_layer_sizes: the number of units in each hidden layer; ``()`` for none.
        activation: of the hidden layers, one or one for each: a name or a ``dr.Activation``.
        solver, ..., max_fun: as in scikit-learn.
        dropout: p of each hidden unit to be left out, per row and epoch; one, or one per hidden layer.
        clip_norm: a longer gradient is shortened to this length.
        alpha_scaling: "batch" divides ``alpha`` by the weight of each batch, as scikit-learn; "data" by that
            of all rows, so that its strength does not depend on ``batch_size``.
        engine: "auto", a name, or an engine.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
    >>> model = MLPClassifier((4,), learning_rate_init=0.1, max_iter=500, random_state=0).fit(X, y)
    >>> model.predict([[0.0], [3.0]])
    array(['low', 'high'], dtype='<U4')
    """

    _metric = staticmethod(accuracy_score)

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        clip_norm: float | None = None,
        alpha_scaling: str = "batch",
        engine: Any = "auto",
    ) -> None:
        self._keep(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on X, (n, i), dense or sparse, and classes (n,) or labels (n, k); row weights are (n,)."""
        return self._fit(X, y, sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Train for one more epoch; the first call must name all ``classes``, (c,)."""
        if _check_partial_fit_first_call(self, classes):
            several = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if several else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, (n, c), in the order of ``classes_``."""
        check_is_fitted(self)
        p = self._outputs(X)
        return np.hstack([1.0 - p, p]) if self.n_outputs_ == 1 else p

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of the probability of each class, (n, c): finite, however small that is."""
        p, z = self.predict_proba(X), self._scores(X)
        if self.n_outputs_ == 1:
            z = np.hstack([-z, z])
        log_p = log_softmax(z, axis=1) if self.out_activation_ == "softmax" else -np.logaddexp(0.0, -z)
        return np.where(p > 0.5, np.log(np.maximum(p, 0.5)), log_p)  # the classes with p = 1 stay equal

    def decision_function(self, X: Any) -> Any:
        """Return z of the output layer, (n,) for two classes, otherwise (n, c)."""
        z = self._scores(X)
        return z.ravel() if self.n_outputs_ == 1 else z

    def _validate(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._require_known(unique_labels(y))
        return X, self._label_binarizer.transform(y).astype(bool)

    def _require_known(self, classes: Any) -> None:
        """Refuse classes other than those of the first fit; the sentences are scikit-learn's."""
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to "
                    f"fit. Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {classes}."
            )

    def _output(self) -> Activation:
        several = self._label_binarizer.y_type_ == "multiclass"
        return parameters.activation("softmax" if several else "sigmoid")

    def _loss(self) -> str | Loss:
        softmax = self.network_.architecture.activations[-1].name == "softmax"
        return parameters.loss("cross_entropy" if softmax else "binary_cross_entropy")

    def _labels(self, y: Any) -> Any:
        return self._label_binarizer.inverse_transform(y)

    def _predict(self, X: Any, check_input: bool = True) -> Any:
        p = self._outputs(X, check_input)
        return self._label_binarizer.inverse_transform(p.ravel() if self.n_outputs_ == 1 else p)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
