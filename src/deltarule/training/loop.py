"""The training loop: an iterator of EpochReports that everything else drains, draws or steps by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np

from deltarule.core.arrays import Array
from deltarule.core.learning_rates import after_epoch, exhausted, watches
from deltarule.core.metrics import Metric
from deltarule.core.objective import Rows
from deltarule.engines.base import Engine, EpochSums, Job, TrainingState
from deltarule.engines.selection import Choice
from deltarule.errors import DivergenceWarning, warn
from deltarule.training.guard import (
    DivergenceGuard,
    diverged,
    finite_epochs,
    finite_objectives,
    objectives_of,
)
from deltarule.training.quasi_newton import Minimization
from deltarule.training.reports import EpochReport, History, Stop
from deltarule.training.settings import Settings
from deltarule.training.stopping import BestEpoch, plural

SECONDS_PER_CHUNK = 0.05


class _Chunk(NamedTuple):
    """Epochs of which no report is known yet: those that are done, the state before them, and the hour."""

    done: list[EpochSums]
    before: TrainingState
    start: float


class Training(Iterator[EpochReport]):
    """A run in progress: iterate over it for one report per epoch; ``history`` grows as it goes."""

    warns = True  # where a run diverges; the caller may say it in other words

    def __init__(self, choice: Choice, job: Job, state: TrainingState, settings: Settings) -> None:
        self.engine: Engine = choice.engine
        self.job = job
        self.state = state
        self.settings = settings
        self.history = History(choice.engine.name, choice.reason, job.plan.seed)
        self._minimization = None if job.minimizer is None else Minimization(choice.engine, job.minimizer)
        self._guard = DivergenceGuard(choice.engine, job, state)
        self._best = None if settings.early_stopping is None else BestEpoch(settings.early_stopping)
        self._start = time.perf_counter()
        self._chunk: _Chunk | None = None
        self._epochs_per_chunk = 1
        self._adapts_rates = watches(job.learning_rates)
        self._watches_epochs = settings.watches_epochs or self._adapts_rates

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> EpochReport:
        """Train one more epoch and return its report."""
        done = len(self.history.epochs)
        try:
            self._advance(1)
        except KeyboardInterrupt:
            self.interrupt()
        if len(self.history.epochs) == done:
            raise StopIteration
        return self.history.epochs[-1]

    def run(self) -> History:
        """Train to the end; epochs that nobody watches run in chunks of about 50 milliseconds."""
        try:
            while self.history.stop is None:
                self._advance(1 if self._watches_epochs else self._epochs_per_chunk)
        except KeyboardInterrupt:
            self.interrupt()
        return self.history

    def interrupt(self) -> None:
        """End the run, as Ctrl-C does; with early stopping the network gets the best parameters back.

        Every finished epoch is put on record. Whoever cannot wait presses Ctrl-C again: it is raised.
        """
        if self.history.stop is not None:
            return
        if self._chunk is not None:
            self._report_rest(*self._chunk)
        if not np.isfinite(self.state.theta).all():
            self._go_back()
        done, planned = len(self.history.epochs), self.settings.epochs
        self._finish(Stop("interrupted", f"interrupted with {done} of {planned} epochs finished"))

    def _advance(self, epochs: int) -> None:
        """Train some epochs, at most to the end of the run."""
        if self.history.stop is not None:
            return
        left = self.settings.epochs - self.state.epoch
        if left <= 0:
            self._finish(Stop("epochs", _all_trained(self.settings.epochs)))
            return
        try:
            self._train(min(epochs, left))
        except BaseException:
            self._close()
            raise

    def _train(self, epochs: int) -> None:
        """Train some epochs, report them and look whether to stop."""
        self._chunk = done, before, start = _Chunk([], self.state.copy(), time.perf_counter())
        with np.errstate(all="ignore"):
            (self._minimization or self.engine).run_epochs(self.job, self.state, epochs, done)
        seconds = time.perf_counter() - start
        objectives = objectives_of(self.job, done)
        finite = finite_epochs(objectives, self.state.theta)
        self._record(done[:finite], objectives[:finite], before, seconds)
        self._chunk = None
        self._epochs_per_chunk = max(1, min(2 * epochs, int(SECONDS_PER_CHUNK * epochs / max(seconds, 1e-9))))
        stop = self._look(self.history.epochs[-1]) if 0 < len(done) == finite else self._converged()
        if finite < len(done):
            self._stop_diverged(before.epoch + finite + 1)
        elif stop is not None:
            self._finish(stop)

    def _report_rest(self, done: list[EpochSums], before: TrainingState, start: float) -> None:
        """Report what was done when the run was interrupted, if it has no report yet."""
        unknown = done[len(self.history.epochs) - before.epoch :]
        objectives = objectives_of(self.job, unknown)
        finite = finite_objectives(objectives)
        self._record(unknown[:finite], objectives[:finite], before, time.perf_counter() - start)

    def _record(
        self, done: list[EpochSums], objectives: list[float], before: TrainingState, seconds: float
    ) -> None:
        """Report the epochs that were finished, from a state on; what is measured is so after the last."""
        if not done:
            return
        history, validation = self.history, self.settings.validation
        first = len(history.epochs)
        rates = self.job.first_rates(first, len(done), before.patience)
        self._guard.see(first, objectives, before)
        measured: dict[str, Any] = {
            "epochs": self.settings.epochs,
            "validation_loss": None if validation is None else self._mean_loss(validation),
            "metrics": self._metrics(self.job.rows),
            "validation_metrics": {} if validation is None else self._metrics(validation),
            "seconds": seconds / len(done),
        }
        history.epochs += [
            EpochReport(
                epoch=number,
                loss=sums.mean_loss,
                penalty=self.job.objective.share(sums.penalty, sums.weight),
                step_losses=sums.step_losses,
                step_penalties=sums.step_penalties,
                learning_rate=rate,
                **measured,
            )
            for number, (sums, rate) in enumerate(zip(done, rates, strict=True), start=first + 1)
        ]
        history.instruction_set, history.threads = done[-1].instruction_set, done[-1].threads

    def _mean_loss(self, rows: Rows) -> float:
        loss, weight = self.engine.losses(self.job.objective, self.state.theta, rows)
        return loss / weight

    def _metrics(self, rows: Rows) -> dict[str, float]:
        """Every metric of the rows, in the units of the target."""
        if not self.settings.metrics:
            return {}
        architecture = self.job.objective.architecture
        y, y_hat = rows.y, self.engine.predict(architecture, self.state.theta, rows.X, rows.offset)
        scaler = self.settings.target_scaler
        if scaler is not None:
            y, y_hat = scaler.inverse(y), scaler.inverse(y_hat)
        w: Array = np.ones(len(y)) if rows.w is None else rows.w
        return {metric.name: _value(metric, y, y_hat, w) for metric in self.settings.metrics}

    def _look(self, report: EpochReport) -> Stop | None:
        """Ask everyone who may stop the run; each hears of the epoch, the first reason counts."""
        asked = [_tolerance(self.settings, self.history), _target_loss(self.settings, report)]
        asked.append(None if self._best is None else self._best.see(report, self.state.theta))
        asked += [self._converged(), self._time_limit()]
        asked.append(self._adapt_rates(report))
        if any([callback(report) for callback in self.settings.callbacks]):  # noqa: C419 (each must be called)
            asked.append(Stop("callback", f"stopped by a callback after epoch {report.epoch}"))
        return next((stop for stop in asked if stop is not None), None)

    def _adapt_rates(self, report: EpochReport) -> Stop | None:
        """Tell the schedules that watch the loss, those of this run, what it is."""
        if not self._adapts_rates:
            return None
        loss = report.loss if report.validation_loss is None else report.validation_loss
        self.state.patience = after_epoch(self.job.learning_rates, self.state.patience, loss)
        if not exhausted(self.job.learning_rates, self.state.patience):
            return None
        rate = report.learning_rate if isinstance(report.learning_rate, float) else max(report.learning_rate)
        said = f"the loss does not improve, and the learning rate has fallen to {rate:.3g}"
        return Stop("learning_rate", f"stopped after epoch {report.epoch}: {said}")

    def _converged(self) -> Stop | None:
        return None if self._minimization is None else self._minimization.stop

    def _close(self) -> None:
        """End what waits beside this run, and what callbacks have begun."""
        if self._minimization is not None:
            self._minimization.close()
        for callback in self.settings.callbacks:
            close = getattr(callback, "close", None)
            if close is not None:
                close()

    def _time_limit(self) -> Stop | None:
        limit, seconds = self.settings.time_limit, time.perf_counter() - self._start
        if limit is None or seconds < limit or self.state.epoch >= self.settings.epochs:
            return None
        return Stop(
            "time_limit", f"stopped after epoch {self.state.epoch}: the time limit of {limit:g} s is over"
        )

    def _go_back(self) -> None:
        """Give the network the best parameters known."""
        self.history.restored_epoch = self._guard.restore(self.state)

    def _stop_diverged(self, epoch: int) -> None:
        """Go back to the best parameters known, and warn."""
        self._go_back()
        (rate,) = self.job.first_rates(epoch - 1, 1, self.state.patience)
        stop = self._finish(diverged(epoch, rate))
        if self.warns:
            warn(stop.message, DivergenceWarning)

    def _finish(self, stop: Stop) -> Stop:
        """End the run; the network gets the best parameters back where early stopping keeps them."""
        self._close()
        best = self._best
        if best is not None and best.rule.restore_best and best.theta is not None:
            self.state.theta[:] = best.theta
            self.history.restored_epoch = best.epoch
        restored = self.history.restored_epoch
        if restored is not None:
            kept = f"had after epoch {restored}, the best known" if restored else "started from"
            stop = Stop(stop.kind, f"{stop.message}; the network has the parameters it {kept}")
        self.history.stop = stop
        return stop


def _value(metric: Metric, y: Array, y_hat: Array, w: Array) -> float:
    with np.errstate(all="ignore"):
        return metric.value(y, y_hat, w)


def _all_trained(epochs: int) -> str:
    return f"trained all {epochs} epochs" if epochs > 1 else f"trained {plural(epochs, 'epoch')}"


def _tolerance(settings: Settings, history: History) -> Stop | None:
    if settings.tol is None or len(history.epochs) < 2:
        return None
    last, change = history.epochs[-1].epoch, abs(history.epochs[-1].loss - history.epochs[-2].loss)
    if change >= settings.tol:
        return None
    return Stop(
        "tolerance",
        f"stopped after epoch {last}: the training loss changed by {change:.3g}, "
        f"less than tol={settings.tol:g}",
    )


def _target_loss(settings: Settings, report: EpochReport) -> Stop | None:
    if settings.target_loss is None or report.loss > settings.target_loss:
        return None
    return Stop(
        "target_loss", f"stopped after epoch {report.epoch}: the training loss reached {report.loss:.6g}"
    )
