"""How much the peak resident memory of this process grows; Linux only, elsewhere there is no number."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

PROCESS = Path("/proc/self")


class Peak:
    """From now on: the kernel's own high-water mark (VmHWM) is reset, and read when asked."""

    def __init__(self) -> None:
        self._start = None
        with suppress(OSError):
            (PROCESS / "clear_refs").write_text("5")  # resets VmHWM
            self._start = resident_mb("VmRSS")

    def growth_mb(self) -> float | None:
        """Return the peak since then minus what was resident then, in MB of 2²⁰ bytes."""
        return None if self._start is None else resident_mb("VmHWM") - self._start


def resident_mb(field: str) -> float:
    """Return a reading of this process's memory in MB: VmRSS is now, VmHWM the peak."""
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
