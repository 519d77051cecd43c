"""What the estimators do beside scikit-learn's numbers; its six tests of underscored names among it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError

import deltarule as dr

X, Y = make_regression(90, 4, noise=5.0, random_state=0)
Y = Y / 50.0
X_CLASS, CLASSES = make_classification(90, 4, random_state=0)
TINY: tuple[Any, Any] = ([[3, 2], [1, 6]], [1, 0])

not_converged = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# -- in place of scikit-learn's tests of underscored names ------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_one_step_is_the_gradient(alpha: float) -> None:
    """As test_fit: parameters are set, one epoch of one batch is trained, and the step is done by hand."""
    model = dr.MLPClassifier(
        (2,), "logistic", solver="sgd", momentum=0.0, learning_rate_init=0.1, alpha=alpha
    )
    model.partial_fit([[0.6, 0.8, 0.7]], [0], classes=[0, 1])
    model.coefs_ = [[[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]], [[0.1], [0.2]]]
    model.intercepts_ = [[0.1, 0.1], [1.0]]
    x, before = np.array([[0.6, 0.8, 0.7]]), model.network_.copy()
    model.partial_fit(x, [0])
    hidden = 1.0 / (1.0 + np.exp(-(x @ before.weights[0] + before.biases[0])))
    delta = 1.0 / (1.0 + np.exp(-(hidden @ before.weights[1] + before.biases[1])))
    below = delta @ before.weights[1].T * hidden * (1.0 - hidden)
    for found, W, gradient in zip(model.coefs_, before.weights, (x.T @ below, hidden.T @ delta), strict=True):
        np.testing.assert_allclose(found, W - 0.1 * (gradient + alpha * W), rtol=1e-12)
    for found, b, gradient in zip(model.intercepts_, before.biases, (below[0], delta[0]), strict=True):
        np.testing.assert_allclose(found, b - 0.1 * gradient, rtol=1e-12)


@not_converged
@pytest.mark.parametrize("classes", [2, 3])
def test_the_network_has_true_gradients(classes: int) -> None:
    """As test_gradient."""
    labels = np.arange(90) % classes
    model = dr.MLPClassifier((5,), max_iter=1, random_state=1).fit(X, labels)
    y = dr.one_hot(labels) if classes > 2 else labels
    loss = "cross_entropy" if classes > 2 else "binary_cross_entropy"
    assert dr.check_gradients(model.network_, X, y, loss=loss, penalty=dr.L2(0.1)).ok


@not_converged
def test_the_learning_rate_goes_on_falling_after_a_warm_start() -> None:
    """As test_learning_rate_warmstart: the rows of earlier fits count."""
    model = dr.MLPClassifier(
        (4,), solver="sgd", learning_rate="invscaling", learning_rate_init=0.1, max_iter=2, warm_start=True
    )
    for fits in (1, 2):
        rows = model.fit(X_CLASS, CLASSES).t_
        assert rows == 180 * fits
        first, second = model.history_.learning_rate
        assert first == 0.1
        assert second == pytest.approx(0.1 / (rows - 90 + 1) ** 0.5)


def test_the_learning_rate_falls_until_it_is_too_small() -> None:
    """As test_adaptive_learning_rate."""
    model = dr.MLPClassifier(tol=0.5, max_iter=3000, solver="sgd", learning_rate="adaptive").fit(*TINY)
    assert model.n_iter_ < 3000
    assert 2e-7 < model.history_.learning_rate[-1] < 1e-6


@not_converged
@pytest.mark.parametrize("patience", [2, 5, 8])
def test_it_stops_after_as_many_epochs_without_improvement(patience: int) -> None:
    """As test_n_iter_no_change."""
    model = dr.MLPClassifier(
        tol=0.01,
        max_iter=3000,
        solver="sgd",
        n_iter_no_change=patience,
        learning_rate_init=1e-4,
        random_state=0,
    ).fit(*TINY)
    assert patience < model.n_iter_ < 3000
    best = np.minimum.accumulate(model.loss_curve_)
    improves = [True, *(best[:-1] - model.loss_curve_[1:] >= model.tol)]
    assert improves[-patience - 2 :] == [True] + (patience + 1) * [False]


def test_an_infinite_patience_lets_it_train_to_the_end() -> None:
    """As test_n_iter_no_change_inf."""
    model = dr.MLPClassifier(tol=1e9, max_iter=12, solver="sgd", n_iter_no_change=np.inf)
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(12\) reached"):
        model.fit(*TINY)
    assert model.n_iter_ == len(model.loss_curve_) == 12


# -- more than scikit-learn -------------------------------------------------------------------------------


@not_converged
def test_each_layer_has_its_activation() -> None:
    model = dr.MLPRegressor("huber", (5, 4), ["gelu", "logistic"], max_iter=3, random_state=0).fit(X, Y)
    assert [each.name for each in model.network_.architecture.activations] == ["gelu", "sigmoid", "identity"]
    with pytest.raises(dr.InputError, match="one per hidden layer; got 1 for 2 hidden layers"):
        dr.MLPRegressor("huber", (5, 4), ["gelu"]).fit(X, Y)


@not_converged
@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.5},
        {"clip_norm": 0.01},
        {"alpha_scaling": "data", "alpha": 10.0},
        {"solver": dr.AdamW(0.01)},
        {"solver": "rmsprop"},
        {"loss": "absolute_error"},
        {"output_activation": "softplus", "loss": "huber"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_is_new_makes_a_difference(settings: dict[str, Any]) -> None:
    common: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
    plain = dr.MLPRegressor(**common).fit(X, np.abs(Y))
    other = dr.MLPRegressor(**common, **settings).fit(X, np.abs(Y))
    assert np.abs(plain.predict(X) - other.predict(X)).max() > 1e-6


@not_converged
def test_alpha_that_is_divided_by_the_data_does_not_depend_on_the_batch() -> None:
    """With one batch both are the same; with small ones scikit-learn's alpha is stronger."""

    def size_of_weights(scaling: str, batch_size: int) -> float:
        model = dr.MLPRegressor(
            "squared_error", (), solver="sgd", alpha=20.0, alpha_scaling=scaling, batch_size=batch_size,
            max_iter=400, learning_rate_init=0.01, momentum=0.0, random_state=0, n_iter_no_change=1000,
        ).fit(X, Y)  # fmt: skip
        return float(np.linalg.norm(model.coefs_[0]))

    assert size_of_weights("batch", 90) == pytest.approx(size_of_weights("data", 90), rel=1e-12)
    assert size_of_weights("data", 10) == pytest.approx(size_of_weights("data", 90), rel=0.05)
    assert size_of_weights("batch", 10) < 0.7 * size_of_weights("batch", 90)


@not_converged
def test_engines_agree() -> None:
    models = [
        dr.MLPRegressor("squared_error", (9,), max_iter=20, random_state=0, engine=engine).fit(X, Y)
        for engine in ("reference", "auto")
    ]
    np.testing.assert_allclose(models[0].predict(X), models[1].predict(X), rtol=1e-10)
    assert models[0].history_.engine == "reference"


def test_logarithms_of_probabilities_are_finite() -> None:
    model = dr.MLPClassifier((3,), solver="lbfgs", alpha=0.0, max_iter=500, random_state=0)
    x = np.array([[-1.0], [1.0]] * 10)
    model.fit(x, x[:, 0] > 0)
    far = np.array([[-1e6], [1e6]])
    assert np.isfinite(model.predict_log_proba(far)).all()
    np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), model.predict_proba(x), atol=1e-12)
    np.testing.assert_array_equal(model.decision_function(x) > 0.0, model.predict(x))


# -- what a scikit-learn estimator has to bear ------------------------------------------------------------


@not_converged
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301
def test_copies_train_on_by_themselves(copied: Any) -> None:
    model = dr.MLPRegressor("squared_error", (5,), max_iter=3, random_state=0).fit(X, Y)
    before, other = model.predict(X), copied(model)
    np.testing.assert_array_equal(other.predict(X), before)
    other.partial_fit(X, Y)
    model_too = copied(model).partial_fit(X, Y)
    np.testing.assert_array_equal(other.predict(X), model_too.predict(X))
    np.testing.assert_array_equal(model.predict(X), before)
    other.coefs_[0][:] = 0.0
    assert not np.array_equal(other.predict(X), model_too.predict(X))


@not_converged
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_sparse_rows_give_the_same(kind: Any) -> None:
    x = np.where(np.abs(X) < 0.7, 0.0, X)
    models = [dr.MLPRegressor("squared_error", (5,), max_iter=5, random_state=0) for _ in range(2)]
    models[0].fit(x, Y)
    models[1].fit(kind(x), Y)
    np.testing.assert_allclose(models[1].predict(kind(x)), models[0].predict(x), rtol=1e-12)


def test_a_run_that_diverges_later_keeps_its_best_and_says_so() -> None:
    iris, labels = load_iris(return_X_y=True)
    model = dr.MLPRegressor(
        "squared_error", (100,), "identity", solver="sgd", learning_rate_init=1.0, max_iter=20,
        early_stopping=True, random_state=0,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning, match=r"no longer finite. Try a smaller .* of the best score"):
        model.fit(iris, labels)
    best = int(np.nanargmax(model.validation_scores_))
    assert model.history_.restored_epoch == best + 1
    assert model.history_.stop.message.endswith("the network has the parameters of the best score")
    assert np.isnan(model.validation_scores_[-1])
    assert model.n_iter_ == len(model.validation_scores_) == len(model.loss_curve_)
    assert np.isfinite(model.predict(iris)).all()


def test_a_first_epoch_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        dr.MLPRegressor(
            "squared_error", (5,), "identity", solver="sgd", learning_rate_init=1e300, batch_size=9
        ).fit(X, Y)


@not_converged
def test_a_batch_without_weight_is_skipped() -> None:
    """scikit-learn divides by zero."""
    w = np.r_[np.zeros(30), np.ones(60)]
    model = dr.MLPRegressor("squared_error", (5,), batch_size=30, shuffle=False, max_iter=5, random_state=0)
    model.fit(X, Y, sample_weight=w)
    other = clone(model).fit(X[30:], Y[30:])
    np.testing.assert_allclose(model.predict(X), other.predict(X), rtol=1e-10)
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-10)


@not_converged
def test_ctrl_c_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    model = dr.MLPRegressor("squared_error", (5,), max_iter=50, random_state=0, early_stopping=True)
    score, asked = model._score_of, []

    def press(*given: Any) -> float:
        asked.append(given)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return score(*given)

    monkeypatch.setattr(model, "_score_of", press)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, Y)
    assert len(model.validation_scores_) == 3
    assert np.isfinite(model.predict(X)).all()


@not_converged
def test_a_grid_search_runs_in_two_processes() -> None:
    search = GridSearchCV(
        dr.MLPClassifier(max_iter=5, random_state=0),
        {"hidden_layer_sizes": [(3,), (4, 3)], "alpha": [1e-4, 1e-1]},
        cv=3,
        n_jobs=2,
    ).fit(X_CLASS, CLASSES)
    assert search.best_score_ > 0.4


@pytest.mark.parametrize(
    "settings", [{"activation": "rleu"}, {"dropout": 1.0}, {"solver": "newton"}, {"alpha_scaling": "rows"}]
)
def test_a_wrong_parameter_is_named(settings: dict[str, Any]) -> None:
    name = next(iter(settings))
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of MLPClassifier must be"):
        dr.MLPClassifier(**settings).fit(X_CLASS, CLASSES)


def test_verbose_prints_each_iteration(capsys: pytest.CaptureFixture[str]) -> None:
    dr.MLPClassifier(verbose=True, tol=0.5, solver="sgd", random_state=0).fit(*TINY)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = 0.")
    assert (
        lines[-1]
        == "Training loss did not improve more than tol=0.500000 for 10 consecutive epochs. Stopping."
    )


@pytest.mark.parametrize(("early_stopping", "what"), [(False, "training loss"), (True, "validation score")])
def test_the_history_says_why_it_stopped(early_stopping: bool, what: str) -> None:
    model = dr.MLPRegressor(tol=1.0, n_iter_no_change=2, early_stopping=early_stopping, random_state=0).fit(
        X, Y
    )
    said = f"{what} did not improve more than tol=1.000000 for 2 consecutive epochs"
    assert model.history_.stop.message == f"stopped after epoch {model.n_iter_}: {said}"
