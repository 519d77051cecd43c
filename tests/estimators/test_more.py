"""What the estimators take beyond scikit-learn's: classes, offsets, rows to watch, rates, types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
from numpy.random import RandomState
from sklearn.datasets import load_iris, make_classification, make_multilabel_classification, make_regression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, cross_validate, train_test_split
from sklearn.utils.class_weight import compute_sample_weight

import deltarule as dr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_regression(90, 4, noise=5.0, random_state=0)
Y = Y / 50.0
X_CLASS, NUMBERS = make_classification(120, 4, weights=[0.8], random_state=0)
CLASSES = np.array(["no", "yes"])[NUMBERS]
IRIS, SPECIES = load_iris(return_X_y=True)
OFFSET = np.linspace(-2.0, 2.0, len(X))
SMALL: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 6, "random_state": 0}


def parameters_of(model: Any) -> Any:
    return model.network_.theta


# -- classes ----------------------------------------------------------------------------------------------


def test_the_weights_of_classes_are_those_of_their_rows() -> None:
    w = np.linspace(0.5, 1.5, len(X_CLASS))
    given = {"no": 0.5, "yes": 3.0}
    by_class = dr.MLPClassifier(**SMALL, class_weight=given).fit(X_CLASS, CLASSES, w)
    by_row = dr.MLPClassifier(**SMALL).fit(X_CLASS, CLASSES, w * np.where(CLASSES == "no", 0.5, 3.0))
    np.testing.assert_allclose(parameters_of(by_class), parameters_of(by_row), rtol=1e-12)


@pytest.mark.parametrize("problem", ["two classes", "three classes", "labels"])
def test_balanced_classes_weigh_the_same(problem: str) -> None:
    x, y = {
        "two classes": (X_CLASS, CLASSES),
        "three classes": (IRIS[:120], SPECIES[:120]),
        "labels": make_multilabel_classification(60, 4, n_classes=3, random_state=0),
    }[problem]
    balanced = dr.MLPClassifier(**SMALL, class_weight="balanced").fit(x, y)
    by_row = dr.MLPClassifier(**SMALL).fit(x, y, compute_sample_weight("balanced", y))
    np.testing.assert_allclose(parameters_of(balanced), parameters_of(by_row), rtol=1e-12)


def test_in_parts_classes_have_the_weights_that_are_given() -> None:
    model = dr.MLPClassifier(**SMALL, class_weight={"yes": 3.0})
    model.partial_fit(X_CLASS[NUMBERS == 1], CLASSES[NUMBERS == 1], classes=["no", "yes"])
    model.partial_fit(X_CLASS[NUMBERS == 0], CLASSES[NUMBERS == 0])
    assert list(model.classes_) == ["no", "yes"]
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        model.set_params(class_weight="balanced").partial_fit(X_CLASS, CLASSES)


@pytest.mark.parametrize("classes", [2, 3])
def test_soft_labels_bound_the_probabilities(classes: int) -> None:
    """Where each input has one class, the best probability of that class is 1 - ε + ε/K."""
    y = np.arange(60) % classes
    model = dr.MLPClassifier((), solver="lbfgs", alpha=0.0, tol=1e-9, max_iter=1000, label_smoothing=0.1)
    best = model.fit(np.eye(classes)[y], y).predict_proba(np.eye(classes)).diagonal()
    np.testing.assert_allclose(best, 0.9 + 0.1 / classes, atol=1e-5)


# -- rows to watch ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_early_stopping_watches_the_rows_that_are_given(name: str) -> None:
    x, y = (X_CLASS, CLASSES) if name == "MLPClassifier" else (X, Y)
    train, val, y_train, y_val = train_test_split(x, y, random_state=0)
    w_val = np.linspace(0.5, 1.0, len(val))
    model = getattr(dr, name)(
        hidden_layer_sizes=(5,),
        learning_rate_init=0.02,
        early_stopping=True,
        n_iter_no_change=3,
        random_state=0,
    )
    model.fit(train, y_train, X_val=val, y_val=y_val, sample_weight_val=w_val)
    assert model.n_iter_ < 200
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.score(val, y_val, w_val) == pytest.approx(model.best_validation_score_, rel=1e-12)
    assert model.t_ == model.n_iter_ * len(train)
    assert len(model.history_.validation_loss) == model.n_iter_


def test_rows_that_are_only_watched_change_nothing() -> None:
    plain = dr.MLPRegressor(**SMALL).fit(X, Y)
    watched = dr.MLPRegressor(**SMALL).fit(X, Y, X_val=X[:20] + 1.0, y_val=Y[:20])
    np.testing.assert_array_equal(parameters_of(watched), parameters_of(plain))
    assert watched.validation_scores_ is None
    half_squares = 0.5 * np.mean((watched.predict(X[:20] + 1.0) - Y[:20]) ** 2)
    assert watched.history_.validation_loss[-1] == pytest.approx(half_squares)


def test_one_more_epoch_can_be_watched() -> None:
    model = dr.MLPClassifier(**SMALL, early_stopping=True)
    for _ in range(3):
        model.partial_fit(X_CLASS, CLASSES, classes=["no", "yes"], X_val=X_CLASS, y_val=CLASSES)
    assert len(model.validation_scores_) == 3
    assert model.score(X_CLASS, CLASSES) == model.best_validation_score_
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        model.partial_fit(X_CLASS, CLASSES)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"X_val": X_CLASS}, "X_val is provided, but y_val was not provided"),
        ({"offset_val": OFFSET}, "offset_val is provided, but X_val was not provided"),
        ({"X_val": X_CLASS[:2], "y_val": ["yes", "perhaps"]}, "`y` has classes not in"),
        ({"X_val": X_CLASS[:2, :3], "y_val": CLASSES[:2]}, "X has 3 features"),
        ({"X_val": X_CLASS, "y_val": CLASSES, "offset_val": [1.0]}, "`validation offset` must have 120 rows"),
    ],
)
def test_rows_to_watch_that_cannot_be_used(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dr.MLPClassifier(**SMALL).fit(X_CLASS, CLASSES, **given)


# -- offsets ----------------------------------------------------------------------------------------------


def test_an_offset_is_added_to_the_output() -> None:
    model = dr.MLPRegressor(**SMALL).fit(X, Y, offset=OFFSET)
    of_rest = dr.MLPRegressor(**SMALL).fit(X, Y - OFFSET)
    np.testing.assert_allclose(parameters_of(model), parameters_of(of_rest), rtol=1e-9)
    np.testing.assert_allclose(model.predict(X, OFFSET), model.predict(X) + OFFSET)
    assert model.score(X, Y, offset=OFFSET) == r2_score(Y, model.predict(X, OFFSET))


def test_the_logarithm_of_an_exposure_is_an_offset() -> None:
    """At the optimum the bias makes the sums agree."""
    exposure = np.linspace(0.1, 2.0, len(X))
    y = RandomState(0).poisson(exposure * np.exp(0.5 * X[:, 0]))
    model = dr.MLPRegressor("poisson", (), solver="lbfgs", alpha=0.0, tol=1e-9, max_iter=500)
    model.fit(X, y, offset=np.log(exposure))
    predicted = model.predict(X, np.log(exposure))
    assert predicted.sum() == pytest.approx(y.sum(), rel=1e-4)
    np.testing.assert_allclose(predicted, exposure * model.predict(X))


@pytest.mark.parametrize("classes", [2, 3])
def test_offsets_of_classes(classes: int) -> None:
    y = np.arange(90) % classes
    offset = OFFSET if classes == 2 else np.outer(OFFSET, [1.0, 0.0, -1.0])
    model = dr.MLPClassifier(**SMALL, early_stopping=True).fit(X, y, offset=offset)
    z = model.decision_function(X, offset)
    np.testing.assert_allclose(z, model.decision_function(X) + offset)
    chosen = (z > 0.0).astype(int) if classes == 2 else z.argmax(axis=1)
    np.testing.assert_array_equal(model.predict(X, offset), chosen)
    np.testing.assert_array_equal(model.predict_proba(X, offset).argmax(axis=1), chosen)
    log_p = model.predict_log_proba(X, offset)
    np.testing.assert_allclose(np.exp(log_p), model.predict_proba(X, offset), rtol=1e-9)
    assert model.score(X, y, offset=offset) == accuracy_score(y, chosen)


def test_metadata_are_routed() -> None:
    w = np.linspace(0.5, 1.5, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        model = dr.MLPRegressor(**SMALL)
        model.set_fit_request(sample_weight=True, offset=True).set_score_request(
            sample_weight=False, offset=True
        )
        found = cross_validate(model, X, Y, cv=KFold(3), params={"sample_weight": w, "offset": OFFSET})
    expected = [
        dr.MLPRegressor(**SMALL)
        .fit(X[train], Y[train], w[train], offset=OFFSET[train])
        .score(X[test], Y[test], offset=OFFSET[test])
        for train, test in KFold(3).split(X)
    ]
    np.testing.assert_allclose(found["test_score"], expected, rtol=1e-12)


# -- learning rates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["sgd", "adam", "rmsprop"])
def test_each_layer_has_its_rate(solver: str) -> None:
    model = dr.MLPRegressor(**SMALL, solver=solver, learning_rate_init=[1e-300, 0.1]).fit(X, Y)
    start = dr.MLPRegressor(**SMALL, solver=solver, learning_rate_init=1e-300).fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], start.coefs_[0])
    assert np.abs(model.coefs_[1] - start.coefs_[1]).max() > 1e-2
    assert model.history_.learning_rate[0] == (1e-300, 0.1)
    model.partial_fit(X, Y)
    assert model.history_.learning_rate == [(1e-300, 0.1)]


def test_a_schedule_plans_the_epochs_of_a_fit() -> None:
    schedule = dr.CosineDecay(0.1)
    model = dr.MLPRegressor(**SMALL, learning_rate_init=schedule).fit(X, Y)
    rates = model.history_.learning_rate
    assert rates[0] == pytest.approx(0.1)
    assert list(rates) == sorted(rates, reverse=True)
    assert rates[-1] < 0.03
    with pytest.raises(dr.InputError, match="a schedule is for the epochs of a fit"):
        model.partial_fit(X, Y)
    of_layers = dr.MLPRegressor(**SMALL, learning_rate_init=[schedule, 0.1]).fit(X, Y)
    assert of_layers.history_.learning_rate[-1] == (rates[-1], 0.1)


def test_a_solver_that_is_named_takes_the_rate() -> None:
    model = dr.MLPRegressor(**SMALL, solver="adamw", learning_rate_init=0.03).fit(X, Y)
    assert set(model.history_.learning_rate) == {0.03}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learning_rate_init": [0.1]}, None),
        ({"learning_rate_init": [0.1, 0.1, 0.1]}, "one per layer, 2"),
        ({"learning_rate_init": [0.1, 0.2], "solver": "sgd", "learning_rate": "adaptive"}, "one number"),
        ({"learning_rate_init": "fast"}, "The 'learning_rate_init' parameter of MLPRegressor must be"),
    ],
)  # fmt: skip
def test_learning_rates_that_fit_the_layers(settings: dict[str, Any], said: str | None) -> None:
    model = dr.MLPRegressor(**SMALL, **settings)
    if said is None:
        assert set(model.fit(X, Y).history_.learning_rate) == {0.1}
        return
    with pytest.raises(ValueError, match=said):
        model.fit(X, Y)


def test_lbfgs_has_no_epochs_to_go_on_by() -> None:
    assert not hasattr(dr.MLPRegressor(solver=dr.LBFGS()), "partial_fit")


# -- losses, types, activations ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "output"),
    [("poisson", "exponential"), ("binary_cross_entropy", "logistic"), ("cross_entropy", "softmax")],
)
def test_each_loss_has_its_output(loss: str, output: str) -> None:
    shares = np.column_stack([SPECIES == 0, SPECIES != 0]).astype(float)
    model = dr.MLPRegressor(loss, **SMALL).fit(IRIS, shares)
    assert model.out_activation_ == {"exponential": "exp"}.get(output, output)
    assert (model.predict(IRIS) > 0.0).all()


@pytest.mark.parametrize(
    ("given", "of_x", "expected"),
    [
        ("auto", "float32", "float32"),
        ("auto", "int64", "float64"),
        ("float32", "float64", "float32"),
        ("float64", "float32", "float64"),
    ],
)
def test_types(given: str, of_x: str, expected: str) -> None:
    x = (10 * X).astype(of_x)
    model = dr.MLPRegressor(**SMALL, dtype=given, early_stopping=True).fit(x, Y, offset=OFFSET)
    assert parameters_of(model).dtype == model.predict(x).dtype == expected


def test_activations_of_hidden_layers() -> None:
    model = dr.MLPRegressor("squared_error", (5, 3), "tanh", max_iter=2, random_state=0).fit(X, Y)
    first = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    second = np.tanh(first @ model.coefs_[1] + model.intercepts_[1])
    np.testing.assert_allclose(model.hidden_activations(X, layer=1), first)
    np.testing.assert_allclose(model.hidden_activations(X), second)
    with pytest.raises(dr.InputError, match=r"that of a hidden layer; got 3\. Allowed: 1 to 2"):
        model.hidden_activations(X, layer=3)
    with pytest.raises(dr.InputError, match="a network without"):
        dr.MLPRegressor("squared_error", ()).fit(X, Y).hidden_activations(X)
