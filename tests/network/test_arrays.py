"""What the caller may give: any layout, any number type, lists and frames; and nothing of it is changed."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import deltarule as dr
from deltarule.engines.base import EpochSums, Job, TrainingState
from deltarule.engines.reference import ReferenceEngine

X = np.arange(60).reshape(20, 3) % 7
Y = np.arange(20) % 5
W = np.arange(20) % 3
OFFSET = np.arange(20) % 2


def frozen(array: Any) -> Any:
    array = np.array(array)
    array.flags.writeable = False
    return array


def train(x: Any = X, y: Any = Y, w: Any = W, offset: Any = OFFSET, **settings: Any) -> dr.Network:
    net = dr.Network([3, 2, 1], ["tanh", "identity"], dtype=settings.pop("dtype", "float64"))
    net.train(
        x, y, sample_weight=w, offset=offset, epochs=3, batch_size=6, validation=(x, y, w, offset), **settings
    )
    return net


EXPECTED = train().theta
FORMS = {
    "floats": (X.astype(float), Y.astype(float), W.astype(float), OFFSET.astype(float)),
    "columns": (X, Y[:, np.newaxis], W, OFFSET[:, np.newaxis]),
    "lists": (X.tolist(), Y.tolist(), W.tolist(), OFFSET.tolist()),
    "tuples": (tuple(map(tuple, X)), tuple(Y), tuple(W), tuple(OFFSET)),
    "small integers": (X.astype(np.int8), Y.astype(np.uint8), W.astype(np.int16), OFFSET.astype(bool)),
    "float32": (X.astype(np.float32), Y.astype(np.float32), W, OFFSET),
    "big-endian": (X.astype(">f8"), Y.astype(">i4"), W.astype(">f4"), OFFSET),
    "objects": (X.astype(object), Y.astype(object), W.astype(object), OFFSET.astype(object)),
    "Fortran order": (np.asfortranarray(X, dtype=float), Y, W, OFFSET),
    "strided": (np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 3)[::3], W, np.repeat(OFFSET, 2)[1::2]),
    "reversed": (np.ascontiguousarray(X[::-1])[::-1], Y[::-1][::-1], W, OFFSET),
    "write-protected": (
        frozen(X.astype(float)),
        frozen(Y.astype(float)),
        frozen(W * 1.0),
        frozen(OFFSET * 1.0),
    ),
    "pandas": (pd.DataFrame(X, columns=list("abc")), pd.Series(Y, index=range(50, 70)), pd.Series(W), OFFSET),
    "pandas mixed": (pd.DataFrame({"a": X[:, 0], "b": X[:, 1] * 1.0, "c": X[:, 2]}), Y, W, OFFSET),
    "pandas frame y": (X, pd.DataFrame({"y": Y}), W, OFFSET),
    "polars": (pl.DataFrame(X), pl.Series(Y), pl.Series(W), pl.Series(OFFSET)),
    "polars frame y": (X, pl.DataFrame({"y": Y}), W, OFFSET),
    "masked without masks": (np.ma.masked_array(X), Y, W, OFFSET),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_numbers_trains_the_same(form: str) -> None:
    np.testing.assert_allclose(train(*FORMS[form]).theta, EXPECTED, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_callers_arrays_are_never_changed(dtype: Any) -> None:
    given = [np.array(part, dtype=dtype) for part in (X, Y, W, OFFSET)]
    before = [part.tobytes() for part in given]
    scaler = dr.Standardizer.fit(given[1][:, np.newaxis])
    net = train(*given, dtype=dtype, metrics=["rmse", "r2"], target_scaler=scaler)
    steps = net.forward(given[0], offset=given[3])
    net.predict(given[0], offset=given[3])
    net.gradients(given[0], given[1], sample_weight=given[2], offset=given[3])
    dr.check_gradients(net, given[0], given[1])
    assert [part.tobytes() for part in given] == before
    assert not np.shares_memory(steps[0].z, given[0])


def test_own_batches_are_not_changed() -> None:
    own = [np.array([3, 1, 2]), np.array([0])]
    dr.Network([3, 1], ["identity"]).train(X, Y, batches=own, epochs=3)
    assert [batch.tolist() for batch in own] == [[3, 1, 2], [0]]


def test_what_comes_back_is_the_callers_to_change() -> None:
    net = dr.Network([3, 1], ["identity"])
    y_hat = net.predict(X)
    g = net.gradients(X, Y)
    before = net.theta.copy()
    y_hat[:] = g.dW[0][:] = g.delta[0][:] = g.db[0][:] = 0.0
    np.testing.assert_array_equal(net.theta, before)
    assert net.predict(X).any()


class Looking(ReferenceEngine):
    """Says which arrays an engine is given."""

    def __init__(self) -> None:
        object.__setattr__(self, "seen", [])

    def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
        self.seen.append(job.rows)  # type: ignore[attr-defined]
        super().run_epochs(job, state, epochs, done)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_the_right_dtype_are_not_copied(dtype: Any, order: Any) -> None:
    x, y = np.array(X, dtype=dtype, order=order), Y.astype(dtype)
    engine = Looking()
    dr.Network([3, 1], ["identity"], dtype=dtype).train(
        x, y, epochs=1, engine=engine, sample_weight=W.astype(dtype)
    )
    rows = engine.seen[0]  # type: ignore[attr-defined]
    assert np.shares_memory(rows.X, x)
    assert np.shares_memory(rows.y, y)


def test_training_needs_little_memory_beside_the_arrays() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 100))
    y = x[:, :1]
    net = dr.Network([100, 8, 1], ["tanh", "identity"])
    tracemalloc.start()
    net.train(x, y, epochs=2, batch_size=256, validation=(x, y), metrics=["rmse"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert x.nbytes == 16_000_000
    assert peak < 6_000_000


@pytest.mark.parametrize(
    "optimizer",
    [
        dr.SGD(np.float64(0.1), momentum=0.9),
        dr.SGD([0.1, 0.2], momentum=np.float64(0.9), nesterov=True),
        dr.Adam(np.float64(0.01), beta_1=np.float64(0.9)),
    ],
)
def test_float32_stays_float32(optimizer: Any) -> None:
    net = dr.Network([3, 4, 2], ["gelu", "softmax"], dtype="float32")
    labels = dr.one_hot(np.arange(20) % 2)
    run = net.training(
        X, labels, loss="cross_entropy", optimizer=optimizer, penalty=dr.L2(np.float64(0.1)), epochs=2
    )
    list(run)
    steps = net.forward(X)
    g = net.gradients(X, labels, loss="cross_entropy", penalty=dr.L2(np.float64(0.1)))
    arrays = [net.theta, *net.weights, *net.biases, net.predict(X), *g.dW, *g.db, *g.delta]
    arrays += [array for step in steps for array in step]
    arrays += [array for name, array in run.state.optimizer.items() if name != "t"]
    assert {array.dtype for array in arrays} == {np.dtype("float32")}


def test_float32_training_follows_float64() -> None:
    np.testing.assert_allclose(train(dtype="float32").theta, EXPECTED, rtol=1e-4, atol=1e-6)


def test_one_input_column_may_be_one_dimensional() -> None:
    net = dr.Network([1, 1], ["identity"])
    np.testing.assert_array_equal(net.predict([1, 2]), net.predict([[1], [2]]))
    net.train(pd.Series([1, 2]), pl.Series([1, 2]), epochs=1)


def test_predictions_are_columns_even_of_no_rows() -> None:
    net = dr.Network([3, 2], ["identity"])
    assert net.predict(X).shape == (20, 2)
    assert net.predict(X[:0]).shape == (0, 2)
    assert net.forward(X[:0])[-1].a.shape == (0, 2)


def test_predict_is_the_last_activation_of_forward() -> None:
    net = dr.Network([3, 2, 2], ["tanh", "softmax"])
    offset = np.arange(40.0).reshape(20, 2)
    expected = net.forward(X, offset)[-1].a
    np.testing.assert_array_equal(ReferenceEngine().predict(net.architecture, net.theta, X, offset), expected)
    np.testing.assert_allclose(net.predict(X, offset), expected, rtol=1e-13)
    np.testing.assert_allclose(net.forward(X, offset)[-1].z - net.forward(X)[-1].z, offset, atol=1e-12)
