"""Register a record of your own, so that its name works everywhere: networks, files, the command line."""

from __future__ import annotations

from typing import TypeVar

from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.losses import LOSSES, Loss
from deltarule.core.metrics import METRICS, Metric
from deltarule.errors import InputError, message

Own = TypeVar("Own", Activation, Loss, Metric)


def register(record: Own, *aliases: str) -> Own:
    """Add an activation, a loss or a metric to the names that are known, and return it.

    Raises:
        InputError: the name is taken, or the record is of another kind.

    >>> square = register(Activation("square", value=lambda z: z * z, slope=lambda z, a: 2.0 * z))
    >>> ACTIVATIONS["square"] is square
    True
    """
    if isinstance(record, Activation):
        return ACTIVATIONS.register(record, *aliases)
    if isinstance(record, Loss):
        return LOSSES.register(record, *aliases)
    if isinstance(record, Metric):
        return METRICS.register(record, *aliases)
    raise InputError(message("only an Activation, a Loss or a Metric can be registered", found=repr(record)))
