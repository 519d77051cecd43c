"""The border of Network: what the caller gives, checked in words and turned into clean arrays and records.

Below this file everything may assume finite arrays of the right shape and dtype.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule.core.activations import ACTIVATIONS, SOFTMAX, Activation
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import Array, Interval, require_flag, require_integer
from deltarule.core.learning_rates import entries_of
from deltarule.core.losses import LOSSES, Loss
from deltarule.core.objective import Rows
from deltarule.core.optimizers import LBFGS, OPTIMIZERS, AnyOptimizer, Optimizer
from deltarule.core.penalties import PENALTIES, Penalty
from deltarule.data.batches import CheckedBatches, Indices, OwnBatches
from deltarule.errors import InputError, did_you_mean, message
from deltarule.registry import Named, Registry

VALUES_PER_BLOCK = 1 << 18

Found = TypeVar("Found", bound=Named)
Entry = TypeVar("Entry")


def record(registry: Registry[Found], given: str | Found) -> Found:
    """Return the record of that name; a record is returned as it is.

    Raises:
        InputError: there is no such name, or what is given is neither a name nor a record.
    """
    if isinstance(given, str):
        return registry.find(given)
    unknown: object = given  # the caller's own code may have no types
    if isinstance(unknown, type) or not isinstance(unknown, registry.protocol):
        hint = f"Try {unknown.__name__}(...)." if isinstance(unknown, type) else ""
        names = ", ".join(registry)
        raise InputError(
            message(
                f"`{registry.kind}` must be a name or a record", found=repr(given), allowed=names, hint=hint
            )
        )
    return given


def several(name: str, given: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries of a list.

    Raises:
        InputError: it is a single text, or no list at all.
    """
    unknown: object = given
    if isinstance(unknown, str) or not isinstance(unknown, Iterable):
        raise InputError(message(f"`{name}` must be a list", found=repr(given)))
    return tuple(given)


def architecture_of(
    widths: Sequence[int], activations: Sequence[str | Activation], bias: bool
) -> Architecture:
    """Return the architecture.

    Raises:
        InputError: fewer than two widths, a width below 1, or not one activation per layer after the input.
    """
    numbered = enumerate(several("widths", widths))
    widths = [require_integer(f"widths[{place}]", width, 1) for place, width in numbered]
    if len(widths) < 2:
        raise InputError(
            message(
                "`widths` must hold the number of inputs, of units in each hidden layer, and of outputs",
                found=repr(widths),
                hint="Try [3, 2, 1].",
            )
        )
    if isinstance(activations, str) or len(several("activations", activations)) != len(widths) - 1:
        raise InputError(
            message(
                f"`activations` must be a list with one entry per layer after the input, {len(widths) - 1}",
                found=repr(activations),
                hint=f"Try {['tanh'] * (len(widths) - 2) + ['identity']}.",
            )
        )
    records = tuple(record(ACTIVATIONS, name) for name in activations)
    for layer, (activation, width) in enumerate(zip(records, widths[1:], strict=True), start=1):
        if activation is SOFTMAX and width == 1:
            raise InputError(
                message(
                    "softmax needs at least two units: over one it is always 1",
                    found=f"one in layer {layer}",
                    hint="For two classes try a sigmoid output with binary_cross_entropy, or dr.one_hot(y).",
                )
            )
    return Architecture(tuple(widths), records, require_flag("bias", bias))


def optimizer_for(given: str | AnyOptimizer, n_layers: int) -> AnyOptimizer:
    """Return the optimizer, once its learning rates are known to fit the layers.

    Raises:
        InputError: there are several rates, but not one per layer.
    """
    optimizer = record(OPTIMIZERS, given)
    if isinstance(optimizer, LBFGS):
        return optimizer
    if len(entries_of(optimizer.learning_rate)) not in (1, n_layers):
        asked = f"`learning_rate` must be one number or schedule, or one per layer, {n_layers}"
        raise InputError(message(asked, found=repr(optimizer.learning_rate)))
    return optimizer


def require_update_rule(optimizer: AnyOptimizer) -> Optimizer:
    """Return the optimizer, whose steps can be looked at one by one.

    Raises:
        InputError: it takes no such steps.
    """
    if isinstance(optimizer, LBFGS):
        asked = "`optimizer` must be a rule that makes a step from one gradient"
        allowed = ", ".join(name for name, known in OPTIMIZERS.items() if not isinstance(known, LBFGS))
        raise InputError(message(asked, found=optimizer.name, allowed=allowed, hint='Try "sgd".'))
    return optimizer


def penalties_of(given: str | Penalty | Sequence[Penalty] | None) -> tuple[Penalty, ...]:
    """Return the penalties as a tuple: none, one, or several."""
    if given is None:
        return ()
    if isinstance(given, Sequence) and not isinstance(given, str):
        return tuple(record(PENALTIES, penalty) for penalty in given)
    return (record(PENALTIES, given),)


def matrix(name: str, values: ArrayLike, columns: int, dtype: np.dtype[np.floating]) -> Array:
    """Return finite values as an array (n, columns); one-dimensional values count as one column.

    Raises:
        InputError: the values are no numbers, have another shape, or are not finite.
    """
    array = _numbers(name, values, dtype)
    if array.ndim == 1 and columns == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] != columns:
        raise InputError(
            message(
                f"`{name}` must have shape (n, {columns}), one row per sample",
                found=f"shape {array.shape}",
                hint=_shape_hint(name, array.shape, columns),
            )
        )
    _require_finite(name, array)
    return array


def vector(name: str, values: ArrayLike, n: int, dtype: np.dtype[np.floating]) -> Array:
    """Return finite values as an array (n,).

    Raises:
        InputError: the values are no numbers, have another shape, or are not finite.
    """
    array = _numbers(name, values, dtype)
    if array.shape != (n,):
        raise InputError(
            message(
                f"`{name}` must have shape ({n},)",
                found=f"shape {array.shape}",
                hint=_shape_hint(name, array.shape, 1),
            )
        )
    _require_finite(name, array)
    return array


def rows_of(
    widths: Sequence[int],
    dtype: np.dtype[np.floating],
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    kind: str = "",
) -> Rows:
    """Return clean rows for a network of those widths; errors say of which kind they are ("validation ").

    Raises:
        InputError: an array cannot be used, or they disagree about the number of rows.
    """
    X_, y_ = matrix(f"{kind}X", X, widths[0], dtype), matrix(f"{kind}y", y, widths[-1], dtype)
    n = X_.shape[0]
    if n == 0:
        raise InputError(message(f"`{kind}X` must have at least one row", found="none"))
    if y_.shape[0] != n:
        asked = f"`{kind}X` and `{kind}y` must have the same number of rows"
        raise InputError(message(asked, found=f"{n} and {y_.shape[0]}"))
    w = None if sample_weight is None else vector(f"{kind}sample_weight", sample_weight, n, dtype)
    require_weights(w, kind)
    return Rows(X_, y_, w, offset_of(offset, n, widths[-1], dtype, kind))


def offset_of(
    offset: ArrayLike | None, n: int, columns: int, dtype: np.dtype[np.floating], kind: str = ""
) -> Array | None:
    """Return the offset as an array (n, columns), or None."""
    if offset is None:
        return None
    array = matrix(f"{kind}offset", offset, columns, dtype)
    if array.shape[0] != n:
        raise InputError(message(f"`{kind}offset` must have {n} rows, as X has", found=f"{array.shape[0]}"))
    return array


def loss_for(given: str | Loss, output: Activation) -> Loss:
    """Return the loss, once its pair with the output activation is known to make sense.

    Raises:
        InputError: the output activation leaves the values for which the loss is defined.
    """
    loss = record(LOSSES, given)
    if loss.allows(output):
        return loss
    allowed = [name for name, activation in ACTIVATIONS.items() if loss.allows(activation)]
    need = " with outputs that sum to 1" if loss.y_hat_sums_to_one else ""
    raise InputError(
        message(
            f"the loss {loss.name} needs predictions in {loss.y_hat_domain}{need}, "
            f"so the pair of {loss.name} and output activation {output.name} is refused",
            found=f"an output range of {output.range}",
            allowed=", ".join(allowed) or "an activation of your own with that range",
            hint=f'Try the output activation "{allowed[0]}".' if allowed else "",
        )
    )


def require_targets(y: Array, loss: Loss, output: Activation, kind: str = "") -> None:
    """Refuse targets for which the loss is not defined.

    Raises:
        InputError: with the first such row, and the pair of loss and output activation.
    """
    domain: Interval = loss.y_domain
    rows_per_block = max(1, VALUES_PER_BLOCK // y.shape[1])
    for start in range(0, len(y), rows_per_block):
        outside = ~domain.holds(y[start : start + rows_per_block])
        if outside.any():
            row, column = np.argwhere(outside)[0]
            where = f"row {start + row}" + (f", column {column}" if y.shape[1] > 1 else "")
            raise InputError(
                message(
                    f"`{kind}y` must lie in {domain} for the loss {loss.name} "
                    f"(with output activation {output.name})",
                    found=f"{y[start + row, column]:g} in {where}",
                    hint="Choose another loss, or encode the targets first (dr.one_hot for class numbers).",
                )
            )


def batches_of(batches: Sequence[ArrayLike] | OwnBatches | None, n: int) -> CheckedBatches | None:
    """Return the caller's batches as a function of the epoch that yields checked index arrays.

    Raises:
        InputError: an index is no row number.
    """
    if batches is None:
        return None
    if callable(batches):
        return lambda epoch: [_indices(batch, n) for batch in several("batches(epoch)", batches(epoch))]
    fixed = [_indices(batch, n) for batch in several("batches", batches)]
    return lambda epoch: fixed


def _indices(batch: ArrayLike, n: int) -> Indices:
    try:
        indices = np.asarray(batch)
    except ValueError as error:
        raise InputError(message("each batch must be a list of row numbers", found=repr(batch))) from error
    if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
        found = f"{indices.dtype} of shape {indices.shape}"
        raise InputError(message("each batch must be a list of row numbers", found=found))
    outside = indices[(indices < 0) | (indices >= n)]
    if len(outside):
        raise InputError(
            message(f"the row numbers of a batch must lie between 0 and {n - 1}", found=str(outside[0]))
        )
    return indices.astype(np.intp)


def _numbers(name: str, values: ArrayLike, dtype: np.dtype[np.floating]) -> Array:
    """Convert to the dtype; an array that has it already is not copied."""
    if type(values).__module__.startswith("scipy.sparse"):
        raise InputError(message(f"`{name}` must be dense", found="a sparse matrix", hint="Try .toarray()."))
    if np.ma.is_masked(values):
        hint = "Remove or replace such rows first."
        raise InputError(message(f"`{name}` must hold numbers", found="masked entries", hint=hint))
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(values)
            if array.dtype.kind in "cmM":  # NumPy would turn them into other numbers
                raise TypeError(f"values of dtype {array.dtype}")
            return np.asarray(array, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        hint = "For tables with text columns see dr.TableModel." if name in ("X", "y") else ""
        found = _first_text(values) or str(error).rstrip(".")
        raise InputError(message(f"`{name}` must hold numbers", found=found, hint=hint)) from error


def _first_text(values: ArrayLike) -> str:
    """The first entry that is text and no number, with its row; nothing where there is none."""
    try:
        entries = np.asarray(values, dtype=object)
    except ValueError:
        return ""
    for place, entry in np.ndenumerate(entries):
        try:
            float(entry)
        except (TypeError, ValueError, OverflowError):
            return f"{str(entry)!r} in row {place[0]}" if isinstance(entry, str) and place else ""
    return ""


def _require_finite(name: str, array: Array) -> None:
    rows_per_block = max(1, VALUES_PER_BLOCK // max(1, int(np.prod(array.shape[1:]))))
    for start in range(0, len(array), rows_per_block):
        finite = np.isfinite(array[start : start + rows_per_block])
        if not finite.all():
            place = np.argwhere(~finite)[0]
            value = array[start : start + rows_per_block][tuple(place)]
            where = f"row {start + place[0]}" + (f", column {place[1]}" if len(place) > 1 else "")
            hint = "Remove or replace such rows first."
            if np.isinf(value) and array.dtype == np.float32:
                hint += ' (Numbers beyond 3.4e38 need dtype="float64".)'
            raise InputError(message(f"`{name}` must be finite", found=f"{value} in {where}", hint=hint))


def require_weights(w: Array | None, kind: str = "") -> None:
    """Refuse sample weights, (n,), that are negative, or zero for every row.

    Raises:
        InputError: with the first negative weight.
    """
    if w is None:
        return
    name = f"`{kind}sample_weight`"
    if (w < 0.0).any():
        row = int(np.argmax(w < 0.0))
        raise InputError(message(f"{name} must not be negative", found=f"{w[row]:g} in row {row}"))
    if not w.any():
        raise InputError(message(f"{name} must be positive for some row", found="only zeros"))


def _shape_hint(name: str, shape: tuple[int, ...], columns: int) -> str:
    if name.endswith("X") and shape == (columns,):
        return "For a single sample try X[np.newaxis, :]."
    if name.endswith("y") and columns > 1 and len(shape) == 1:
        return f"For {columns} classes try dr.one_hot(y)."
    return "Give one number per row." if name.endswith("sample_weight") else ""


def one_hot(y: ArrayLike, classes: Sequence[object] | NDArray[np.generic] | None = None) -> Array:
    """Return one column per class, 1 where the row is of that class and 0 elsewhere.

    Arguments:
        y: labels, (n,).
        classes: the class of each column; left out, the sorted labels of y.

    Raises:
        InputError: y holds a label that is no class.

    >>> one_hot(["b", "a", "b"])
    array([[0., 1.],
           [1., 0.],
           [0., 1.]])
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise InputError(message("labels must have shape (n,)", found=f"shape {labels.shape}"))
    try:
        known = np.unique(labels) if classes is None else np.asarray(several("classes", classes))
    except TypeError as error:
        raise InputError(
            message("labels must be of one kind, so that they can be sorted", found=str(error))
        ) from error
    matches = labels[:, np.newaxis] == known
    strangers = ~matches.any(axis=1)
    if strangers.any():
        row = int(np.argmax(strangers))
        raise InputError(
            message(
                "each label must be one of the classes",
                found=f"{labels[row : row + 1].tolist()[0]!r} in row {row}",
                allowed=", ".join(map(str, known)),
                hint=did_you_mean(str(labels[row]), map(str, known)),
            )
        )
    return matches.astype(np.float64)
