"""Cases: inputs of worked examples in five teaching documents, the numbers to reach, and how closely.

The numbers lie in ``data/``, one file per document; each case has at least one test (see test_complete.py).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import filter as matching
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

import deltarule as dr

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Case:
    """One worked example: |got - expected| <= abs + rel |expected| is what it asks for."""

    name: str
    inputs: Mapping[str, Any]
    expected: Mapping[str, Any]
    tolerance: Mapping[str, float]
    printed: Any = None
    tolerance_at_end: Mapping[str, float] = field(default_factory=dict)

    def reaches(self, **got: ArrayLike) -> None:
        """Compare numbers with the expected ones of the same name."""
        for name, values in got.items():
            self.close(values, self.expected[name], name)

    def close(self, got: ArrayLike, expected: ArrayLike, name: str = "") -> None:
        """Compare numbers to the case's tolerance."""
        close(got, expected, self.tolerance, f"{self.name} {name}")


def close(got: ArrayLike, expected: ArrayLike, tolerance: Mapping[str, float], name: str = "") -> None:
    np.testing.assert_allclose(
        got, expected, rtol=tolerance["rel"], atol=tolerance["abs"], err_msg=name, verbose=True
    )


def _read(path: Path) -> dict[str, Case]:
    contents = json.loads(path.read_text(encoding="utf-8"))
    return {name: Case(name, **parts) for name, parts in contents.items()}


CASES: dict[str, Case] = {}
for _path in sorted(DATA.glob("*.json")):
    CASES |= _read(_path)

claimed: set[str] = set()


def cases(*patterns: str) -> pytest.MarkDecorator:
    """Run a test once for each case whose name matches; the name is the test's id."""
    names = [name for pattern in patterns for name in matching(CASES, pattern)]
    for pattern in patterns:
        assert matching(CASES, pattern), f"no case is named {pattern}"
    claimed.update(names)
    return pytest.mark.parametrize("case", [CASES[name] for name in names], ids=names)


def network(
    activations: Sequence[str | dr.Activation],
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike] | None = None,
    dtype: Any = "float64",
) -> dr.Network:
    """Return the network with these weights, (n_in, n_out) per layer, and biases."""
    widths = [len(np.asarray(weights[0])), *(np.shape(W)[1] for W in weights)]
    net = dr.Network(widths, activations=activations, bias=biases is not None, dtype=dtype)
    net.weights = weights
    if biases is not None:
        net.biases = biases
    return net


TOTAL = dr.Loss("total", value=lambda y, y_hat: y_hat.sum(axis=1), slope=lambda y, y_hat: np.ones_like(y_hat))
"""The output itself as a loss: its gradients are the derivatives of the network."""


def legacy(seed: int) -> np.random.RandomState:
    """Return the stream of ``np.random.seed(seed)``, which the documents use, apart from the global one."""
    return np.random.RandomState(seed)


def after_epochs(
    run: Iterable[dr.EpochReport], epochs: Iterable[int | str], look: Callable[[], Any]
) -> dict[int, Any]:
    """Step through a run and look at the network after each of these epochs."""
    wanted = {int(epoch) for epoch in epochs}
    return {report.epoch: look() for report in run if report.epoch in wanted}


def real_data(*parts: str) -> Path:
    """Return the path of a real data file, or skip the test where there is none."""
    folder = os.environ.get("DELTARULE_DATA")
    if not folder:
        pytest.skip("DELTARULE_DATA is not set")
    path = Path(folder).joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path.name} is not in DELTARULE_DATA")
    return path


def column(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=float).reshape(-1, 1)
