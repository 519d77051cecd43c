"""RowColumns: the columns that say how a row counts, its weight and its offset. They are no inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deltarule import inputs
from deltarule.core.activations import EXPONENTIAL, Activation
from deltarule.core.arrays import Auto
from deltarule.core.objective import Rows
from deltarule.data.columns import Label, Table, shown
from deltarule.data.targets import TargetTransform
from deltarule.errors import InputError, TableError, message
from deltarule.storage.fields import JSON, Fields

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class RowColumns:
    """The names of the columns beside inputs and target.

    Arguments:
        weights: of sample weights, wᵢ ≥ 0.
        offset: added to z of the output layer, one column per output; in the target's unit where the output
            is the identity, on the scale of the link (log, logit) elsewhere.
        exposure: its logarithm is added to z of an exponential output: predictions are proportional to it.
    """

    weights: str | None = None
    offset: tuple[str, ...] = ()
    exposure: str | None = None

    @classmethod
    def of(cls, weights: str | None, offset: str | Sequence[str] | None, exposure: str | None) -> RowColumns:
        """Return the record of the caller's wishes.

        Raises:
            InputError: a name is no text.
        """
        one = (offset,) if isinstance(offset, str) else ()
        names = one if offset is None or isinstance(offset, str) else inputs.several("offset", offset)
        for argument, name in (("weights", weights), ("exposure", exposure), *(("offset", o) for o in names)):
            if not isinstance(name, str | None):
                raise InputError(message(f"`{argument}` must be the name of a column", found=repr(name)))
        return cls(weights, names, exposure)

    @property
    def needed(self) -> tuple[str, ...]:
        """The names of the columns that predictions need."""
        return (*self.offset, *((self.exposure,) if self.exposure is not None else ()))

    def roles(self) -> Iterator[tuple[str, str]]:
        """Yield each column with what it serves for, in words."""
        if self.weights is not None:
            yield self.weights, "sample weights"
        yield from ((name, "offset: added to the output's z") for name in self.offset)
        if self.exposure is not None:
            yield self.exposure, "exposure: predictions are proportional to it"

    def require_other_than(self, target: str) -> None:
        """Refuse the target in another role.

        Raises:
            InputError: with the role.
        """
        for name, role in self.roles():
            if name == target:
                asked = f"The target {target!r} cannot serve for something else too"
                raise InputError(message(asked, found=f"it as {role.partition(':')[0]}"))

    def require_fit(self, output: Activation, n_outputs: int) -> None:
        """Refuse an offset that is not one column per output, and an exposure of another scale than log.

        Raises:
            InputError: with what would do.
        """
        if self.offset and len(self.offset) != n_outputs:
            asked = f"`offset` must have one column per output of the network, {n_outputs}"
            raise InputError(message(asked, found=", ".join(map(repr, self.offset))))
        if self.exposure is not None and output is not EXPONENTIAL:
            hint = "Try the loss poisson, or an offset."
            asked = "`exposure` needs a loss whose output is exponential, since its logarithm is added there"
            raise InputError(message(asked, found=f"the output {output.name}", hint=hint))

    def weighted_by(self, weights: str | Auto | None, table: Table) -> RowColumns:
        """Return the same columns with other weights; "auto" are those of training.

        Raises:
            TableError: the table lacks those of training.
        """
        if weights != "auto":
            return replace(self, weights=weights)
        if self.weights is not None and self.weights not in table.names:
            asked = f"The table lacks the column {self.weights!r}, the weights the model was trained with"
            raise TableError(message(asked, hint="Give `weights` another column, or none."))
        return self

    def weights_of(self, table: Table) -> Numbers | None:
        """Return the sample weights, (n,), or None where every row counts 1.

        Raises:
            TableError: one is missing, no number or negative (with its row), or all are zero.
        """
        if self.weights is None:
            return None
        w, what = _numbers(table, self.weights, "a weight"), f"The weights in column {self.weights!r}"
        if (w < 0.0).any():
            where = _found(table, self.weights, w < 0.0)
            raise TableError(message(f"{what} must not be negative", found=where))
        if not w.any():
            raise TableError(message(f"{what} must be positive in some row", found="zeros in all rows"))
        return w

    def offset_of(self, table: Table, target: TargetTransform) -> Numbers | None:
        """Return what is added to z of the output layer, (n, k), or None.

        Raises:
            TableError: a value is missing or no number, or an exposure is not positive (with its row).
        """
        if not self.needed:
            return None
        offset = np.zeros((table.n_rows, target.n_outputs))
        if self.offset:
            scale = 1.0 if target.standardizer is None else target.standardizer.std
            offset += np.column_stack([_numbers(table, name, "an offset") for name in self.offset]) / scale
        if self.exposure is not None:
            exposure = _numbers(table, self.exposure, "an exposure")
            if (exposure <= 0.0).any():
                where = _found(table, self.exposure, exposure <= 0.0)
                asked = f"The exposure in column {self.exposure!r} must be above 0"
                raise TableError(message(asked, found=where, hint="Leave these rows out."))
            offset += np.log(exposure)[:, np.newaxis]
        return offset

    def to_dict(self) -> dict[str, JSON]:
        """Return plain values that `json.dumps` can write."""
        return {"weights": self.weights, "offset": list(self.offset), "exposure": self.exposure}

    @classmethod
    def from_fields(cls, fields: Fields) -> RowColumns:
        """Return the columns that `to_dict` described, every entry checked."""
        weights, exposure = (
            fields.text(name) if fields.has(name) else None for name in ("weights", "exposure")
        )
        return cls(weights, tuple(fields.texts("offset")), exposure)


def require_some_weight(rows: Rows, column: str | None, purpose: str) -> None:
    """Refuse rows that have no weight all together.

    Raises:
        TableError: with what the rows are for.
    """
    if rows.w is not None and len(rows.w) and not rows.w.any():
        asked = f"The weights in column {column!r} must be positive in some of the rows {purpose}"
        raise TableError(message(asked, found=f"zeros in all {len(rows.w)}", hint="Try another seed."))


def _numbers(table: Table, name: str, what: str) -> Numbers:
    """Return the numbers of a column, none of which may be missing."""
    column = table.column(name)
    numbers = column.numbers()
    if column.n_missing:
        where = column.place(np.flatnonzero(column.missing)[0])
        asked = f"Column {name!r} must have {what} in every row"
        raise TableError(message(asked, found=f"none {where}", hint="Leave these rows out."))
    return numbers


def _found(table: Table, name: str, wrong: NDArray[np.bool_]) -> str:
    """Return the first wrong value and its row."""
    column, row = table.column(name), int(np.argmax(wrong))
    value: Label | None = column.label(row)
    return f"{shown(value)} {column.place(row)}"
