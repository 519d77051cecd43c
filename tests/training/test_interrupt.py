"""Ctrl-C at any moment: the run ends, finished epochs are on record, the network is usable."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.engines.base import EpochSums, Job, TrainingState
from deltarule.engines.reference import ReferenceEngine
from tests.training.support import X, Y, curve, theta_after


def interrupted_batches(epoch: int, steps: int) -> Any:
    """Batches of 4 rows in order; in one epoch the user presses Ctrl-C after some steps."""

    class Steps(list[Any]):
        def __iter__(self) -> Any:
            for number, batch in enumerate(super().__iter__()):
                if number == steps:
                    raise KeyboardInterrupt
                yield batch

    class Pressing(ReferenceEngine):
        def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
            class Plan:
                def epoch(self, number: int) -> Any:
                    batches = job.plan.epoch(number)
                    return Steps(batches) if number == epoch else batches

            pressed = Job(job.objective, job.optimizer, job.rows, Plan(), job.record_steps)  # type: ignore[arg-type]
            super().run_epochs(pressed, state, epochs, done)

    return Pressing()


@pytest.mark.parametrize("watched", [{}, {"metrics": ["rmse"]}])
@pytest.mark.parametrize(("epoch", "steps"), [(0, 0), (0, 2), (9, 0), (9, 3)])
def test_ctrl_c_within_an_epoch_loses_no_finished_one(watched: Any, epoch: int, steps: int) -> None:
    net = curve()
    history = net.train(
        X, Y, epochs=100, batch_size=4, shuffle=False, engine=interrupted_batches(epoch, steps), **watched
    )
    assert history.stop == ("interrupted", f"interrupted with {epoch} of 100 epochs finished")
    assert [report.epoch for report in history.epochs] == list(range(1, epoch + 1))
    whole = curve().train(X, Y, epochs=100, batch_size=4, shuffle=False, engine="reference")
    assert history.loss == whole.loss[:epoch]
    expected = curve()
    expected.theta = theta_after(epoch, batch_size=4, shuffle=False)
    for start in range(0, 4 * steps, 4):
        rows = slice(start, start + 4)
        expected.train(X[rows], Y[rows], epochs=1, batch_size=None)
    np.testing.assert_allclose(net.theta, expected.theta, rtol=1e-13)


def test_ctrl_c_while_the_numbers_overflow_gives_the_best_parameters_back() -> None:
    class Overflowing(ReferenceEngine):
        def run_epochs(self, job: Job, state: TrainingState, epochs: int, done: list[EpochSums]) -> None:
            if state.epoch < 3:
                super().run_epochs(job, state, 1, done)
                return
            state.theta[0] = np.inf
            raise KeyboardInterrupt

    net = curve()
    history = net.train(X, Y, epochs=10, batch_size=None, metrics=["rmse"], engine=Overflowing())
    assert history.stop is not None
    assert history.stop.kind == "interrupted"
    assert history.restored_epoch == 3
    np.testing.assert_array_equal(net.theta, theta_after(3, batch_size=None, engine="reference"))


SCRIPT = """
import json, sys
import numpy as np
import deltarule as dr

def ready(epoch):
    if epoch == 20:
        print("ready", flush=True)

def batches(epoch):
    ready(epoch)
    return [range(8)]

X = np.arange(24.0).reshape(8, 3) / 24
net = dr.Network([3, 4, 1], ["tanh", "identity"])
ways = {"watched": dict(callbacks=[lambda report: ready(report.epoch)]), "in chunks": dict(batches=batches)}
history = net.train(X, X[:, 0], epochs=10**9, **ways[sys.argv[1]])
epochs = [report.epoch for report in history.epochs]
assert epochs == list(range(1, len(epochs) + 1))
print(json.dumps({"stop": history.stop, "epochs": len(epochs), "y_hat": net.predict(X).tolist()}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("way", ["watched", "in chunks"])
def test_a_real_ctrl_c(way: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, way], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    result = json.loads(out)
    assert result["stop"] == [
        "interrupted",
        f"interrupted with {result['epochs']} of 1000000000 epochs finished",
    ]
    assert result["epochs"] >= 19
    assert np.isfinite(result["y_hat"]).all()


PATIENT = """
import sys, time
import numpy as np
import deltarule as dr

def slowly(y, y_hat, w):
    print("reporting", flush=True)
    time.sleep(60)

X = np.arange(24.0).reshape(8, 3) / 24
net = dr.Network([3, 4, 1], ["tanh", "identity"])
settings = dict(epochs=9, engine=sys.argv[2], metrics=[dr.Metric("slowly", slowly)])
if sys.argv[1] == "train":
    net.train(X, X[:, 0], **settings)
else:
    list(net.training(X, X[:, 0], **settings))
print("not reached")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("engine", ["reference", "auto"])
@pytest.mark.parametrize("way", ["train", "by hand"])
def test_a_second_ctrl_c_is_raised_at_once(way: str, engine: str) -> None:
    """The first ends the run and puts its epochs on record, which may take long."""
    with subprocess.Popen(
        [sys.executable, "-c", PATIENT, way, engine],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for _ in range(2):
            assert process.stdout.readline() == "reporting\n"
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (-signal.SIGINT, "")
    assert err.endswith("KeyboardInterrupt\n")


def test_an_interrupted_network_can_be_saved_and_loaded(tmp_path: Any) -> None:
    net = curve()
    net.train(X, Y, epochs=9, batch_size=4, engine=interrupted_batches(3, 1))
    net.save(tmp_path / "net.safetensors")
    loaded = dr.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(loaded.theta, net.theta)
    assert loaded.training_record["stop"] == "interrupted with 3 of 9 epochs finished"
