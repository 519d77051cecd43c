"""Small problems with known behavior, and ways to look at a run."""

from __future__ import annotations

from typing import Any

import numpy as np

import deltarule as dr

RNG = np.random.default_rng(20)
X = RNG.normal(size=(23, 3))
Y = (X @ [0.5, -1.0, 2.0] + 0.3)[:, np.newaxis] + 0.1 * RNG.normal(size=(23, 1))
X_VAL = RNG.normal(size=(11, 3))
Y_VAL = (X_VAL @ [0.5, -1.0, 2.0] + 0.3)[:, np.newaxis]


def line(**settings: Any) -> dr.Network:
    """A linear network on the columns of X."""
    return dr.Network([3, 1], ["identity"], **settings)


def curve(**settings: Any) -> dr.Network:
    """A network with one hidden layer on the columns of X."""
    return dr.Network([3, 4, 1], ["tanh", "identity"], **settings)


def mean_loss(net: dr.Network, x: Any = X, y: Any = Y) -> float:
    return float(np.mean((net.predict(x) - y) ** 2))


def theta_after(epochs: int, make: Any = curve, **settings: Any) -> Any:
    """The parameters after a run of that many epochs, observed by nobody."""
    net = make()
    net.train(X, Y, epochs=epochs, **settings)
    return net.theta


def rows_of_each_epoch(epochs: int, n: int = 23, **settings: Any) -> list[list[list[int]]]:
    """The rows of every step of every epoch, told by an engine that looks at the plan."""
    seen: list[list[list[int]]] = []
    run = line().training(X[:n], Y[:n], epochs=epochs, **settings)
    for _ in run:
        plan = run.job.plan.epoch(run.state.epoch - 1)
        seen.append([np.arange(n)[batch].tolist() for batch in plan])
    return seen
