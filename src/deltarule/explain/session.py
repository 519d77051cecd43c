"""Step and rewind: training one batch at a time, forward and back, with the bits of the reference engine.

A step is what it is in training: the objective's sums over the rows of a batch, then ``engines.base.apply``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import ArrayLike

from deltarule.core.arrays import Array, Auto, require_integer
from deltarule.core.learning_rates import watches
from deltarule.core.losses import Loss
from deltarule.core.objective import Reduction, Rows
from deltarule.core.optimizers import OPTIMIZERS, AnyOptimizer
from deltarule.core.penalties import Penalty
from deltarule.data.batches import BatchPlan, Indices, OwnBatches, Remainder, Selection
from deltarule.engines.base import Job, TrainingState, apply
from deltarule.errors import InputError, message
from deltarule.explain.conventions import Conventions
from deltarule.explain.overview import changes_of, losses_of, place_of
from deltarule.explain.terminal import styled
from deltarule.explain.working import AskedDetail, Working, require_network, working_of
from deltarule.inputs import record, require_update_rule
from deltarule.network import Dtype, Network

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

MAX_EPOCH = 2**64  # epochs from 0 are keys of 64 bits in the order of the rows
REACH = 2  # snapshots: at most REACH + 1 for each power of 2 among the steps, as _is_kept says


class _Epoch(NamedTuple):
    """The batches of an epoch, and the numbers (from 1) of those that hold a row with weight."""

    batches: Sequence[Selection]
    weighted: list[int]


class _Snapshot(NamedTuple):
    """The state before a batch, counted from 1; its arrays are never written to."""

    state: TrainingState
    batch: int


_Position: TypeAlias = Callable[[_Snapshot], tuple[int, ...]]


def _steps(snapshot: _Snapshot) -> tuple[int, ...]:
    return (snapshot.state.step,)


def _epoch_and_batch(snapshot: _Snapshot) -> tuple[int, ...]:
    return snapshot.state.epoch, snapshot.batch


class Session:
    """Training that stands before one step and can go to any other; ``dr.step_through`` begins one.

    The session stands before a batch: ``rows``, ``loss`` and the parameters are those of the step that comes
    next. Batches without weight are passed over, as training skips them, so that every step changes
    something. Training is a function of its state, so any step can be reached again from a snapshot before
    it. There are at most 3 snapshots for every doubling of the number of steps, and the start (61 after a
    million), closer together near the current step: after a way forward, n steps back replay fewer than 2 n.

    ``step``, ``back`` and ``to`` return the session, and happen completely or not at all: after an error or
    Ctrl-C it stands where it stood. What Ctrl-C cut short goes on from there when it is asked for again.
    Parameters that diverge are shown as they are: nothing stops the session or brings it back but its user.
    """

    def __init__(self, job: Job, theta: Array) -> None:
        if watches(job.learning_rates):
            asked = "a session cannot follow a learning rate that watches the loss"
            hint = "Try `train`, whose history has the rate of each epoch."
            raise InputError(message(asked, found=repr(job.optimizer.learning_rate), hint=hint))
        self.job = replace(job, rows=_own_rows(job.rows))
        self._epoch_of = lru_cache(maxsize=2)(self._read_epoch)
        start = TrainingState(theta.copy(), job.optimizer.init(theta))
        self._here = _Snapshot(start, self._epoch_of(0).weighted[0])
        self._kept = {0: self._here}

    # -- where it stands ----------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The epoch of the next step, from 1."""
        return self._here.state.epoch + 1

    @property
    def batch(self) -> int:
        """The batch of the next step within its epoch, from 1."""
        return self._here.batch

    @property
    def batches(self) -> int:
        """How many batches this epoch has."""
        return len(self._epoch_of(self._here.state.epoch).batches)

    @property
    def steps(self) -> int:
        """How many steps were taken since the start."""
        return self._here.state.step

    @property
    def rows(self) -> Indices:
        """Which rows the next step uses, from 0 and in its order."""
        return np.arange(self.job.plan.n)[self._selection(self._here)]

    @property
    def theta(self) -> Array:
        """A copy of the current parameters, (p,)."""
        return self._here.state.theta.copy()

    @property
    def theta_after(self) -> Array:
        """A copy of the parameters as the next step will leave them, (p,); nothing is changed."""
        return self._after(self._here).state.theta

    @property
    def optimizer_state(self) -> dict[str, Array]:
        """A copy of the optimizer's memory, by name; empty where it has none."""
        return {name: values.copy() for name, values in self._here.state.optimizer.items()}

    def working(
        self,
        *,
        detail: AskedDetail = "auto",
        decimals: int | None = None,
        exact: bool = False,
        conventions: str | Conventions = "library",
    ) -> Working:
        """Return every number of the next step next to its equation, the optimizer's memory included.

        The arguments are those of ``dr.show_step``.

        Raises:
            InputError: an argument cannot be used.
        """
        rows = self.job.rows.take(self._selection(self._here))
        job = replace(self.job, rows=rows, plan=BatchPlan(len(rows.X)))
        return working_of(
            job, self._here.state, self._rates(self._here), detail, decimals, exact, conventions
        )

    @property
    def net(self) -> Network:
        """A new network with the current parameters; ``net.theta = session.theta`` gives them to yours."""
        architecture, theta = self.job.objective.architecture, self._here.state.theta
        dtype: Dtype = "float32" if theta.dtype == np.float32 else "float64"
        widths, activations = architecture.widths, architecture.activations
        net = Network(widths, activations, bias=architecture.bias, initializer="zeros", dtype=dtype)
        net.theta[:] = theta  # infinities of a run that diverges, too
        return net

    @property
    def loss(self) -> float:
        """Σ wᵢ ℓᵢ / Σ wᵢ over the rows of the next step, at the current parameters; without the penalty."""
        rows = self.job.rows.take(self._selection(self._here))
        with np.errstate(all="ignore"):
            loss, weight = self.job.objective.losses(self._here.state.theta, rows)
        return loss / weight

    @property
    def snapshots(self) -> tuple[int, ...]:
        """After how many steps the states were that are in memory, in ascending order."""
        return tuple(sorted(self._kept))

    def to_text(self) -> str:
        """Return where it stands, and what the next step changes: losses, and each W and b."""
        return "\n    ".join([place_of(self), losses_of(self), *changes_of(self)])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Show the plain text in a terminal."""
        return styled(self.to_text(), options)

    def __repr__(self) -> str:
        place = place_of(self)
        return f"<Session: {place[:1].lower()}{place[1:]} with loss {self.loss:.6g}>"

    # -- moving -------------------------------------------------------------------------------------------

    def step(self, n: int = 1) -> Self:
        """Take n steps, one batch each.

        Raises:
            InputError: n is no whole number from 1, or no row of an epoch has weight.
        """
        return self._go(_steps, (self.steps + require_integer("n", n, 1),))

    def back(self, n: int = 1) -> Self:
        """Undo the last n steps: parameters and the optimizer's memory have the bits they had before.

        Raises:
            InputError: n is no whole number from 1, or fewer steps were taken.
        """
        if require_integer("n", n, 1) > self.steps:
            asked = "`back` can undo the steps that were taken"
            allowed = f"1 to {self.steps}" if self.steps else "none, the session is at its start"
            raise InputError(message(asked, found=f"n={n}", allowed=allowed))
        return self._go(_steps, (self.steps - n,))

    def to(self, epoch: int, batch: int = 1) -> Self:
        """Go before a batch of an epoch, both counted from 1; before the next with weight if it has none.

        Raises:
            InputError: there is no such epoch or batch, or no row of an epoch has weight.
        """
        epoch = require_integer("epoch", epoch, 1, MAX_EPOCH)
        count = len(self._epoch_of(epoch - 1).batches)
        batch = require_integer("batch", batch, 1)
        if batch > count:
            found = f"batch {batch} of epoch {epoch}"
            raise InputError(message("there is no such batch", found=found, allowed=f"1 to {count}"))
        return self._go(_epoch_and_batch, (epoch - 1, batch))

    def _go(self, position: _Position, target: tuple[int, ...]) -> Self:
        """Go to the first place that is not before the target, from the last snapshot not behind it."""
        near = [snapshot for snapshot in self._kept.values() if position(snapshot) <= target]
        place = max(near, key=_steps, default=self._kept[0])
        while position(place) < target:
            place = self._after(place)
            self._keep(place)
        self._here = place
        return self

    def _after(self, place: _Snapshot) -> _Snapshot:
        """Take one step from a place, which stays as it is."""
        state = place.state.copy()
        with np.errstate(all="ignore"):
            sums = self.job.objective.sums(state.theta, self.job.rows.take(self._selection(place)))
            apply(self.job, state, sums, self._rates(place))
        weighted = self._epoch_of(state.epoch).weighted
        following = bisect_right(weighted, place.batch)
        if following < len(weighted):
            return _Snapshot(state, weighted[following])
        state.epoch += 1
        return _Snapshot(state, self._epoch_of(state.epoch).weighted[0])

    def _keep(self, place: _Snapshot) -> None:
        """Take a snapshot, and drop those that are too close together for their distance from it."""
        now = place.state.step
        kept = self._kept | {now: place}
        self._kept = {step: snapshot for step, snapshot in kept.items() if _is_kept(step, now)}

    def _rates(self, place: _Snapshot) -> Array:
        """The learning rates of the next step, (1,) or (layers,)."""
        epoch = place.state.epoch
        return self.job.rates(epoch, len(self._epoch_of(epoch).batches))[place.batch - 1]

    def _selection(self, place: _Snapshot) -> Selection:
        return self._epoch_of(place.state.epoch).batches[place.batch - 1]

    def _read_epoch(self, epoch: int) -> _Epoch:
        """Return the batches of an epoch, counted from 0."""
        batches, w = self.job.plan.epoch(epoch), self.job.rows.w
        weights = np.ones(self.job.plan.n) if w is None else w
        weighted = [number for number, batch in enumerate(batches, start=1) if weights[batch].any()]
        if not weighted:
            asked = "an epoch must hold at least one row with weight"
            raise InputError(message(asked, found=f"none in epoch {epoch + 1}", hint="Check `batches`."))
        return _Epoch(batches, weighted)


def _is_kept(step: int, now: int) -> bool:
    """Whether a snapshot is close enough to stay: the more often 2 divides its step, the longer."""
    power_of_2 = step & -step
    return step == 0 or abs(now - step) <= REACH * power_of_2


def _own_rows(rows: Rows) -> Rows:
    w = None if rows.w is None else _own(rows.w)
    offset = None if rows.offset is None else _own(rows.offset)
    return Rows(_own(rows.X), _own(rows.y), w, offset)


def _own(array: Array) -> Array:
    """Return a copy with the same strides: the bits of a matrix product may depend on them."""
    low, high = byte_bounds(array)
    memory, start = np.empty(high - low, np.uint8), array.__array_interface__["data"][0] - low
    copy: Array = np.ndarray(array.shape, array.dtype, memory, start, array.strides)
    copy[...] = array
    return copy


def step_through(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Loss = "mean_squared_error",
    optimizer: str | AnyOptimizer = "sgd",
    batch_size: int | Auto | None = "auto",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty: str | Penalty | Sequence[Penalty] | None = None,
    reduction: Reduction = "mean",
    shuffle: bool = True,
    remainder: Remainder = "keep",
    batches: Sequence[ArrayLike] | OwnBatches | None = None,
    seed: int = 0,
) -> Session:
    """Return a session that trains one batch at a time and can go back, exactly.

    After k steps it has the bits that ``net.train(..., engine="reference")`` has after k steps. It works on
    copies: neither the network nor the arrays are changed, and changing them does not change the session.
    It has no last epoch.

    Arguments:
        net: where it starts.
        X: inputs, (n, i).
        y: targets, (n, k) or, for one output, (n,).
        loss: a name or a ``dr.Loss``.
        optimizer: a name or a record such as ``dr.SGD(learning_rate=0.1)``.
        batch_size: rows per step; None is the full batch, 1 is stochastic descent, "auto" is 32.
        sample_weight: wᵢ ≥ 0, (n,).
        offset: added to z of the output layer, (n, k) or (n,).
        penalty: one or several, added to J once per step.
        reduction: whether a step divides by the weight of its rows ("mean") or not ("sum").
        shuffle: whether each epoch has a new order; a full batch is never shuffled.
        remainder: the rows left over by ``batch_size``: "keep", "drop" or "merge".
        batches: the caller's own: index arrays used in every epoch, or a function of the epoch (from 0),
            which is asked for any epoch, in any order and again, and must then give the same.
        seed: of the orders.

    Raises:
        InputError: an argument cannot be used, or the loss does not go with the output activation.

    >>> net = Network([1, 1], activations=["identity"], initializer="constant", bias=False)
    >>> session = step_through(net, [[1.0], [2.0]], [1.0, 3.0], batch_size=1, shuffle=False)
    >>> session.step()
    <Session: epoch 1, batch 2 of 2, after 1 step; the next uses 1 row with loss 7.6397>
    >>> session.back().theta == net.theta
    array([ True])
    """
    arguments = dict(locals())
    del arguments["net"]
    require_update_rule(record(OPTIMIZERS, optimizer))
    return Session(require_network(net).copy().training(**arguments, engine="reference").job, net.theta)
