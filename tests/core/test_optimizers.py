"""Optimizers: laws that hold for every registered one, and update rules against loops written by hand."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.arrays import Array
from deltarule.core.losses import LOSSES
from deltarule.core.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp, State
from deltarule.data.batches import BatchPlan
from deltarule.engines.base import Job, TrainingState
from deltarule.engines.selection import REFERENCE
from tests.core.support import UPDATE_RULES, problem

VARIANTS: dict[str, Optimizer] = {
    **UPDATE_RULES,
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    "adam before": Adam(epsilon_form="before_bias_correction", epsilon=1e-7),
    "adamw before": AdamW(epsilon_form="before_bias_correction", weight_decay=0.1),
}
each_optimizer = pytest.mark.parametrize("optimizer", VARIANTS.values(), ids=list(VARIANTS))

CURVATURE = np.array([1.0, 0.3, 4.0])
MINIMUM = np.array([2.0, -1.0, 0.5])


def slope_of_parabola(theta: Array) -> Array:
    return (CURVATURE * (theta - MINIMUM)).astype(theta.dtype)


def walk(
    optimizer: Optimizer, theta: Array, steps: int, state: State | None = None, rate: float | Array = 0.05
) -> tuple[Array, State]:
    state = optimizer.init(theta) if state is None else state
    for _ in range(steps):
        theta, state = optimizer.update(theta, slope_of_parabola(theta), state, rate)
    return theta, state


def undecayed(optimizer: Optimizer) -> Optimizer:
    """The optimizer without its weight decay, which would move the minimum."""
    return dataclasses.replace(optimizer, weight_decay=0.0) if isinstance(optimizer, AdamW) else optimizer


@each_optimizer
def test_descends_a_parabola_to_its_minimum(optimizer: Optimizer) -> None:
    theta, _ = walk(undecayed(optimizer), np.array([0.0, 3.0, -2.0]), 3000)
    np.testing.assert_allclose(theta, MINIMUM, atol=0.03 if isinstance(optimizer, RMSProp) else 1e-3)


@each_optimizer
def test_follows_the_valley_of_rosenbrock(optimizer: Optimizer) -> None:
    """(1 - a)² + 100 (b - a²)², from (-1.2, 1): the valley bends, and the minimum lies at (1, 1)."""
    theta, start = np.array([-1.2, 1.0]), 24.2
    optimizer, rate = undecayed(optimizer), 2e-4 if isinstance(optimizer, SGD) else 2e-3
    state = optimizer.init(theta)
    for _ in range(20_000):
        a, b = theta
        slope = np.array([-2.0 * (1.0 - a) - 400.0 * a * (b - a**2), 200.0 * (b - a**2)])
        theta, state = optimizer.update(theta, slope, state, rate)
    a, b = theta
    assert (1.0 - a) ** 2 + 100.0 * (b - a**2) ** 2 < 1e-3 * start


@each_optimizer
def test_first_step_goes_downhill(optimizer: Optimizer) -> None:
    theta = np.array([0.0, 3.0, -2.0])
    moved, _ = walk(optimizer, theta, 1)
    assert np.all((moved - theta) * slope_of_parabola(theta) < 0.0)


@each_optimizer
def test_state_travels_and_resumes_bit_for_bit(optimizer: Optimizer) -> None:
    start = np.array([0.0, 3.0, -2.0])
    through, _ = walk(optimizer, start, 11)
    theta, state = walk(optimizer, start, 4)
    file = io.BytesIO()
    np.savez(file, theta=theta, **state)
    file.seek(0)
    with np.load(file) as loaded:
        arrays = dict(loaded)
    resumed, _ = walk(optimizer, arrays.pop("theta"), 7, arrays)
    assert resumed.tobytes() == through.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_optimizer
def test_dtype_is_kept(optimizer: Optimizer, dtype: type[np.floating]) -> None:
    start = np.array([0.0, 3.0, -2.0], dtype)
    for rate in (0.05, np.full(3, 0.05, dtype)):
        theta, state = walk(optimizer, start, 3, rate=rate)
        assert theta.dtype == dtype
        assert all(values.dtype == dtype for values in state.values() if values.shape == theta.shape)


@each_optimizer
def test_float32_follows_float64(optimizer: Optimizer) -> None:
    start = np.array([0.0, 3.0, -2.0])
    narrow, _ = walk(optimizer, start.astype(np.float32), 20)
    wide, _ = walk(optimizer, start, 20)
    np.testing.assert_allclose(narrow, wide, rtol=2e-5)


@each_optimizer
def test_update_is_pure(optimizer: Optimizer) -> None:
    theta, state = walk(optimizer, np.array([0.0, 3.0, -2.0]), 2)
    gradient = slope_of_parabola(theta)
    for array in (theta, gradient, *state.values()):
        array.flags.writeable = False
    before = {name: values.copy() for name, values in state.items()}
    first, _ = optimizer.update(theta, gradient, state, 0.1)
    again, _ = optimizer.update(theta, gradient, state, 0.1)
    assert first.tobytes() == again.tobytes()
    assert not np.shares_memory(first, theta)
    assert all(np.array_equal(state[name], values) for name, values in before.items())


@each_optimizer
def test_a_vector_of_rates_is_one_rate_per_parameter(optimizer: Optimizer) -> None:
    start, rates = np.array([0.0, 3.0, -2.0]), np.array([0.05, 0.0, 0.01])
    together, _ = walk(optimizer, start, 5, rate=rates)
    for entry, rate in enumerate(rates):
        alone, _ = walk(optimizer, start, 5, rate=float(rate))
        assert together[entry] == alone[entry]
    assert together[1] == start[1]


@each_optimizer
def test_a_layer_with_rate_zero_does_not_move(optimizer: Optimizer) -> None:
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0) / 10.0
    net = dr.Network([2, 3, 3, 1], ["tanh", "tanh", "identity"], seed=1)
    before = net.copy()
    rates = [0.01, 0.0, 0.02]
    net.train(X, y, optimizer=dataclasses.replace(optimizer, learning_rate=rates), epochs=3, batch_size=4)
    moved = [not np.array_equal(net.weights[layer], before.weights[layer]) for layer in range(3)]
    moved_biases = [not np.array_equal(net.biases[layer], before.biases[layer]) for layer in range(3)]
    assert moved == moved_biases == [True, False, True]


@each_optimizer
def test_a_run_resumes_bit_for_bit(optimizer: Optimizer) -> None:
    """All there is to know is in the TrainingState: theta, the optimizer's state, the epoch."""
    case = problem(LOSSES["mean_squared_error"], ACTIVATIONS["identity"], 2, n=10)
    job = Job(case.objective, optimizer, case.rows, BatchPlan(10, 3, seed=4))
    through = TrainingState(case.theta.copy(), optimizer.init(case.theta))
    REFERENCE.run_epochs(job, through, 7, [])
    first = TrainingState(case.theta.copy(), optimizer.init(case.theta))
    REFERENCE.run_epochs(job, first, 3, [])
    resumed = first.copy()
    REFERENCE.run_epochs(job, first, 1, [])  # what goes on elsewhere does not matter
    REFERENCE.run_epochs(job, resumed, 4, [])
    assert resumed.theta.tobytes() == through.theta.tobytes()
    assert (resumed.epoch, resumed.step) == (through.epoch, through.step) == (7, 28)


# -- update rules by hand --------------------------------------------------------------------------------


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_sgd_by_hand(momentum: float, nesterov: bool) -> None:
    """The textbook form: with Nesterov's momentum the gradient is taken at the point ahead."""
    theta, v = [0.0, 3.0, -2.0], [0.0, 0.0, 0.0]
    for _ in range(6):
        for j in range(3):
            g = CURVATURE[j] * (theta[j] - MINIMUM[j])
            v[j] = momentum * v[j] - 0.05 * g
            theta[j] += momentum * v[j] - 0.05 * g if nesterov else v[j]
    found, _ = walk(SGD(momentum=momentum, nesterov=nesterov), np.array([0.0, 3.0, -2.0]), 6)
    np.testing.assert_allclose(found, theta, rtol=1e-14)


def test_nesterov_is_a_gradient_at_the_point_ahead() -> None:
    """Sutskever et al. (2013): v = μ v - η g(φ + μ v), φ = φ + v; ours tracks θ = φ + μ v."""
    mu, rate = 0.9, 0.05
    phi, v = np.array([0.0, 3.0, -2.0]), np.zeros(3)
    for _ in range(6):
        v = mu * v - rate * slope_of_parabola(phi + mu * v)
        phi = phi + v
    found, _ = walk(SGD(momentum=mu, nesterov=True), np.array([0.0, 3.0, -2.0]), 6, rate=rate)
    np.testing.assert_allclose(found, phi + mu * v, rtol=1e-13)


@pytest.mark.parametrize("form", ["after_bias_correction", "before_bias_correction"])
def test_adam_by_hand(form: str) -> None:
    beta_1, beta_2, epsilon, rate = 0.8, 0.95, 1e-3, 0.05
    theta, m, v = [0.0, 3.0, -2.0], [0.0] * 3, [0.0] * 3
    for t in range(1, 7):
        for j in range(3):
            g = CURVATURE[j] * (theta[j] - MINIMUM[j])
            m[j] = beta_1 * m[j] + (1.0 - beta_1) * g
            v[j] = beta_2 * v[j] + (1.0 - beta_2) * g**2
            if form == "after_bias_correction":
                theta[j] -= rate * (m[j] / (1 - beta_1**t)) / ((v[j] / (1 - beta_2**t)) ** 0.5 + epsilon)
            else:
                theta[j] -= rate * (1 - beta_2**t) ** 0.5 / (1 - beta_1**t) * m[j] / (v[j] ** 0.5 + epsilon)
    adam = Adam(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, epsilon_form=form)
    found, state = walk(adam, np.array([0.0, 3.0, -2.0]), 6)
    np.testing.assert_allclose(found, theta, rtol=1e-13)
    assert state["t"].tolist() == [6.0]


def test_rmsprop_by_hand() -> None:
    rho, epsilon, rate = 0.8, 1e-3, 0.05
    theta, v = [0.0, 3.0, -2.0], [0.0] * 3
    for _ in range(6):
        for j in range(3):
            g = CURVATURE[j] * (theta[j] - MINIMUM[j])
            v[j] = rho * v[j] + (1.0 - rho) * g**2
            theta[j] -= rate * g / (v[j] ** 0.5 + epsilon)
    found, state = walk(RMSProp(rho=rho, epsilon=epsilon), np.array([0.0, 3.0, -2.0]), 6)
    np.testing.assert_allclose(found, theta, rtol=1e-13)
    np.testing.assert_allclose(state["v"], v, rtol=1e-13)


def test_adamw_is_adam_that_also_shrinks_theta() -> None:
    """The decay is no part of the gradient: Adam's memory does not know of it."""
    start, rate, decay = np.array([0.0, 3.0, -2.0]), 0.05, 0.3
    plain, adam_state = walk(Adam(), start, 1, rate=rate)
    found, state = walk(AdamW(weight_decay=decay), start, 1, rate=rate)
    np.testing.assert_allclose(found, plain - rate * decay * start, rtol=1e-14)
    assert all(np.array_equal(state[name], adam_state[name]) for name in state)
    still, _ = walk(AdamW(weight_decay=0.0), start, 9)
    np.testing.assert_array_equal(still, walk(Adam(), start, 9)[0])


def test_adams_first_step_has_the_length_of_its_rate() -> None:
    moved, _ = walk(Adam(epsilon=1e-30), np.array([0.0, 3.0, -2.0]), 1, rate=0.05)
    np.testing.assert_allclose(np.abs(moved - [0.0, 3.0, -2.0]), 0.05, rtol=1e-12)


# -- settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: SGD(-0.1), "learning_rate"),
        (lambda: SGD(float("nan")), "learning_rate"),
        (lambda: SGD([0.1, -0.1]), "learning_rate"),
        (lambda: SGD("fast"), "learning_rate"),
        (lambda: SGD(momentum=1.1), "momentum"),
        (lambda: SGD(momentum=-0.1), "momentum"),
        (lambda: Adam(beta_1=1.0), "beta_1"),
        (lambda: Adam(beta_2=-0.1), "beta_2"),
        (lambda: Adam(epsilon=0.0), "epsilon"),
        (lambda: Adam(epsilon_form="before"), "epsilon_form"),
        (lambda: AdamW(weight_decay=-1.0), "weight_decay"),
        (lambda: AdamW(beta_1=1.0), "beta_1"),
        (lambda: RMSProp(rho=1.0), "rho"),
        (lambda: RMSProp(epsilon=0.0), "epsilon"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(make, name: str) -> None:
    with pytest.raises(dr.InputError, match=f"`{name}` must"):
        make()


@pytest.mark.parametrize("rate", [0.1, 1, np.float32(0.1), np.float64(0.1), [0.1, 0.1], np.array([0.1, 0.1])])
def test_a_rate_may_be_any_kind_of_number(rate: object) -> None:
    net = dr.Network([1, 2, 1], ["tanh", "identity"])
    history = net.train([[0.0], [1.0]], [0.0, 1.0], optimizer=SGD(rate), epochs=2)
    assert len(history.loss) == len(history.learning_rate) == 2


def test_as_many_rates_as_layers() -> None:
    net = dr.Network([1, 2, 1], ["tanh", "identity"])
    with pytest.raises(dr.InputError, match="one number or schedule, or one per layer, 2"):
        net.train([[0.0]], [0.0], optimizer=SGD([0.1, 0.1, 0.1]))


@each_optimizer
def test_optimizers_are_values(optimizer: Optimizer) -> None:
    assert optimizer == dataclasses.replace(optimizer)
    with pytest.raises(dataclasses.FrozenInstanceError):
        optimizer.learning_rate = 1.0
    assert optimizer.formula
