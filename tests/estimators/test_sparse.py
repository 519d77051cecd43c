"""A sparse X that is made dense batch by batch: the same bits as a dense one, in little memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_regression

import deltarule as dr
from deltarule.estimators import sparse_inputs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_regression(90, 4, noise=5.0, random_state=0)
X, Y = np.where(np.abs(X) < 0.7, 0.0, X), Y / 50.0
KINDS = {"csr": sparse.csr_array, "csc": sparse.csc_array, "csr matrix": sparse.csr_matrix}


@pytest.fixture(autouse=True)
def _nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_inputs, "DENSE_VALUES", 40)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "sgd", "shuffle": False, "batch_size": 7},
        {"dropout": 0.3, "batch_size": 20},
        {"early_stopping": True, "alpha_scaling": "data"},
        {"solver": dr.AdamW(dr.CosineDecay(0.1)), "dtype": "float32"},
        {"solver": "lbfgs"},
    ],
    ids=["adam", "sgd", "dropout", "early stopping", "adamw", "lbfgs"],
)
def test_the_same_bits(settings: dict[str, Any], kind: str) -> None:
    given = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0, "engine": "reference"} | settings
    models = [dr.MLPRegressor(**given).fit(x, Y) for x in (X, KINDS[kind](X))]
    np.testing.assert_array_equal(models[0].network_.theta, models[1].network_.theta)
    assert models[0].loss_curve_ == models[1].loss_curve_
    np.testing.assert_allclose(models[1].predict(KINDS[kind](X)), models[0].predict(X), rtol=1e-6)
    assert ("batch by batch" in models[1].history_.engine_reason) == (settings != {"solver": "lbfgs"})


def test_rows_to_watch_may_be_sparse_alone() -> None:
    given: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0}
    model = dr.MLPRegressor(**given).fit(X, Y, X_val=sparse.csr_array(X), y_val=Y)
    expected = dr.MLPRegressor(**given).fit(X, Y, X_val=X, y_val=Y)
    np.testing.assert_allclose(model.history_.validation_loss, expected.history_.validation_loss, rtol=1e-9)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-9)


def test_answers_come_block_by_block() -> None:
    labels = np.arange(90) % 3
    model = dr.MLPClassifier((5,), max_iter=3, random_state=0).fit(sparse.csr_array(X), labels)
    offset = np.linspace(0.0, 1.0, 270).reshape(90, 3)
    for name in ("predict_proba", "decision_function", "predict_log_proba"):
        answer = getattr(model, name)
        np.testing.assert_allclose(answer(sparse.csc_array(X), offset), answer(X, offset), rtol=1e-9)
    hidden = model.hidden_activations(sparse.csr_array(X))
    np.testing.assert_allclose(hidden, model.hidden_activations(X), rtol=1e-12)


def test_little_is_dense_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a whole it would take 240 MB."""
    monkeypatch.setattr(sparse_inputs, "DENSE_VALUES", 1 << 20)
    x = sparse.random_array((3000, 10_000), density=1e-3, rng=np.random.default_rng(0), format="csr")
    y = x.sum(axis=1)
    tracemalloc.start()
    try:
        model = dr.MLPRegressor("squared_error", (), batch_size=100, max_iter=1).fit(x, y, X_val=x, y_val=y)
        model.predict(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6
