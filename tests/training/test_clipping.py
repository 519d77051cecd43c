"""clip_norm shortens the gradient of a step, label_smoothing softens the targets that are learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.optimizers import clipped
from tests.training.support import X, Y, curve, line

RNG = np.random.default_rng(3)
INPUTS, CLASSES = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)
ENGINES = pytest.mark.parametrize("engine", ["reference", "auto"])


@ENGINES
@pytest.mark.parametrize("penalty", [None, dr.L2(0.5)])
def test_a_long_gradient_keeps_its_direction(engine: str, penalty: Any) -> None:
    net, before = curve(), curve()
    g = before.gradients(X, Y, penalty=penalty)
    gradient = np.concatenate([np.ravel(part) for pair in zip(g.dW, g.db, strict=True) for part in pair])
    length = float(np.linalg.norm(gradient))
    settings: dict[str, Any] = {"batch_size": None, "epochs": 1, "penalty": penalty, "engine": engine}
    net.train(X, Y, optimizer=dr.SGD(1.0), clip_norm=length / 4, **settings)
    np.testing.assert_allclose(net.theta, before.theta - gradient / 4, rtol=1e-12, atol=1e-15)


@ENGINES
def test_a_short_gradient_stays_as_it_is(engine: str) -> None:
    nets = [curve(), curve()]
    for net, clip in zip(nets, (None, 1e9), strict=True):
        net.train(X, Y, optimizer=dr.Adam(0.01), epochs=5, clip_norm=clip, engine=engine)
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()


def test_clipping_holds_a_run_that_would_diverge() -> None:
    with pytest.warns(dr.DivergenceWarning):
        line().train(X, Y, optimizer=dr.SGD(30.0), epochs=1000)
    history = line().train(X, Y, optimizer=dr.SGD(30.0), epochs=1000, clip_norm=1.0)
    assert history.stop is not None
    assert history.stop.kind == "epochs"


def test_dtype_is_kept() -> None:
    assert clipped(np.ones(5, np.float32), 0.5).dtype == np.float32


@pytest.mark.parametrize("clip", [0.0, -1.0, float("nan"), "short"])
def test_a_length_that_makes_no_sense_is_refused(clip: Any) -> None:
    with pytest.raises(dr.InputError, match="`clip_norm` must"):
        curve().train(X, Y, clip_norm=clip)


@ENGINES
def test_smoothed_targets_are_what_is_learned(engine: str) -> None:
    def train(y: Any, **settings: Any) -> dr.Network:
        net = dr.Network([4, 5, 3], ["tanh", "softmax"], seed=1)
        net.train(INPUTS, y, loss="cross_entropy", epochs=3, engine=engine, **settings)
        return net

    hot = dr.one_hot(CLASSES)
    assert train(hot, label_smoothing=0.1).theta.tobytes() == train(0.9 * hot + 0.1 / 3).theta.tobytes()


def test_each_output_of_binary_cross_entropy_is_two_classes() -> None:
    def train(y: Any, **settings: Any) -> dr.Network:
        net = dr.Network([4, 2], ["sigmoid"], seed=1)
        net.train(INPUTS, y, loss="binary_cross_entropy", epochs=3, **settings)
        return net

    y = RNG.integers(0, 2, (30, 2)).astype(float)
    assert train(y, label_smoothing=0.2).theta.tobytes() == train(0.8 * y + 0.1).theta.tobytes()


def test_validation_rows_keep_their_targets() -> None:
    net = dr.Network([4, 3], ["softmax"], seed=1)
    hot = dr.one_hot(CLASSES)
    settings: dict[str, Any] = {"loss": "cross_entropy", "epochs": 1, "optimizer": dr.SGD(0.0)}
    history = net.train(INPUTS, hot, validation=(INPUTS, hot), label_smoothing=0.3, **settings)
    plain = net.train(INPUTS, hot, **settings)
    assert history.validation_loss == pytest.approx(plain.loss)
    assert history.loss != pytest.approx(plain.loss)


@pytest.mark.parametrize("amount", [1.0, -0.1, float("inf")])
def test_an_amount_that_makes_no_sense_is_refused(amount: float) -> None:
    with pytest.raises(dr.InputError, match="`label_smoothing` must"):
        curve().train(X, Y, label_smoothing=amount)


def test_only_classes_can_be_smoothed() -> None:
    with pytest.raises(dr.InputError, match=r"needs the loss cross_entropy .*; got mean_squared_error"):
        curve().train(X, Y, label_smoothing=0.1)
