"""Predictions and losses without training: the native engine's are the reference engine's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.engines.native import engine as native
from deltarule.engines.native.engine import FewRows, NativeEngine
from deltarule.engines.reference import ReferenceEngine
from tests.core.support import ACTIVATION_RECORDS, each_dtype, each_pair
from tests.engines.support import INSTRUCTION_SETS, Case, case, each_instruction_set, require_native

require_native()

REFERENCE = ReferenceEngine()
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
ROWS = (1, 3, 4, 5, 33, 300)


def assert_equal_answers(engine: NativeEngine, at: Case) -> None:
    """Both answers, the loss as a sum of shares of any sign."""
    architecture, rows = at.objective.architecture, at.rows
    tolerance = TOLERANCE[at.theta.dtype.name]
    expected = REFERENCE.predict(architecture, at.theta, rows.X, rows.offset)
    found = engine.predict(architecture, at.theta, rows.X, rows.offset)
    assert found.dtype == at.theta.dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    loss, weight = engine.losses(at.objective, at.theta, rows)
    expected_loss, expected_weight = REFERENCE.losses(at.objective, at.theta, rows)
    assert weight == expected_weight
    np.testing.assert_allclose(loss, expected_loss, rtol=20 * tolerance, atol=20 * tolerance * weight)


@each_dtype
@each_pair
def test_every_loss_and_output_after_every_hidden_activation(loss: Any, output: Any, dtype: Any) -> None:
    for number, hidden in enumerate(ACTIVATION_RECORDS):
        variant = {"weighted": number % 2 == 0, "shifted": number % 3 == 0, "bias": number % 4 != 1}
        n = ROWS[number % len(ROWS)]
        at = case(loss, [hidden, output], [9, 37, 3], n, seed=number, dtype=dtype, **variant)
        assert_equal_answers(NativeEngine(), at)


@each_instruction_set
@pytest.mark.parametrize("widths", [[1, 1], [3, 2, 1], [300, 70, 5], [7, 600, 1]], ids=str)
def test_any_width_and_number_of_rows(instruction_set: str, widths: list[int]) -> None:
    activations = [ACTIVATIONS["tanh"]] * (len(widths) - 1)
    for n in ROWS:
        at = case(LOSSES["huber"], activations, widths, n, seed=n, weighted=True, shifted=True)
        for threads in (1, 3):
            assert_equal_answers(NativeEngine(instruction_set, threads), at)


def test_any_number_of_threads_and_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    activations = [ACTIVATIONS[name] for name in ("silu", "softmax")]
    at = case(LOSSES["cross_entropy"], activations, [12, 40, 5], 1_000, weighted=True)
    architecture = at.objective.architecture

    def answers(threads: int) -> tuple[bytes, float]:
        engine = NativeEngine(INSTRUCTION_SETS[0], threads)
        y_hat = engine.predict(architecture, at.theta, at.rows.X, None)
        return y_hat.tobytes(), engine.losses(at.objective, at.theta, at.rows)[0]

    alone = answers(1)
    assert all(answers(threads) == alone for threads in (2, 3, 8))
    monkeypatch.setattr(native, "ROWS_PER_CALL", 320)
    assert answers(2)[0] == alone[0]
    np.testing.assert_allclose(answers(2)[1], alone[1], rtol=1e-13)


X = np.random.default_rng(0).normal(size=(6, 4))


def network() -> dr.Network:
    return dr.Network([4, 5, 2], ["gelu", "softmax"], seed=3)


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_few_rows_of_any_layout(n: int) -> None:
    net = network()
    expected = net.forward(X)[-1].a[:n]
    for given in (X[:n], np.asfortranarray(X[:n]), X[:n].tolist(), np.repeat(X, 2, axis=0)[: 2 * n : 2]):
        np.testing.assert_allclose(net.predict(given), expected, rtol=1e-13)


def test_few_rows_see_new_parameters_and_survive_copies() -> None:
    net = network()
    before = net.predict(X[:1])
    twins = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]  # noqa: S301
    net.theta[:] = 0.0
    np.testing.assert_allclose(net.predict(X[:1]), [[0.5, 0.5]], rtol=1e-14)
    for twin in twins:
        np.testing.assert_array_equal(twin.predict(X[:1]), before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_few_rows_must_be_finite(bad: float) -> None:
    row = X[:1].copy()
    row[0, 2] = bad
    with pytest.raises(dr.InputError, match="finite"):
        network().predict(row)


@pytest.mark.parametrize("shape", [(1, 3), (2, 5), (4,), (1, 1, 4)])
def test_few_rows_must_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(dr.InputError, match=r"must have shape \(n, 4\)"):
        network().predict(np.zeros(shape))


def test_what_has_no_twin_is_left_to_the_reference() -> None:
    own = dr.Activation(
        "cube", value=lambda z: z**3, slope=lambda z, a: 3 * z**2, formula="z^3", slope_formula="3 z^2"
    )
    net = dr.Network([4, 3, 1], [own, "identity"], seed=1)
    assert FewRows(net.architecture).predict(net.theta, X[:1]) is None
    for n in (1, 6):
        np.testing.assert_array_equal(net.predict(X[:n]), net.forward(X[:n])[-1].a)
