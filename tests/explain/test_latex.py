"""The LaTeX of a working is a document that LaTeX accepts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex"),
]


@pytest.mark.parametrize("detail", ["scalar", "matrix", "summary"])
@pytest.mark.parametrize("optimizer", ["sgd", dr.SGD(0.1, momentum=0.9), "adam"], ids=repr)
def test_latex_compiles(detail: Any, optimizer: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    net = dr.Network([3, 2, 2], ["mish", "exponential"], seed=1)
    X, y = rng.normal(size=(3, 3)), rng.poisson(2.0, size=(3, 2)).astype(float)
    settings = {"loss": "poisson", "sample_weight": [1.0, 2.0, 0.5], "penalty": (dr.L1(0.1), dr.L2(0.1))}
    working = dr.show_step(net, X, y, optimizer=optimizer, detail=detail, **settings)
    (tmp_path / "step.tex").write_text(working.to_latex(), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "step.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "step.pdf").stat().st_size > 10_000
