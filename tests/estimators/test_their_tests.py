"""scikit-learn's own tests of its MLP, with our classes in place of theirs; and its checks of estimators."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import deltarule as dr

UNDERSCORED = (  # they read or set underscore attributes; test_behavior.py has a test for each
    "test_fit",
    "test_gradient",
    "test_learning_rate_warmstart",
    "test_adaptive_learning_rate",
    "test_n_iter_no_change",
    "test_n_iter_no_change_inf",
)


def test_scikit_learns_tests_pass(tmp_path: Path) -> None:
    """Their conftest is found beside their file; in_their_place.py, a plugin, puts our classes in place."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "in_their_place", "-p", "no:cacheprovider"]
    command += [
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
        "--pyargs",
        "sklearn.neural_network.tests.test_mlp",
    ]
    command += ["-k", " and ".join(f"not {name}" for name in UNDERSCORED)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|deselected)", done.stdout)}
    assert counts["deselected"] == len(UNDERSCORED)
    assert counts["passed"] > 45


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([dr.MLPClassifier(max_iter=100), dr.MLPRegressor(max_iter=100)])
def test_scikit_learns_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)
