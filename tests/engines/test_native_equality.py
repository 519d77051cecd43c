"""The native engine is the reference engine: gradients, optimizers, batches and a hundred steps.

float32 is judged by the reference engine in float64 at the same numbers: its own float32 sums are no better.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.architecture import Architecture
from deltarule.core.dropout import Dropout
from deltarule.core.losses import LOSSES
from deltarule.core.objective import Objective, Rows
from deltarule.core.optimizers import SGD, Adam, AdamW, KeepGradient, Optimizer, RMSProp
from deltarule.core.penalties import L1, L2, PENALTIES
from deltarule.core.schedules import SCHEDULES, CosineDecay, StepDecay
from deltarule.data.batches import BatchPlan, permutation
from deltarule.engines.base import TrainingState
from deltarule.engines.native.engine import NativeEngine, _native
from deltarule.engines.selection import REFERENCE
from tests.core.support import ACTIVATION_RECORDS, PAIRS, UPDATE_RULES, each_dtype, each_pair
from tests.engines.support import (
    INSTRUCTION_SETS,
    Case,
    case,
    each_instruction_set,
    gradient_scale,
    native_gradient,
    require_native,
    run,
)

require_native()

TOLERANCE = {np.dtype(np.float32): 4e-6, np.dtype(np.float64): 1e-13}
NARROW, WIDE = (4, 7, 5), (9, 37, 20)


def gradient_error(at: Case, instruction_set: str, threads: int = 1) -> float:
    """The worst layer's ‖g - ĝ‖ / (‖g‖ + ‖|x|ᵀ|delta|‖)."""
    truth = at.astype(np.float64)
    g, scale = truth.gradient(), gradient_scale(truth)
    difference = native_gradient(NativeEngine(instruction_set, threads), at) - g
    norm = np.linalg.norm
    errors = []
    for place in at.objective.architecture.places:
        part = slice(place.W.start, place.b.stop)
        errors.append(norm(difference[part]) / max(norm(g[part]) + norm(scale[part]), 1e-30))
    return float(max(errors))


def assert_equal_gradients(at: Case, **settings: Any) -> None:
    for instruction_set in INSTRUCTION_SETS:
        error = gradient_error(at, instruction_set, **settings)
        assert error <= TOLERANCE[at.theta.dtype], (instruction_set, error)


def test_every_record_has_a_twin() -> None:
    """Whoever adds a record without a twin says so here."""
    for loss, output in PAIRS:
        for hidden in ACTIVATION_RECORDS:
            for optimizer in (*UPDATE_RULES.values(), KeepGradient()):
                objective = Objective(
                    Architecture((2, 3, 2), (hidden, output), True), loss, tuple(PENALTIES.values())
                )
                rows = Rows(np.zeros((1, 2)), np.zeros((1, 2)))
                job = Case(objective, np.zeros(1), rows).job(optimizer)
                assert NativeEngine().refusal(job) == ""


@each_dtype
@each_pair
def test_gradients_of_every_loss_and_output_after_every_hidden_activation(
    loss: Any, output: Any, dtype: Any
) -> None:
    for number, hidden in enumerate(ACTIVATION_RECORDS):
        for inner in (NARROW, WIDE):
            variant = {"weighted": number % 2 == 0, "shifted": number % 3 == 0, "bias": number % 4 != 1}
            assert_equal_gradients(
                case(
                    loss,
                    [hidden, hidden, output],
                    [*inner, 3],
                    33,
                    seed=number,
                    reduction="sum" if number % 5 == 0 else "mean",
                    dtype=dtype,
                    **variant,
                )
            )


@st.composite
def shapes(draw: Any) -> dict[str, Any]:
    """A pair, hidden layers of any kind and width, and rows with whatever may come along."""
    loss, output = draw(st.sampled_from(PAIRS))
    depth, widest = draw(st.integers(0, 3)), draw(st.sampled_from([3, 16, 70]))
    hidden = [draw(st.sampled_from(ACTIVATION_RECORDS)) for _ in range(depth)]
    width = st.integers(1, widest)
    # One softmax unit is refused by Network: it is constant.
    inner = [draw(width) + (activation is ACTIVATIONS["softmax"]) for activation in hidden]
    outputs = draw(st.integers(2 if output is ACTIVATIONS["softmax"] else 1, 5))
    return {
        "loss": loss,
        "activations": [*hidden, output],
        "widths": [draw(width), *inner, outputs],
        "n": draw(st.integers(1, 150)),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "bias": draw(st.booleans()),
        "weighted": draw(st.booleans()),
        "shifted": draw(st.booleans()),
        "reduction": draw(st.sampled_from(["mean", "sum"])),
        "dtype": draw(st.sampled_from([np.float32, np.float64])),
    }


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(shapes())
def test_gradients_of_any_shape(shape: dict[str, Any]) -> None:
    assert_equal_gradients(case(**shape))


@pytest.mark.parametrize("widths", [(24, 32, 20, 9), (900, 18, 2), (6, 4, 3)], ids=str)
@each_dtype
def test_gradients_of_every_remainder_of_rows(widths: Any, dtype: Any) -> None:
    """Rows are computed in blocks of 1, 4, 6 and 8, and panels are of 1, 2 and 3 vectors."""
    activations = [ACTIVATIONS["tanh"]] * (len(widths) - 2) + [ACTIVATIONS["identity"]]
    for n in range(1, 41):
        at = case(LOSSES["half_squared_error"], activations, widths, n, dtype=dtype)
        assert len(at.rows.X) == n
        assert_equal_gradients(at)


@pytest.mark.parametrize("widths", [(5, 3, 1), (20, 33, 3)], ids=["narrow", "wide"])
@pytest.mark.parametrize("n", [95, 97, 1_000, 40_000])
@each_dtype
def test_gradients_of_many_rows(n: int, widths: Any, dtype: Any) -> None:
    """Also where all summands have one sign, the worst there is for long sums."""
    activations = [ACTIVATIONS["sigmoid"], ACTIVATIONS["identity"]]
    at = case(LOSSES["half_squared_error"], activations, widths, n, dtype=dtype)
    assert_equal_gradients(at, threads=2)
    same = Rows(np.full_like(at.rows.X, 0.1), np.full_like(at.rows.y, -1.3))
    assert_equal_gradients(at._replace(rows=same))


@pytest.mark.parametrize("widths", [(5, 3, 1), (20, 33, 3)], ids=["narrow", "wide"])
@each_instruction_set
def test_the_loss_of_many_rows_in_float32(instruction_set: str, widths: Any) -> None:
    at = case(
        LOSSES["half_squared_error"],
        [ACTIVATIONS["sigmoid"], ACTIVATIONS["identity"]],
        widths,
        40_000,
        dtype=np.float32,
    )
    at = at._replace(rows=Rows(np.full_like(at.rows.X, 0.1), np.full_like(at.rows.y, -1.3)))
    loss = run(NativeEngine(instruction_set), at.job(SGD(0.0)), at.theta).sums[0].loss
    truth = at.astype(np.float64)
    assert loss == pytest.approx(truth.objective.losses(truth.theta, truth.rows)[0], rel=4e-6)


@pytest.mark.parametrize("inner", [(3,), (40,)], ids=["narrow", "wide"])
@pytest.mark.parametrize("hidden", ["tanh", "relu", "softmax"])
@each_dtype
@each_instruction_set
def test_gradients_of_penalties(instruction_set: str, dtype: Any, hidden: str, inner: Any) -> None:
    penalties = (L1(0.01), L2(0.1, biases=True), L1(0.2, biases=True), L2(0.03))
    at = case(
        LOSSES["mean_squared_error"],
        [ACTIVATIONS[hidden], ACTIVATIONS["identity"]],
        (4, *inner, 2),
        9,
        penalties=penalties,
        dtype=dtype,
    )
    at.theta[:2] = 0.0
    truth = at.astype(np.float64)
    g = truth.gradient()
    error = np.linalg.norm(native_gradient(NativeEngine(instruction_set), at) - g)
    assert error <= TOLERANCE[at.theta.dtype] * (np.linalg.norm(g) + np.linalg.norm(gradient_scale(truth)))
    sums = run(NativeEngine(instruction_set), at.job(SGD(0.1)), at.theta).sums
    assert sums[0].penalty == pytest.approx(truth.objective.penalty(truth.theta), rel=1e-6)


# -- where the formulas are at their limits ---------------------------------------------------------------


@pytest.mark.parametrize("inner", [(), (3,), (40,)], ids=["none", "narrow", "wide"])
@pytest.mark.parametrize("size", [60.0, 300.0, 3000.0])
@each_dtype
@each_pair
def test_saturated_outputs(loss: Any, output: Any, dtype: Any, size: float, inner: Any) -> None:
    """Predictions at the end of their range; what overflows in one engine overflows in the other."""
    at = case(loss, [ACTIVATIONS["tanh"]] * len(inner) + [output], (2, *inner, 3), 7, dtype=dtype)
    offset = (size * np.array([[0, 1, -1], [-1, 0, 1], [1, 1, 0]] * 3)[: len(at.rows.X)]).astype(dtype)
    at = at._replace(rows=at.rows._replace(offset=offset))
    expected = run(REFERENCE, at.job(SGD(2.0**-20)), at.theta)
    for instruction_set in INSTRUCTION_SETS:
        found = run(NativeEngine(instruction_set), at.job(SGD(2.0**-20)), at.theta)
        rtol = 1e-5 if dtype == np.float32 else 1e-12
        assert found.sums[0].loss == pytest.approx(expected.sums[0].loss, rel=rtol, nan_ok=True)
        finite = np.isfinite(expected.state.theta)
        np.testing.assert_array_equal(np.isfinite(found.state.theta), finite)
        size = np.abs(expected.state.theta[finite]).max(initial=0.0)
        np.testing.assert_allclose(
            found.state.theta[finite], expected.state.theta[finite], rtol=0, atol=rtol * size
        )


@pytest.mark.parametrize("inner", [(3,), (40,)], ids=["narrow", "wide"])
@pytest.mark.parametrize("hidden", ACTIVATION_RECORDS, ids=lambda record: record.name)
@pytest.mark.parametrize("poison", [np.nan, np.inf])
@each_pair
def test_what_is_no_number_is_not_hidden(
    loss: Any, output: Any, hidden: Any, inner: Any, poison: float
) -> None:
    """The loss of rows at a NaN parameter is no number in either engine: divergence is seen."""
    at = case(loss, [hidden, output], (2, *inner, 2), 5)
    at.theta[0] = poison
    expected = run(REFERENCE, at.job(SGD(0.1)), at.theta)
    for instruction_set in INSTRUCTION_SETS:
        found = run(NativeEngine(instruction_set), at.job(SGD(0.1)), at.theta)
        assert np.isfinite(found.sums[0].loss) == np.isfinite(expected.sums[0].loss)
        assert np.isfinite(found.state.theta).all() == np.isfinite(expected.state.theta).all()


@each_instruction_set
@each_dtype
@pytest.mark.parametrize("n", [1, 3, 17])
@pytest.mark.parametrize("inner", [(2,), (20,)], ids=["narrow", "wide"])
def test_biases_that_only_the_inputs_keep_from_overflowing(
    inner: Any, n: int, dtype: Any, instruction_set: str
) -> None:
    """Lanes that hold no row must not turn an overflow of their own into a gradient."""
    at = case(
        LOSSES["mean_squared_error"],
        [ACTIVATIONS["exponential"], ACTIVATIONS["identity"]],
        (1, *inner, 1),
        n,
        dtype=dtype,
    )
    at.theta[: 2 * inner[0]] = np.repeat([-1.0, 1000.0], inner[0])
    at = at._replace(rows=at.rows._replace(X=1000.0 + 0.1 * at.rows.X))
    for engine in (REFERENCE, NativeEngine(instruction_set)):
        assert np.isfinite(run(engine, at.job(SGD(1e-9)), at.theta, 3).state.theta).all()


# -- optimizers -------------------------------------------------------------------------------------------

METHODS: tuple[Optimizer, ...] = (
    *UPDATE_RULES.values(),
    KeepGradient(),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    Adam(0.01, beta_1=0.0),
    Adam(0.01, beta_1=0.7, beta_2=0.0, epsilon=1e-3),
    Adam(0.01, epsilon_form="before_bias_correction"),
    Adam((0.02,)),
    AdamW(0.01, weight_decay=0.5),
    AdamW(0.01, weight_decay=0.5, epsilon_form="before_bias_correction"),
    RMSProp(0.01, rho=0.0, epsilon=1e-3),
    SGD([0.3], momentum=0.5),
)


@pytest.mark.parametrize("optimizer", METHODS, ids=repr)
@pytest.mark.parametrize("outputs", [1, 5, 40], ids=["one unit", "narrow", "wide"])
@each_dtype
@each_instruction_set
def test_optimizers_fed_identical_gradients(
    optimizer: Any, outputs: int, dtype: Any, instruction_set: str
) -> None:
    """One row, one input, the identity and absolute error: every gradient is exactly ± a power of two."""
    rng = np.random.default_rng(5)
    k = 2 ** (outputs.bit_length() - 1)
    objective = Objective(Architecture((1, k), (ACTIVATIONS["identity"],), True), LOSSES["absolute_error"])
    rows = Rows(np.full((1, 1), 2.0, dtype), (100.0 * rng.choice([-1, 1], (1, k))).astype(dtype))
    at = Case(objective, rng.normal(size=2 * k).astype(dtype), rows)
    expected = run(REFERENCE, at.job(optimizer), at.theta, epochs=20)
    found = run(NativeEngine(instruction_set), at.job(optimizer), at.theta, epochs=20)
    assert (found.state.step, found.state.epoch) == (expected.state.step, expected.state.epoch) == (20, 20)
    eps = float(np.finfo(dtype).eps)
    for name, values in expected.state.optimizer.items():
        assert found.state.optimizer[name].dtype == values.dtype
        np.testing.assert_allclose(found.state.optimizer[name], values, rtol=20 * eps)
    moved = np.abs(expected.state.theta.astype(float) - at.theta).max() + np.abs(at.theta).max()
    np.testing.assert_allclose(found.state.theta, expected.state.theta, rtol=0, atol=20 * eps * moved)


@pytest.mark.parametrize("optimizer", [SGD([0.1, 0.0, 0.3]), Adam([0.01, 0.02, 0.0])], ids=repr)
@pytest.mark.parametrize("inner", [(3, 4), (40, 5)], ids=["narrow", "wide"])
@each_instruction_set
def test_a_rate_for_each_layer(optimizer: Any, inner: Any, instruction_set: str) -> None:
    activations = [ACTIVATIONS[name] for name in ("tanh", "sigmoid", "identity")]
    at = case(LOSSES["huber"], activations, (3, *inner, 2), 20)
    expected = run(REFERENCE, at.job(optimizer), at.theta, epochs=5).state.theta
    found = run(NativeEngine(instruction_set), at.job(optimizer), at.theta, epochs=5).state.theta
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
    still = at.objective.architecture.places[int(np.argmin(np.asarray(optimizer.learning_rate)))]
    np.testing.assert_array_equal(found[still.W], at.theta[still.W])


PLANS_OF_20_ROWS: dict[str, dict[str, Any]] = {
    "full": {},
    "mini-batches": {"batch_size": 8},
    "one by one": {"batch_size": 1},
    "own": {"own": lambda epoch: [np.arange(epoch % 3, 20, 2), np.arange(0), np.arange(7)]},
}
SCHEDULED: tuple[Any, ...] = (
    *(type(schedule)(0.05) for schedule in SCHEDULES.values()),
    [CosineDecay(0.05, warmup=1.5, epochs=3), 0.01, StepDecay(0.1, every=1, factor=0.5)],
)


@pytest.mark.parametrize("rate", SCHEDULED, ids=lambda rate: repr(rate)[:12])
@pytest.mark.parametrize("inner", [(3, 4), (40, 5)], ids=["narrow", "wide"])
@pytest.mark.parametrize("plan", PLANS_OF_20_ROWS)
def test_a_rate_for_each_step(rate: Any, inner: Any, plan: str) -> None:
    """Some rows have no weight, so that steps are skipped; their rates are skipped with them."""
    activations = [ACTIVATIONS[name] for name in ("tanh", "sigmoid", "identity")]
    at = case(LOSSES["huber"], activations, (3, *inner, 2), 20, weighted=True)
    job = replace(at.job(SGD(rate, momentum=0.5), BatchPlan(20, **PLANS_OF_20_ROWS[plan])), epochs=5)
    expected = run(REFERENCE, job, at.theta, epochs=5).state.theta
    together = run(NativeEngine(), job, at.theta, epochs=5).state
    np.testing.assert_allclose(together.theta, expected, rtol=1e-10, atol=1e-12)
    apart = TrainingState(at.theta.copy(), job.optimizer.init(at.theta))
    for epochs in (2, 3):
        NativeEngine().run_epochs(job, apart, epochs, [])
    assert apart.theta.tobytes() == together.theta.tobytes()


@pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(0.01)], ids=repr)
@pytest.mark.parametrize("inner", [(3, 4), (40, 5)], ids=["narrow", "wide"])
@pytest.mark.parametrize("plan", PLANS_OF_20_ROWS)
@each_instruction_set
def test_gradients_that_are_clipped(instruction_set: str, plan: str, inner: Any, optimizer: Any) -> None:
    """Some steps are, others are not."""
    activations = [ACTIVATIONS[name] for name in ("tanh", "sigmoid", "identity")]
    at = case(LOSSES["huber"], activations, (3, *inner, 2), 20, weighted=True, penalties=(L1(1e-3), L2(0.1)))
    clip = 0.9 * float(np.linalg.norm(at.gradient()))
    job = replace(at.job(optimizer, BatchPlan(20, **PLANS_OF_20_ROWS[plan])), clip_norm=clip)
    expected = run(REFERENCE, job, at.theta, epochs=5).state.theta
    found = run(NativeEngine(instruction_set), job, at.theta, epochs=5).state.theta
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    free = run(REFERENCE, replace(job, clip_norm=None), at.theta, epochs=5).state.theta
    assert np.abs(free - expected).max() > 1e-9


@pytest.mark.parametrize("averages", [False, True])
@pytest.mark.parametrize("inner", [(3, 4), (40, 5)], ids=["narrow", "wide"])
@pytest.mark.parametrize("plan", PLANS_OF_20_ROWS)
@each_instruction_set
def test_penalties_of_each_step(instruction_set: str, plan: str, inner: Any, averages: bool) -> None:
    """They may be averaged with the losses, and are on record with them."""
    activations = [ACTIVATIONS[name] for name in ("tanh", "sigmoid", "identity")]
    penalties = (L1(1e-3), L2(0.1), L2(0.2, biases=True))
    at = case(LOSSES["huber"], activations, (3, *inner, 2), 20, weighted=True, penalties=penalties)
    at = at._replace(objective=replace(at.objective, averages_penalties=averages))
    job = at.job(Adam(0.01), BatchPlan(20, **PLANS_OF_20_ROWS[plan]), record_steps=True)
    expected, found = (
        run(engine, job, at.theta, epochs=3) for engine in (REFERENCE, NativeEngine(instruction_set))
    )
    np.testing.assert_allclose(found.state.theta, expected.state.theta, rtol=1e-10, atol=1e-12)
    for mine, other in zip(found.sums, expected.sums, strict=True):
        assert other.step_penalties is not None
        np.testing.assert_allclose(mine.step_penalties, other.step_penalties, rtol=1e-11)
        assert len(other.step_penalties) == len(job.plan.epoch(0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize("inner", [(3, 6), (40, 5), (7, 70)], ids=["narrow", "wide", "wider"])
@pytest.mark.parametrize("plan", PLANS_OF_20_ROWS)
@each_instruction_set
def test_units_that_are_left_out(
    instruction_set: str, plan: str, inner: Any, hidden: str, dtype: Any
) -> None:
    activations = [ACTIVATIONS[name] for name in (hidden, "tanh", "identity")]
    at = case(LOSSES["half_squared_error"], activations, (3, *inner, 2), 20, weighted=True, dtype=dtype)
    plan_ = BatchPlan(20, **PLANS_OF_20_ROWS[plan])
    job = replace(at.job(SGD(0.01), plan_), dropout=Dropout((0.3, 0.6), 2**63 + 5))
    expected = run(REFERENCE, job, at.theta, epochs=3).state.theta
    found = run(NativeEngine(instruction_set), job, at.theta, epochs=3).state.theta
    exact = dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-10 if exact else 1e-3, atol=1e-12 if exact else 1e-5)
    free = run(REFERENCE, replace(job, dropout=None), at.theta, epochs=3).state.theta
    assert np.abs(free - expected).max() > 1e-4


ONE_BY_ONE: tuple[Optimizer, ...] = (
    SGD(0.05),
    SGD(0.02, momentum=0.9),
    SGD(0.02, momentum=0.9, nesterov=True),
    Adam(0.01),
    Adam(0.01, epsilon_form="before_bias_correction"),
    AdamW(0.01, weight_decay=0.5),
    RMSProp(0.01),
    SGD(CosineDecay(0.1, warmup=0.5)),
    KeepGradient(),
)


@pytest.mark.parametrize("optimizer", ONE_BY_ONE, ids=repr)
@pytest.mark.parametrize("widths", [(3, 4, 2), (3, 40, 2), (270, 17, 3), (21, 9)], ids=str)
@pytest.mark.parametrize("penalties", [(), (L1(1e-3), L2(1e-2))], ids=["plain", "penalized"])
def test_steps_of_one_row(optimizer: Any, widths: Any, penalties: Any) -> None:
    """There the first layer's weights are updated later than the others; some rows have no weight."""
    activations = [ACTIVATIONS["tanh"]] * (len(widths) - 2) + [ACTIVATIONS["sigmoid"]]
    at = case(LOSSES["poisson"], activations, widths, 40, weighted=True, penalties=penalties)
    for epochs in (1, 3):
        expected, found = (
            run(engine, at.job(optimizer, BatchPlan(40, 1), record_steps=True), at.theta, epochs)
            for engine in (REFERENCE, NativeEngine())
        )
        np.testing.assert_allclose(found.state.theta, expected.state.theta, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found.sums[-1].step_losses, expected.sums[-1].step_losses, rtol=1e-9)
        for name, values in expected.state.optimizer.items():
            np.testing.assert_allclose(found.state.optimizer[name], values, rtol=1e-9, atol=1e-12)


# -- a hundred steps --------------------------------------------------------------------------------------

CHAOTIC = 1e-3  # where rounding alone moves the reference that far, a bound would say nothing
ORDERS = 3


def hundred_steps(at: Case, optimizer: Optimizer, instruction_set: str) -> tuple[float, float]:
    """How far updates are from the reference's: the engine's, and the reference's own with reordered rows."""
    n = len(at.rows.X)
    batches = [np.sort(part) for part in np.array_split(permutation(n, 1, 0), 4)]

    def plan(order: int) -> BatchPlan:
        """The same steps, the rows of each in another order."""
        rng = np.random.default_rng(order)
        own = [rng.permutation(batch) if order else batch for batch in batches]
        return BatchPlan(n, own=lambda epoch: own)

    def update(engine: Any, order: int) -> Any:
        return run(engine, at.job(optimizer, plan(order)), at.theta, 25).state.theta.astype(float) - at.theta

    expected = update(REFERENCE, 0)
    size = float(np.linalg.norm(expected))
    others = [float(np.linalg.norm(update(REFERENCE, 1 + order) - expected)) for order in range(ORDERS)]
    found = float(np.linalg.norm(update(NativeEngine(instruction_set), 0) - expected))
    least = float(np.finfo(at.theta.dtype).eps) * float(np.linalg.norm(at.theta))  # theta is kept no finer
    return found / size, max(*others, least) / size


@pytest.mark.parametrize(
    "optimizer",
    [SGD(0.05), SGD(0.02, momentum=0.9), Adam(0.01), AdamW(0.01), RMSProp(0.005)],
    ids=lambda o: repr(o)[:14],
)
@each_dtype
def test_a_hundred_steps(optimizer: Any, dtype: Any, record_property: Any) -> None:
    counted: list[str] = []
    cases = 0
    for number, (loss, output) in enumerate(PAIRS):
        for inner in ((4, 6), (5, 33)):
            hidden = ACTIVATION_RECORDS[(number + inner[0]) % len(ACTIVATION_RECORDS)]
            instruction_set = INSTRUCTION_SETS[number % len(INSTRUCTION_SETS)]
            at = case(
                loss, [hidden, output], (*inner, 2), 40, seed=number, weighted=number % 2 == 0, dtype=dtype
            )
            found, allowed = hundred_steps(at, optimizer, instruction_set)
            cases += 1
            if not (np.isfinite(found) and 100 * allowed <= CHAOTIC):
                counted.append(f"{loss.name}-{hidden.name}-{output.name}-{inner}: {found:.1e} {allowed:.1e}")
                continue
            assert found <= 100 * allowed, (loss.name, hidden.name, output.name, inner, found, allowed)
    record_property("cases without a bound", counted)
    print(f"{len(counted)} of {cases} cases without a bound:", *counted, sep="\n  ")
    assert len(counted) <= (0.25 if dtype == np.float32 else 0.05) * cases, counted


# -- batches ----------------------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.integers(0, 2**64 - 1), st.integers(0, 2**40))
def test_the_order_of_rows_is_the_same(n: int, seed: int, epoch: int) -> None:
    assert list(_native.permutation(n, seed, epoch)) == permutation(n, seed, epoch).tolist()


@pytest.mark.parametrize("n", [*range(1, 18), 63, 64, 65, 1023, 1024, 1025, 65_536, 65_537, 300_001])
@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1])
def test_the_order_of_rows_at_powers_of_two(n: int, seed: int) -> None:
    for epoch in (0, 1, 2**32):
        np.testing.assert_array_equal(_native.permutation(n, seed, epoch), permutation(n, seed, epoch))


PLANS = {
    "full": {},
    "one": {"batch_size": 1},
    "keep": {"batch_size": 7},
    "drop": {"batch_size": 7, "remainder": "drop"},
    "merge": {"batch_size": 7, "remainder": "merge"},
    "merge into all": {"batch_size": 16, "remainder": "merge"},
    "drop to one": {"batch_size": 16, "remainder": "drop"},
    "divides": {"batch_size": 5},
    "all": {"batch_size": 30},
    "more": {"batch_size": 99},
    "in order": {"batch_size": 7, "shuffle": False},
    "in order, drop": {"batch_size": 7, "shuffle": False, "remainder": "drop"},
    "own": {"own": lambda epoch: [np.arange(epoch % 2, 29, 3), np.array([5]), np.array([4, 4, 4, 9])]},
    "own, one empty": {"own": lambda epoch: [np.arange(4), np.arange(0), np.arange(9)]},
}


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("inner", [(2,), (20,)], ids=["narrow", "wide"])
def test_every_step_uses_the_same_rows(name: str, seed: int, inner: Any) -> None:
    """Row r has a loss of 2ʳ: the loss of a step tells exactly which rows it used."""
    k = np.float64(2.0) ** np.arange(-15, 15)
    widths = (1, *inner, 1)
    objective = Objective(
        Architecture(widths, (ACTIVATIONS["identity"],) * (len(widths) - 1), True), LOSSES["absolute_error"]
    )
    theta = np.zeros(objective.architecture.n_parameters)
    at = Case(objective, theta, Rows(np.zeros((30, 1)), k[:, np.newaxis]))
    job = at.job(SGD(0.0), BatchPlan(30, seed=seed, **PLANS[name]), record_steps=True)  # type: ignore[arg-type]
    expected = run(REFERENCE, job, theta, 4)
    for instruction_set in INSTRUCTION_SETS:
        found = run(NativeEngine(instruction_set), job, theta, 4)
        assert found.bits() == expected.bits()


def test_a_full_batch_is_never_permuted() -> None:
    """Also the one that a merged remainder makes full: rows in order leave the same bits."""
    at = case(LOSSES["huber"], [ACTIVATIONS["tanh"], ACTIVATIONS["identity"]], (3, 20, 1), 50)
    full = run(NativeEngine(), at.job(SGD(0.1)), at.theta, 3)
    n = len(at.rows.X)
    for plan in (BatchPlan(n, n), BatchPlan(n, n - 5, remainder="merge"), BatchPlan(n, n, shuffle=False)):
        assert run(NativeEngine(), at.job(SGD(0.1), plan), at.theta, 3).bits() == full.bits()
