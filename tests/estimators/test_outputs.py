"""What a classifier's output layer may be beside softmax and sigmoid, and which loss goes with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

import deltarule as dr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, SPECIES = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)
LABELS = make_multilabel_classification(80, 4, n_classes=3, random_state=0)
PROBLEMS: dict[str, tuple[Any, Any]] = {
    "two classes": (IRIS, np.where(SPECIES == 1, "yes", "no")),
    "three classes": (IRIS, SPECIES),
    "labels": LABELS,
}
SMALL: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 40, "random_state": 0}


@pytest.mark.parametrize(
    ("problem", "settings", "output", "loss"),
    [
        ("two classes", {}, "logistic", "binary_cross_entropy"),
        ("three classes", {}, "softmax", "cross_entropy"),
        ("labels", {}, "logistic", "binary_cross_entropy"),
        ("three classes", {"loss": "log_loss"}, "softmax", "cross_entropy"),
        ("two classes", {"loss": "log_loss"}, "logistic", "binary_cross_entropy"),
        ("three classes", {"loss": "binary_cross_entropy"}, "logistic", "binary_cross_entropy"),
        ("three classes", {"output_activation": "logistic"}, "logistic", "binary_cross_entropy"),
        ("three classes", {"loss": "squared_error"}, "softmax", "half_squared_error"),
        ("labels", {"loss": "squared_error"}, "logistic", "half_squared_error"),
        ("three classes", {"output_activation": "identity"}, "identity", "half_squared_error"),
        ("two classes", {"output_activation": "tanh", "loss": "huber"}, "tanh", "huber"),
    ],
)
def test_outputs_and_losses_go_together(problem: str, settings: Any, output: str, loss: str) -> None:
    X, y = PROBLEMS[problem]
    whole: dict[str, Any] = {**SMALL, **settings, "alpha": 0.0, "batch_size": len(X)}
    whole |= {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0}
    before, after = (dr.MLPClassifier(**whole | {"max_iter": epochs}).fit(X, y) for epochs in (1, 2))
    targets = y if problem == "labels" else np.asarray(y)[:, None] == after.classes_[-after.n_outputs_ :]
    slope = before.network_.gradients(X, targets.astype(float), loss=loss)
    assert after.out_activation_ == output
    assert after.loss_ == pytest.approx(slope.objective, rel=1e-12)
    for W, old, dW in zip(after.coefs_, before.coefs_, slope.dW, strict=True):
        np.testing.assert_allclose(W, old - 0.1 * dW, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("problem", "settings"),
    [
        (problem, settings)
        for problem in PROBLEMS
        for settings in (
            {},
            {"loss": "binary_cross_entropy"},
            {"loss": "squared_error"},
            {"output_activation": "sigmoid"},
        )
    ],
    ids=str,
)
def test_probabilities_their_logarithms_and_predictions_agree(problem: str, settings: Any) -> None:
    X, y = PROBLEMS[problem]
    model = dr.MLPClassifier(**SMALL, **settings).fit(X, y)
    p = model.predict_proba(X)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(p), rtol=1e-9)
    if problem == "labels":
        np.testing.assert_array_equal(model.predict(X), p > 0.5)
    else:
        np.testing.assert_allclose(p.sum(axis=1), 1.0)
        np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    far = model.predict_log_proba(1e4 * X)
    assert np.isfinite(far).all()
    assert far.min() < -1000.0


def test_one_sigmoid_per_class_is_one_model_against_the_rest_each() -> None:
    """Without hidden layer, scikit-learn's logistic regressions, their probabilities divided by the sum."""
    settings: dict[str, Any] = {"solver": "lbfgs", "alpha": 1.0, "tol": 1e-10, "max_iter": 5000}
    model = dr.MLPClassifier((), **settings, loss="binary_cross_entropy").fit(IRIS, SPECIES)
    each = OneVsRestClassifier(LogisticRegression(C=1.0, tol=1e-10, max_iter=5000)).fit(IRIS, SPECIES)
    np.testing.assert_allclose(model.predict_proba(IRIS), each.predict_proba(IRIS), rtol=1e-4)


def test_the_identity_and_squared_error_are_least_squares() -> None:
    """A linear probability model: no probabilities, but the class whose line is highest."""
    settings: dict[str, Any] = {"solver": "lbfgs", "alpha": 0.0, "tol": 1e-10, "max_iter": 5000}
    model = dr.MLPClassifier((), **settings, output_activation="identity").fit(IRIS, SPECIES)
    line = LinearRegression().fit(IRIS, np.eye(3)[SPECIES]).predict(IRIS)
    np.testing.assert_allclose(model.decision_function(IRIS), line, atol=1e-6)
    np.testing.assert_array_equal(model.predict(IRIS), line.argmax(axis=1))
    assert not hasattr(model, "predict_proba")
    assert not hasattr(model, "predict_log_proba")
    with pytest.raises(AttributeError, match="has no attribute 'predict_proba'") as error:
        model.predict_proba(IRIS)
    assert "not available for output_activation='identity'" in str(error.value.__cause__)


def test_classes_are_not_standardized() -> None:
    """As targets they are 0 and 1 whatever the output layer is."""
    settings: dict[str, Any] = {**SMALL, "output_activation": "identity", "standardize": True}
    settings |= {"learning_rate_init": 0.05}
    model = dr.MLPClassifier(**settings).fit(IRIS, SPECIES)
    assert model.score(IRIS, SPECIES) > 0.8
    assert not model.scaling_.scales_targets


def test_what_does_not_go_together_is_refused() -> None:
    two = PROBLEMS["two classes"]
    with pytest.raises(dr.InputError, match="softmax needs at least two units"):
        dr.MLPClassifier(output_activation="softmax").fit(*two)
    with pytest.raises(dr.InputError, match='Try the output activation "sigmoid"'):
        dr.MLPClassifier(loss="log_loss", output_activation="tanh").fit(*two)
    with pytest.raises(InvalidParameterError, match="The 'loss' parameter of MLPClassifier must be"):
        dr.MLPClassifier(loss="hinge").fit(*two)
