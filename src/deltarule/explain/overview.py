"""Overview: in few lines, where a session stands and what its next step changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from deltarule.core.arrays import Array
from deltarule.data.batches import Indices
from deltarule.engines.base import Job
from deltarule.explain.conventions import LIBRARY, Conventions
from deltarule.explain.expressions import Symbol
from deltarule.explain.renderings import shape_words
from deltarule.explain.text import TextWriter
from deltarule.training.stopping import plural


class Standing(Protocol):
    """What the overview asks of a session."""

    job: Job

    @property
    def epoch(self) -> int: ...

    @property
    def batch(self) -> int: ...

    @property
    def batches(self) -> int: ...

    @property
    def steps(self) -> int: ...

    @property
    def rows(self) -> Indices: ...

    @property
    def theta(self) -> Array: ...

    @property
    def theta_after(self) -> Array: ...


def place_of(session: Standing) -> str:
    """Return where a session stands, and how many rows the next step uses."""
    where = f"Epoch {session.epoch}, batch {session.batch} of {session.batches}"
    return f"{where}, after {plural(session.steps, 'step')}; the next uses {plural(len(session.rows), 'row')}"


def losses_of(session: Standing) -> str:
    """Return the loss before and after the next step, of its rows and of all rows."""
    job, thetas = session.job, (session.theta, session.theta_after)
    parts = {"all rows": np.arange(job.plan.n)}
    if len(session.rows) < job.plan.n:
        parts = {"this row" if len(session.rows) == 1 else "these rows": session.rows, **parts}
    found = []
    for words, which in parts.items():
        rows = job.rows.take(which)
        with np.errstate(all="ignore"):
            losses = [job.objective.losses(theta, rows) for theta in thetas]
        found.append(f"of {words} {' → '.join(f'{loss / weight:.6g}' for loss, weight in losses)}")
    return f"Loss {', '.join(found)}"


def changes_of(session: Standing, conventions: Conventions = LIBRARY) -> Iterator[str]:
    """Yield for each W and b how much the next step changes it, and which entry the most."""
    views = session.job.objective.architecture.views
    before, after = views(session.theta), views(session.theta_after)
    pairs = zip(before.W, after.W, before.b, after.b, strict=True)
    for layer, (W, new_W, b, new_b) in enumerate(pairs, start=1 + conventions.input_layer):
        yield _change(Symbol("W", "W", layer), W, new_W)
        if b is not None and new_b is not None:
            yield _change(Symbol("b", "b", layer), b, new_b)


def _change(symbol: Symbol, before: Array, after: Array) -> str:
    with np.errstate(all="ignore"):
        change = np.asarray(after - before, dtype=np.float64)
        norm = np.linalg.norm(change)
    place = np.unravel_index(np.argmax(np.abs(change)), change.shape)
    name, entry = (TextWriter().symbol(symbol, [int(at) + 1 for at in places]) for places in ((), place))
    moved = f"{before[place]:.6g} → {after[place]:.6g}"
    if change.size == 1:
        return f"{name}: {moved}"
    return f"{name} ({shape_words(before)}): change of norm {norm:.4g}, most in {entry}, {moved}"
