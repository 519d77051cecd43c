"""Which runs a comparison has, and by what a run is known: its table, its settings and its seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from deltarule.data.columns import Table
from deltarule.errors import InputError, message
from deltarule.storage.fields import JSON
from deltarule.table_model import TableModel, TableTraining
from deltarule.table_model.preparation import prepare

FIXED = (frozenset(signature(prepare).parameters) - {"table", "seed", "row_columns"}) | {
    *("weights", "offset", "exposure"),
}
"""What decides on rows, X, y and the loss: losses can be compared only where all of it is the same."""


class Run(NamedTuple):
    """One training that is to be done.

    Attributes:
        settings: by what it is known beside its seed: plain values that `json.dumps` can write.
        seed: of its rows, its initial weights and its batches.
        arguments: of ``TableModel.training``, without the table and the seed.
    """

    settings: Mapping[str, JSON]
    seed: int
    arguments: Mapping[str, Any]


class Plan(NamedTuple):
    """All runs of a comparison.

    Attributes:
        table: which all of them learn from.
        data: a digest of it.
        fixed: the settings that must be the same for all, as plain values.
        runs: each combination with each seed.
    """

    table: Table
    data: str
    fixed: Mapping[str, JSON]
    runs: tuple[Run, ...]

    def digest(self, settings: Mapping[str, JSON], seed: int) -> str:
        """Return what tells a run of this plan from all others, in this plan or in another one."""
        whole = {"data": self.data, "fixed": self.fixed, "settings": settings, "seed": seed}
        return hashlib.sha256(canonical(whole).encode()).hexdigest()

    def without(self, done: Iterable[Any]) -> list[Run]:
        """Return the runs that are not among those that are done, known by their settings and their seed."""
        known = {self.digest(each.settings, each.seed) for each in done}
        return [run for run in self.runs if self.digest(run.settings, run.seed) not in known]


def combinations(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination; the last name changes fastest, and what is given twice counts once.

    >>> combinations({"hidden": [(8,)], "activation": ["relu", "tanh", "relu"]})
    [{'hidden': (8,), 'activation': 'relu'}, {'hidden': (8,), 'activation': 'tanh'}]
    """
    every = [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]
    return list({canonical(described(each)): each for each in every}.values())


def probe(table: Table, fixed: Mapping[str, Any], seed: int) -> TableTraining:
    """Return a run with the default settings that is not started: it shows the rows, the task and the loss.

    Raises:
        TableError: the table, its target or a column cannot be used.
        InputError: a fixed setting cannot be used, or no rows are left to compare by.
    """
    validation = fixed.get("validation")
    if isinstance(validation, int | float) and validation == 0:
        asked = "`validation` must be above 0, since runs are compared by their loss on these rows"
        raise InputError(message(asked, found="0", hint="Try 0.2."))
    return TableModel.training(table, **fixed, seed=seed)


def described(settings: Mapping[str, Any]) -> dict[str, JSON]:
    """Return settings as plain values: numbers, texts and lists as they are, records as they show themselves.

    >>> described({"hidden": (16, 8), "optimizer": "adam", "batch_size": None})
    {'hidden': [16, 8], 'optimizer': 'adam', 'batch_size': None}
    """
    return {name: _plain(value) for name, value in settings.items()}


def canonical(values: JSON | Mapping[str, Any]) -> str:
    """Return plain values as one text, the same for the same values."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def digest_of(table: Table) -> str:
    """Return a digest of the names and the values of a table.

    >>> one, other = (Table({}, rows) for rows in (3, 4))
    >>> digest_of(one) == digest_of(one), digest_of(one) == digest_of(other)
    (True, False)
    """
    digest = hashlib.sha256(str(table.n_rows).encode())
    for name, column in table.columns.items():
        head = [name, column.kind, column.levels, column.categorical]
        digest.update(json.dumps(head).encode())
        for array in (column.values, column.missing):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _plain(value: Any) -> JSON:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Table):
        return digest_of(value)
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value), key=canonical)
    return [_plain(each) for each in value] if isinstance(value, list | tuple | range) else repr(value)
