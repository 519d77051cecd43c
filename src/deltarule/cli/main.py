"""The entry of the program `deltarule`: Ctrl-C ends it quietly even while it is still being imported."""

from __future__ import annotations

import sys

try:
    from deltarule.cli.program import app
except KeyboardInterrupt:
    print("Error: Interrupted; nothing was written.", file=sys.stderr)
    sys.exit(130)

__all__ = ["app"]
