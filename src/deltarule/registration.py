"""Register a record of your own, so that its name works everywhere: networks, files, the command line."""

from __future__ import annotations

from typing import Any, TypeVar

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.initializers import INITIALIZERS
from deltarule.core.losses import LOSSES
from deltarule.core.metrics import METRICS
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.core.penalties import PENALTIES
from deltarule.core.schedules import SCHEDULES
from deltarule.errors import InputError, message
from deltarule.registry import Named, Registry

REGISTRIES: tuple[Registry[Any], ...] = (
    ACTIVATIONS,
    LOSSES,
    METRICS,
    OPTIMIZERS,
    SCHEDULES,
    INITIALIZERS,
    PENALTIES,
)

Own = TypeVar("Own", bound=Named)


def register(record: Own, *aliases: str) -> Own:
    """Add a record of any kind (activation, loss, metric, ...) to the names that are known, and return it.

    Arguments:
        record: an Activation, Loss or Metric, or what follows the protocol of the optimizers, schedules,
            initializers or penalties, as `SGD`, `StepDecay`, `Zeros` and `L1` do.
        aliases: further names, which are understood but not listed.

    Raises:
        InputError: the name is taken, or the record is of another kind.

    >>> from deltarule.core.activations import Activation
    >>> square = register(Activation("square", value=lambda z: z * z, slope=lambda z, a: 2.0 * z))
    >>> ACTIVATIONS["square"] is square
    True
    """
    given: object = record  # the caller's own code may have no types
    if isinstance(given, type):
        hint = f"Try {given.__name__}(...)."
        raise InputError(message("`record` must be a record, not its class", found=repr(given), hint=hint))
    for registry in REGISTRIES:
        if isinstance(record, registry.protocol):
            registry.register(record, *aliases)
            return record
    kinds = ", ".join(registry.kind for registry in REGISTRIES)
    raise InputError(message("`record` must be a record of a known kind", found=repr(record), allowed=kinds))
