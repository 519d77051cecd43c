"""Learning curves: loss or a metric per epoch, of one run or of several beside each other."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from deltarule.core.arrays import Array, require_choice
from deltarule.errors import InputError, did_you_mean, message
from deltarule.plots import style
from deltarule.training.reports import History, Stop

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY_EPOCHS = 40
DECADES_FOR_LOG = 2
SMALL_LETTER = 4.6  # about the width of a letter, in points


def learning_curves(
    history: History,
    metric: str | None = None,
    ax: Axes | None = None,
    *,
    steps: bool = False,
    unit: str = "",
) -> Axes:
    """Draw the loss (or a metric) of each epoch, with the best epoch and the reason for stopping.

    The scale is logarithmic where the values span more than two decades.

    Arguments:
        history: what `net.train` returned.
        metric: a name in `history.metrics`; the loss where it is left out.
        ax: where to draw; a new figure where it is left out.
        steps: also draw the loss of every step, at its place within the epoch.
        unit: of the metric, for its axis ("USD").

    Raises:
        InputError: there is no such metric, the losses of the steps were not recorded, or `history` is
            something else.

    >>> import deltarule as dr, numpy as np
    >>> net = dr.Network([1, 1], activations=["identity"])
    >>> X = np.linspace(0, 1, 8)[:, None]
    >>> history = net.train(X, 2 * X, loss="mean_squared_error", optimizer=dr.SGD(0.1), epochs=5)
    >>> dr.plots.learning_curves(history).get_xlabel()
    'epoch'
    """
    _require_history(history)
    training, validation = _values(history, metric)
    step_losses = _step_losses(history, metric) if steps else ()
    ax = style.axes(ax)
    if step_losses:
        _draw_steps(ax, step_losses)
    _draw(ax, training, "training", style.BLUE, "-", "o")
    _draw(ax, validation, "validation", style.VERMILION, "--", "s")
    _mark_best(ax, history, training, validation)
    _label(ax, history, _what(metric, unit))
    if _spans_decades([*training, *validation]):
        ax.set_yscale("log")
    style.legend(ax)
    return ax


def compare_runs(
    histories: Mapping[str, History],
    metric: str | None = None,
    ax: Axes | None = None,
    *,
    rows: Literal["training", "validation"] = "training",
    against: Literal["epoch", "seconds"] = "epoch",
    unit: str = "",
) -> Axes:
    """Draw the loss (or a metric) of several runs on one Axes, each under its name.

    The scale is logarithmic where the values span more than two decades.

    Arguments:
        histories: what `net.train` returned, by the name of the run ("η = 0.1").
        metric: a name in `history.metrics`; the loss where it is left out.
        ax: where to draw; a new figure where it is left out.
        rows: which rows the loss or metric is of.
        against: what goes across: the epoch, or the wall time from the start of the run.
        unit: of the metric, for its axis ("USD").

    Raises:
        InputError: there is no run, no such metric, or no validation rows were watched.

    >>> import deltarule as dr
    >>> def run(rate):
    ...     net = dr.Network([1, 1], activations=["identity"])
    ...     return net.train([[0.0], [1.0]], [1.0, 3.0], optimizer=dr.SGD(rate), epochs=5)
    >>> ax = dr.plots.compare_runs({"η = 0.1": run(0.1), "η = 0.5": run(0.5)})
    >>> [line.get_label() for line in ax.lines]
    ['η = 0.1', 'η = 0.5']
    """
    require_choice("rows", rows, ("training", "validation"))
    require_choice("against", against, ("epoch", "seconds"))
    series = {name: _of_rows(history, metric, rows) for name, history in _runs(histories).items()}
    ax = style.axes(ax)
    for place, (name, values) in enumerate(series.items()):
        seconds = np.cumsum(histories[name].seconds)
        across = seconds if against == "seconds" else np.arange(1, len(values) + 1)
        ax.plot(across, values, label=name, **style.look(place))
    _label_axes(ax, f"{rows} {_what(metric, unit)}", whole=against == "epoch")
    ax.set_xlabel("epoch" if against == "epoch" else "wall time (s)")
    if _spans_decades([value for values in series.values() for value in values]):
        ax.set_yscale("log")
    style.legend(ax)
    return ax


def _runs(histories: Mapping[str, History]) -> Mapping[str, History]:
    given: object = histories
    if not isinstance(given, Mapping) or not given:
        found = "none" if isinstance(given, Mapping) else f"a {type(given).__name__}"
        asked = "`histories` must be a dictionary with a History for each name"
        raise InputError(message(asked, found=found, hint='Try {"first": history}.'))
    for history in given.values():
        _require_history(history)
    return histories


def _of_rows(history: History, metric: str | None, rows: str) -> list[float]:
    training, validation = _values(history, metric)
    if rows == "training":
        return training
    if not validation:
        asked = 'rows="validation" needs validation rows in every run'
        raise InputError(message(asked, found="none", hint="Train with validation=0.2."))
    return validation


def _require_history(given: object) -> None:
    if not isinstance(given, History):
        asked = "`history` must be a History"
        raise InputError(
            message(asked, found=f"a {type(given).__name__}", hint="Pass what net.train returned.")
        )


def _values(history: History, metric: str | None) -> tuple[list[float], list[float]]:
    if metric is None:
        return list(history.loss), list(history.validation_loss)
    if metric not in history.metrics:
        names = list(history.metrics)
        asked = f"`metric` must be one that was recorded: {', '.join(names) or 'none was'}"
        hint = did_you_mean(metric, names) or f"Train with metrics=({metric!r},)."
        raise InputError(message(asked, found=repr(metric), hint=hint))
    return list(history.metrics[metric]), list(history.validation_metrics.get(metric, ()))


def _what(metric: str | None, unit: str) -> str:
    if metric is None:
        return "loss (mean over rows)"
    return metric.replace("_", " ") + (f" ({unit})" if unit else "")


def _step_losses(history: History, metric: str | None) -> Sequence[Array]:
    if metric is not None:
        raise InputError(message("`steps=True` draws losses, not metrics", found=f"metric={metric!r}"))
    if not history.step_losses:
        hint = "Train with record_steps=True."
        raise InputError(
            message("`steps=True` needs the losses of the steps", found="none recorded", hint=hint)
        )
    return history.step_losses


def _draw_steps(ax: Axes, step_losses: Sequence[Array]) -> None:
    places = [epoch + np.arange(1, len(losses) + 1) / len(losses) for epoch, losses in enumerate(step_losses)]
    values = np.concatenate([np.asarray(losses) for losses in step_losses])
    ax.plot(np.concatenate(places), values, color=style.SKY, linewidth=0.6, alpha=0.7, label="each step")


def _draw(ax: Axes, values: Sequence[float], label: str, color: str, line: str, marker: str) -> None:
    if values:
        epochs = np.arange(1, len(values) + 1)
        markers = marker if len(values) <= MANY_EPOCHS else ""
        ax.plot(epochs, values, line, color=color, marker=markers, markersize=3.5, linewidth=1.6, label=label)


def _mark_best(ax: Axes, history: History, training: Sequence[float], validation: Sequence[float]) -> None:
    """Put a star on the best epoch, and a dotted line from there down to the axis."""
    best, values = history.best_epoch, validation or training
    if best is None or len(values) < 2:
        return
    which = "validation loss" if history.validation_loss else "loss"
    label = f"epoch {best}: lowest {which}"
    ax.plot([best], [values[best - 1]], "*", color=style.INK, markersize=10, label=label, zorder=4)
    top = max(series[best - 1] for series in (training, validation) if series)
    if np.isfinite(top):
        line = {
            "arrowstyle": "-",
            "color": style.QUIET,
            "linestyle": ":",
            "linewidth": 1.4,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        foot = ("data", "axes fraction")
        ax.annotate("", (best, top), xytext=(best, 0.0), textcoords=foot, arrowprops=line, zorder=1)


def _label(ax: Axes, history: History, what: str) -> None:
    _label_axes(ax, what)
    ax.set_xlabel("epoch")
    if history.stop is not None:
        letters = max(24, int(ax.get_window_extent().width / ax.figure.dpi * 72 / SMALL_LETTER))
        title = textwrap.fill(_ending(history.stop), letters, max_lines=2, placeholder=" …")
        ax.set_title(title, fontsize="small", parse_math=False)


def _label_axes(ax: Axes, what: str, whole: bool = True) -> None:
    """Set the frame and the label upward; across there are whole numbers only, if so asked."""
    from matplotlib.ticker import MaxNLocator

    style.plain_frame(ax)
    ax.set_ylabel(what, parse_math=False)
    if whole:
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def _ending(stop: Stop) -> str:
    """Return the first clause of why the run stopped; the star says which epoch was the best."""
    reason = stop.message.partition("; ")[0].partition(". ")[0]
    reason = reason.partition(": ")[0] if stop.kind == "early_stopping" else reason
    return reason[:1].upper() + reason[1:]


def _spans_decades(values: Sequence[float]) -> bool:
    finite = np.array([value for value in values if np.isfinite(value)])
    return bool(finite.size and finite.min() > 0 and finite.max() > finite.min() * 10.0**DECADES_FOR_LOG)
