"""The entry of the program `deltarule`: Ctrl-C ends it quietly even while it is still being imported."""

from __future__ import annotations

import signal
import sys

try:
    from deltarule.cli.program import app
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would kill the program on its way out
    print("Error: Interrupted; nothing was written.", file=sys.stderr)
    sys.exit(130)

__all__ = ["app"]
