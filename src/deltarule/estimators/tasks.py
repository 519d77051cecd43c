"""The callbacks of scikit-learn 1.9: a fit is a task, and each of its epochs a task below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deltarule.estimators.samples import Samples
from deltarule.training.reports import EpochReport
from deltarule.training.settings import Callback

Attributes = Callable[[], dict[str, Any]]
"""What makes a copy of the estimator one that is fitted as far as the fit has come."""


class FitTasks:
    """Tells the callbacks that were set by ``set_callbacks`` where a fit begins and ends, and its epochs.

    Arguments:
        estimator: whose fit it is.
        given: the rows as ``fit`` got them.
        epochs: how many there are at most.
    """

    def __init__(self, estimator: Any, given: Samples, epochs: int) -> None:
        metadata = {"sample_weight": given.w, "offset": given.offset}
        self._about = {
            "estimator": estimator,
            "X": given.X,
            "y": given.y,
            "metadata": {name: values for name, values in metadata.items() if values is not None} or None,
        }
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(**self._about)
        self._epoch: Any = None

    def following(self, watch: Callback, fitted: Attributes) -> Callback:
        """Return a callback of a run that hears of each epoch after ``watch``; the first epoch begins now."""
        self._begin(fitted)

        def follow(report: EpochReport) -> bool:
            stops = bool(watch(report))
            stops |= self._epoch.call_on_fit_task_end(**self._about, reconstruction_attributes=fitted)
            self._epoch = None
            if not stops and report.epoch < report.epochs:
                self._begin(fitted)
            return stops

        return follow

    def end(self, fitted: Attributes) -> None:
        """End the fit, and before it an epoch that has begun and was never finished."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(estimator=self._about["estimator"])
        self._fit.call_on_fit_task_end(**self._about, reconstruction_attributes=fitted)

    def _begin(self, fitted: Attributes) -> None:
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._about, reconstruction_attributes=fitted)
