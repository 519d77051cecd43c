"""The machine that the numbers belong to: processor, system, versions, date and load."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

DISTRIBUTIONS = ("deltarule", "numpy", "torch", "jax", "jaxlib", "keras", "scikit-learn")
INSTRUCTION_SETS = (
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_bf16",
    "asimd",
    "sve",
)
SYSTEM = Path("/sys/devices/system/cpu/cpu0/cache")
AUTOGROUP = Path("/proc/sys/kernel/sched_autogroup_enabled")


def machine() -> dict[str, Any]:
    """Return everything that can be read here; what cannot is left out."""
    flags = cpu_info("flags") or cpu_info("Features")
    described = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": cpu_info("model name") or platform.processor() or platform.machine(),
        "cores": cores(),
        "instruction sets": [name for name in INSTRUCTION_SETS if name in flags.split()],
        "caches": caches(),
        "system": platform.platform(),
        "native engine": instruction_set(),
        "autogroup": AUTOGROUP.exists() and AUTOGROUP.read_text().strip() == "1",
        "load before": load(),
        "Python": platform.python_version(),
        "versions": versions(),
    }
    return {name: value for name, value in described.items() if value not in ("", [], None)}


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def instruction_set() -> str:
    """Return the instruction set that the native engine has chosen, if it was compiled."""
    with suppress(ImportError):
        native = import_module("deltarule.engines.native._native")
        return str(native.instruction_sets()[0])
    return ""


def load() -> float | None:
    """Return how many processes wanted to run, averaged over the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def cpu_info(field: str) -> str:
    """Return what Linux says about the first core."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
    return ""


def caches() -> list[str]:
    """Return the caches that the first core sees."""
    parts = [
        {name: read(cache / name) for name in ("level", "type", "size")} for cache in SYSTEM.glob("index*")
    ]
    named = {"Data": "data", "Unified": ""}
    found = [(p["level"], named[p["type"]], p["size"]) for p in parts if p["type"] in named]
    return [" ".join(filter(None, (f"L{level}", kind, size))) for level, kind, size in sorted(found)]


def read(path: Path) -> str:
    """Return a line of the system's, or an empty string."""
    with suppress(OSError):
        return path.read_text().strip()
    return ""


def versions() -> dict[str, str]:
    """Return the versions of everyone who is installed."""
    found = {}
    for distribution in DISTRIBUTIONS:
        with suppress(PackageNotFoundError):
            found[distribution] = version(distribution)
    return found
