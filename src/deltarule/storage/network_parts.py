"""A network as arrays and JSON, and back: what model files hold of an architecture and its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array
from deltarule.storage import model_file
from deltarule.storage.atomic import PathLike
from deltarule.storage.fields import JSON, Fields, short
from deltarule.storage.model_file import Kind, ModelFile

DTYPES = ("float32", "float64")
MAX_WIDTH = 10_000_000


class NetworkParts(NamedTuple):
    """An architecture and its parameters theta, (p,)."""

    architecture: Architecture
    theta: Array


def network_arrays(parts: NetworkParts) -> dict[str, Array]:
    """Return W and b of each layer by name, layers counted from 1: layer1.weight (i, o), layer1.bias (o,)."""
    arrays: dict[str, Array] = {}
    W, b = parts.architecture.views(parts.theta)
    for layer, (W_l, b_l) in enumerate(zip(W, b, strict=True), start=1):
        arrays[f"layer{layer}.weight"] = W_l
        if b_l is not None:
            arrays[f"layer{layer}.bias"] = b_l
    return arrays


def network_metadata(parts: NetworkParts) -> dict[str, JSON]:
    """Return the architecture as JSON."""
    architecture = parts.architecture
    return {
        "widths": list(architecture.widths),
        "activations": [activation.name for activation in architecture.activations],
        "bias": architecture.bias,
        "dtype": str(parts.theta.dtype),
    }


def read_file(path: PathLike) -> ModelFile:
    """Return the file of a network, which has exactly the arrays of that network.

    Raises:
        ModelFileError: it cannot be read, its architecture is not valid, or the arrays are not those of it.
    """
    return model_file.read(path, lambda fields: _promised(fields.fields("network")))


def read_parts(file: ModelFile) -> NetworkParts:
    """Return the network that a model file holds.

    Raises:
        ModelFileError: the architecture is not valid, names an activation that is not registered, or does not
            fit the arrays.
    """
    fields = file.fields.fields("network")
    arrays = [file.array(name, kind) for name, kind in _promised(fields)]
    return NetworkParts(_architecture(fields), np.concatenate([array.ravel() for array in arrays]))


def _promised(fields: Fields) -> Iterator[tuple[str, Kind]]:
    """Yield name and kind of each array in the order of theta, one by one: widths may be a stranger's."""
    architecture, dtype = _architecture(fields), np.dtype(fields.text("dtype", allowed=DTYPES))
    for layer, (i, o) in enumerate(architecture.shapes(), start=1):
        yield f"layer{layer}.weight", Kind(dtype, (i, o))
        if architecture.bias:
            yield f"layer{layer}.bias", Kind(dtype, (o,))


def _architecture(fields: Fields) -> Architecture:
    widths = fields.integers("widths", minimum=1, maximum=MAX_WIDTH)
    if len(widths) < 2:
        raise fields.refuse("widths", "hold at least the number of inputs and of outputs")
    names = fields.texts("activations", count=len(widths) - 1)
    for name in names:
        if name not in ACTIVATIONS:
            hint = "Register your own activation first: dr.register(dr.Activation(...))."
            raise fields.refuse("activations", f"be names of registered activations, not {short(name)}", hint)
    activations = tuple(ACTIVATIONS[name] for name in names)
    return Architecture(tuple(widths), activations, fields.flag("bias"))
