"""What would train silently on something else than was meant is refused."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import deltarule as dr
from deltarule.data.batches import BatchPlan


@pytest.mark.parametrize("activations", [["softmax"], ["tanh", "softmax"], ["softmax", "identity"]])
def test_softmax_over_one_unit_is_refused(activations: list[str]) -> None:
    with pytest.raises(dr.InputError, match="over one it is always 1; got one in layer"):
        dr.Network([2, *[1] * len(activations)], activations)


def test_own_batches_need_validation_arrays() -> None:
    net, X = dr.Network([1, 1], ["identity"]), np.arange(5.0)
    with pytest.raises(dr.InputError, match="`validation` must be arrays where `batches` says"):
        net.train(X, X, batches=[[0, 1, 2]], validation=0.3)
    history = net.train(X, X, batches=[[0, 1, 2]], validation=(X, X), epochs=1)
    assert len(history.validation_loss) == 1


def test_a_merged_single_batch_is_a_full_batch_and_keeps_its_order() -> None:
    assert BatchPlan(5, 3, shuffle=True, remainder="merge").epoch(0) == [slice(0, 5)]


@pytest.mark.parametrize("make", [dr.SGD, dr.Adam])
def test_optimizers_with_a_rate_per_layer_are_values(make: type[dr.SGD] | type[dr.Adam]) -> None:
    rates = [0.1, 0.2]
    record = make(rates)
    rates[0] = 5.0
    assert record == make((0.1, 0.2)) == make(np.array([0.1, 0.2]))  # type: ignore[arg-type]
    assert hash(record) == hash(make((0.1, 0.2)))
    assert record.learning_rate == (0.1, 0.2)
    assert make(np.float32(0.5)).learning_rate == 0.5


def test_train_and_training_have_the_same_arguments() -> None:
    train, training = (
        inspect.signature(method).parameters for method in (dr.Network.train, dr.Network.training)
    )
    assert dict(train) == dict(training)
