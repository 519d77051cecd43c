"""Where the real tables are, for tests that read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets; the test is skipped where there is none."""
    folder = os.environ.get("DELTARULE_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("DELTARULE_DATA names no folder")
    return Path(folder)
