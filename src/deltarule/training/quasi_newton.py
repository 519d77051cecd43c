"""Full-batch L-BFGS: SciPy decides where to look, an engine says what J and its gradient are there.

SciPy's `minimize` is one call as long as the run. It waits in a thread of its own while the training loop
works, and works while that waits; everything else, evaluations too, stays in the caller's thread.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from contextvars import copy_context
from math import nan
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import numpy as np

from deltarule.core.arrays import Array
from deltarule.core.optimizers import LBFGS
from deltarule.engines.base import Engine, EpochSums, Job, TrainingState
from deltarule.training.blas import ONE_THREAD
from deltarule.training.guard import objectives_of
from deltarule.training.reports import Stop


class Abandoned(BaseException):
    """Raised within `minimize` when nobody wants to know its result."""


class Moment(NamedTuple):
    """How far `minimize` has come whenever it hands over.

    Attributes:
        x: where it asks for J and its gradient, (p,); None once it has ended.
        iterations: those that are finished; the last one ended where it had asked before.
        status: SciPy's word for its end: 0 converged, 1 too many evaluations, 2 no way down was found.
    """

    x: Array | None
    iterations: int
    status: int = 0


class Dialogue:
    """`minimize` as questions and answers. One of the two threads always waits for the other.

    Arguments:
        lbfgs: its settings.
        start: where it begins, (p,).

    >>> dialogue = Dialogue(LBFGS(), np.array([3.0]))
    >>> while (x := dialogue.moment.x) is not None:
    ...     dialogue.answer(float(x @ x), 2.0 * x)
    >>> dialogue.moment
    Moment(x=None, iterations=2, status=0)
    """

    def __init__(self, lbfgs: LBFGS, start: Array) -> None:
        from scipy.optimize import minimize  # slow to load, and few need it

        self._said: SimpleQueue[Moment | BaseException] = SimpleQueue()
        self._answers: SimpleQueue[tuple[float, Array] | None] = SimpleQueue()
        work = (_work, minimize, lbfgs, start, self._said, self._answers)
        self._thread = Thread(target=copy_context().run, args=work, name="deltarule L-BFGS", daemon=True)
        self.close = weakref.finalize(self, _end, self._thread, self._answers)
        self._thread.start()
        self.moment = self._listen()

    @property
    def is_open(self) -> bool:
        """Whether it can go on: a forked process has only the thread that forked."""
        return self._thread.is_alive()

    def answer(self, value: float, gradient: Array) -> None:
        """Say what J and its gradient are where it asked, and wait for the next moment."""
        self._answers.put((value, gradient))
        self.moment = self._listen()

    def _listen(self) -> Moment:
        said = self._said.get()
        if isinstance(said, BaseException):
            raise said
        return said


def _work(
    minimize: Callable[..., Any],
    lbfgs: LBFGS,
    start: Array,
    said: SimpleQueue[Moment | BaseException],
    answers: SimpleQueue[tuple[float, Array] | None],
) -> None:
    """Minimize, and ask for whatever is needed; this is all that runs in the other thread."""
    iterations = 0

    def objective(x: Array) -> tuple[float, Array]:
        ONE_THREAD.end()  # an engine works now, with as many as it likes
        said.put(Moment(x.copy(), iterations))
        answer = answers.get()
        ONE_THREAD.begin()
        if answer is None:
            raise Abandoned
        return answer

    def count(x: Array) -> None:
        nonlocal iterations
        iterations += 1

    options = {
        "maxcor": lbfgs.memory,
        "gtol": lbfgs.gradient_tolerance,
        "ftol": lbfgs.function_tolerance,
        "maxfun": lbfgs.max_evaluations,
        "maxiter": sys.maxsize,  # epochs are counted by the loop
    }
    try:
        ONE_THREAD.begin()
        try:
            end = minimize(objective, start, method="L-BFGS-B", jac=True, callback=count, options=options)
        finally:
            ONE_THREAD.end()
        said.put(Moment(None, iterations, end.status))
    except Abandoned:
        return
    except BaseException as failure:
        said.put(failure)


def _end(thread: Thread, answers: SimpleQueue[tuple[float, Array] | None]) -> None:
    """Let the thread come to its end."""
    answers.put(None)
    thread.join()


class Point(NamedTuple):
    """Parameters, as SciPy and as the network has them, with what an engine says of them."""

    x: Array
    theta: Array
    value: float
    gradient: Array
    sums: EpochSums

    @property
    def is_finite(self) -> bool:
        """Whether J and all of its gradient are."""
        return bool(np.isfinite(self.value) and np.isfinite(self.gradient).all())

    def too_far(self, x: Array) -> tuple[float, Array]:
        """Return a J and gradient for x, where they are not finite, which shorten the step to a tenth.

        They are those of the parabola that falls from here as J does and has its lowest point there.
        """
        step = x - self.x
        fall = -float(self.gradient @ step)
        return self.value + 4.0 * fall, (9.0 * fall / float(step @ step)) * step


class Minimization:
    """Runs epochs as an engine does; each is one iteration, from its gradient to the end of its line search.

    Where someone else has changed the parameters, it begins anew, with an empty memory.
    """

    def __init__(self, engine: Engine, lbfgs: LBFGS) -> None:
        self._engine, self._lbfgs = engine, lbfgs
        self._dialogue: Dialogue | None = None
        self._here: Point
        self.stop: Stop | None = None

    def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
        """Iterate, at most to the end; ``stop`` then says why it is one. An exception ends it, too."""
        last = state.epoch + epochs
        try:
            dialogue = self._dialogue
            if dialogue is None or not dialogue.is_open or not np.array_equal(state.theta, self._here.theta):
                dialogue = self._begin(job, state, done)
            while dialogue is not None and self.stop is None and state.epoch < last:
                self._iterate(dialogue, job, state, done)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the other thread, if there is one."""
        if self._dialogue is not None:
            self._dialogue.close()
            self._dialogue = None

    def _begin(self, job: Job, state: TrainingState, done: list[EpochSums]) -> Dialogue | None:
        """Start from the parameters of the state; nothing starts where J or its gradient is not finite."""
        self.close()
        self._here = self._evaluate(job, state.theta.astype(np.float64), state.theta.dtype)
        if not self._here.is_finite:
            done.append(self._here.sums._replace(loss=nan))
            state.epoch += 1
            return None
        self._dialogue = dialogue = Dialogue(self._lbfgs, self._here.x)
        dialogue.answer(self._here.value, self._here.gradient)
        self._look_for_end(dialogue, state)
        return dialogue

    def _iterate(self, dialogue: Dialogue, job: Job, state: TrainingState, done: list[EpochSums]) -> None:
        """Answer until one more iteration is finished, or none can be."""
        before, here = dialogue.moment.iterations, self._here
        while dialogue.moment.iterations == before and (x := dialogue.moment.x) is not None:
            there = self._evaluate(job, x, state.theta.dtype)
            if there.is_finite:
                self._here = there
                dialogue.answer(there.value, there.gradient)
            else:
                dialogue.answer(*here.too_far(x))
        if dialogue.moment.iterations == before:
            self._here = here
        else:
            done.append(here.sums)
            state.theta[:] = self._here.theta
            state.epoch, state.step = state.epoch + 1, state.step + 1
        self._look_for_end(dialogue, state)

    def _evaluate(self, job: Job, x: Array, dtype: np.dtype[np.floating]) -> Point:
        theta = x.astype(dtype)
        state = TrainingState(theta, job.optimizer.init(theta))
        sums: list[EpochSums] = []
        self._engine.run_epochs(job, state, 1, sums)
        (value,) = objectives_of(job, sums)
        return Point(x, theta, value, state.optimizer["g"].astype(np.float64), sums[0])

    def _look_for_end(self, dialogue: Dialogue, state: TrainingState) -> None:
        if dialogue.moment.x is None:
            self.stop = _ending(self._lbfgs, dialogue.moment, self._here, state.epoch)


def _ending(lbfgs: LBFGS, end: Moment, here: Point, epoch: int) -> Stop:
    """SciPy's reason in our words."""
    after = f"after epoch {epoch}" if epoch else "at the start"
    if end.status == 1:
        limit = f"J has been evaluated more than {lbfgs.max_evaluations:,} times"
        return Stop("evaluations", f"stopped {after}: {limit}")
    if end.status != 0:
        why = "J is flat but for rounding, or its slope is not its derivative"
        return Stop("no_descent", f"stopped {after}: no step downhill lowers J; {why}")
    largest = float(np.abs(here.gradient).max())
    if largest <= lbfgs.gradient_tolerance:
        limit = f"gradient_tolerance={lbfgs.gradient_tolerance:g}"
        return Stop("converged", f"converged {after}: no entry of the gradient is larger than {limit}")
    limit = f"function_tolerance={lbfgs.function_tolerance:.3g}"
    return Stop("converged", f"converged {after}: J fell by no more than {limit} of its size")
