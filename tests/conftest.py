"""What every test shares: deterministic property tests without time limits, and figures without windows."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
settings.register_profile("deltarule", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("deltarule")
