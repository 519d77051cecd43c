"""The native engine, interrupted: Ctrl-C, signals, and Python threads that run while it trains."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS
from deltarule.core.losses import LOSSES
from deltarule.engines.native.engine import NativeEngine
from tests.engines.support import case, each_instruction_set, require_native, run

require_native()

each_width = pytest.mark.parametrize("widths", [[3, 4, 2], [3, 40, 2]], ids=["narrow", "wide"])

INTERRUPTED = """
import json, os, signal, sys, threading
import numpy as np
import deltarule as dr
from deltarule.engines.native.engine import NativeEngine

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
rng = np.random.default_rng(0)
n, widths, batch_size, threads = json.loads(sys.argv[1])
X = rng.normal(size=(n, widths[0]))
net = dr.Network(widths, ["tanh"] * (len(widths) - 2) + ["identity"], dtype="float32")
started, counted = threading.Event(), []

def press():
    started.wait()
    for number in range(300_000):
        counted.append(number)
    os.kill(os.getpid(), signal.SIGINT)

def batches(epoch):
    if epoch == 1:
        started.set()
    return [np.arange(n)] * (10**5 if epoch else 1)

class Telling(NativeEngine):
    def run_epochs(self, job, state, epochs, done):
        if state.epoch >= 2:
            started.set()
        super().run_epochs(job, state, epochs, done)

threading.Thread(target=press, daemon=True).start()
own = {} if batch_size else {"batches": batches}
engine = Telling(threads=threads)
history = net.train(X, X[:, 0], epochs=10**9, batch_size=batch_size or 32, engine=engine, **own)
before = net.theta.copy()
again = net.train(X, X[:, 0], epochs=1, engine=engine)
print(json.dumps({"stop": history.stop[0], "epochs": len(history.epochs), "engine": history.engine,
                  "counted": len(counted), "finite": bool(np.isfinite(net.predict(X[:5])).all()),
                  "trains on": bool((net.theta != before).any()), "again": again.stop[0]}))
"""

WORKS = {
    "tiny steps": (50, [3, 2, 1], 8, 1),
    "wide, two threads": (3_000, [20, 100, 1], 64, 2),
    "one endless epoch": (100, [3, 20, 1], 0, 1),
    "long steps": (60_000, [20, 40, 1], 60_000, 2),
}


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("work", WORKS)
def test_ctrl_c_from_a_python_thread_that_runs_while_it_trains(work: str) -> None:
    """Without end if the GIL were kept: the thread that presses Ctrl-C would never run."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, json.dumps(WORKS[work])],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert result["stop"] == "interrupted"
    assert result["engine"] == "native"
    assert result["counted"] == 300_000
    assert result["finite"]
    assert result["trains on"]
    assert result["again"] == "epochs"


STEP_CUT_SHORT = """
import os, signal, sys, threading
import numpy as np
import deltarule as dr
from deltarule.engines.native.engine import NativeEngine

signal.signal(signal.SIGINT, signal.default_int_handler)

class Pressed(NativeEngine):
    def run_epochs(self, job, state, epochs, done):
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        super().run_epochs(job, state, epochs, done)

hidden, repeats, threads = map(int, sys.argv[1:])
X = np.random.default_rng(0).normal(size=(1_000, 20)).astype(np.float32)
net = dr.Network([20, hidden, 1], ["tanh", "identity"], dtype="float32")
before = net.theta.copy()
batches = [np.tile(np.arange(1_000), repeats)]
engine = Pressed(threads=threads)
training = net.training(X, X[:, 0], epochs=3, batches=batches, optimizer="adam", engine=engine)
history = training.run()
print(history.stop.kind, len(history.epochs), training.state.step, (net.theta == before).all())
net.train(X, X[:, 0], epochs=1, engine=NativeEngine(threads=threads))
print((net.theta != before).any())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("hidden", "repeats"), [(10, 5_000), (400, 4_000)], ids=["narrow", "wide"])
def test_ctrl_c_does_not_wait_for_the_end_of_a_step(hidden: int, repeats: int, threads: int) -> None:
    """A step of a second: it is given up before it has changed anything."""
    command = [sys.executable, "-c", STEP_CUT_SHORT, *map(str, (hidden, repeats, threads))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.stdout, done.stderr) == ("interrupted 0 0 True\nTrue\n", "")


LEFT_BEHIND = """
import threading, time
import numpy as np
import deltarule as dr

X = np.ones((1_000, 3))
net = dr.Network([3, 2, 1], ["tanh", "identity"])
batches = [np.arange(1_000)] * 10**5
training = net.training(X, X[:, 0], epochs=10**6, batches=batches, engine="native")
threading.Thread(target=training.run, daemon=True).start()
time.sleep(0.2)
print("left")
"""


def test_the_interpreter_exits_while_a_daemon_thread_trains() -> None:
    """Nothing aborts, and nothing is said about what the thread still holds."""
    command = [sys.executable, "-c", LEFT_BEHIND]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")


def problem(widths: Any) -> Any:
    return case(LOSSES["huber"], [ACTIVATIONS["tanh"], ACTIVATIONS["identity"]], widths, 60)


def endless(widths: Any) -> Any:
    """A job for one call of the engine, so that a signal arrives in compiled code."""
    return problem(widths).job(dr.SGD(0.01))


def at_start(widths: Any) -> Any:
    return problem(widths).theta


@pytest.mark.skipif(sys.platform == "win32", reason="sets a timer")
@each_width
def test_what_a_signal_handler_raises_comes_out(widths: Any) -> None:
    """A time limit by signal, as test runners and schedulers set it, is no Ctrl-C."""

    class TimeIsUpError(Exception):
        pass

    def up(number: int, frame: Any) -> None:
        raise TimeIsUpError

    before = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(TimeIsUpError):
            run(NativeEngine(), endless(widths), at_start(widths), 10**8)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# -- the machine is left as it was ------------------------------------------------------------------------


def denormals_work() -> bool:
    """Whether arithmetic below the smallest normal number still gives numbers."""
    for dtype in (np.float32, np.float64):
        tiny = np.full(64, np.finfo(dtype).tiny)
        if not ((tiny / 4 > 0).all() and (tiny / 4 * 4 == tiny).all()):
            return False
    return True


@each_width
@pytest.mark.parametrize("threads", [1, 3])
@each_instruction_set
def test_denormals_are_back_after_a_run(instruction_set: str, threads: int, widths: Any) -> None:
    assert denormals_work()
    run(NativeEngine(instruction_set, threads), endless(widths), at_start(widths), 3)
    assert denormals_work()


@pytest.mark.skipif(sys.platform == "win32", reason="sets a timer")
def test_denormals_are_there_in_a_signal_handler_and_after_it() -> None:
    seen: list[bool] = []

    def up(number: int, frame: Any) -> None:
        seen.append(denormals_work())
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(NativeEngine(), endless([3, 4, 2]), at_start([3, 4, 2]), 10**8)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen == [True]
    assert denormals_work()
