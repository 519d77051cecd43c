"""TargetTransform: from the target column to y and from predictions back to labels or units.

Not the inputs: those are TableTransform in transforms.py.

What `task="auto"` means, for the rows that have a target:

| target                                                                     | task           |
|----------------------------------------------------------------------------|----------------|
| true / false, text, or a type that the data frame calls categorical        | classification |
| two different whole numbers                                                | classification |
| class numbers: 0, 1, ..., K-1 or 1, 2, ..., K without a gap, K at most 20, | classification |
| on average at least 5 rows of each                                         |                |
| every other number (grades 3 to 9, counts with gaps, prices, 0.5 and 1.5)  | regression     |

Whole numbers may be stored as floats (pandas does so beside missing values).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule.data.columns import Column, Label, Table, key, listed, shown
from deltarule.data.scaling import Standardizer, as_fields
from deltarule.data.tables import FrameLike, as_table
from deltarule.errors import TableError, did_you_mean, message
from deltarule.storage.fields import JSON, Fields

TaskName = Literal["regression", "classification"]
TASKS: tuple[TaskName, ...] = ("regression", "classification")

_MOST_CLASS_NUMBERS = 20
_ROWS_PER_CLASS = 5


class Task(NamedTuple):
    """What is to be predicted, and why that was concluded."""

    name: TaskName
    reason: str
    """A half sentence: "'admit' has two different values, 0 and 1"."""


class TargetRows(NamedTuple):
    """The rows of a table that have a target, and how many had none."""

    table: Table
    rows: NDArray[np.intp]
    """The indices (from 0) of these rows in the table as it was."""
    n_dropped: int


def with_target(frame: FrameLike, target: str) -> TargetRows:
    """Return the rows of a table whose target is not missing.

    Raises:
        TableError: no such column, or no row is left.
    """
    table = as_table(frame)
    rows = np.flatnonzero(~table.column(target).missing)
    if rows.size == 0:
        found = "none in any row" if table.n_rows else "a table without rows"
        raise TableError(message(f"The target {target!r} must have values", found=found))
    return TargetRows(table.take(rows), rows, table.n_rows - len(rows))


def choose_task(frame: FrameLike, target: str, task: str = "auto") -> Task:
    """Decide between regression and classification by the rules above, or as asked.

    Raises:
        TableError: no such column, no such task, or a target that cannot serve for it: dates, no value, only
            one value, text for regression (the first is named), text that differs in nearly every row.

    >>> choose_task({"admit": [0, 1, 1, 0]}, "admit")
    Task(name='classification', reason="'admit' has two different values, 0 and 1")
    """
    if task not in ("auto", *TASKS):
        allowed = ", ".join(("auto", *TASKS))
        raise TableError(
            message("`task` must be one of " + allowed, found=repr(task), hint=did_you_mean(task, TASKS))
        )
    column = _column_of(frame, target)
    _check_values(column)
    labels, _ = column.distinct()
    chosen = _automatic(column, labels) if task == "auto" else Task(_named(task), "as asked")
    _check(column, labels, chosen)
    return chosen


def class_codes(frame: FrameLike, target: str) -> NDArray[np.intp]:
    """Return the place (n,) of each row's value among the sorted values: strata for `split_rows`."""
    return as_table(frame).column(target).distinct()[1]


@dataclass(frozen=True)
class TargetTransform:
    """The fitted target: class labels for classification, a Standardizer for regression.

    Make one with `TargetTransform.fit`. y has one column for regression, one of 0 and 1 for two classes
    (1 is the second label), and one for each class (one-hot) for more.

    >>> target = TargetTransform.fit({"grade": ["good", "bad", "good"]}, "grade")
    >>> target.labels, target.encode({"grade": ["good", "bad"]}).tolist()
    (('bad', 'good'), [[1.0], [0.0]])
    >>> target.decode([[0.9], [0.2]]), target.probabilities([[0.75]])
    (array(['good', 'bad'], dtype='<U4'), array([[0.25, 0.75]]))
    """

    name: str
    task: TaskName
    labels: tuple[Label, ...] = ()
    """The classes, sorted, as the plain Python objects they were; empty for regression."""
    standardizer: Standardizer | None = None
    """Of the target; None for classification, and for regression without standardization."""

    @classmethod
    def fit(
        cls, frame: FrameLike, target: str, task: str = "auto", ddof: float = 0, standardize: bool = True
    ) -> TargetTransform:
        """Collect the labels, or measure mean and standard deviation.

        Arguments:
            frame: the training rows, each with a target (see `with_target`).
            target: the name of its column.
            task: "auto" (the rules above), "regression" or "classification".
            ddof: 0 or 1, see `Standardizer.fit`.
            standardize: False leaves a regression target in its own unit (counts for a Poisson loss).

        Raises:
            TableError: as `choose_task`, or a target that is missing or infinite (its row is named).
        """
        column = _column_of(frame, target)
        chosen = choose_task(frame, target, task).name
        _require_present(column)
        if chosen == "classification":
            return cls(target, chosen, tuple(_plain(column.distinct()[0])))
        numbers = column.numbers()[:, None]
        return cls(target, chosen, (), Standardizer.fit(numbers, ddof=ddof) if standardize else None)

    @property
    def n_outputs(self) -> int:
        """The number of columns of y: 1, or the number of classes where there are more than two."""
        return len(self.labels) if len(self.labels) > 2 else 1

    def encode(self, frame: FrameLike) -> NDArray[np.float64]:
        """Return y (n, n_outputs).

        Raises:
            TableError: no such column, a missing or infinite target, text for a number, or a class that
                training never saw; its row is named.
        """
        column = as_table(frame).column(self.name)
        _require_present(column)
        if self.task == "regression":
            numbers = column.numbers()[:, None]
            return (
                numbers
                if self.standardizer is None
                else self.standardizer.transform(numbers).astype(np.float64)
            )
        codes = self._codes(column)
        if len(self.labels) == 2:
            return codes[:, None].astype(np.float64)
        y = np.zeros((len(codes), len(self.labels)))
        y[np.arange(len(codes)), codes] = 1.0
        return y

    def decode(self, y_hat: ArrayLike) -> NDArray[Any]:
        """Return predictions (n,): labels for classification, numbers in the target's unit for regression.

        Arguments:
            y_hat: (n, n_outputs), the outputs of the network; above 1/2 means the second of two labels.
        """
        outputs = np.asarray(y_hat, dtype=np.float64)
        if self.task == "classification":
            return np.array(self.labels)[self.probabilities(outputs).argmax(axis=1)]
        return (outputs if self.standardizer is None else self.standardizer.inverse(outputs))[:, 0]

    def probabilities(self, y_hat: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each label (n, len(labels)), for classification."""
        outputs = np.asarray(y_hat, dtype=np.float64)
        return np.hstack([1 - outputs, outputs]) if len(self.labels) == 2 else outputs

    def to_dict(self) -> dict[str, JSON]:
        """Return plain values that `json.dumps` can write; labels keep their types."""
        scaler = None if self.standardizer is None else self.standardizer.to_dict()
        return {"name": self.name, "task": self.task, "labels": list(self.labels), "standardizer": scaler}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | Fields) -> TargetTransform:
        """Return the transform that `to_dict` described; nothing in it is trusted.

        Raises:
            ModelFileError: an entry is missing or cannot be used; its place is named.
        """
        fields = as_fields(values, "the stored target")
        task, labels = _named(fields.text("task", allowed=TASKS)), fields.scalars("labels")
        types = {type(label) for label in labels}
        different = len(set(labels)) == len(labels) >= 2 and len(types) == 1
        if task == "classification" and not (different and all(label == label for label in labels)):
            raise fields.refuse("labels", "be two or more different values of one type")
        if task == "regression" and labels:
            raise fields.refuse("labels", "be empty for a regression")
        scaler = Standardizer.from_dict(fields.fields("standardizer")) if fields.has("standardizer") else None
        if scaler is not None and (task == "classification" or len(scaler.mean) != 1):
            raise fields.refuse(
                "standardizer", "be null for a classification and have one column for a regression"
            )
        return cls(fields.text("name"), task, tuple(labels), scaler)

    def _codes(self, column: Column) -> NDArray[np.intp]:
        """Return the place of each row's label.

        Labels are matched as text: 1, 1.0 and "1" are the same; a full stop at the end of an unknown one does
        not count (the test rows of UCI Adult have it).
        """
        known = {key(label): place for place, label in enumerate(self.labels)}
        labels, codes = column.distinct()
        matched = [known.get(text, known.get(text.removesuffix("."), -1)) for text in map(key, labels)]
        places = np.array(matched, dtype=np.intp)[codes]
        if (new := np.flatnonzero(places < 0)).size:
            asked = f"The target {self.name!r} must be one of the classes seen in training"
            found = f"{shown(column.label(new[0]))} {column.place(new[0])}"
            raise TableError(message(asked, found=found, allowed=listed(self.labels)))
        return places


def _column_of(frame: FrameLike, target: str) -> Column:
    return as_table(frame).column(target)


def _named(task: str) -> TaskName:
    return "regression" if task == "regression" else "classification"


def _automatic(column: Column, labels: list[Label]) -> Task:
    what = repr(column.name)
    if column.kind in ("text", "boolean"):
        return Task("classification", f"{what} is {column.kind}")
    if column.categorical:
        return Task("classification", f"the data frame says that {what} is categorical")
    plain = _plain(labels)
    if not all(isinstance(label, int) for label in plain):
        return Task("regression", f"{what} holds numbers with decimals")
    if len(plain) == 2:
        return Task("classification", f"{what} has two different values, {plain[0]} and {plain[1]}")
    if _are_class_numbers(plain, len(column) - column.n_missing):
        return Task(
            "classification", f"{what} has the whole numbers {plain[0]} to {plain[-1]}, like class numbers"
        )
    return Task("regression", f"{what} has {len(plain)} different whole numbers")


def _are_class_numbers(labels: list[Label], n: int) -> bool:
    k = len(labels)
    few = k <= _MOST_CLASS_NUMBERS and n >= _ROWS_PER_CLASS * k
    return few and labels[0] in (0, 1) and labels == list(range(int(labels[0]), int(labels[0]) + k))


def _plain(labels: list[Label]) -> list[Label]:
    """Return whole numbers as int even where the table stores floats."""
    if all(isinstance(label, float) and label.is_integer() for label in labels):
        return [int(label) for label in labels]
    return labels


def _check_values(column: Column) -> None:
    """Refuse a target without values, or with values that no task can use."""
    if column.kind == "other":
        raise TableError(
            message(
                f"The target {column.name!r} must hold numbers or classes", found=f"the type {column.dtype}"
            )
        )
    if column.missing.all():
        raise TableError(f"The target {column.name!r} has no values.")


def _check(column: Column, labels: list[Label], task: Task) -> None:
    """Refuse a target that cannot serve for the task."""
    if column.kind == "number" or task.name == "regression":
        _check_numbers(column, task)
    if len(labels) == 1:
        must = "two classes" if task.name == "classification" else "two different values"
        asked = f"The target {column.name!r} must have at least {must}"
        raise TableError(message(asked, found=f"{shown(labels[0])} in every row"))
    n = len(column) - column.n_missing
    if (
        column.kind == "text"
        and task.name == "classification"
        and len(labels) > max(_MOST_CLASS_NUMBERS, n / 2)
    ):
        asked = f"The target {column.name!r} has too many classes for {n} rows"
        raise TableError(message(asked, found=f"{len(labels)} different texts", hint=_first_text(column)))


def _check_numbers(column: Column, task: Task) -> None:
    """Refuse text and infinite values, the first of them named with its row."""
    if (first := column.first_text()) is not None:
        asked = f"The target {column.name!r} must hold numbers for a regression"
        hint = "Use the task classification if these are classes."
        raise TableError(message(asked, found=f"{shown(first[0])} {first[1]}", hint=hint))
    column.numbers()


def _first_text(column: Column) -> str:
    first = column.first_text()
    return "" if first is None else f"Its first value that is no number: {shown(first[0])} {first[1]}."


def _require_present(column: Column) -> None:
    if column.n_missing:
        where = column.place(np.flatnonzero(column.missing)[0])
        asked = f"The target {column.name!r} must have a value in every row"
        raise TableError(message(asked, found=f"none {where}", hint="Leave these rows out."))
