"""Preparing a pass or a run: from the arguments of Network to an objective and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from deltarule import inputs
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.architecture import Architecture
from deltarule.core.arrays import DECAY, OPEN_UNIT, POSITIVE, Array, Auto, require_choice, require_number
from deltarule.core.dropout import Dropout
from deltarule.core.initializers import symmetric_units
from deltarule.core.losses import Loss
from deltarule.core.objective import Objective, Reduction, Rows
from deltarule.core.optimizers import LBFGS, AnyOptimizer, KeepGradient
from deltarule.core.penalties import Penalty
from deltarule.data.batches import BatchPlan
from deltarule.data.splitting import split_rows
from deltarule.engines.base import Job
from deltarule.errors import InputError, SymmetryWarning, message, warn

Validation: TypeAlias = float | Sequence[ArrayLike | None]


def objective_of(
    architecture: Architecture,
    loss: str | Loss,
    reduction: Reduction,
    penalty: str | Penalty | Sequence[Penalty] | None,
) -> Objective:
    """Return what is to be minimized.

    Raises:
        InputError: an argument cannot be used, or the loss does not go with the output activation.
    """
    require_choice("reduction", reduction, ("mean", "sum"))
    loss_ = inputs.loss_for(loss, architecture.activations[-1])
    return Objective(architecture, loss_, inputs.penalties_of(penalty), reduction)


def rows_for(
    objective: Objective,
    dtype: np.dtype[np.floating],
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    kind: str = "",
) -> Rows:
    """Return clean rows whose targets suit the objective; errors say of which kind ("validation ").

    Raises:
        InputError: an array cannot be used.
    """
    architecture = objective.architecture
    rows = inputs.rows_of(architecture.widths, dtype, X, y, sample_weight, offset, kind)
    inputs.require_targets(rows.y, objective.loss, architecture.activations[-1], kind)
    require_shapes(objective, rows)
    return rows


def divide(
    objective: Objective, rows: Rows, validation: Validation | None, seed: int
) -> tuple[Rows, Rows | None]:
    """Return the rows to learn from and the rows to watch.

    Raises:
        InputError: the validation arrays cannot be used, or the fraction leaves one part empty.
    """
    if validation is None:
        return rows, None
    if isinstance(validation, float | int | np.number):
        _require_fraction(validation, len(rows.X))
        kept, held_out = (rows.take(part) for part in split_rows(len(rows.X), float(validation), seed))
        inputs.require_weights(kept.w, "training ")
        inputs.require_weights(held_out.w, "validation ")
        return kept, held_out
    X, y, sample_weight, offset = _validation_arrays(validation)
    return rows, rows_for(objective, rows.X.dtype, X, y, sample_weight, offset, "validation ")


def smoothed(objective: Objective, rows: Rows, label_smoothing: float) -> Rows:
    """Return the rows with targets (1 - ε) y + ε / K, K being 2 where each output is a class of its own.

    Source: Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016.

    Raises:
        InputError: ε is not in [0, 1), or the targets of this loss are no classes.
    """
    epsilon = require_number("label_smoothing", label_smoothing, DECAY)
    if epsilon == 0.0:
        return rows
    loss = objective.loss.name
    classes = {"cross_entropy": rows.y.shape[1], "binary_cross_entropy": 2}.get(loss)
    if classes is None:
        asked = "`label_smoothing` needs the loss cross_entropy or binary_cross_entropy"
        raise InputError(message(asked, found=loss, hint="Leave it out."))
    return rows._replace(y=(1.0 - epsilon) * rows.y + epsilon / classes)


def job_of(
    objective: Objective,
    optimizer: AnyOptimizer,
    rows: Rows,
    plan: BatchPlan,
    record_steps: bool,
    epochs: int,
    clip_norm: float | None = None,
    dropout: Dropout | None = None,
) -> Job:
    """Return what an engine is asked to do; for L-BFGS that is J and its gradient over all rows.

    Raises:
        InputError: clip_norm is not positive, or L-BFGS is asked to clip, to leave out units or for anything
            but full batches.
    """
    clip = None if clip_norm is None else require_number("clip_norm", clip_norm, POSITIVE)
    if not isinstance(optimizer, LBFGS):
        return Job(objective, optimizer, rows, plan, record_steps, epochs, clip, dropout)
    _require_full_batch(plan)
    if clip is not None:
        asked = "`clip_norm` must be left out with L-BFGS, which needs the gradient as it is"
        raise InputError(message(asked, found=repr(clip_norm), hint="Its line search shortens steps."))
    if dropout is not None:
        asked = "`dropout` must be left out with L-BFGS, which needs the same objective all the time"
        raise InputError(message(asked, found=str(list(dropout.fractions)), hint="Try adam."))
    whole = replace(plan, batch_size=None)
    return Job(objective, KeepGradient(), rows, whole, record_steps, epochs, minimizer=optimizer)


def batch_size_of(given: int | Auto | None, optimizer: AnyOptimizer, usual: int = 32) -> int | None:
    """Return the rows per step, None for all; "auto" is all for L-BFGS, which takes no less, else as usual.

    Raises:
        InputError: it is another text.

    >>> from deltarule.core.optimizers import SGD
    >>> batch_size_of("auto", SGD()), batch_size_of("auto", SGD(), usual=64), batch_size_of("auto", LBFGS())
    (32, 64, None)
    """
    if not isinstance(given, str):
        return given
    text: str = given  # the caller's own code may have no types
    if text != "auto":
        asked = "`batch_size` must be a whole number, at least 1, or 'auto', or None for all rows"
        raise InputError(message(asked, found=repr(text)))
    return None if isinstance(optimizer, LBFGS) else usual


def _require_full_batch(plan: BatchPlan) -> None:
    """Refuse what was asked for in vain."""
    why = "must be left out with L-BFGS, which uses all rows in every step"
    if plan.own is not None:
        raise InputError(message(f"`batches` {why}", found="some"))
    if plan.batch_size is not None and plan.batch_size < plan.n:
        raise InputError(message(f"`batch_size` {why}", found=str(plan.batch_size)))


def dropout_of(dropout: float | Sequence[float], architecture: Architecture, seed: int) -> Dropout | None:
    """Return which units the rows lose, or None where they keep all.

    Raises:
        InputError: a fraction is not in [0, 1), or there are not as many as hidden layers.
    """
    hidden, several = architecture.n_layers - 1, isinstance(dropout, Sequence | np.ndarray)
    given = cast(Sequence[float], dropout) if several else [cast(float, dropout)] * max(1, hidden)
    fractions = tuple(require_number("dropout", fraction, DECAY) for fraction in given)
    if several and len(fractions) != hidden:
        asked = f"`dropout` must be one number, or one per hidden layer, {hidden}"
        raise InputError(message(asked, found=repr(list(given))))
    if not any(fractions):
        return None
    if not hidden:
        hint = "Leave it out, or give the network a hidden layer."
        raise InputError(message("`dropout` needs hidden layers", found="a network without", hint=hint))
    return Dropout(fractions, seed)


def require_arrays(validation: Validation | None, batches: object) -> None:
    """Refuse a validation fraction beside the caller's own batches, whose row numbers it would shift.

    Raises:
        InputError: the validation rows are a fraction.
    """
    if batches is not None and isinstance(validation, float | int | np.number):
        asked = "`validation` must be arrays where `batches` says which rows each step uses"
        raise InputError(message(asked, found=repr(validation), hint="Try validation=(X_val, y_val)."))


def require_shapes(objective: Objective, rows: Rows) -> None:
    """Refuse activations and losses, such as the caller's own, whose results have the wrong shape.

    Raises:
        InputError: with the record's name, the shape it gives and the shape it must give.
    """
    y, architecture = rows.y[:2], objective.architecture
    n, a = len(y), rows.X[:2]
    with np.errstate(all="ignore"):
        for activation, width in zip(architecture.activations, architecture.widths[1:], strict=True):
            z = np.zeros((n, width), a.dtype)
            a = activation.value(z)
            _require_shape(f"the activation {activation.name}", np.shape(a), z.shape, "value(z)")
            pulled = np.shape(activation.derivative(z, a, z))
            _require_shape(f"the activation {activation.name}", pulled, z.shape, "its derivative")
        loss = objective.loss
        _require_shape(f"the loss {loss.name}", np.shape(loss.value(y, a)), (n,), "value(y, y_hat)")
        _require_shape(f"the loss {loss.name}", np.shape(loss.slope(y, a)), y.shape, "slope(y, y_hat)")


def _require_shape(who: str, found: tuple[int, ...], asked: tuple[int, ...], what: str) -> None:
    if found != asked:
        kind = "one number per row" if len(asked) == 1 else "one number per row and output"
        raise InputError(message(f"{what} of {who} must have shape {asked}, {kind}", found=f"shape {found}"))


def require_own_names(architecture: Architecture) -> None:
    """Refuse to write an activation under a name that stands for another one: it would come back as that.

    Raises:
        InputError: with the name.
    """
    for activation in architecture.activations:
        if ACTIVATIONS.get(activation.name, activation) is not activation:
            found = f"one of your own called {activation.name!r}"
            hint = "Give yours another name and register it: dr.register(dr.Activation(...))."
            raise InputError(
                message("a file can hold an activation under a name of its own", found=found, hint=hint)
            )


def _require_fraction(fraction: float, n: int) -> None:
    """Refuse a validation fraction that leaves one of the two parts empty."""
    require_number("validation", fraction, OPEN_UNIT)
    if n < 2:
        raise InputError(message("a validation fraction needs at least 2 rows", found=str(n)))


def _validation_arrays(
    validation: Sequence[ArrayLike | None],
) -> tuple[ArrayLike, ArrayLike, ArrayLike | None, ArrayLike | None]:
    """Return X, y, sample weights or None, offset or None."""
    given = tuple(validation) if isinstance(validation, list | tuple) else ()
    if not 2 <= len(given) <= 4 or given[0] is None or given[1] is None:
        asked = "`validation` must be a fraction, or (X, y) with sample_weight and offset behind if needed"
        found = f"{len(given)} arrays" if given else type(validation).__name__
        raise InputError(message(asked, found=found))
    sample_weight, offset = (*given[2:], None, None)[:2]
    return given[0], given[1], sample_weight, offset


def warn_of_symmetry(architecture: Architecture, theta: Array) -> None:
    """Warn where hidden units start equal."""
    equal = symmetric_units(architecture, theta)
    if equal is None:
        return
    layer, first, second = equal
    warn(
        f"Units {first} and {second} of hidden layer {layer} have equal weights, so they get equal "
        "gradients and stay equal: the layer learns as if it had fewer units. Start from random weights, "
        'for example initializer="glorot_uniform".',
        SymmetryWarning,
    )
