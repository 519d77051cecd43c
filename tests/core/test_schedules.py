"""Schedules: laws that hold for every registered one, values by hand, and scikit-learn's."""

from __future__ import annotations

import dataclasses
import json
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

import deltarule as dr
from deltarule.core.learning_rates import (
    Patience,
    Progress,
    Schedule,
    after_epoch,
    exhausted,
    progress_of_epochs,
    rates_of,
)
from deltarule.core.schedules import (
    SCHEDULES,
    Adaptive,
    CosineDecay,
    ExponentialDecay,
    InverseScaling,
    OneCycle,
    ReduceOnPlateau,
    StepDecay,
)
from deltarule.errors import InputError

each_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=list(SCHEDULES))
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 3)), RNG.normal(size=60)


def network(dtype: Any = "float64") -> dr.Network:
    return dr.Network([3, 4, 1], ["tanh", "identity"], dtype=dtype, seed=1)


def progress(steps: int, epochs: int) -> Progress:
    before = np.arange(steps * epochs) / steps
    return Progress(before, before + 1 / steps, np.floor(before) * 60.0, epochs)


@each_schedule
def test_rates_are_finite_and_never_negative(schedule: Schedule) -> None:
    rates = schedule.rates(progress(7, 40))
    assert rates.shape == (280,)
    assert np.isfinite(rates).all()
    assert (rates >= 0.0).all()
    assert rates.max() <= schedule.learning_rate * (1 + 1e-12)
    assert rates.max() > 0.0


@each_schedule
def test_rates_are_a_function_of_the_step_alone(schedule: Schedule) -> None:
    whole, part = progress(7, 10), slice(21, 42)
    alone = Progress(whole.before[part], whole.after[part], whole.rows[part], 10)
    np.testing.assert_array_equal(schedule.rates(whole)[part], schedule.rates(alone))


@each_schedule
def test_schedules_are_values(schedule: Any) -> None:
    assert schedule == dataclasses.replace(schedule)
    assert schedule.formula
    with pytest.raises(dr.InputError, match="`learning_rate` must"):
        dataclasses.replace(schedule, learning_rate=-1.0)


@pytest.mark.parametrize("engine", ["reference", "auto"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_schedule
def test_a_run_follows_its_schedule(schedule: Any, dtype: Any, engine: str) -> None:
    net, slow = network(dtype), dataclasses.replace(schedule, learning_rate=0.02)
    history = net.train(X, Y, optimizer=dr.Adam(slow), batch_size=16, epochs=6, engine=engine)
    assert net.theta.dtype == dtype
    if not isinstance(schedule, ReduceOnPlateau | Adaptive):
        np.testing.assert_allclose(history.learning_rate, slow.rates(progress(4, 6))[::4], rtol=1e-12)
    assert history.loss[-1] < history.loss[0]


@each_schedule
def test_a_run_in_chunks_is_a_run_by_hand(schedule: Any) -> None:
    """Nobody watches the first, each epoch of the second is looked at."""
    settings: dict[str, Any] = {
        "optimizer": dr.SGD(dataclasses.replace(schedule, learning_rate=0.1), momentum=0.5),
        "batch_size": 16,
        "epochs": 9,
    }
    together, by_hand = network(), network()
    together.train(X, Y, **settings)
    for _ in by_hand.training(X, Y, **settings):
        pass
    assert together.theta.tobytes() == by_hand.theta.tobytes()


def test_the_model_file_says_which_schedule_it_was() -> None:
    net = network()
    net.train(X, Y, optimizer=dr.SGD([CosineDecay(0.1, warmup=2), 0.01]), epochs=3)
    record: Any = json.loads(json.dumps(net.training_record["optimizer"]))
    assert record["learning_rate"][0]["name"] == "cosine"
    assert record["learning_rate"][0]["warmup"] == 2.0
    assert record["learning_rate"][1] == 0.01


def test_each_layer_has_its_schedule() -> None:
    rates = [StepDecay(0.1, every=1, factor=0.5), 0.01]
    history = network().train(X, Y, optimizer=dr.SGD(rates), epochs=3)
    np.testing.assert_allclose(history.learning_rate, [(0.1, 0.01), (0.05, 0.01), (0.025, 0.01)])
    assert history.columns()["learning_rate_1"] == [0.1, 0.05, 0.025]


def test_a_schedule_of_the_user() -> None:
    @dataclasses.dataclass(frozen=True)
    class Alternating:
        name: str = "alternating"

        def rates(self, progress: Progress) -> Any:
            return np.where(np.floor(progress.before) % 2 == 0, 0.1, 0.0)

    net = network()
    history = net.train(X, Y, optimizer=dr.SGD(Alternating()), epochs=4)
    assert history.learning_rate == [0.1, 0.0, 0.1, 0.0]


@dataclasses.dataclass(frozen=True)
class Own:
    value: Callable[[Progress], Any]
    name: str = "own"

    def rates(self, progress: Progress) -> Any:
        return self.value(progress)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (lambda progress: 0.1, r"must have shape (2,), one rate per step; got shape (). Compute them from"),
        (lambda progress: np.full(5, 0.1), "must have shape (2,), one rate per step; got shape (5,)."),
        (
            lambda progress: progress.after[:, np.newaxis],
            "must have shape (2,), one rate per step; got shape",
        ),
        (lambda progress: "fast", "must have shape (2,), one rate per step; got 'fast'."),
        (
            lambda progress: 0.1 - progress.before,
            "must be finite and not negative; got -0.4 after 0.5 epochs.",
        ),
        (lambda progress: np.full(2, np.nan), "must be finite and not negative; got nan after 0 epochs."),
        (lambda progress: np.full(2, np.inf), "must be finite and not negative; got inf after 0 epochs."),
        (lambda progress: 0.1 * np.where(progress.before < 3, 1, -1), "got -0.1 after 3 epochs."),
    ],
)
@pytest.mark.parametrize("engine", ["reference", "native"])
def test_what_a_schedule_of_the_user_returns_is_checked_before_the_first_epoch(
    value: Any, sentence: str, engine: str
) -> None:
    net = network()
    before = net.theta.copy()
    for rate in (Own(value), [0.1, Own(value)]):
        with pytest.raises(InputError, match=re.escape(sentence)) as refused:
            net.training(X, Y, optimizer=dr.SGD(rate), epochs=4, batch_size=-(-len(X) // 2), engine=engine)
        assert str(refused.value).startswith("`rates(progress)` of the schedule 'own' must")
    assert np.array_equal(net.theta, before)


def test_a_rate_that_is_wrong_in_the_middle_ends_the_run_there() -> None:
    own = Own(lambda progress: np.where(np.floor(progress.before) == 2, np.nan, 0.1))
    run = network().training(X, Y, optimizer=dr.SGD(own), epochs=5, engine="reference")
    assert [next(run).epoch, next(run).epoch] == [1, 2]
    with pytest.raises(InputError, match="got nan after 2 epochs"):
        next(run)


def test_no_schedule_of_ours_is_asked_twice_or_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks are for schedules of the user's own, also where they are registered."""
    asked = []
    rates = StepDecay.rates
    monkeypatch.setattr(StepDecay, "rates", lambda self, p: asked.append(p) or rates(self, p) * np.nan)
    job = network().training(X, Y, optimizer=dr.SGD(StepDecay()), epochs=4).job
    assert asked == []
    assert np.isnan(job.rates(0, 3)).all()
    assert len(asked) == 1


# -- functions of time, by hand --------------------------------------------------------------------------


def test_cosine_rises_and_falls() -> None:
    rates = CosineDecay(0.4, warmup=1.0, final=0.1).rates(progress(4, 5))
    np.testing.assert_allclose(rates[:4], [0.1, 0.2, 0.3, 0.4])
    e = np.arange(4, 20) / 4
    np.testing.assert_allclose(rates[4:], 0.1 + 0.3 * (1 + np.cos(np.pi * (e - 1) / 4)) / 2)


def test_cosine_stays_at_its_end() -> None:
    rates = CosineDecay(0.4, epochs=2, final=0.1).rates(progress(1, 5))
    np.testing.assert_allclose(rates, [0.4, 0.25, 0.1, 0.1, 0.1])


def test_a_warm_up_as_long_as_the_run() -> None:
    np.testing.assert_allclose(CosineDecay(0.4, warmup=4).rates(progress(1, 4)), [0.1, 0.2, 0.3, 0.4])


def test_one_cycle() -> None:
    rates = OneCycle(1.0, rise=0.25, start=0.1, final=0.01).rates(progress(10, 4))
    assert rates[0] == pytest.approx(0.1)
    assert rates[10] == pytest.approx(1.0)
    assert np.all(np.diff(rates[:11]) > 0.0)
    assert np.all(np.diff(rates[10:]) < 0.0)
    assert rates[5] == pytest.approx(0.55)
    assert rates[25] == pytest.approx(0.505)


def test_step_and_exponential_change_between_epochs() -> None:
    np.testing.assert_allclose(
        StepDecay(1.0, every=2, factor=0.1).rates(progress(2, 3)), [1.0] * 4 + [0.1] * 2
    )
    np.testing.assert_allclose(
        ExponentialDecay(1.0, factor=0.5).rates(progress(2, 3)), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    )


# -- watching the loss -----------------------------------------------------------------------------------


def factors(schedule: Any, losses: list[float]) -> list[float]:
    """The factor after each loss."""
    patience: tuple[Patience, ...] = ()
    found = []
    for loss in losses:
        patience = after_epoch((schedule,), patience, loss)
        found.append(patience[0].factor)
    return found


def test_a_plateau_of_a_loss_that_may_be_negative() -> None:
    """The threshold is a part of the size of the best loss."""
    schedule = ReduceOnPlateau(1.0, factor=0.5, patience=0, threshold=0.1)
    assert factors(schedule, [-10.0, -10.5, -11.6, -11.7]) == [1.0, 0.5, 0.5, 0.25]


def test_the_rate_never_falls_below_its_minimum() -> None:
    schedule = ReduceOnPlateau(0.2, factor=0.1, patience=0, minimum=0.005)
    rates = [0.2 * factor for factor in factors(schedule, [1.0] * 5)]
    np.testing.assert_allclose(rates, [0.2, 0.02, 0.005, 0.005, 0.005])


def test_the_validation_loss_is_watched_where_there_is_one() -> None:
    schedule = ReduceOnPlateau(0.5, factor=0.5, patience=0)
    history = network().train(
        X, Y, optimizer=dr.SGD(schedule), validation=(X, RNG.normal(size=60)), epochs=30, batch_size=8
    )
    expected = [1.0, *factors(schedule, history.validation_loss)[:-1]]
    np.testing.assert_allclose(history.learning_rate, 0.5 * np.array(expected))
    assert expected[-1] < 1.0


def test_a_session_says_that_it_cannot_follow() -> None:
    with pytest.raises(dr.InputError, match="cannot follow a learning rate that watches the loss"):
        dr.step_through(network(), X, Y, optimizer=dr.SGD(ReduceOnPlateau()))


def test_a_session_follows_the_others() -> None:
    optimizer = dr.SGD(CosineDecay(0.1, warmup=0.5, epochs=3), momentum=0.5)
    net = network()
    session = dr.step_through(net, X, Y, optimizer=optimizer, batch_size=16)
    for _ in range(12):
        session.step()
    net.train(X, Y, optimizer=optimizer, batch_size=16, epochs=3, engine="reference")
    assert session.theta.tobytes() == net.theta.tobytes()
    working = session.back(5).working()
    assert np.ravel(working["W1_after"].value).tobytes() == session.step().theta[:12].tobytes()


# -- against scikit-learn --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["invscaling", "adaptive"])
def test_as_scikit_learn(name: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rate of every epoch, from the losses that it had."""
    rates: list[float] = []
    its_own = SGDOptimizer.iteration_ends

    def noted(self: Any, t: int) -> None:
        rates.append(self.learning_rate)
        its_own(self, t)

    monkeypatch.setattr(SGDOptimizer, "iteration_ends", noted)
    theirs = MLPRegressor(
        hidden_layer_sizes=(4,),
        solver="sgd",
        learning_rate=name,
        learning_rate_init=0.3,
        batch_size=20,
        max_iter=60,
        n_iter_no_change=2,
        tol=1e-3,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, Y)
    schedule: Any = InverseScaling(0.3) if name == "invscaling" else Adaptive(0.3, patience=2, tol=1e-3)
    found: list[float] = []
    patience: tuple[Patience, ...] = ()
    for epoch, loss in enumerate(theirs.loss_curve_):
        found.append(rates_of((schedule,), progress_of_epochs(epoch + 1, rows=60), patience)[-1, 0])
        patience = after_epoch((schedule,), patience, loss)
    np.testing.assert_allclose(found, rates, rtol=1e-12)
    assert rates[-1] < 0.1
    assert exhausted((schedule,), patience) == (name == "adaptive")


def test_adaptive_ends_the_run_at_its_minimum() -> None:
    """As scikit-learn's does."""
    schedule = Adaptive(0.1, patience=1, tol=1.0, minimum=0.01)
    history = network().train(X, Y, optimizer=dr.SGD(schedule), epochs=100)
    assert history.stop is not None
    assert history.stop.kind == "learning_rate"
    assert history.stop.message == (
        f"stopped after epoch {len(history.epochs)}: the loss does not improve, "
        "and the learning rate has fallen to 0.004"
    )
    np.testing.assert_allclose(sorted(set(history.learning_rate)), [0.004, 0.02, 0.1])
