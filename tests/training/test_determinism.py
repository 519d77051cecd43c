"""The same seed gives the same bits: stepped or in chunks, watched or not, in this process or a new one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from tests.training.support import X_VAL, Y_VAL, X, Y, curve

RUNS: dict[str, dict[str, Any]] = {
    "full batch": {"batch_size": None},
    "mini-batch": {"batch_size": 4},
    "stochastic": {"batch_size": 1},
    "adam": {"batch_size": 4, "optimizer": dr.Adam(0.01)},
    "momentum": {"batch_size": 4, "optimizer": dr.SGD(0.01, momentum=0.9, nesterov=True)},
    "penalty": {"batch_size": 4, "penalty": dr.L2(0.01)},
    "own batches": {"batches": lambda epoch: [[epoch % 23, 3], [4, 5, 6]]},
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RUNS)
def test_chunks_steps_and_watched_epochs_are_the_same_bits(name: str, dtype: Any) -> None:
    settings = {"epochs": 60, "record_steps": True, **RUNS[name]}
    nets = [curve(dtype=dtype) for _ in range(3)]
    nets[0].train(X, Y, **settings)
    for _ in nets[1].training(X, Y, **settings):
        pass
    nets[2].train(
        X, Y, metrics=["rmse"], validation=(X_VAL, Y_VAL), callbacks=[lambda report: None], **settings
    )
    histories = [net.history for net in nets]
    assert histories[0] is not None
    for net, history in zip(nets, histories, strict=True):
        assert history is not None
        assert net.theta.tobytes() == nets[0].theta.tobytes()
        assert history.loss == histories[0].loss
        assert [losses.tobytes() for losses in history.step_losses] == [
            losses.tobytes() for losses in histories[0].step_losses
        ]
        assert history.stop == histories[0].stop


def bits(seed: int, net_seed: int = 0, **settings: Any) -> str:
    net = curve(seed=net_seed)
    net.train(X, Y, epochs=3, batch_size=4, seed=seed, validation=0.2, **settings)
    return hashlib.sha256(net.theta.tobytes()).hexdigest()


def test_the_seed_decides() -> None:
    assert bits(1) == bits(1)
    assert len({bits(0), bits(1), bits(2**53 + 1), bits(2**53 + 2), bits(2**64 - 1), bits(2**64 - 2)}) == 6
    assert bits(1, net_seed=1) != bits(1, net_seed=2)


def test_kinds_of_integers_are_the_same_seed() -> None:
    assert bits(np.int64(5)) == bits(np.uint64(5)) == bits(5)
    assert bits(np.uint64(2**64 - 1)) == bits(2**64 - 1)


def test_a_new_process_gives_the_same_bits() -> None:
    script = "from tests.training.test_determinism import bits; print(bits(11))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == bits(11)


def test_training_leaves_numpys_global_state_alone() -> None:
    before = np.random.get_state()  # noqa: NPY002 (the state that must not be touched)
    bits(3)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0]
    np.testing.assert_array_equal(before[1], after[1])


def test_a_run_without_shuffling_does_not_depend_on_the_seed() -> None:
    nets = [curve(), curve()]
    for seed, net in enumerate(nets):
        net.train(X, Y, epochs=3, batch_size=4, shuffle=False, seed=seed)
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()


def test_a_run_may_be_stepped_by_hand_first_and_then_run_to_its_end() -> None:
    net, whole = curve(), curve()
    run = net.training(X, Y, epochs=60, batch_size=4)
    for _ in range(7):
        next(run)
    history = run.run()
    expected = whole.train(X, Y, epochs=60, batch_size=4)
    assert net.theta.tobytes() == whole.theta.tobytes()
    assert history.loss == expected.loss
