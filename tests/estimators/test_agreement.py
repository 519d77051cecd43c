"""As good as scikit-learn's MLP, seed by seed of each own; and a search that uses the cores it is given."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
import pytest
import sklearn.datasets
import sklearn.neural_network as theirs
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split
from sklearn.preprocessing import StandardScaler

import deltarule as dr

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
SETS = ("breast_cancer", "diabetes", "digits", "iris", "wine")
SEEDS = range(20)


def scores(module: Any, name: str, first_seed: int) -> np.ndarray:
    """The held-out score of each seed, on the same rows."""
    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, test_size=0.3)
    scaler = StandardScaler().fit(X)
    kind = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    models = [
        getattr(module, kind)(
            hidden_layer_sizes=(20,), max_iter=60, random_state=first_seed + seed, batch_size=32
        )
        for seed in SEEDS
    ]
    return np.array([m.fit(scaler.transform(X), y).score(scaler.transform(X_test), y_test) for m in models])


@pytest.mark.parametrize("name", SETS)
def test_the_mean_score_is_theirs(name: str) -> None:
    """With other seeds, so that not the equality of numbers is measured, but what the models are worth."""
    other, mine = scores(theirs, name, 0), scores(dr, name, 1000)
    assert abs(mine.mean() - other.mean()) < 0.5 * max(other.std(), mine.std(), 1e-3)


def test_a_search_over_many_settings() -> None:
    """24 settings in 5 folds, in two processes of one thread each."""
    X, y = sklearn.datasets.load_breast_cancer(return_X_y=True)
    grid = {
        "hidden_layer_sizes": [(), (8,), (16, 8)],
        "activation": ["relu", "tanh"],
        "alpha": [1e-4, 1e-2],
        "learning_rate_init": [0.001, 0.01],
    }
    model = dr.MLPClassifier(max_iter=30, random_state=0)
    search = GridSearchCV(model, grid, cv=5, n_jobs=2).fit(StandardScaler().fit_transform(X), y)
    assert len(search.cv_results_["params"]) == 24
    assert search.best_score_ > 0.96
    assert search.best_estimator_.history_.engine in ("native", "reference")


def test_each_process_of_a_search_takes_its_part_of_the_cores() -> None:
    """In steps that are worth many threads."""
    X, y = sklearn.datasets.load_breast_cancer(return_X_y=True)
    model = dr.MLPClassifier((500, 500), max_iter=1, engine="native")
    found = cross_validate(model, StandardScaler().fit_transform(X), y, cv=2, n_jobs=2, return_estimator=True)
    assert all(1 <= each.history_.threads <= max(1, joblib.cpu_count() // 2) for each in found["estimator"])
