"""`import deltarule` stays light: heavy packages wait for what needs them (time: scripts/import_time.py)."""

from __future__ import annotations

import sys

from tests.project.support import python

HEAVY = {"sklearn", "polars", "matplotlib", "typer", "rich", "pandas", "torch", "narwhals"}
NAMES = "print(*set(sys.modules) - before)"


def loaded_by(statement: str) -> list[str]:
    """The modules that a statement adds to a fresh interpreter."""
    return python(f"import sys; before = set(sys.modules); {statement}; {NAMES}").split()


def packages(modules: list[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def test_import_loads_the_standard_library_at_most() -> None:
    modules = loaded_by("import deltarule")
    assert packages(modules) - set(sys.stdlib_module_names) == {"deltarule"}
    assert len(modules) < 100


def test_a_network_loads_nothing_heavy_either() -> None:
    modules = loaded_by("import deltarule as dr; dr.Network([1, 1], activations=['identity'])")
    assert not packages(modules) & HEAVY
