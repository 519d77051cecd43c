"""L-BFGS is SciPy's, one report per iteration, on either engine; whatever ends a run ends its thread."""

from __future__ import annotations

import gc
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der
from threadpoolctl import threadpool_info, threadpool_limits

import deltarule as dr
from deltarule.engines.base import EpochSums, Job, TrainingState
from deltarule.engines.native.engine import NativeEngine, _native
from deltarule.engines.reference import ReferenceEngine
from deltarule.errors import InputError
from deltarule.training.blas import OneThread
from deltarule.training.quasi_newton import Dialogue
from tests.training.support import X_VAL, Y_VAL, X, Y, curve, line

ENGINES = pytest.mark.parametrize("engine", ["reference", "auto"])
ENDLESS = dr.LBFGS(gradient_tolerance=0.0, function_tolerance=0.0)
RNG = np.random.default_rng(7)
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weighted": {"sample_weight": RNG.uniform(0.2, 2.0, 23), "offset": RNG.normal(size=23)},
    "penalized": {"penalty": [dr.L2(0.1, biases=True), dr.L1(1e-3)], "reduction": "sum"},
    "huber": {"loss": "huber"},
}


def threads() -> int:
    """Those of runs: other tests may have left some of their own in this process."""
    gc.collect()
    return sum("L-BFGS" in thread.name for thread in threading.enumerate())


# -- laws ------------------------------------------------------------------------------------------------


def walk(value: Callable[[Any], float], slope: Callable[[Any], Any], start: Any, **settings: Any) -> Any:
    """The points that are asked for, the last of which is the best."""
    dialogue, points = Dialogue(dr.LBFGS(**settings), np.array(start)), []
    while (x := dialogue.moment.x) is not None:
        points.append(x)
        dialogue.answer(value(x), slope(x))
    assert dialogue.moment.status == 0
    return points


def test_finds_the_minimum_of_a_parabola_in_a_few_steps() -> None:
    curvature, minimum = np.array([1.0, 0.3, 4.0]), np.array([2.0, -1.0, 0.5])
    points = walk(
        lambda x: float(curvature @ (x - minimum) ** 2) / 2,
        lambda x: curvature * (x - minimum),
        [0.0, 3.0, -2.0],
    )
    np.testing.assert_allclose(points[-1], minimum, atol=1e-5)
    assert len(points) < 12


def test_follows_the_valley_of_rosenbrock() -> None:
    points = walk(lambda x: float(rosen(x)), rosen_der, [-1.2, 1.0])
    np.testing.assert_allclose(points[-1], [1.0, 1.0], atol=1e-4)
    assert len(points) < 60


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
@ENGINES
def test_it_is_scipys_called_by_hand(settings: dict[str, Any], engine: str) -> None:
    """The reference engine gives the same bits."""
    net, hand, path = curve(), curve(), []

    def objective(theta: Any) -> tuple[float, Any]:
        hand.theta = theta
        g = hand.gradients(X, Y, **settings)
        return g.objective, hand.architecture.flatten(g.dW, g.db)

    options = {"maxcor": 4, "gtol": 1e-9, "ftol": 1e-15, "maxiter": 25}
    minimize(objective, hand.theta.copy(), method="L-BFGS-B", jac=True, callback=path.append, options=options)
    lbfgs = dr.LBFGS(4, gradient_tolerance=1e-9, function_tolerance=1e-15)
    run = net.training(X, Y, optimizer=lbfgs, epochs=25, engine=engine, **settings)
    exact = run.history.engine == "reference"
    before = curve().theta
    for report, after in zip(run, path, strict=True):
        hand.theta = before
        value = hand.gradients(X, Y, **settings).objective
        reduced = report.loss * (run.job.rows.X.shape[0] if settings.get("reduction") == "sum" else 1.0)
        assert reduced + report.penalty == pytest.approx(value, rel=1e-8)
        np.testing.assert_allclose(net.theta, after, rtol=0.0 if exact else 1e-8, atol=0.0 if exact else 1e-9)
        before = after


@ENGINES
def test_the_objective_never_rises(engine: str) -> None:
    loss = curve().train(X, Y, optimizer="lbfgs", epochs=60, engine=engine).loss
    assert all(after <= before for before, after in pairwise(loss))


@ENGINES
def test_float32_follows_float64(engine: str) -> None:
    nets = [curve(), curve().astype("float32")]
    for net in nets:
        net.train(X, Y, optimizer="lbfgs", epochs=8, engine=engine)
    assert nets[1].theta.dtype == np.float32
    np.testing.assert_allclose(nets[1].theta, nets[0].theta, rtol=2e-3, atol=1e-4)


def test_float32_comes_to_an_end() -> None:
    """No change of J is too small for it to go on, but rounding is coarser than that."""
    nets = [line(), line().astype("float32")]
    for net in nets:
        history = net.train(X, Y, optimizer=ENDLESS, epochs=1000)
        assert history.stop is not None
        assert history.stop.kind in ("converged", "no_descent")
    np.testing.assert_allclose(nets[1].theta, nets[0].theta, rtol=1e-4)


def mean_squared(net: dr.Network) -> float:
    return float(np.mean((net.predict(X) - Y) ** 2))


@pytest.mark.skipif(_native is None, reason="the native engine is not compiled")
@pytest.mark.parametrize("hidden", [4, 90])
def test_any_number_of_threads_gives_the_same_bits(hidden: int) -> None:
    x = np.random.default_rng(0).normal(size=(3000, 20))
    nets = [dr.Network([20, hidden, 1], ["tanh", "identity"]) for _ in range(3)]
    for count, net in enumerate(nets, start=1):
        net.train(x, np.sin(x[:, 0]), optimizer="lbfgs", epochs=6, engine=NativeEngine(threads=count))
    assert len({net.theta.tobytes() for net in nets}) == 1


# -- runs --------------------------------------------------------------------------------------------------


def test_a_report_per_iteration_with_the_loss_before_it() -> None:
    net, losses, after = curve(), [mean_squared(curve())], []
    run = net.training(X, Y, optimizer="lbfgs", epochs=5, record_steps=True, metrics=["mean_squared_error"])
    for report in run:
        assert math.isnan(report.learning_rate)
        losses.append(mean_squared(net))
        after.append(report.metrics["mean_squared_error"])
    np.testing.assert_allclose(run.history.loss, losses[:-1], rtol=1e-12)
    np.testing.assert_allclose(np.concatenate(run.history.step_losses), losses[:-1], rtol=1e-12)
    np.testing.assert_allclose(after, losses[1:], rtol=1e-12)
    assert run.history.stop == ("epochs", "trained all 5 epochs")
    assert list(run.history.columns()) == ["epoch", "loss", "penalty", "mean_squared_error", "seconds"]


def test_watched_or_not_it_is_the_same_run() -> None:
    nets = [curve(), curve()]
    nets[0].train(X, Y, optimizer="lbfgs", epochs=30)
    nets[1].train(X, Y, optimizer="lbfgs", epochs=30, metrics=["rmse"])
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()


def test_it_takes_all_rows_and_refuses_fewer() -> None:
    x = np.random.default_rng(0).normal(size=(80, 3))
    nets, sizes = [curve() for _ in range(4)], ("auto", None, 80, 81)
    for net, size in zip(nets, sizes, strict=True):
        net.train(x, x[:, 0] ** 2, optimizer="lbfgs", epochs=5, batch_size=size)
        assert net.training_record["batch_size"] == 80
    assert len({net.theta.tobytes() for net in nets}) == 1
    with pytest.raises(InputError, match=r"`batch_size` must be left out with L-BFGS.*got 32"):
        curve().train(x, x[:, 0] ** 2, optimizer="lbfgs", batch_size=32)


def test_a_second_run_begins_with_an_empty_memory() -> None:
    twice, fresh = curve(), curve()
    twice.train(X, Y, optimizer="lbfgs", epochs=4)
    fresh.theta = twice.theta
    for net in (twice, fresh):
        net.train(X, Y, optimizer="lbfgs", epochs=4)
    assert twice.theta.tobytes() == fresh.theta.tobytes()
    once = curve()
    once.train(X, Y, optimizer="lbfgs", epochs=8)
    assert once.theta.tobytes() != twice.theta.tobytes()


def test_parameters_that_are_changed_on_the_way_are_a_new_start() -> None:
    net, expected = curve(), curve(seed=3)
    start = expected.theta.copy()
    for report in net.training(X, Y, optimizer="lbfgs", epochs=9):
        if report.epoch == 4:
            net.theta = start
    expected.train(X, Y, optimizer="lbfgs", epochs=5)
    assert net.theta.tobytes() == expected.theta.tobytes()


def test_the_record_of_the_run_is_saved(tmp_path: Any) -> None:
    net = curve()
    net.train(X, Y, optimizer=dr.LBFGS(memory=3), epochs=2)
    net.save(tmp_path / "net.safetensors")
    record = dr.load(tmp_path / "net.safetensors").training_record
    assert record["optimizer"] == {
        "name": "lbfgs",
        "memory": 3,
        "gradient_tolerance": 1e-5,
        "function_tolerance": 2.220446049250313e-9,
        "max_evaluations": 15_000,
    }


def test_an_engine_that_cannot_keep_gradients_is_passed_over() -> None:
    class OnlyDescent(ReferenceEngine):
        def refusal(self, job: Job) -> str:
            return "" if isinstance(job.optimizer, dr.SGD) else "it can only descend"

    history = curve().train(X, Y, optimizer="lbfgs", epochs=2, engine=OnlyDescent())
    assert (history.engine, history.engine_reason) == ("reference", "reference: it can only descend")


# -- ends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lbfgs", "kind", "words"),
    [
        (dr.LBFGS(), "converged", "no entry of the gradient is larger than gradient_tolerance=1e-05"),
        (
            dr.LBFGS(gradient_tolerance=0.0, function_tolerance=0.5),
            "converged",
            "J fell by no more than function_tolerance=0.5 of its size",
        ),
        (dr.LBFGS(max_evaluations=2), "evaluations", "J has been evaluated more than 2 times"),
    ],
    ids=["gradient", "function", "evaluations"],
)
def test_every_end_has_its_reason(lbfgs: dr.LBFGS, kind: str, words: str) -> None:
    run = line().training(X, Y, optimizer=lbfgs, epochs=1000)
    epochs = [report.epoch for report in run]
    assert run.history.stop is not None
    assert run.history.stop.kind == kind
    assert run.history.stop.message.endswith(f"after epoch {epochs[-1]}: {words}")
    assert epochs == list(range(1, len(epochs) + 1))


def test_a_slope_with_the_wrong_sign_leads_nowhere() -> None:
    own = dr.Loss(
        "own", lambda y, y_hat: np.sum((y_hat - y) ** 2, axis=1), lambda y, y_hat: 2.0 * (y - y_hat)
    )
    net = curve()
    history = net.train(X, Y, loss=own, optimizer="lbfgs")
    assert history.stop is not None
    assert history.stop.message.startswith("stopped at the start: no step downhill lowers J; ")
    assert net.theta.tobytes() == curve().theta.tobytes()
    assert threads() == 0


def test_where_nothing_is_to_be_done_nothing_is() -> None:
    net = line()
    net.train(X, Y, optimizer=dr.LBFGS(function_tolerance=0.0), epochs=100)
    theta = net.theta.copy()
    history = net.train(X, Y, optimizer="lbfgs")
    assert history.stop is not None
    assert history.stop.message.startswith("converged at the start: no entry of the gradient")
    assert history.epochs == []
    assert net.theta.tobytes() == theta.tobytes()


def far_away(limit: float) -> dr.Loss:
    """The squared error, which is NaN where it is large."""

    def value(y: Any, y_hat: Any) -> Any:
        e = (y_hat - y)[:, 0]
        return np.where(np.abs(e) < limit, e * e, np.nan)

    return dr.Loss("near", value, lambda y, y_hat: 2.0 * (y_hat - y))


def test_steps_out_of_the_finite_numbers_are_shortened() -> None:
    net = dr.Network([1, 1], ["identity"], bias=False, initializer="constant")
    start = float(net.theta[0])
    history = net.train([[1000.0]], [500.0], loss=far_away(600.0), optimizer=ENDLESS, epochs=50)
    assert abs(1000.0 * (start - 1.0 / (2.0 * 400.0)) - 500.0) < 600.0  # there is room for smaller steps
    np.testing.assert_allclose(net.theta, [0.5], rtol=1e-6)
    assert np.isfinite(history.loss).all()


@ENGINES
def test_an_overflow_in_the_line_search_leaves_good_weights(engine: str) -> None:
    """The first step has length 1, and exp(1000) is no number."""
    net = dr.Network([1, 1], ["exponential"], bias=False, initializer="zeros")
    history = net.train([[1000.0]], [5.0], loss="poisson", optimizer="lbfgs", epochs=200, engine=engine)
    np.testing.assert_allclose(net.theta, [math.log(5.0) / 1000.0], rtol=1e-3)
    assert history.stop is not None
    assert history.stop.kind == "converged"


@ENGINES
def test_a_start_that_is_not_finite_is_left_alone(engine: str) -> None:
    net = dr.Network([1, 1], ["exponential"], bias=False)
    net.theta = [1.0]
    with pytest.warns(dr.DivergenceWarning, match="Try smaller initial weights, or scaled inputs"):
        history = net.train([[1000.0]], [5.0], loss="poisson", optimizer="lbfgs", epochs=20, engine=engine)
    assert history.stop is not None
    assert (history.stop.kind, history.restored_epoch, net.theta.tolist()) == ("diverged", 0, [1.0])
    assert threads() == 0


def test_early_stopping_keeps_the_best() -> None:
    net = curve()
    rule = dr.EarlyStopping(patience=3)
    history = net.train(X, Y, optimizer=ENDLESS, epochs=500, validation=(X_VAL, Y_VAL), early_stopping=rule)
    assert history.stop is not None
    assert history.stop.kind == "early_stopping"
    assert history.restored_epoch == history.best_epoch
    assert np.mean((net.predict(X_VAL) - Y_VAL) ** 2) == pytest.approx(min(history.validation_loss))


# -- the other thread --------------------------------------------------------------------------------------


class PressingCtrlC(ReferenceEngine):
    """The user presses Ctrl-C while J is evaluated for the n-th time."""

    def __init__(self, n: int) -> None:
        object.__setattr__(self, "left", n)

    def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
        object.__setattr__(self, "left", self.left - 1)
        if self.left == 0:
            raise KeyboardInterrupt
        super().run_epochs(job, state, epochs, done)


STOPS: dict[str, dict[str, Any]] = {
    "epochs": {"epochs": 3},
    "callback": {"callbacks": [lambda report: report.epoch == 3]},
    "early_stopping": {"validation": (X_VAL, Y_VAL), "early_stopping": dr.EarlyStopping(patience=1)},
    "time_limit": {"time_limit": 1e-9},
    "target_loss": {"target_loss": 1e9},
    "tolerance": {"tol": 1e9},
    "interrupted": {"engine": PressingCtrlC(9)},
    "converged": {"optimizer": dr.LBFGS(function_tolerance=0.5)},
}


@pytest.mark.parametrize("kind", STOPS)
def test_a_run_that_is_over_leaves_no_thread(kind: str) -> None:
    assert threads() == 0
    run = curve().training(X, Y, **{"optimizer": ENDLESS, "epochs": 400, **STOPS[kind]})
    history = run.run()
    assert history.stop is not None
    assert history.stop.kind == kind
    assert threads() == 0


def test_a_run_that_nobody_goes_on_with_leaves_no_thread() -> None:
    run = curve().training(X, Y, optimizer=ENDLESS, epochs=9)
    next(run)
    assert threads() == 1
    del run
    assert threads() == 0


def test_errors_are_raised_where_the_run_is_called() -> None:
    def fail(report: Any) -> None:
        if report.epoch == 2:
            raise ZeroDivisionError("of the callback")

    run = curve().training(X, Y, optimizer=ENDLESS, epochs=9, callbacks=[fail])
    with pytest.raises(ZeroDivisionError, match="of the callback"):
        run.run()
    assert threads() == 0
    run.run()
    assert [report.epoch for report in run.history.epochs] == list(range(1, 10))


def test_errors_of_an_evaluation_too() -> None:
    calls = []

    def value(y: Any, y_hat: Any) -> Any:
        calls.append(threading.current_thread())
        if len(calls) == 7:
            raise ZeroDivisionError("of the loss")
        return np.sum((y_hat - y) ** 2, axis=1)

    own = dr.Loss("own", value, lambda y, y_hat: 2.0 * (y_hat - y))
    with pytest.raises(ZeroDivisionError, match="of the loss"):
        curve().train(X, Y, loss=own, optimizer=ENDLESS, epochs=99)
    assert set(calls) == {threading.main_thread()}
    assert threads() == 0


def test_ctrl_c_keeps_the_last_iteration() -> None:
    net = curve()
    history = net.train(X, Y, optimizer=ENDLESS, epochs=99, engine=PressingCtrlC(9))
    expected = curve()
    expected.train(X, Y, optimizer=ENDLESS, epochs=len(history.epochs), engine="reference")
    assert history.epochs
    assert net.theta.tobytes() == expected.theta.tobytes()


def test_strict_numpy_settings_do_not_matter() -> None:
    nets = [curve(), curve()]
    nets[0].train(X, Y, optimizer=ENDLESS, epochs=40)
    with np.errstate(all="raise"):
        nets[1].train(X, Y, optimizer=ENDLESS, epochs=40)
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()


def test_runs_in_several_threads_do_not_meet() -> None:
    nets = [curve(seed=seed) for seed in range(4)]
    workers = [
        threading.Thread(target=net.train, args=(X, Y), kwargs={"optimizer": "lbfgs", "epochs": 30})
        for net in nets
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for seed, net in enumerate(nets):
        alone = curve(seed=seed)
        alone.train(X, Y, optimizer="lbfgs", epochs=30)
        assert net.theta.tobytes() == alone.theta.tobytes()
    assert threads() == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_goes_on() -> None:
    """There is no other thread in it: it begins with an empty memory where the run was."""
    net = curve()
    run = net.training(X, Y, optimizer=ENDLESS, epochs=9)
    next(run)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            history = run.run()
            code = 0 if len(history.epochs) == 9 and np.isfinite(net.theta).all() else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    run.run()
    expected = curve()
    expected.train(X, Y, optimizer=ENDLESS, epochs=9)
    assert net.theta.tobytes() == expected.theta.tobytes()


SCRIPT = """
import sys, time
import numpy as np
import deltarule as dr

def value(y, y_hat):
    global calls
    calls += 1
    if calls == 9 and sys.argv[1] == "ctrl-c":
        print("ready", flush=True)
        time.sleep(60)
    return np.sum((y_hat - y) ** 2, axis=1)

calls = 0
X = np.random.default_rng(0).normal(size=(8, 3))
net = dr.Network([3, 4, 1], ["tanh", "identity"])
loss = dr.Loss("own", value, lambda y, y_hat: 2.0 * (y_hat - y))
run = net.training(X, X[:, 0] ** 2, loss=loss, optimizer="lbfgs", epochs=99)
next(run)
if sys.argv[1] == "ctrl-c":
    print(run.run().stop.kind, np.isfinite(net.theta).all())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_a_real_ctrl_c() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "ctrl-c"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "interrupted True\n", "")


def test_the_interpreter_ends_in_the_middle_of_a_run() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "leave"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# -- settings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"memory": 0}, "memory"),
        ({"memory": 2.5}, "memory"),
        ({"gradient_tolerance": -1.0}, "gradient_tolerance"),
        ({"function_tolerance": math.nan}, "function_tolerance"),
        ({"max_evaluations": 0}, "max_evaluations"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(dr.InputError, match=f"`{name}` must"):
        dr.LBFGS(**settings)


def _threads_of_blas() -> list[int]:
    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]


@pytest.mark.parametrize("ends", ["at the end", "by a callback", "with an error", "is left"])
def test_blas_has_its_threads_where_an_engine_works_and_afterwards(ends: str) -> None:
    """SciPy's short vectors get one; a product in the reference engine, and the user's own, get all."""
    with threadpool_limits(3, "blas"):
        before, seen = _threads_of_blas(), []

        def look(report: dr.EpochReport) -> bool:
            seen.append(_threads_of_blas())
            if ends == "with an error" and report.epoch == 3:
                raise RuntimeError("on purpose")
            return ends == "by a callback" and report.epoch == 3

        net = dr.Network([2, 4, 1], activations=["tanh", "identity"], seed=0)
        X = np.random.default_rng(0).normal(size=(30, 2))
        run = net.training(X, np.sin(X[:, :1]), optimizer="lbfgs", epochs=6, callbacks=[look])
        if ends == "with an error":
            with pytest.raises(RuntimeError, match="on purpose"):
                run.run()
        elif ends == "is left":
            next(run)
            del run
        else:
            run.run()
        assert before
        assert seen
        assert seen == [before] * len(seen)
        assert _threads_of_blas() == before


def test_several_users_of_one_blas_thread() -> None:
    one = OneThread()
    with threadpool_limits(2, "blas"):
        before = _threads_of_blas()
        one.begin()
        one.begin()
        one.end()
        assert set(_threads_of_blas()) == {1}
        one.end()
        assert _threads_of_blas() == before
        one.begin()
        one.forget()  # as in a process that was forked now
        assert _threads_of_blas() == before
        one.begin()
        assert set(_threads_of_blas()) == {1}
        one.end()
        assert _threads_of_blas() == before
