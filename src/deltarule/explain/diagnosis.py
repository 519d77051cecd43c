"""diagnose: what hinders a network from learning these rows, and the learning rate that it bears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from deltarule import inputs
from deltarule.core.arrays import Array
from deltarule.core.learning_rates import Schedule, entries_of
from deltarule.core.losses import Loss
from deltarule.core.objective import Objective, Reduction, Rows, forward_pass
from deltarule.core.optimizers import LBFGS, SGD, AnyOptimizer, Optimizer
from deltarule.core.penalties import Penalty
from deltarule.explain import symptoms
from deltarule.explain.curvature import Curvature, curvature
from deltarule.explain.findings import Diagnosis, Finding, Stability
from deltarule.explain.symptoms import Evidence
from deltarule.explain.working import require_network
from deltarule.network import Network
from deltarule.preparation import objective_of, rows_for


def diagnose(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Loss = "mean_squared_error",
    reduction: Reduction = "mean",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty: str | Penalty | Sequence[Penalty] | None = None,
    learning_rate: float | str | AnyOptimizer | None = None,
) -> Diagnosis:
    r"""Say what hinders a network from learning these rows, each finding with its numbers and one suggestion.

    It looks for inputs that are constant or not scaled, targets out of the output's range, symmetric, dead,
    saturated and constant units, deltas that vanish or explode from layer to layer, and a learning rate
    beyond $\eta < 2 / \lambda_\text{max}$, where $\lambda_\text{max}$ is the largest eigenvalue of the
    Hessian of J over all rows. With a momentum μ the 2 becomes 2 (1 + μ), with Nesterov's
    2 (1 + μ) / (1 + 2μ); for other optimizers no bound is known, and no rate is judged.

    Without hidden layer, with the identity as output, a squared error and no other penalty than L2, the
    Hessian is constant and the bound exact. Elsewhere the Hessian is measured at the present parameters, by
    central differences of the gradient, and the bound is local: it changes in training, and descent may
    survive a rate somewhat beyond it. It is computed for up to 20,000 parameters, at the cost of 40 to
    130 gradients, in float64 on a copy. Rows of weight 0 are left out.

    Arguments:
        net: the network; it is not changed.
        X: inputs, (n, i).
        y: targets, (n, k) or, for one output, (n,).
        loss: a name or a ``dr.Loss``.
        reduction: "mean" divides by Σ wᵢ, "sum" does not.
        sample_weight: wᵢ ≥ 0, (n,).
        offset: added to z of the output layer, (n, k) or (n,).
        penalty: one or several, added to J once.
        learning_rate: η to be judged: a number, or the optimizer to be used. Schedules are not judged.

    Raises:
        InputError: an argument cannot be used, or the loss does not go with the output activation.

    >>> net = Network([1, 1], activations=["identity"], bias=False)
    >>> diagnose(net, [[-1.0], [1.0]], [-2.0, 2.0], learning_rate=1.5)
    Network 1-1 (identity) on 2 rows: 1 finding.
      1. The learning rate 1.5 is not below 1: full-batch gradient descent diverges along the
         direction in which J curves most (λ_max = 2).
         Try 0.5: along that direction it arrives in one step.
    ‖δ‖ of each layer, first to last: ...
    Full-batch gradient descent is stable for learning rates below 2 / λ_max = 1 (λ_max = 2, everywhere,
    since the Hessian is constant).

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), section 5.1; Pearlmutter, "Fast exact
    multiplication by the Hessian" (1994), on H v from two gradients.
    """
    theta = require_network(net).theta.astype(np.float64)
    objective = objective_of(net.architecture, loss, reduction, penalty)
    rows = rows_for(objective, theta.dtype, X, y, sample_weight, offset)
    optimizer = _optimizer(learning_rate, objective.architecture.n_layers)
    if rows.w is not None:
        rows = rows.take(np.flatnonzero(rows.w > 0.0))
    with np.errstate(all="ignore"):
        return _diagnosis(objective, theta, rows, optimizer)


def _optimizer(given: float | str | AnyOptimizer | None, n_layers: int) -> AnyOptimizer | None:
    if given is None:
        return None
    optimizer = given if isinstance(given, str | Optimizer | LBFGS) else SGD(given)
    return inputs.optimizer_for(optimizer, n_layers)


def _diagnosis(objective: Objective, theta: Array, rows: Rows, optimizer: AnyOptimizer | None) -> Diagnosis:
    steps = forward_pass(objective.architecture, theta, rows.X, rows.offset)
    evidence = Evidence(objective, theta, rows, steps, objective.gradients(theta, rows).delta)
    findings = [*symptoms.inputs(evidence), *symptoms.targets(evidence), *symptoms.symmetric(evidence)]
    broken = list(symptoms.not_finite(evidence))
    if broken:
        bend = Curvature(None, reason="the pass over the rows is not finite")
        findings += broken
    else:
        bend = curvature(objective, theta, rows)
        findings += [*symptoms.units(evidence), *symptoms.deltas(evidence)]
        findings += _rates(optimizer, bend, objective, theta, rows)
    return Diagnosis(
        subject=_subject(objective, rows),
        findings=tuple(findings),
        delta_norms=tuple(symptoms.delta_norms(evidence).tolist()),
        stability=_stability(bend),
    )


def _subject(objective: Objective, rows: Rows) -> str:
    widths = "-".join(map(str, objective.architecture.widths))
    names = ", ".join(activation.name for activation in objective.architecture.activations)
    return f"Network {widths} ({names}) on {len(rows.X)} row{'s' if len(rows.X) > 1 else ''}"


# -- the learning rate -----------------------------------------------------------------------------------


def _stability(bend: Curvature) -> Stability:
    if bend.lambda_max is None:
        return Stability(None, None, reason=bend.reason)
    bound = 2.0 / bend.lambda_max if bend.lambda_max > 0.0 else inf
    return Stability(bend.lambda_max, bound, bend.constant, bend.left_out)


def _rates(
    optimizer: AnyOptimizer | None, bend: Curvature, objective: Objective, theta: Array, rows: Rows
) -> Iterator[Finding]:
    """A learning rate for which the error along some direction does not shrink.

    With one rate per layer, D = diag(η), the steepest direction is that of √D H √D.
    """
    if not isinstance(optimizer, SGD) or bend.lambda_max is None:
        return
    entries = entries_of(optimizer.learning_rate)
    if any(isinstance(entry, Schedule) for entry in entries):
        return
    rates = np.array(entries, dtype=np.float64)
    if len(rates) == 1:
        largest: float | None = float(rates[0]) * bend.lambda_max
    else:
        spread = objective.architecture.per_layer(rates.tolist(), theta.dtype)
        largest = curvature(objective, theta, rows, np.sqrt(spread)).lambda_max
    limit = _limit(optimizer)
    if largest is not None and largest >= limit:
        yield _too_large(rates, rates * limit / largest, limit, bend)


def _limit(sgd: SGD) -> float:
    """η λ must stay below this for θ and v to shrink along a direction of curvature λ."""
    if sgd.nesterov:
        return 2.0 * (1.0 + sgd.momentum) / (1.0 + 2.0 * sgd.momentum)
    return 2.0 * (1.0 + sgd.momentum)


def _too_large(rates: Array, bounds: Array, limit: float, bend: Curvature) -> Finding:
    given, allowed, half = (_joined(values) for values in (rates, bounds, bounds / 2.0))
    rate_is = f"The learning rate {given} is" if len(rates) == 1 else f"The learning rates {given} are"
    fails = "diverges" if bend.constant else "overshoots, at the present parameters,"
    return Finding(
        "learning_rate",
        f"{rate_is} not below {allowed}: full-batch gradient descent {fails} along the direction in which J "
        f"curves most (λ_max = {bend.lambda_max:.6g}).",
        f"Try {half}" + (": along that direction it arrives in one step." if limit == 2.0 else "."),
        numbers={
            "learning_rate": tuple(rates.tolist()),
            "bound": tuple(bounds.tolist()),
            "lambda_max": float(bend.lambda_max or 0.0),
        },
    )


def _joined(values: Array) -> str:
    return ", ".join(f"{value:.6g}" for value in values)
