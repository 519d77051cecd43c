"""Saved models that were damaged, or made by a stranger: refused in a sentence, or exactly what was saved."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings, strategies as st

import deltarule as dr
from deltarule.errors import DeltaruleError, DeltaruleWarning, ModelFileError
from deltarule.storage import model_file
from deltarule.table_model import TableModel
from tests.storage.support import (
    DATA,
    KINDS,
    TABLES,
    changed,
    content_of,
    everything,
    load,
    places,
    with_value,
)

SETTINGS = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SAVED = {name: everything(load(name, DATA / f"{name}.safetensors")) for name in KINDS}
each_kind = pytest.mark.parametrize("name", KINDS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.safetensors"


def load_or_none(name: str, path: Path) -> Any:
    """Return what a file holds, None where it was refused in a sentence."""
    try:
        return load(name, path)
    except ModelFileError as error:
        sentence = str(error)
    assert "m.safetensors" in sentence
    assert sentence.isprintable()
    assert len(sentence) < 1000
    return None


def refused_or_exact(name: str, path: Path, content: bytes) -> bool:
    """Return whether a file was refused; one that was not must hold what was saved."""
    path.write_bytes(content)
    model = load_or_none(name, path)
    assert model is None or everything(model) == SAVED[name]
    return model is None


# Accidents


@each_kind
def test_cut_off_anywhere(name: str, path: Path) -> None:
    content = content_of(name)
    assert all(refused_or_exact(name, path, content[:length]) for length in range(len(content)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["format1_network", "format1_regression"])
def test_every_bit_flipped(name: str, path: Path) -> None:
    content = content_of(name)
    start = 8 + int.from_bytes(content[:8], "little")
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        assert refused_or_exact(name, path, bytes(damaged)) or bit < 8 * start


@SETTINGS
@given(name=st.sampled_from(KINDS), data=st.data())
def test_bits_flipped_anywhere(path: Path, name: str, data: st.DataObject) -> None:
    damaged = bytearray(content_of(name))
    for bit in data.draw(st.sets(st.integers(0, 8 * len(damaged) - 1), min_size=1, max_size=4)):
        damaged[bit // 8] ^= 1 << bit % 8
    refused_or_exact(name, path, bytes(damaged))


@SETTINGS
@given(name=st.sampled_from(KINDS), data=st.data())
def test_a_part_overwritten_moved_or_doubled(path: Path, name: str, data: st.DataObject) -> None:
    content = content_of(name)
    where = st.integers(0, len(content))
    start, stop = sorted(data.draw(st.tuples(where, where)))
    first, last = sorted(data.draw(st.tuples(where, where)))
    at = data.draw(where)
    part = data.draw(st.sampled_from([b"", b"\0" * (stop - start), content[first:last]]))
    refused_or_exact(name, path, content[:start] + part + content[stop:])
    refused_or_exact(name, path, content[:at] + content[start:stop] + content[at:])


@each_kind
def test_two_files_joined(name: str, path: Path) -> None:
    mine = content_of(name)
    for other in map(content_of, KINDS):
        half = len(other) // 2
        refused_or_exact(name, path, mine[:half] + other[half:])
        assert refused_or_exact(name, path, mine + other)


def test_cut_off_while_it_is_read(path: Path) -> None:
    network = dr.Network([100, 100, 1], ["tanh", "identity"])
    network.save(path)
    kinds = {name: model_file.Kind(a.dtype, a.shape) for name, a in model_file.read(path).arrays.items()}

    def cut_off(_: object) -> list[tuple[str, model_file.Kind]]:
        path.write_bytes(path.read_bytes()[:20_000])  # whoever had the file mapped would die here
        return list(kinds.items())

    with pytest.raises(ModelFileError, match="its content is damaged"):
        model_file.read(path, cut_off)


# A stranger, who knows how to make the checksum right


def arrays_of(name: str) -> dict[str, np.ndarray]:
    return model_file.read(DATA / f"{name}.safetensors").arrays


def swapped(arrays: dict[str, np.ndarray]) -> None:
    first, second = "layer1.weight", "layer2.weight"
    arrays[first], arrays[second] = arrays[second], arrays[first]


ARRAY_CHANGES: dict[str, Callable[[dict[str, np.ndarray]], object]] = {
    "swapped": swapped,
    "transposed": lambda arrays: arrays.update({"layer1.weight": arrays["layer1.weight"].T}),
    "flat": lambda arrays: arrays.update({"layer1.weight": arrays["layer1.weight"].ravel()}),
    "whole numbers": lambda arrays: arrays.update({"layer1.weight": np.ones((3, 4), np.int64)}),
    "half the digits": lambda arrays: arrays.update({"layer1.weight": np.ones((3, 4), np.float32)}),
    "one missing": lambda arrays: arrays.pop("layer2.bias"),
    "one too many": lambda arrays: arrays.update({"layer3.weight": np.ones((2, 1))}),
    "none": lambda arrays: arrays.clear(),
}


@pytest.mark.parametrize("change", ARRAY_CHANGES)
def test_arrays_that_are_not_those_of_the_network(path: Path, change: str) -> None:
    file = model_file.read(DATA / "format1_network.safetensors")
    ARRAY_CHANGES[change](file.arrays)
    with pytest.raises(ModelFileError, match=r"array.*m\.safetensors|m\.safetensors.*arrays"):
        dr.load(changed(path, file.arrays, file.metadata))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@each_kind
def test_a_number_that_is_none(name: str, path: Path, bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    file = model_file.read(DATA / f"{name}.safetensors")
    for key in file.arrays:
        arrays = {**file.arrays, key: file.arrays[key].copy()}
        arrays[key].flat[-1] = bad
        with monkeypatch.context() as patch:
            patch.setattr(model_file, "require_finite", lambda *_: None)
            changed(path, arrays, file.metadata)
        with pytest.raises(ModelFileError, match=f"{key}.*finite numbers only; got {bad}"):
            load(name, path)


@pytest.mark.parametrize("version", [2, 1000, 10**18, 10**400])
@each_kind
def test_a_file_from_the_future(name: str, path: Path, version: int) -> None:
    metadata = {"format_version": version, "everything": "is different"}
    arrays = {"tensors": np.ones(3)}
    path.write_bytes(safetensors.numpy.save(arrays, {model_file.KEY: json.dumps(metadata)}))
    with pytest.raises(ModelFileError, match=r"reads up to 1\. Upgrade deltarule"):
        load(name, path)


@pytest.mark.parametrize("size", [2**31, 2**40, 2**63 - 1, 2**63, 2**64 - 1])
@each_kind
def test_a_header_that_claims_to_be_huge(name: str, path: Path, size: int) -> None:
    assert refused_or_exact(name, path, struct.pack("<Q", size) + content_of(name)[8:])


@pytest.mark.parametrize(
    "widths", [[10**7] * 3, [3, 10**7, 2], [3] * 10**5, [1] * 3, [3, 2**62, 2], [3, 0, 2]]
)
def test_widths_that_are_not_those_of_the_arrays(path: Path, widths: list[int]) -> None:
    file = model_file.read(DATA / "format1_network.safetensors")
    network = {**file.metadata["network"], "widths": widths, "activations": ["tanh"] * (len(widths) - 1)}
    with pytest.raises(ModelFileError, match=r"layer1\.weight|network\.widths"):
        dr.load(changed(path, file.arrays, {**file.metadata, "network": network}))


ODD = [None, True, False, 0, -1, 2, 10**400, 2**63, 0.5, 1e308, 5e-324, "", "x", "\0", "\x1b[31m", "x" * 2000]
ODD += [[], {}, [None], [1], [[]], {"a": 1}, ["x", "x"], [1e308, 1], [0, 0, 0], "relu", "regression"]


def stranger(name: str, path: Path, metadata: Any) -> None:
    """Load a file with other metadata; what loads must be of use as any model, without any other error."""
    model = load_or_none(name, changed(path, arrays_of(name), metadata))
    if isinstance(model, TableModel):
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("ignore", DeltaruleWarning)
            use(model)
    if model is not None:
        model.save(path)


def use(model: TableModel) -> None:
    model.inputs.describe()
    rows: dict[str, list[float]] = {column: [1.0, 0.5] for column in model.inputs.used_columns}
    try:
        assert len(model.predict(rows)) == 2
    except DeltaruleError:  # a column that is read as text now
        return


@each_kind
def test_every_entry_missing(name: str, path: Path) -> None:
    metadata = model_file.read(DATA / f"{name}.safetensors").metadata
    for place in places(metadata):
        stranger(name, path, with_value(metadata, place))


@SETTINGS
@given(name=st.sampled_from(KINDS), data=st.data())
def test_entries_of_other_types(path: Path, name: str, data: st.DataObject) -> None:
    metadata: Any = model_file.read(DATA / f"{name}.safetensors").metadata
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(places(metadata))))
        metadata = with_value(metadata, place, data.draw(st.sampled_from(ODD)))
    stranger(name, path, metadata)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TABLES, "format1_network"])
def test_every_entry_of_every_other_type(name: str, path: Path) -> None:
    metadata = model_file.read(DATA / f"{name}.safetensors").metadata
    for place in places(metadata):
        for odd in ODD:
            stranger(name, path, with_value(metadata, place, odd))


@SETTINGS
@given(
    first=st.sampled_from(TABLES),
    second=st.sampled_from(TABLES),
    key=st.sampled_from(["inputs", "target", "baseline"]),
)
def test_parts_of_two_models(path: Path, first: str, second: str, key: str) -> None:
    mine: Any = model_file.read(DATA / f"{first}.safetensors").metadata
    other: Any = model_file.read(DATA / f"{second}.safetensors").metadata
    stranger(first, path, with_value(mine, ("table_model", key), other["table_model"][key]))
