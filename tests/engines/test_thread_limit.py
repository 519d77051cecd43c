"""How many threads the native engine may use: whoever sets the limit, it holds for what starts after it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from math import inf
from typing import Any

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import deltarule as dr
from deltarule.engines.native import engine, pace, threads
from deltarule.engines.native.engine import NativeEngine
from tests.engines.support import require_native
from tests.project.support import python

require_native()

RNG = np.random.default_rng(5)
X = RNG.normal(size=(512, 30))


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with eight cores on which every step is worth many threads, and no number was ever slow."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(8), raising=False)
    monkeypatch.setattr(engine, "WORK_PER_THREAD", 1_000)
    monkeypatch.setattr(pace, "SHORT", 0.0)
    pace.pace_of.cache_clear()
    yield
    pace.pace_of.cache_clear()
    dr.set_threads("auto")


def threads_used(net: dr.Network | None = None) -> int | None:
    net = network() if net is None else net
    return net.train(X, X[:, 0], epochs=2, batch_size=256, engine="native").threads


def network() -> dr.Network:
    return dr.Network([30, 50, 1], ["tanh", "identity"])


def test_it_is_the_number_of_cores_at_first() -> None:
    assert dr.get_threads() == 8
    assert threads_used() == 8


def test_it_can_be_set_and_set_back() -> None:
    for n in (1, 3, np.int64(2), 12):
        dr.set_threads(n)  # type: ignore[arg-type]
        assert dr.get_threads() == n
        assert threads_used() == n
    dr.set_threads("auto")
    assert threads_used() == 8


def test_it_is_a_limit_and_no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORK_PER_THREAD", 10**9)
    dr.set_threads(4)
    assert threads_used() == 1


@pytest.mark.parametrize("n", [0, -1, 1.5, 2.0, True, None, "two", "2", ""])
def test_nonsense_is_refused_and_changes_nothing(n: Any) -> None:
    dr.set_threads(3)
    with pytest.raises(dr.InputError, match=r"^`n` must be .*at least 1"):
        dr.set_threads(n)
    assert dr.get_threads() == 3


def test_no_bit_depends_on_it() -> None:
    found = []
    for n in (1, 2, 5):
        dr.set_threads(n)
        net = network()
        assert threads_used(net) == n
        found.append(net.theta.tobytes())
    assert found == [found[0]] * 3


@pytest.mark.parametrize(
    ("text", "allowed"),
    [("3", 3), (" 2 ", 2), ("4,3,2", 4), ("5 , 1", 5), ("8", 8), ("100", 8)]
    + [(nonsense, 8) for nonsense in ("", "0", "-2", "many", "2.5", "4,many", "4,", "٣", "9" * 5000)],
)
def test_the_environment_limits_what_is_automatic(
    text: str, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert dr.get_threads() == allowed
    assert threads_used() == allowed
    dr.set_threads(6)
    assert dr.get_threads() == 6


def test_threadpoolctl_knows_it() -> None:
    (found,) = (pool for pool in threadpool_info() if pool["user_api"] == "deltarule")
    assert found["num_threads"] == 8
    assert "_native" in found["filepath"]


@pytest.mark.parametrize("limits", [2, {"deltarule": 2}])
def test_threadpoolctl_sets_it_for_a_while(limits: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with threadpool_limits(limits):
        assert dr.get_threads() == 2
        assert threads_used() == 2
    assert threads_used() == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert dr.get_threads() == 5, "what was automatic is so again"
    dr.set_threads(3)
    with threadpool_limits(limits=1, user_api="deltarule"):
        assert threads_used() == 1
    assert dr.get_threads() == 3


def test_it_is_read_when_compiled_code_is_entered() -> None:
    """Also on the way, by whoever steps a training by hand, and by another thread."""
    training = network().training(X, X[:, 0], epochs=5, batch_size=256, engine="native")
    used = []
    for n, _ in zip((1, 2, 3), training, strict=False):
        used.append(training.history.threads)
        setting = threading.Thread(target=dr.set_threads, args=(n,))
        setting.start()
        setting.join()
    assert used == [8, 1, 2]


@contextlib.contextmanager
def another_thread(computing: bool = True) -> Iterator[None]:
    """While this lasts, it is in compiled code, or has just left it."""
    ready, end = threading.Event(), threading.Event()

    def compute() -> None:
        with threads.share_of_threads():
            if computing:
                ready.set()
                end.wait()
        ready.set()
        end.wait()

    thread = threading.Thread(target=compute)
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        end.set()
    thread.join()


def test_trainings_at_the_same_time_share_it() -> None:
    for others, share in ((1, 4), (2, 2), (9, 1)):
        with contextlib.ExitStack() as stack:
            for _ in range(others):
                stack.enter_context(another_thread())
            assert threads_used() == share
        assert threads_used() == 8, "they have ended"


@pytest.mark.parametrize(("between", "share"), [(inf, 4), (-1.0, 8)])
def test_a_training_counts_between_two_calls(
    between: float, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not for long."""
    monkeypatch.setattr(threads, "SECONDS_BETWEEN_CALLS", between)
    with another_thread(computing=False):
        assert threads_used() == share


def on_many_cores() -> int:
    os.sched_getaffinity = lambda process: set(range(1000))
    return dr.get_threads()


def test_processes_of_joblib_share_the_cores() -> None:
    for n_jobs in (2, 3):
        found = joblib.Parallel(n_jobs, backend="loky")(joblib.delayed(on_many_cores)() for _ in range(4))
        assert found == [max(1, joblib.cpu_count() // n_jobs)] * 4


@pytest.mark.skipif(sys.platform != "linux", reason="the cores of a process are the kernel's to say")
def test_the_cores_of_the_process_limit_what_is_automatic() -> None:
    code = "import os, deltarule as dr; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    assert python(f"{code}; print(dr.get_threads())") == "1\n"


@pytest.mark.parametrize("first", ["threadpoolctl", "deltarule.network"])
def test_it_does_not_matter_who_is_imported_first(first: str) -> None:
    pools = "[pool['user_api'] for pool in threadpoolctl.threadpool_info()]"
    code = f"import {first}, threadpoolctl; import deltarule as dr; dr.Network; print('deltarule' in {pools})"
    assert python(code) == "True\n"


def test_calls_of_one_epoch_use_as_many_as_were_faster_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace.Pace, "choose", lambda self: self.most // 2)
    training = network().training(X, X[:, 0], epochs=2, batch_size=256, engine="native")
    next(training)
    assert training.history.threads == 4
    state, job = training.state, training.job
    NativeEngine().run_epochs(job, state, 2, done := [])
    assert done[-1].threads == 8, "several in one call are not all alike"
    dr.set_threads(1)
    NativeEngine().run_epochs(job, state, 1, done)
    assert done[-1].threads == 1
