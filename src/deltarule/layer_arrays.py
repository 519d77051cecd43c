"""LayerArrays: the weights or biases of every layer as a sequence whose entries can be assigned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from deltarule.core.arrays import Array
from deltarule.errors import InputError, message


class LayerArrays(Sequence["Array | None"]):
    """Views on the parameters, one per layer, counted from 0.

    Assigning to an entry copies the numbers into the network: ``net.weights[0] = [[0.1], [0.2]]``.

    Raises:
        InputError: the assigned values have another shape, are no numbers or are not finite.
    """

    def __init__(self, name: str, views: Sequence[Array | None]) -> None:
        self._name = name
        self._views = list(views)

    @overload
    def __getitem__(self, layer: int) -> Array: ...

    @overload
    def __getitem__(self, layer: slice) -> list[Array | None]: ...

    def __getitem__(self, layer: int | slice) -> Array | list[Array | None] | None:
        return self._views[layer]

    def __setitem__(self, layer: int, values: ArrayLike) -> None:
        view, array = self._fitting(layer, values)
        view[:] = array

    def _fitting(self, layer: int | slice, values: ArrayLike) -> tuple[Array, Array]:
        """Return the view of a layer, and the values for it once they are known to fit."""
        where = f"`{self._name}[{layer}]`"
        if isinstance(layer, slice):
            hint = f"Try net.{self._name} = [...] for all layers."
            raise InputError(
                message(f"`{self._name}` can be set one layer at a time", found=where, hint=hint)
            )
        view = self._views[layer]
        if view is None:
            raise InputError(
                message(f"{where} cannot be set: the network has no biases", hint="Create it with bias=True.")
            )
        try:
            with np.errstate(over="ignore"):
                array = np.asarray(values, dtype=view.dtype)
        except (TypeError, ValueError) as error:
            raise InputError(message(f"{where} must hold numbers", found=str(error))) from error
        if array.shape != view.shape:
            raise InputError(message(f"{where} must have shape {view.shape}", found=f"shape {array.shape}"))
        if not np.isfinite(array).all():
            raise InputError(message(f"{where} must be finite", found="inf or NaN"))
        return view, array

    def __len__(self) -> int:
        return len(self._views)

    def assign(self, values: Sequence[ArrayLike | None]) -> None:
        """Assign every layer, or none of them if one value does not fit; None leaves a layer as it is.

        Raises:
            InputError: there are not as many values as layers, or one does not fit.
        """
        given: object = values
        if not isinstance(given, Sequence | np.ndarray) or len(given) != len(self):
            found = f"{len(given)}" if isinstance(given, Sequence | np.ndarray) else repr(given)
            raise InputError(
                message(f"`{self._name}` must have one entry per layer, {len(self)}", found=found)
            )
        pairs = [self._fitting(layer, value) for layer, value in enumerate(values) if value is not None]
        for view, array in pairs:
            view[:] = array

    def __repr__(self) -> str:
        return f"{self._name} {self._views!r}"
