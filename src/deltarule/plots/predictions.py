"""How good predictions are: predicted against actual values, and which class was taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule.core.arrays import Array
from deltarule.core.metrics import METRICS
from deltarule.errors import InputError, message
from deltarule.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY_CLASSES = 25


def predicted_against_actual(
    y: ArrayLike, y_hat: ArrayLike, ax: Axes | None = None, *, name: str = "value"
) -> Axes:
    """Draw each row as a point: across the actual value, upward the predicted one; on the line it is right.

    Arguments:
        y: actual values, (n,) or (n, k).
        y_hat: predicted values, of the same shape.
        ax: where to draw; a new figure where it is left out.
        name: what is predicted, with its unit, for the labels ("price (USD)").

    Raises:
        InputError: the shapes differ or there are no rows.

    >>> import deltarule as dr
    >>> dr.plots.predicted_against_actual([1.0, 2.0], [1.1, 1.9], name="price (USD)").get_xlabel()
    'actual price (USD)'
    """
    actual, predicted = _columns(y, y_hat)
    ax = style.axes(ax, (5.0, 5.0))
    for output in range(actual.shape[1]):
        _draw_points(ax, actual[:, output], predicted[:, output], output, actual.shape[1])
    _draw_diagonal(ax, actual, predicted)
    style.plain_frame(ax)
    ax.set_xlabel(f"actual {name}", parse_math=False)
    ax.set_ylabel(f"predicted {name}", parse_math=False)
    ax.set_title(_quality(actual, predicted), fontsize="medium")
    style.legend(ax)
    return ax


def confusion(
    y: ArrayLike, y_hat: ArrayLike, ax: Axes | None = None, *, labels: Sequence[Any] | None = None
) -> Axes:
    """Draw the number of rows for each pair of actual and predicted class; dark is a large share of its row.

    Arguments:
        y: the actual class of each row, (n,).
        y_hat: the predicted class of each row, (n,).
        ax: where to draw; a new figure where it is left out.
        labels: the classes in the order wanted; those that occur, sorted, where it is left out.

    Raises:
        InputError: a class is not among the labels, the lengths differ or there are no rows.

    >>> import deltarule as dr
    >>> dr.plots.confusion(["no", "yes", "no"], ["no", "yes", "yes"]).get_title()
    '2 of 3 rows right (66.7 %)'
    """
    actual, predicted = np.asarray(y).ravel(), np.asarray(y_hat).ravel()
    _require_rows(actual, predicted)
    classes = np.unique(np.concatenate([actual, predicted])).tolist() if labels is None else list(labels)
    counts = _count(actual, predicted, classes)
    side = min(12.0, 3.0 + 0.5 * len(classes))
    ax = style.axes(ax, (side, side))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    _write_counts(ax, counts, share)
    _label_classes(ax, [str(label) for label in classes])
    right, rows = int(np.trace(counts)), int(counts.sum())
    ax.set_title(
        f"{right:,} of {rows:,} rows right ({right / rows:.1%})".replace("%", " %"), fontsize="medium"
    )
    return ax


def _columns(y: ArrayLike, y_hat: ArrayLike) -> tuple[Array, Array]:
    actual, predicted = np.asarray(y, dtype=float), np.asarray(y_hat, dtype=float)
    actual, predicted = actual.reshape(len(actual), -1), predicted.reshape(len(predicted), -1)
    _require_rows(actual, predicted)
    return actual, predicted


def _require_rows(actual: NDArray[Any], predicted: NDArray[Any]) -> None:
    if actual.shape != predicted.shape or not actual.size:
        asked = "`y` and `y_hat` must have the same shape and at least one row"
        raise InputError(message(asked, found=f"{actual.shape} and {predicted.shape}"))


def _draw_points(ax: Axes, actual: Array, predicted: Array, output: int, outputs: int) -> None:
    many = len(actual) > 1000
    ax.scatter(
        actual,
        predicted,
        s=6 if many else 18,
        alpha=0.25 if many else 0.7,
        color=style.COLORS[output % len(style.COLORS)],
        marker=style.MARKERS[output % len(style.MARKERS)],
        linewidths=0,
        label=f"output {output + 1}" if outputs > 1 else None,
    )


def _draw_diagonal(ax: Axes, actual: Array, predicted: Array) -> None:
    both = np.concatenate([actual.ravel(), predicted.ravel()])
    both = both[np.isfinite(both)]
    low, high = (both.min(), both.max()) if both.size else (0.0, 1.0)
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    ax.plot(limits, limits, "--", color=style.INK, linewidth=1.0, zorder=1)
    ax.set(xlim=limits, ylim=limits, aspect="equal")


def _quality(actual: Array, predicted: Array) -> str:
    ones = np.ones(len(actual))
    rmse = METRICS["rmse"].value(actual, predicted, ones)
    r2 = METRICS["r2"].value(actual, predicted, ones)
    return f"RMSE {rmse:.4g}, R² {r2:.3f}"


def _count(actual: NDArray[Any], predicted: NDArray[Any], classes: list[Any]) -> NDArray[np.int64]:
    place = {label: index for index, label in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    for pair in zip(actual.tolist(), predicted.tolist(), strict=True):
        unknown = [label for label in pair if label not in place]
        if unknown:
            asked = f"`labels` must name every class: {', '.join(map(str, classes))}"
            raise InputError(message(asked, found=repr(unknown[0]), hint="Add it to `labels`."))
        counts[place[pair[0]], place[pair[1]]] += 1
    return counts


def _write_counts(ax: Axes, counts: NDArray[np.int64], share: Array) -> None:
    if len(counts) > MANY_CLASSES:
        return
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if share[row, column] > 0.5 else style.INK
        size = min(11.0, 110.0 / len(counts))
        ax.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=size)


def _label_classes(ax: Axes, names: list[str]) -> None:
    places = range(len(names))
    slanted = sum(map(len, names)) > 30
    ax.set_xticks(
        places, names, parse_math=False, rotation=45 if slanted else 0, ha="right" if slanted else "center"
    )
    ax.set_yticks(places, names, parse_math=False)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("actual class")
