"""The LaTeX of a working is a document that LaTeX accepts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.explain.latex import letter_of

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
    assert_compiles(dr.show_step(net, X, y, optimizer=optimizer, detail=detail, **settings), tmp_path)


@pytest.mark.parametrize("conventions", dr.CONVENTIONS)
@pytest.mark.parametrize("detail", ["scalar", "matrix"])
def test_latex_of_every_document_compiles(conventions: str, detail: Any, tmp_path: Path) -> None:
    net = dr.Network([3, 2, 2], ["tanh", "sigmoid"], seed=1)
    settings = {"penalty": (dr.L1(0.1, biases=True), dr.L2(0.1)), "detail": detail}
    X, y = [[0.1, 0.2, 0.3], [0.4, 0.5, -0.6]], [[1.0, 0.0], [0.0, 1.0]]
    assert_compiles(dr.show_step(net, X, y, conventions=conventions, **settings), tmp_path)


def test_a_long_derivation_goes_on_on_the_next_page(tmp_path: Path) -> None:
    net, (X, y) = dr.Network([3, 2, 1], ["sigmoid", "exponential"], seed=0), dr.datasets.net321(n=14)
    assert_compiles(dr.show_step(net, X, y, detail="scalar"), tmp_path)
    assert r"Overfull \hbox" not in (tmp_path / "step.log").read_text(encoding="latin-1")  # nor at the right


def test_every_greek_letter_compiles(tmp_path: Path) -> None:
    letters = " ".join(letter_of(letter) for letter in "αβγδεζηθικλμνξοπρςστυφχψωΩ")
    head, _, _ = (
        dr.show_step(dr.Network([1, 1], ["tanh"], seed=1), [[1.0]], [1.0]).to_latex().partition(r"\section")
    )
    assert_accepted(rf"{head}${letters}$\end{{document}}", tmp_path)


def assert_compiles(working: dr.Working, tmp_path: Path) -> None:
    assert_accepted(working.to_latex(), tmp_path)
    assert (tmp_path / "step.pdf").stat().st_size > 10_000


def assert_accepted(document: str, tmp_path: Path) -> None:
    (tmp_path / "step.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "step.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert r"Overfull \vbox" not in done.stdout  # nothing runs off the foot of a page
