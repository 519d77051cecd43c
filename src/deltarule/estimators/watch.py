"""What scikit-learn does after each epoch: curves, scores, the learning rate, and when to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult
from sklearn.utils.optimize import _check_optimize_result

from deltarule.core.arrays import Array
from deltarule.engines.base import Job
from deltarule.training.loop import Training
from deltarule.training.reports import EpochReport, Stop, StopKind

LIMITS = {
    "epochs": (1, "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"),
    "evaluations": (1, "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"),
    "no_descent": (2, "ABNORMAL: "),
}
Score = Callable[[], float]


class Watch:
    """A callback that keeps an estimator's attributes and ends its run; True is returned to stop.

    Arguments:
        estimator: whose attributes are kept.
        job: of the run.
        rate: its learning rate, where that is scikit-learn's to change; otherwise None.
        score: of the validation rows, where they are watched.
    """

    def __init__(self, estimator: Any, job: Job, rate: Any, score: Score | None) -> None:
        self.estimator, self.job, self.rate, self.score = estimator, job, rate, score
        self.mean_objective = MeanObjective(job)
        self.stop: Stop | None = None  # why it ended the run, if it did
        self.best_epoch: int | None = None  # of this run, where it had the best score

    def __call__(self, report: EpochReport) -> bool:
        est = self.estimator
        est.n_iter_ += 1
        est.t_ += self.job.plan.n
        self._keep(self.mean_objective(report))
        if est.verbose:
            print(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        self._keep_score()
        return self._next_rate()

    def diverged(self) -> None:
        """Put an epoch on record whose numbers are not finite."""
        est = self.estimator
        est.n_iter_ += 1
        est.t_ += self.job.plan.n
        est.loss_ = float("nan")
        est.loss_curve_.append(est.loss_)
        if self.score is not None:
            est.validation_scores_.append(float("nan"))

    def _keep(self, loss: float) -> None:
        est = self.estimator
        est.loss_ = loss
        est.loss_curve_.append(loss)
        if self.score is not None:
            return
        est._no_improvement_count = est._no_improvement_count + 1 if loss > est.best_loss_ - est.tol else 0
        est.best_loss_ = min(loss, est.best_loss_)

    def _keep_score(self) -> None:
        if self.score is None:
            return
        est, score = self.estimator, self.score()
        est.validation_scores_.append(score)
        if est.verbose:
            print(f"Validation score: {score:f}")
        worse = score < est.best_validation_score_ + est.tol
        est._no_improvement_count = est._no_improvement_count + 1 if worse else 0
        if score > est.best_validation_score_:
            est.best_validation_score_ = score
            est._best_theta, self.best_epoch = est.network_.theta.copy(), est.n_iter_

    def _next_rate(self) -> bool:
        """Set the learning rate of the next epoch, and say whether there is to be none."""
        est, rate = self.estimator, self.rate
        follows = rate is not None and est.solver == "sgd"
        if rate is not None:
            rate.of_epoch.append(rate.now)
        if follows and est.learning_rate == "invscaling":
            rate.of_epoch[-1] = float(est.learning_rate_init) / (est.t_ + 1) ** est.power_t
        if est._no_improvement_count <= est.n_iter_no_change:
            return False
        adapts = follows and est.learning_rate == "adaptive"
        if not adapts or rate.now <= 1e-6:
            said = self._say("Learning rate too small. Stopping." if adapts else "Stopping.")
            kind: StopKind = "tolerance" if self.score is None else "early_stopping"
            self.stop = Stop(kind, f"stopped after epoch {est.n_iter_}: {said[0].lower()}{said[1:]}")
            return True
        rate.of_epoch[-1] = rate.now / 5.0
        self._say(f"Setting learning rate to {rate.now:f}")
        est._no_improvement_count = 0
        return False

    def _say(self, then: str) -> str:
        """Return what did not happen, and print it and what comes of it where that is asked for."""
        est = self.estimator
        what = "Training loss" if self.score is None else "Validation score"
        said = (
            f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} consecutive epochs"
        )
        if est.verbose:
            print(f"{said}. {then}")
        return said


class Follow:
    """A callback that keeps an estimator's attributes while L-BFGS decides how far to go."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def __call__(self, report: EpochReport) -> bool:
        est = self.estimator
        est.n_iter_ += 1
        est.loss_ = report.loss + report.penalty
        est.loss_curve_.append(est.loss_)
        if est.verbose:
            print(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        return False

    def diverged(self) -> None:
        """Nothing is on record of an iteration that was not finished."""

    def conclude(self, training: Training, stop: str) -> None:
        """Keep the objective at the end, and warn as scikit-learn where that is not the lowest point."""
        est, job, theta = self.estimator, training.job, training.state.theta
        est.loss_ = job.objective.value(theta, *training.engine.losses(job.objective, theta, job.rows))
        est.best_loss_ = est.loss_
        if stop in LIMITS and not (stop == "no_descent" and self._may_be_rounding(job)):
            status, word = LIMITS[stop]
            end = OptimizeResult(status=status, message=word, nit=est.n_iter_)
            _check_optimize_result("lbfgs", end, est.max_iter)

    def _may_be_rounding(self, job: Job) -> bool:
        """Whether it went down until J was flat but for rounding, because it was asked to."""
        lbfgs = job.minimizer
        return lbfgs is not None and lbfgs.function_tolerance == 0.0 and self.estimator.n_iter_ > 0


class MeanObjective:
    """The mean over rows of the objective of their step, at the parameters before it: scikit-learn's loss."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._alike: tuple[Array, Array] | None = None  # the steps of any epoch, where rows have no weights

    def __call__(self, report: EpochReport) -> float:
        losses, penalties = report.step_losses, report.step_penalties
        if losses is None or penalties is None:
            raise ValueError("the run must record its steps")
        counts, weights = self._alike or self._steps(report.epoch - 1)
        if self.job.rows.w is None:
            self._alike = counts, weights
        trained = weights > 0.0
        of_step = losses[trained] + self.job.objective.share(penalties[trained], weights[trained])
        return float(of_step @ counts[trained] / counts[trained].sum())

    def _steps(self, epoch: int) -> tuple[Array, Array]:
        """The number of rows and the weight of each step."""
        w, batches = self.job.rows.w, self.job.plan.epoch(epoch)
        numbers = np.arange(self.job.plan.n)
        parts = [numbers[batch] for batch in batches]
        counts = np.array([len(part) for part in parts], dtype=float)
        return counts, counts if w is None else np.array([w[part].sum(dtype=float) for part in parts])
