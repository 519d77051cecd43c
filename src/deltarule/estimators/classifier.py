"""MLPClassifier: classes, or several labels at once, of a multilayer perceptron."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted

from deltarule.core.activations import SIGMOID, SOFTMAX, Activation
from deltarule.core.losses import BINARY_CROSS_ENTROPY, CROSS_ENTROPY, HALF_SQUARED_ERROR, LOSSES, Loss
from deltarule.estimators import parameters
from deltarule.estimators.perceptron import BasePerceptron
from deltarule.estimators.probabilities import are_probabilities, log_probabilities, probabilities
from deltarule.estimators.samples import Samples, watched

BALANCED_PARTS = (
    "class_weight 'balanced' is not supported for partial_fit. In order to use 'balanced' weights, use "
    "compute_class_weight('balanced', classes=classes, y=y) on all rows, and pass the result as a dict."
)
NATURAL = ("auto", "log_loss")  # the losses that go with the outputs


def _accuracy(y: Any, predicted: Any, sample_weight: Any) -> float:
    """As accuracy_score, which takes longer than an epoch of a small network to look at its arguments."""
    hits = y == predicted
    return float(np.average(hits if hits.ndim == 1 else hits.all(axis=1), weights=sample_weight))


class MLPClassifier(ClassifierMixin, BasePerceptron):
    """A multilayer perceptron that predicts classes, with the parameters of scikit-learn's and more.

    Two classes, and several labels per row, have sigmoid outputs and binary cross-entropy; more classes have
    softmax outputs and cross-entropy.

    Arguments:
        hidden_layer_sizes: the number of units in each hidden layer; ``()`` for none.
        activation: of the hidden layers, one or one for each: a name or a ``dr.Activation``.
        solver: "lbfgs", "sgd", "adam", or any optimizer of deltarule by name or as a record, such as
            ``dr.AdamW(dr.CosineDecay(0.01))``.
        learning_rate_init: a number or a schedule, or one per layer; not used by a record, which has its own.
        alpha, ..., max_fun: as in scikit-learn.
        loss: "auto" is cross-entropy for softmax, binary cross-entropy for other outputs between 0 and 1, and
            half_squared_error for the rest. "log_loss" is one of the first two. Any loss of deltarule by name
            or as a record may be asked for; targets are 0 and 1.
        output_activation: of the output layer; "auto" is softmax for more than two classes, unless the loss
            is binary cross-entropy, otherwise sigmoid. ``predict_proba`` needs outputs between 0 and 1, and
            divides by their sum where that is not 1.
        dropout: p of each hidden unit to be left out, per row and epoch; one, or one per hidden layer.
        clip_norm: a longer gradient is shortened to this length.
        alpha_scaling: "batch" divides ``alpha`` by the weight of each batch, as scikit-learn; "data" by that
            of all rows, so that its strength does not depend on ``batch_size``.
        engine: "auto", a name, or an engine.
        dtype: of the network; "auto" is that of X where it is float32, otherwise float64.
        standardize: trains on inputs of mean 0 and standard deviation 1 (``scaling_``), and folds that into
            ``coefs_`` and ``intercepts_``, which are for X as it is. A sparse X is divided only.
        categorical_features: "auto" takes data frames with text, categories and missing values: numbers are
            standardized, categories one-hot, as ``transform_.describe()`` says. A list names columns that are
            categories whatever they hold. With None, and where all columns are numbers, X is taken as it is.
        callbacks: functions that are called with each ``EpochReport``; one that returns True stops the fit.
            Those of scikit-learn's own protocol are given to ``set_callbacks``.
        class_weight: a dict from classes to weights, by which those of their rows are multiplied; "balanced"
            gives every class the same sum. They count in the loss, not in scores.
        label_smoothing: ε; training targets of K classes become (1 - ε) y + ε / K.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
    >>> model = MLPClassifier((4,), learning_rate_init=0.1, max_iter=500, random_state=0).fit(X, y)
    >>> model.predict([[0.0], [3.0]])
    array(['low', 'high'], dtype='<U4')
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **parameters.CONSTRAINTS,
        "loss": [StrOptions({*NATURAL, *LOSSES, *parameters.LOSS_ALIASES}), Loss],
        "output_activation": [StrOptions({"auto"}), *parameters.ACTIVATION],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }
    _metric = staticmethod(_accuracy)

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: Any = 0.001,
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
        loss: Any = "auto",
        output_activation: Any = "auto",
        dropout: Any = 0.0,
        clip_norm: float | None = None,
        alpha_scaling: str = "batch",
        engine: Any = "auto",
        dtype: str = "auto",
        standardize: bool = False,
        categorical_features: Any = "auto",
        callbacks: Any = (),
        class_weight: Any = None,
        label_smoothing: float = 0.0,
    ) -> None:
        self._keep(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        offset: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        offset_val: Any = None,
    ) -> Any:
        """Train on X, (n, i), dense or sparse, and classes (n,) or labels (n, k); row weights are (n,).

        An offset, (n, k) or (n,), is added to z of the output layer. ``X_val``, ``y_val`` and what belongs to
        them are rows to watch: their loss is in ``history_``, and early stopping looks at their score.
        """
        watching = watched(X_val, y_val, sample_weight_val, offset_val)
        return self._fit(Samples(X, y, sample_weight, offset), watching)

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        *,
        offset: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        offset_val: Any = None,
    ) -> Any:
        """Train for one more epoch; the first call must name all ``classes``, (c,). The rest is as in fit."""
        if self.class_weight == "balanced":
            raise ValueError(BALANCED_PARTS)
        if _check_partial_fit_first_call(self, classes):
            several = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if several else classes)
        watching = watched(X_val, y_val, sample_weight_val, offset_val)
        return self._fit(Samples(X, y, sample_weight, offset), watching, incremental=True)

    @available_if(lambda estimator: estimator._check_probabilities())
    def predict_proba(self, X: Any, offset: Any = None) -> Any:
        """Return the probability of each class, (n, c), in the order of ``classes_``."""
        check_is_fitted(self)
        return probabilities(self._outputs(X, offset), *self._kind())

    @available_if(lambda estimator: estimator._check_probabilities())
    def predict_log_proba(self, X: Any, offset: Any = None) -> Any:
        """Return the logarithm of the probability of each class, (n, c): finite, however small that is."""
        return log_probabilities(self.predict_proba(X, offset), self._scores(X, offset), *self._kind())

    def decision_function(self, X: Any, offset: Any = None) -> Any:
        """Return z of the output layer, (n,) for two classes, otherwise (n, c)."""
        z = self._scores(X, offset)
        return z.ravel() if self.n_outputs_ == 1 else z

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Return the share of the rows of X, (n, i), whose class, or all of whose labels, are predicted."""
        return float(accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight))

    def _learn_targets(self, y: Any, incremental: bool) -> None:
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        elif self.warm_start and set(found := unique_labels(y)) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to "
                f"fit. Previously got {self.classes_}, `y` has {found}"
            )

    def _encoded(self, y: Any) -> Any:
        found = unique_labels(y)
        if len(np.setdiff1d(found, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {found}."
            )
        return self._label_binarizer.transform(y).astype(bool)

    def _effective_weights(self, samples: Samples) -> Any:
        """The weights of the rows, times those of their classes."""
        if self.class_weight is None:
            return samples.w
        y = self._labels(samples.y)
        if self._label_binarizer.y_type_.startswith("multilabel"):
            of_rows = compute_sample_weight(self.class_weight, y)
        else:
            of_classes = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            of_rows = of_classes[np.searchsorted(self.classes_, y)]
        return of_rows.astype(samples.X.dtype) if samples.w is None else samples.w * of_rows

    def _output(self) -> Activation:
        if self.output_activation != "auto":
            return parameters.activation(self.output_activation)
        loss = None if self.loss in NATURAL else parameters.loss(self.loss)
        return SOFTMAX if self._is_exclusive() and loss is not BINARY_CROSS_ENTROPY else SIGMOID

    def _loss(self) -> Loss:
        if self.loss not in NATURAL:
            return parameters.loss(self.loss)
        output = self.network_.architecture.activations[-1]
        if output is SOFTMAX:
            return CROSS_ENTROPY
        has_log = self.loss == "log_loss" or BINARY_CROSS_ENTROPY.allows(output)
        return BINARY_CROSS_ENTROPY if has_log else HALF_SQUARED_ERROR

    def _is_exclusive(self) -> bool:
        """Whether a row has one of several classes, each with its output."""
        return bool(self._label_binarizer.y_type_ == "multiclass")

    def _kind(self) -> tuple[Activation, bool]:
        return self.network_.architecture.activations[-1], self._is_exclusive()

    def _check_probabilities(self) -> bool:
        asked = self.output_activation
        if asked != "auto" and not are_probabilities(parameters.activation(asked)):
            name = parameters.activation(asked).name
            raise AttributeError(
                f"probability estimates are not available for output_activation={name!r}, whose outputs are "
                'not between 0 and 1. Try decision_function, or "sigmoid".'
            )
        return True

    def _labels(self, y: Any) -> Any:
        return self._label_binarizer.inverse_transform(y)

    def _predict(self, X: Any, offset: Any = None, check_input: bool = True) -> Any:
        p = self._outputs(X, offset, check_input)
        return self._label_binarizer.inverse_transform(p.ravel() if self.n_outputs_ == 1 else p)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
