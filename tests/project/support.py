"""Where things are, and fresh processes, for the tests of the project itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "deltarule"


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Return what the command prints; where it fails, say what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} failed with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def python(code: str, cwd: Path = ROOT) -> str:
    """Return what the code prints in a fresh interpreter in which warnings are errors."""
    return run(sys.executable, "-W", "error", "-c", code, cwd=cwd)
