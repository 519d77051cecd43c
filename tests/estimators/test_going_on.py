"""Going on from what is there: lists of coefficients, other settings, and what cannot be continued."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

import deltarule as dr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_regression(60, 4, random_state=0)
Y = Y / 50.0
X_CLASS, CLASSES = make_classification(60, 4, random_state=0)
TARGETS = {1: Y, 2: np.c_[Y, Y], 3: np.c_[Y, Y, Y]}
SMALL: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}


# -- coefs_ and intercepts_ are lists ---------------------------------------------------------------------


@pytest.mark.parametrize("module", [theirs, dr], ids=["theirs", "ours"])
def test_coefficients_are_lists(module: Any) -> None:
    model = module.MLPRegressor(**SMALL).fit(X, Y)
    both = model.coefs_ + model.intercepts_
    assert [a.shape for a in both] == [(4, 5), (5, 1), (5,), (1,)]
    assert isinstance(model.coefs_, list)
    before = model.predict(X)
    for other in (model.coefs_.copy(), copy.deepcopy(model.coefs_), pickle.loads(pickle.dumps(model.coefs_))):  # noqa: S301
        assert type(other) is list
        other[0] = np.zeros((4, 5))
    np.testing.assert_array_equal(model.predict(X), before)
    model.coefs_[-1] = np.zeros((5, 1))
    np.testing.assert_array_equal(model.predict(X), np.full(60, model.intercepts_[1][0]))


def test_coefficients_that_do_not_fit_are_named_as_they_are_here() -> None:
    model = dr.MLPRegressor(**SMALL).fit(X, Y)
    with pytest.raises(dr.InputError, match=r"`coefs_\[0\]` must have shape \(4, 5\); got shape \(2, 2\)"):
        model.coefs_[0] = np.ones((2, 2))
    with pytest.raises(dr.InputError, match="`intercepts_` must have one entry per layer, 2; got 1"):
        model.intercepts_ = [np.ones(5)]


# -- other settings in a warm start -----------------------------------------------------------------------


def test_other_activations_are_taken_with_the_same_parameters() -> None:
    pair = [module.MLPRegressor(**SMALL, warm_start=True).fit(X, Y) for module in (theirs, dr)]
    for model in pair:
        model.set_params(activation="tanh").fit(X, Y)
    np.testing.assert_allclose(pair[1].coefs_[0], pair[0].coefs_[0], rtol=1e-9)
    np.testing.assert_allclose(pair[1].predict(X), pair[0].predict(X), rtol=1e-9)


def test_another_loss_has_its_output() -> None:
    model = dr.MLPRegressor(**SMALL, warm_start=True).fit(X, np.abs(Y))
    model.set_params(loss="poisson").fit(X, np.abs(Y))
    assert model.out_activation_ == "exp"
    assert (model.predict(X) > 0.0).all()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_early_stopping_may_begin_after_a_fit_without(solver: str) -> None:
    model = dr.MLPRegressor(**SMALL, warm_start=True, solver=solver).fit(X, Y)
    model.set_params(early_stopping=True, solver="adam").fit(X, Y)
    assert len(model.validation_scores_) == 4
    assert model.best_loss_ is None
    model.set_params(early_stopping=False).fit(X, Y)
    assert model.validation_scores_ is None
    assert model.best_loss_ == min(model.loss_curve_[-4:])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_lbfgs_has_no_scores_and_ends_at_its_best(early_stopping: bool) -> None:
    model = dr.MLPRegressor(**SMALL, solver="lbfgs", early_stopping=early_stopping).fit(X, Y)
    assert model.best_loss_ == model.loss_
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("first", ["float32", "float64"])
def test_rows_of_another_type_with_weights_and_offsets(engine: str, first: str) -> None:
    w, offset = np.linspace(0.1, 2.0, 60), np.linspace(-1.0, 1.0, 60)
    second = {"float32": "float64", "float64": "float32"}[first]
    models = [dr.MLPRegressor(**SMALL, engine=engine, warm_start=True).fit(X.astype(first), Y) for _ in "ab"]
    for model, dtype in zip(models, (first, second), strict=True):
        model.fit(X.astype(dtype), Y, w, offset=offset)
    assert models[1].network_.dtype == first
    np.testing.assert_allclose(models[1].network_.theta, models[0].network_.theta, rtol=1e-5)


# -- what cannot be continued -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 3)])
def test_another_number_of_targets_is_refused(method: str, before: int, after: int) -> None:
    model = dr.MLPRegressor(**SMALL, warm_start=True).fit(X, TARGETS[before])
    theta = model.network_.theta.copy()
    with pytest.raises(dr.InputError, match=f"`y` must have as many .* got {after}, not {before}"):
        getattr(model, method)(X, TARGETS[after])
    np.testing.assert_array_equal(model.network_.theta, theta)


@pytest.mark.parametrize("columns", [1, 3])
def test_rows_to_watch_have_as_many_targets(columns: int) -> None:
    with pytest.raises(dr.InputError, match=f"`y_val` must have as many .* got {columns}, not 2"):
        dr.MLPRegressor(**SMALL).fit(X, TARGETS[2], X_val=X, y_val=TARGETS[columns])


def test_other_hidden_layers_are_refused() -> None:
    model = dr.MLPRegressor(**SMALL, warm_start=True).fit(X, Y)
    with pytest.raises(dr.InputError, match=r"got \[3, 3\], not \[5\]\. Try fit with warm_start=False"):
        model.set_params(hidden_layer_sizes=(3, 3)).fit(X, Y)
    assert model.set_params(warm_start=False).fit(X, Y).n_layers_ == 4


def test_widths_are_integers() -> None:
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        dr.MLPRegressor("squared_error", (2.5,)).fit(X, Y)


# -- weights and settings at their borders ----------------------------------------------------------------


def test_negative_weights_are_refused() -> None:
    w = np.ones(60)
    w[3] = -0.5
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        dr.MLPClassifier(**SMALL).fit(X_CLASS, CLASSES, w)
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        dr.MLPClassifier(**SMALL).fit(X_CLASS, CLASSES, X_val=X_CLASS, y_val=CLASSES, sample_weight_val=w)


@pytest.mark.parametrize(
    ("weight", "said"),
    [(-1.0, "Negative values"), (np.nan, "contains NaN"), (np.inf, "contains infinity"), (0.0, "non-zero")],
)
def test_weights_of_classes_are_weights(weight: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dr.MLPClassifier(**SMALL, class_weight={0: weight, 1: weight}).fit(X_CLASS, CLASSES)


def test_a_momentum_of_one() -> None:
    settings = {**SMALL, "solver": "sgd", "momentum": 1.0}
    pair = [module.MLPRegressor("squared_error", **settings).fit(X, Y) for module in (theirs, dr)]
    np.testing.assert_allclose(pair[1].coefs_[0], pair[0].coefs_[0], rtol=1e-9)


@pytest.mark.parametrize("module", [theirs, dr], ids=["theirs", "ours"])
def test_lbfgs_that_finds_no_way_down_says_so(module: Any) -> None:
    model = module.MLPRegressor(**SMALL, solver="lbfgs")
    with pytest.warns(ConvergenceWarning, match=r"failed to converge after 0 .*\(status=2\):\nABNORMAL"):
        model.fit(X, 1e50 * Y)


def test_lbfgs_that_ends_in_rounding_says_nothing() -> None:
    """Where it was asked to go on until then; on the way down to some of these optima it does."""
    solver = dr.LBFGS(gradient_tolerance=0.0, function_tolerance=0.0)
    said = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for alpha in np.logspace(0.0, 3.0, 12):
            model = dr.MLPRegressor("poisson", (), solver=solver, alpha=alpha, max_iter=5000, random_state=0)
            said.add(model.fit(X, np.abs(Y)).history_.stop.message.split(";")[0][-29:])
    assert "no step downhill lowers J" in "".join(said)


# -- another solver in partial_fit ------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["adam", "sgd", "rmsprop", "lbfgs"])
@pytest.mark.parametrize("after", ["adam", "sgd", "rmsprop"])
def test_another_solver_remembers_nothing_of_the_first(before: str, after: str) -> None:
    first = dr.MLPRegressor(**SMALL, solver=before).fit(X, Y)
    fresh = (
        copy.deepcopy(first).set_params(solver=after, warm_start=True, max_iter=1, shuffle=False).fit(X, Y)
    )
    first.set_params(solver=after, shuffle=False).partial_fit(X, Y)
    same = np.array_equal(first.network_.theta, fresh.network_.theta)
    assert same == (before != after)


def test_a_refused_fit_leaves_no_memory_of_another_size() -> None:
    """The memory of 31 parameters beside a network of 301 would be read beyond its end."""
    settings = {**SMALL, "shuffle": False}
    model = dr.MLPClassifier(**settings).fit(X_CLASS, CLASSES)
    with pytest.raises(ValueError, match="Negative values"):
        model.set_params(hidden_layer_sizes=(50,), class_weight={0: -1.0}).fit(X_CLASS, CLASSES)
    model.set_params(class_weight=None).partial_fit(X_CLASS, CLASSES)
    other = dr.MLPClassifier(**{**settings, "hidden_layer_sizes": (50,)})
    other.partial_fit(X_CLASS, CLASSES, classes=[0, 1])
    np.testing.assert_array_equal(model.network_.theta, other.network_.theta)


def test_a_layer_is_a_number() -> None:
    with pytest.raises(dr.InputError, match="`layer` must be a whole number"):
        dr.MLPRegressor(**SMALL).fit(X, Y).hidden_activations(X, layer="last")
