"""Saved files of each kind, and what a loaded one must be: exactly what was saved."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import deltarule as dr
from deltarule.storage import model_file
from deltarule.table_model import TableModel

DATA = Path(__file__).parent / "data"
KINDS = sorted(path.stem for path in DATA.glob("*.safetensors"))
TABLES = [name for name in KINDS if "network" not in name]


def content_of(name: str) -> bytes:
    """Return the bytes of a saved file."""
    return (DATA / f"{name}.safetensors").read_bytes()


def load(name: str, path: Path) -> Any:
    """Return what a file holds, read as the kind that it was saved as."""
    return TableModel.load(path) if name in TABLES else dr.load(path)


def everything(model: Any) -> tuple[Any, ...]:
    """Return all that predictions follow from, and the record of the training."""
    network = model.network if isinstance(model, TableModel) else model
    fitted = model.fitted.to_dict() if isinstance(model, TableModel) else None
    parts = network.architecture, network.theta.dtype, network.theta.tobytes()
    return (*parts, fitted, dict(network.training_record))


def changed(path: Path, arrays: dict[str, np.ndarray], metadata: Any) -> Path:
    """Write a file whose content was made by a stranger, but whose checksum is right."""
    model_file.write(path, arrays, metadata)
    return path


def places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of every value in JSON, the outermost left out."""
    if place:
        yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*place, key))


def with_value(content: Any, place: tuple[str | int, ...], *value: Any) -> Any:
    """Return a copy of JSON with another value at a place, or with none."""
    content = copy.deepcopy(content)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    if value:
        inner[place[-1]] = value[0]
    else:
        del inner[place[-1]]
    return content
