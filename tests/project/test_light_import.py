"""`import deltarule` stays light: what is heavy is loaded by what needs it (its time: scripts/import_time.py)."""

from __future__ import annotations

from tests.project.support import python

HEAVY = {"sklearn", "polars", "matplotlib", "typer", "rich", "pandas", "torch", "narwhals"}
MODULES_LOADED = "import sys; before = set(sys.modules); import deltarule; print(*set(sys.modules) - before)"


def test_import_loads_nothing_heavy() -> None:
    loaded = {name.split(".")[0] for name in python(MODULES_LOADED).split()}
    assert "deltarule" in loaded
    assert not loaded & HEAVY


def test_import_loads_few_modules() -> None:
    assert len(python(MODULES_LOADED).split()) < 20


def test_a_network_loads_nothing_heavy_either() -> None:
    code = "import sys, deltarule; deltarule.Network([1, 1], activations=['identity']); print(*sys.modules)"
    loaded = {name.split(".")[0] for name in python(code).split()}
    assert not loaded & HEAVY
