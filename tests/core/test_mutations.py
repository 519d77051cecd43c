"""The laws can fail: break a formula on purpose and the gradient law, or a law of sums, notices."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from deltarule import L2
from deltarule.core import equations, objective
from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.arrays import Array
from deltarule.core.losses import LOSSES, Fused, Loss
from deltarule.core.objective import Objective, Rows
from tests.core.support import (
    LOSS_RECORDS,
    Problem,
    each_activation,
    each_loss,
    gradient_error,
    numeric_gradient,
    problem,
    relative_error,
)

DETECTED = 1e-4  # ten thousand times what the laws tolerate


def case_of(loss: Loss, output: Activation | None = None, hidden: str = "tanh") -> Problem:
    """A weighted problem with three outputs for a loss that may be broken."""
    output = output or next(out for out in ACTIVATIONS.values() if loss.allows(out))
    return problem(loss, output, 3, n=7, hidden=(ACTIVATIONS[hidden],), weighted=True, shifted=True)


Change = Callable[[Array], Array]
CHANGES: dict[str, Change] = {
    "factor two": lambda slope: 2.0 * slope,
    "half": lambda slope: 0.5 * slope,
    "sign": lambda slope: -slope,
    "one per mille": lambda slope: 1.001 * slope,
}
each_change = pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))


@each_change
@each_loss
def test_a_changed_loss_slope_is_detected(loss: Loss, change: Change) -> None:
    slope, fused = loss.slope, loss.fused
    broken = dataclasses.replace(
        loss,
        slope=lambda y, y_hat: change(slope(y, y_hat)),
        fused={
            out: Fused(f.value, lambda y, z, a, f=f: change(f.delta(y, z, a))) for out, f in fused.items()
        },
    )
    for output in (out for out in ACTIVATIONS.values() if loss.allows(out)):
        assert gradient_error(case_of(loss, output)) < 1e-8
        assert gradient_error(case_of(broken, output)) > DETECTED


@each_change
@each_activation
def test_a_changed_activation_slope_is_detected(activation: Activation, change: Change) -> None:
    slope, pull_back = activation.slope, activation.pull_back
    if slope is not None:
        broken = dataclasses.replace(activation, slope=lambda z, a: change(slope(z, a)))
    else:
        broken = dataclasses.replace(activation, pull_back=lambda z, a, d_a: change(pull_back(z, a, d_a)))
    case = problem(LOSSES["half_squared_error"], ACTIVATIONS["identity"], 3, n=7, hidden=(broken,))
    assert gradient_error(case) > DETECTED


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("sigmoid", lambda z, a: z * (1.0 - z)),  # z in the place of a
        ("sigmoid", lambda z, a: a),
        ("tanh", lambda z, a: 1.0 - z * z),
        ("tanh", lambda z, a: 1.0 - a),
        ("elu", lambda z, a: np.where(z > 0.0, 1.0, a)),  # e^z - 1 for e^z
        ("gelu", lambda z, a: a / z),  # the product rule half done
        ("softplus", lambda z, a: 1.0 - np.exp(-z)),
        ("leaky_relu", lambda z, a: (z > 0.0).astype(float)),
    ],
)
def test_a_typical_slip_in_a_slope_is_detected(name: str, wrong: Callable[[Array, Array], Array]) -> None:
    broken = dataclasses.replace(ACTIVATIONS[name], slope=wrong)
    case = problem(LOSSES["half_squared_error"], ACTIVATIONS["identity"], 2, n=9, hidden=(broken,))
    assert gradient_error(case) > DETECTED


def test_softmax_without_its_other_outputs_is_detected() -> None:
    diagonal = dataclasses.replace(ACTIVATIONS["softmax"], pull_back=lambda z, a, d_a: d_a * a * (1.0 - a))
    case = problem(LOSSES["half_squared_error"], diagonal, 3)
    assert gradient_error(case) > DETECTED


# -- the equations ---------------------------------------------------------------------------------------

SQUARED = LOSSES["mean_squared_error"]


def no_weights(
    y: Array, w: Array | None, output: equations.Step, loss: Loss, activation: Activation
) -> Array:
    return loss.delta(y, output.z, output.a, activation)


def weights_squared(
    y: Array, w: Array | None, output: equations.Step, loss: Loss, activation: Activation
) -> Array:
    return loss.delta(y, output.z, output.a, activation) * w[:, np.newaxis] ** 2


def divided_by_outputs(
    y: Array, w: Array | None, output: equations.Step, loss: Loss, activation: Activation
) -> Array:
    return loss.delta(y, output.z, output.a, activation) * w[:, np.newaxis] / y.shape[1]


@pytest.mark.parametrize("wrong", [no_weights, weights_squared, divided_by_outputs], ids=lambda f: f.__name__)
@pytest.mark.parametrize("loss", LOSS_RECORDS, ids=lambda loss: loss.name)
def test_a_wrong_output_delta_is_detected(
    monkeypatch: pytest.MonkeyPatch, loss: Loss, wrong: Callable
) -> None:
    """Among them the gradient that is n_outputs times too small or too large."""
    case = case_of(loss)
    monkeypatch.setattr(equations, "output_delta", wrong)
    assert gradient_error(case) > DETECTED


def backward_without_slope(
    steps: list, W: list, activations: tuple, delta: Array, dropout: list
) -> list[Array]:
    deltas = [delta]
    for layer in range(len(W) - 1, 0, -1):
        deltas.insert(0, deltas[0] @ W[layer].T)
    return deltas


def backward_with_the_next_layers_slope(
    steps: list, W: list, activations: tuple, delta: Array, dropout: list
) -> list[Array]:
    deltas = [delta]
    for layer in range(len(W) - 1, 0, -1):
        step = steps[layer - 1]
        deltas.insert(0, activations[layer].derivative(step.z, step.a, deltas[0] @ W[layer].T))
    return deltas


@pytest.mark.parametrize("wrong", [backward_without_slope, backward_with_the_next_layers_slope])
def test_a_wrong_backward_pass_is_detected(monkeypatch: pytest.MonkeyPatch, wrong: Callable) -> None:
    case = case_of(SQUARED)
    monkeypatch.setattr(equations, "backward", wrong)
    assert gradient_error(case) > DETECTED


def test_taking_z_for_the_activation_of_the_layer_before_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(SQUARED)

    def from_z(steps: list, deltas: list) -> list[Array]:
        return [x.T @ delta for x, delta in zip([steps[0].x, steps[0].z], deltas, strict=True)]

    monkeypatch.setattr(equations, "weight_sums", from_z)
    assert gradient_error(case) > DETECTED


def test_a_bias_gradient_that_is_a_mean_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(SQUARED)
    monkeypatch.setattr(equations, "bias_sums", lambda deltas, b: [delta.mean(axis=0) for delta in deltas])
    assert gradient_error(case) > DETECTED


def test_dividing_by_rows_and_not_by_weights_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Value and gradient are wrong together, which the gradient law cannot see: the law of weights does."""
    case = case_of(SQUARED)
    twice = case.of(case.rows._replace(w=2.0 * case.rows.w))
    assert twice.value() == pytest.approx(case.value(), rel=1e-14)

    def rows_only(rows: Rows) -> float:
        return float(len(rows.X))

    monkeypatch.setattr(objective, "weight_of", rows_only)
    assert twice.value() == pytest.approx(2.0 * case.value(), rel=1e-14)
    assert relative_error(twice.gradient(), case.gradient()) > DETECTED


def test_a_penalty_forgotten_in_the_gradient_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    case = problem(SQUARED, ACTIVATIONS["identity"], 2, penalties=(L2(0.5),))
    assert gradient_error(case) < 1e-8
    monkeypatch.setattr(objective, "penalty_gradient", lambda penalties, architecture, theta: 0.0)
    assert gradient_error(case) > DETECTED


def test_an_offset_forgotten_in_the_gradient_is_detected() -> None:
    case = case_of(LOSSES["poisson"], ACTIVATIONS["exponential"])
    without = case.of(case.rows._replace(offset=None))
    numeric = numeric_gradient(case.at, case.theta)
    assert relative_error(without.gradient(), numeric) > DETECTED


def test_the_judge_itself_is_not_blind() -> None:
    """Relative errors are judged against the size of both vectors, so zero is not close to something."""
    case = case_of(SQUARED)
    zero = Objective(case.objective.architecture, SQUARED)
    assert relative_error(np.zeros(3), np.ones(3)) == 1.0
    assert relative_error(zero.gradient(case.theta, zero.sums(case.theta, case.rows)), np.zeros(1)) == 1.0
