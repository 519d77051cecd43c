"""register: records of every kind, by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import deltarule as dr
from deltarule.registration import REGISTRIES

X = np.linspace(-1.0, 1.0, 8)[:, np.newaxis]


@dataclass(frozen=True)
class Halves(dr.Zeros):
    """Every parameter is one half."""

    name: ClassVar[str] = "own initializer"

    def draw(self, rng: Any, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return np.full(shape, 0.5)


@dataclass(frozen=True)
class Own(dr.SGD):
    """SGD under another name."""

    name: ClassVar[str] = "own optimizer"


@dataclass(frozen=True)
class Strong(dr.L1):
    """L1 under another name."""

    name: ClassVar[str] = "own penalty"


RECORDS = {
    "activation": dr.Activation("own activation", value=lambda z: z * z, slope=lambda z, a: 2.0 * z),
    "loss": dr.Loss(
        "own loss", lambda y, y_hat: np.sum((y_hat - y) ** 4, axis=1), lambda y, y_hat: 4.0 * (y_hat - y) ** 3
    ),
    "metric": dr.Metric("own metric", lambda y, y_hat, w: 7.0),
    "optimizer": Own(),
    "initializer": Halves(),
    "penalty": Strong(),
}


@pytest.fixture(autouse=True)
def registries_are_left_as_they_were() -> Iterator[None]:
    before = [(dict(registry._records), dict(registry._aliases)) for registry in REGISTRIES]
    yield
    for registry, (records, aliases) in zip(REGISTRIES, before, strict=True):
        registry._records, registry._aliases = records, aliases


@pytest.mark.parametrize("kind", RECORDS)
def test_every_kind_finds_its_registry(kind: str) -> None:
    record = RECORDS[kind]
    assert dr.register(record, f"my {kind}") is record
    holders = [registry for registry in REGISTRIES if record.name in registry]
    assert [registry.kind for registry in holders] == [kind]
    assert holders[0][f"my {kind}"] is record


def test_the_names_work_in_training() -> None:
    for record in RECORDS.values():
        dr.register(record)
    net = dr.Network([1, 1, 1], ["own activation", "identity"], initializer="own initializer")
    np.testing.assert_array_equal(net.weights[0], [[0.5]])
    history = net.train(
        X,
        X,
        loss="own loss",
        metrics=["own metric"],
        optimizer="own optimizer",
        penalty="own penalty",
        epochs=1,
    )
    assert history.metrics["own metric"] == [7.0]


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_kinds_cannot_be_taken_for_each_other(registry: Any) -> None:
    """The protocols of the kinds tell every record that is known apart."""
    for other in REGISTRIES:
        for record in other.values():
            assert isinstance(record, registry.protocol) == (other is registry), record


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(dr.InputError, match="the optimizer name must be new; got 'sgd'"):
        dr.register(dr.SGD(0.5))


def test_what_is_no_record_is_refused() -> None:
    kinds = "activation, loss, metric, optimizer, schedule, initializer, penalty"
    with pytest.raises(dr.InputError, match=f"a known kind; got 3. Allowed: {kinds}"):
        dr.register(3)
    with pytest.raises(dr.InputError, match=r"not its class; got .*SGD.*Try SGD\(...\)"):
        dr.register(dr.SGD)
