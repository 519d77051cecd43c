"""Going on from a network that is there: its arrays as scikit-learn's lists, and what may be other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deltarule.core.activations import Activation
from deltarule.core.arrays import Array
from deltarule.errors import InputError, message
from deltarule.layer_arrays import LayerArrays
from deltarule.network import Network


class Layers(list[Array]):
    """The arrays of all layers as a list, as in scikit-learn; what is assigned goes into the network.

    A copy of it is a list like any other.
    """

    def __init__(self, name: str, views: Any) -> None:
        super().__init__(views)
        self._layers = LayerArrays(name, self)

    def assign(self, values: Any) -> None:
        """Assign every layer, or none of them if one value does not fit."""
        self._layers.assign(values)

    def __setitem__(self, layer: Any, values: Any) -> None:
        self._layers[layer] = values

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def continued(network: Network, widths: Sequence[int], activations: Sequence[Activation]) -> Network:
    """Return the network that is trained on: with its parameters, and the activations that are now asked for.

    Raises:
        InputError: the widths are not those that it has.
    """
    known = network.architecture
    if widths[-1] != known.n_outputs:
        asked = "`y` must have as many columns as in the fit before where that is continued"
        raise InputError(message(asked, found=f"{widths[-1]}, not {known.n_outputs}"))
    if tuple(widths) != known.widths:
        asked = "`hidden_layer_sizes` must be as in the fit before where that is continued"
        found = f"{list(widths[1:-1])}, not {list(known.widths[1:-1])}"
        raise InputError(message(asked, found=found, hint="Try fit with warm_start=False."))
    if tuple(activations) == known.activations:
        return network
    dtype: Any = network.dtype.name
    other = Network(widths, activations, initializer="zeros", dtype=dtype)
    other.theta = network.theta
    return other
