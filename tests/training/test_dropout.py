"""Training with dropout: the steps lose units, predictions and what is watched do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.dropout import Dropout
from tests.training.support import X_VAL, Y_VAL, X, Y, curve, mean_loss

ENGINES = pytest.mark.parametrize("engine", ["reference", "auto"])


@ENGINES
@pytest.mark.parametrize("batch_size", [None, 5, 1])
def test_a_step_is_the_gradient_with_units_left_out(engine: str, batch_size: int | None) -> None:
    """The first epoch by hand, step by step, with the rows and units that are documented."""
    net, at = curve(), curve()
    run = net.training(
        X, Y, optimizer=dr.SGD(0.1), dropout=0.5, seed=9, batch_size=batch_size, epochs=1, engine=engine
    )
    next(run)
    losses = []
    for batch in run.job.plan.epoch(0):
        rows = np.arange(len(X))[batch]
        (r,) = Dropout((0.5,), 9).factors([4], 0, rows, np.dtype(float))
        hidden = at.forward(X[rows])[0]
        error = (hidden.a * r) @ at.weights[1] + at.biases[1] - Y[rows]
        losses += np.sum(error**2, axis=1).tolist()
        delta = 2.0 * error
        below = (delta @ at.weights[1].T) * r * (1.0 - hidden.a**2)
        n = len(rows)
        steps = [X[rows].T @ below, below.sum(axis=0), (hidden.a * r).T @ delta, delta.sum(axis=0)]
        at.theta = at.theta - 0.1 * np.concatenate([np.ravel(step) / n for step in steps])
    np.testing.assert_allclose(net.theta, at.theta, rtol=1e-11, atol=1e-13)
    assert run.history.loss[0] == pytest.approx(np.mean(losses), rel=1e-12)


@ENGINES
def test_predictions_and_validation_rows_lose_nothing(engine: str) -> None:
    net = curve()
    history = net.train(X, Y, validation=(X_VAL, Y_VAL), dropout=0.5, epochs=3, engine=engine)
    assert history.validation_loss[-1] == pytest.approx(mean_loss(net, X_VAL, Y_VAL), rel=1e-12)
    np.testing.assert_array_equal(net.predict(X), net.predict(X))
    np.testing.assert_allclose(net.predict(X), net.forward(X)[-1].a, rtol=1e-12)
    assert history.loss[-1] != pytest.approx(mean_loss(net), rel=1e-3)


@ENGINES
def test_a_fraction_of_zero_is_no_dropout(engine: str) -> None:
    nets = [curve(), curve(), curve()]
    for net, dropout in zip(nets, (0.0, [0.0], np.zeros(1)), strict=True):
        net.train(X, Y, epochs=3, dropout=dropout, engine=engine)
    assert len({net.theta.tobytes() for net in nets}) == 1


def test_each_layer_has_its_fraction() -> None:
    def trained(dropout: Any) -> bytes:
        net = dr.Network([3, 6, 5, 1], ["tanh", "tanh", "identity"])
        net.train(X, Y, epochs=2, dropout=dropout)
        return net.theta.tobytes()

    assert trained(0.4) == trained([0.4, 0.4]) == trained(np.array([0.4, 0.4]))
    assert len({trained(0.4), trained([0.4, 0.0]), trained([0.0, 0.4]), trained(0.0)}) == 4


@ENGINES
def test_units_follow_the_seed_and_the_epoch(engine: str) -> None:
    def losses(seed: int) -> list[float]:
        settings: dict[str, Any] = {"optimizer": dr.SGD(0.0), "batch_size": None, "dropout": 0.5}
        return curve().train(X, Y, epochs=4, seed=seed, engine=engine, **settings).loss

    assert losses(1) == losses(1)
    assert len({*losses(1), *losses(2)}) == 8


def test_a_diverging_run_finds_its_best_epoch_again() -> None:
    net = curve()
    with pytest.warns(dr.DivergenceWarning):
        net.train(X, Y, dropout=0.5, optimizer=dr.SGD(1e200), batch_size=None, epochs=20)
    assert np.isfinite(net.theta).all()


def test_the_record_tells_the_fractions() -> None:
    net = curve()
    net.train(X, Y, epochs=1, dropout=0.25)
    assert net.training_record["dropout"] == [0.25]
    net.train(X, Y, epochs=1)
    assert net.training_record["dropout"] is None


@pytest.mark.parametrize(
    ("dropout", "sentence"),
    [
        (1.0, r"`dropout` must lie in \[0, 1\); got 1.0."),
        ([0.5, -0.1], r"`dropout` must lie in \[0, 1\); got -0.1."),
        ([0.1, 0.2], r"must be one number, or one per hidden layer, 1; got \[0.1, 0.2\]."),
        ("half", "`dropout` must be a finite number; got 'h'."),
        (None, "`dropout` must be a finite number; got None."),
    ],
)
def test_what_cannot_be_a_fraction_is_refused(dropout: Any, sentence: str) -> None:
    with pytest.raises(dr.InputError, match=sentence):
        curve().train(X, Y, dropout=dropout)


def test_a_network_without_hidden_layers_has_nothing_to_lose() -> None:
    with pytest.raises(dr.InputError, match=r"needs hidden layers; got a network without\. Leave it out"):
        dr.Network([3, 1], ["identity"]).train(X, Y, dropout=0.5)


def test_l_bfgs_leaves_out_nothing() -> None:
    with pytest.raises(dr.InputError, match=r"must be left out with L-BFGS, .*; got \[0.5\]\. Try adam"):
        curve().train(X, Y, optimizer="lbfgs", dropout=0.5)
