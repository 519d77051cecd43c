"""The native engine among others: fallback with a reason, state, arrays of any layout, memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.data.batches import BatchPlan
from deltarule.engines.native.engine import NativeEngine
from deltarule.engines.selection import REFERENCE
from tests.engines.support import case, require_native, run

require_native()

RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(60, 3)), RNG.normal(size=(60, 2))
WIDTHS = {"narrow": [3, 4, 2], "wide": [3, 40, 2]}
each_width = pytest.mark.parametrize("widths", WIDTHS.values(), ids=WIDTHS)


def network(widths: Any = (3, 4, 2), activation: Any = "tanh", **settings: Any) -> dr.Network:
    return dr.Network(list(widths), [activation, "identity"], **settings)


# -- which engine, and why --------------------------------------------------------------------------------

BENT = dr.Activation("bent", value=lambda z: z + 0.1 * z**2, slope=lambda z, a: 1 + 0.2 * z)
MY_TANH = dr.Activation("tanh", value=lambda z: np.tanh(2 * z), slope=lambda z, a: 2 * (1 - a * a))
QUARTIC = dr.Loss("quartic", lambda y, p: np.sum((p - y) ** 4, axis=1), lambda y, p: 4 * (p - y) ** 3)
MY_HUBER = dr.Loss("huber", QUARTIC.value, QUARTIC.slope)


@dataclass(frozen=True)
class MySGD(dr.SGD):
    """Inherits from a known optimizer and does something else."""

    def update(self, theta: Any, gradient: Any, state: Any, rate: Any) -> Any:
        return theta - rate * np.sign(gradient), state


@dataclass(frozen=True)
class MyL2(dr.L2):
    def value(self, p: Any) -> float:
        return 0.0

    def slope(self, p: Any) -> Any:
        return 0.0 * p


UNKNOWN: list[tuple[dict[str, Any], str]] = [
    ({"activation": BENT}, "the activation bent"),
    ({"activation": MY_TANH}, "the activation tanh"),
    ({"loss": QUARTIC}, "the loss quartic"),
    ({"loss": MY_HUBER}, "the loss huber"),
    ({"optimizer": MySGD(0.001)}, "the optimizer sgd"),
    ({"penalty": MyL2(0.1)}, "the penalty l2"),
    ({"penalty": (dr.L1(0.1), MyL2(0.1))}, "the penalty l2"),
]


@pytest.mark.parametrize(("settings", "what"), UNKNOWN, ids=[what for _, what in UNKNOWN])
@pytest.mark.parametrize("engine", ["native", "auto"])
def test_what_has_no_twin_falls_back_with_the_reason(
    engine: str, settings: dict[str, Any], what: str
) -> None:
    activation = {"activation": settings["activation"]} if "activation" in settings else {}
    others = {name: value for name, value in settings.items() if name != "activation"}
    net, expected = network(**activation), network(**activation)
    history = net.train(X, Y, epochs=2, engine=engine, **others)
    assert history.engine == "reference"
    asked = "" if engine == "native" else "the fastest that can do this job; "
    assert history.engine_reason == f"{asked}native: it does not know {what}"
    expected.train(X, Y, epochs=2, engine="reference", **others)
    assert net.theta.tobytes() == expected.theta.tobytes()


@pytest.mark.parametrize(
    ("engine", "reason"),
    [("auto", "the fastest that can do this job"), ("native", "asked for"), (NativeEngine(), "asked for")],
)
def test_the_history_says_which_engine(engine: Any, reason: str) -> None:
    history = network().train(X, Y, epochs=2, engine=engine)
    assert (history.engine, history.engine_reason) == ("native", reason)


def test_where_it_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltarule.engines.native.engine._native", None)
    history = network().train(X, Y, epochs=2)
    assert history.engine == "reference"
    assert history.engine_reason == (
        "the fastest that can do this job; native: it is not compiled in this installation"
    )


# -- state ------------------------------------------------------------------------------------------------


@each_width
@pytest.mark.parametrize(
    "optimizer", [dr.SGD(0.01), dr.SGD(0.01, momentum=0.9), dr.Adam(0.01)], ids=lambda o: repr(o)[:20]
)
def test_the_state_is_that_of_the_reference_engine(optimizer: Any, widths: Any) -> None:
    """And a run may change engines on its way."""
    at = case(LOSSES["huber"], [ACTIVATIONS["tanh"], ACTIVATIONS["identity"]], widths, 60)
    job = at.job(optimizer, BatchPlan(len(at.rows.X), 7))
    native, reference = (run(engine, job, at.theta, 3).state for engine in (NativeEngine(), REFERENCE))
    assert (native.step, native.epoch) == (reference.step, reference.epoch)
    assert native.optimizer.keys() == reference.optimizer.keys()
    for name, values in reference.optimizer.items():
        assert (native.optimizer[name].shape, native.optimizer[name].dtype) == (values.shape, values.dtype)
        np.testing.assert_allclose(native.optimizer[name], values, rtol=1e-9, atol=1e-14)
    if "t" in reference.optimizer:
        np.testing.assert_array_equal(native.optimizer["t"], reference.optimizer["t"])
    whole = run(REFERENCE, job, at.theta, 6).state.theta
    for first, second in ((NativeEngine(), REFERENCE), (REFERENCE, NativeEngine())):
        half = run(first, job, at.theta, 3).state
        np.testing.assert_allclose(
            run(second, job, at.theta, 3, half).state.theta, whole, rtol=1e-8, atol=1e-12
        )


@each_width
@pytest.mark.parametrize("optimizer", [dr.SGD(0.1, momentum=0.9), dr.Adam(0.01)], ids=["momentum", "adam"])
@pytest.mark.parametrize("penalty", [None, dr.L2(0.1)])
def test_batches_without_weight_are_skipped(penalty: Any, optimizer: Any, widths: Any) -> None:
    w = np.ones(60)
    w[20:40] = 0.0
    settings: dict[str, Any] = {"epochs": 3, "penalty": penalty, "optimizer": optimizer, "record_steps": True}
    batches = [range(20), range(20, 40), range(40, 60)]
    net, expected = network(widths), network(widths)
    training = net.training(X, Y, sample_weight=w, engine="native", batches=batches, **settings)
    reports = list(training)
    other = expected.training(X, Y, engine="native", batches=[batches[0], batches[2]], **settings)
    expected_reports = list(other)
    assert net.theta.tobytes() == expected.theta.tobytes()
    assert training.state.step == other.state.step == 6
    assert [report.loss for report in reports] == [report.loss for report in expected_reports]
    for report in reports:
        assert report.step_losses is not None
        assert np.isnan(report.step_losses).tolist() == [False, True, False]


@pytest.mark.parametrize("batches", [[], [[]], [range(20, 40)]])
def test_an_epoch_without_weight_is_refused(batches: Any) -> None:
    w = np.ones(60)
    w[20:40] = 0.0
    with pytest.raises(dr.InputError, match="at least one row with weight"):
        network().train(X, Y, sample_weight=w, engine="native", batches=lambda epoch: batches)


@each_width
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("watched", [{}, {"metrics": ["rmse"]}], ids=["in chunks", "epoch by epoch"])
def test_divergence_ends_the_run(watched: Any, dtype: Any, widths: Any) -> None:
    net = network(widths, "relu", dtype=dtype)
    with pytest.warns(dr.DivergenceWarning, match="no longer finite"):
        history = net.train(X, Y, optimizer=dr.SGD(30.0), epochs=10_000, engine="native", **watched)
    assert history.stop is not None
    assert history.stop.kind == "diverged"
    assert np.isfinite(net.theta).all()
    assert np.isfinite(history.loss).all()
    assert np.isfinite(net.predict(X)).all()


# -- arrays of any layout ---------------------------------------------------------------------------------


def layouts(values: Any) -> dict[str, Any]:
    """The same numbers, laid out in memory in every way."""
    n, i = values.shape
    wider = np.zeros((2 * n, 3 * i), values.dtype)
    wider[::2, ::3] = values
    readonly = values.copy()
    readonly.flags.writeable = False
    return {
        "Fortran": np.asfortranarray(values),
        "strided": wider[::2, ::3],
        "reversed": values[::-1].copy()[::-1],
        "transposed": values.T.copy().T,
        "readonly": readonly,
        "big endian": values.astype(values.dtype.newbyteorder(">")),
        "list": values.tolist(),
    }


@each_width
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", layouts(X))
def test_layout_does_not_matter(layout: str, dtype: Any, widths: Any) -> None:
    x, y, w, offset = (
        X.astype(dtype),
        Y.astype(dtype),
        np.linspace(0, 1, 60).astype(dtype),
        0.1 * Y.astype(dtype),
    )
    nets = [network(widths, dtype=dtype) for _ in range(2)]
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 16, "engine": "native"}
    nets[0].train(x, y, sample_weight=w, offset=offset, **settings)
    other = {name: layouts(values)[layout] for name, values in (("X", x), ("y", y), ("offset", offset))}
    w = layouts(w[:, np.newaxis])[layout]
    nets[1].train(**other, sample_weight=np.asarray(w)[:, 0], **settings)
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()


@each_width
@pytest.mark.parametrize("batch_size", [32, None])
def test_contiguous_rows_are_not_copied(
    batch_size: Any, widths: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What C++ is given are the caller's own arrays."""
    from deltarule.engines.native import engine

    seen: list[tuple[Any, ...]] = []
    run_before = engine._native.run

    class Spy:
        instruction_sets = staticmethod(engine._native.instruction_sets)

        @staticmethod
        def run(*arguments: Any) -> Any:
            seen.append(arguments)
            return run_before(*arguments)

    monkeypatch.setattr(engine, "_native", Spy)
    x, y = X.astype(np.float32), Y.astype(np.float32)
    w = np.ones(60, np.float32)
    net = network(widths, dtype="float32")
    net.train(x, y, sample_weight=w, offset=y, epochs=2, batch_size=batch_size, engine="native")
    for given, passed in zip((x, y, w, y, net.theta), seen[0][1:6], strict=True):
        assert np.shares_memory(given, passed)
    assert network(widths, dtype="float32").train(x, y, epochs=1).engine == "native"


def test_rows_are_never_written_to() -> None:
    x, y = X.copy(), Y.copy()
    network().train(x, y, epochs=5, engine="native")
    assert (x.tobytes(), y.tobytes()) == (X.tobytes(), Y.tobytes())
