"""Every case in the data files has a test."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tests.cases.support import CASES, claimed


def test_every_case_has_a_test() -> None:
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        import_module(f"tests.cases.{path.stem}")
    assert claimed == set(CASES)
