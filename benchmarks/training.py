"""Training speed: this library's engines and its peers on the same arrays, weights and batches.

``make benchmark`` runs everything, and docs/benchmarks.md says how it measures. Without an option that names
a part, only speed is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import report, timing
from benchmarks.busy import busy
from benchmarks.linear import linear
from benchmarks.machine import load, machine
from benchmarks.peers import NATIVE, PEERS, Peer
from benchmarks.startup import startup
from benchmarks.works import OPTIMIZERS, WORKS, Work

PARTS = {
    "check": "only compare everyone's first epoch with that of the reference engine in float64",
    "speed": "milliseconds per epoch",
    "startup": "seconds from a fresh process to the first epoch, and the growth of memory",
    "busy": "wall time with a competitor on every core over quiet wall time (Linux only)",
    "linear": "how the time grows with rows and with hidden units",
}


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    names = [work.name for work in WORKS]
    several: dict[str, Any] = {"nargs": "+", "metavar": "NAME"}
    parser.add_argument("--works", default=names, choices=names, help=", ".join(names), **several)
    known = ", ".join(OPTIMIZERS)
    parser.add_argument("--optimizers", default=["sgd", "adam"], choices=OPTIMIZERS, help=known, **several)
    parser.add_argument("--peers", default=[*PEERS], choices=[*PEERS], help=", ".join(PEERS), **several)
    parser.add_argument("--seconds", type=float, default=3.0, help="of training for each peer and work")
    parser.add_argument("--repeats", type=int, default=5, help="which alternate between the peers")
    for part, says in PARTS.items():
        parser.add_argument(f"--{part}", action="store_true", help=says)
    parser.add_argument("--busy-peers", action="store_true", help="--busy also for everyone else")
    parser.add_argument("--all", action="store_true", help="all parts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--markdown", type=Path, nargs="+", default=[], metavar="FILE", help="fill in tables")
    asked = parser.parse_args(words)
    asked.speed |= asked.all or not any(getattr(asked, part) for part in PARTS)
    for part in ("startup", "busy", "linear"):
        setattr(asked, part, getattr(asked, part) or asked.all)
    return asked


def settings(asked: argparse.Namespace) -> Iterator[tuple[str, Work]]:
    """Return the optimizers and works that were asked for."""
    return product(asked.optimizers, [work for work in WORKS if work.name in asked.works])


def measure(asked: argparse.Namespace, peers: Sequence[Peer]) -> Iterator[tuple[str, Any]]:
    """Return the results of each part bit by bit, as they come."""
    for optimizer, work in settings(asked) if asked.speed or asked.check else ():
        if asked.speed:
            yield "speed", timing.speed(work, optimizer, peers, asked.seconds, asked.repeats)
        else:
            yield "speed", timing.check(work, optimizer, peers)
    if asked.startup:
        yield "startup", startup(peers)
    if asked.busy and not hasattr(os, "sched_setaffinity"):
        print("--busy needs Linux, where a process can be pinned to a core.")
        asked.busy = False
    for optimizer, work in settings(asked) if asked.busy else ():
        yield "busy", busy(work, optimizer, peers if asked.busy_peers else [NATIVE], asked.repeats)
    if asked.linear:
        yield "linear", [linear(asked.seconds, asked.repeats)]


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Measure, and say what was found as soon as it is."""
    peers = [PEERS[name] for name in asked.peers]
    results: dict[str, Any] = {"machine": machine()}
    for part, records in measure(asked, peers):
        results.setdefault(part, []).extend(records)
        for record in records:
            print(json.dumps(record), flush=True)
    results["machine"]["load after"] = load()
    return results


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them where asked; return 1 if a peer trained something else."""
    asked = arguments(words)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder  # what was compiled before this run does not count
        results = run(asked)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    made = report.sections(results)
    for page in asked.markdown:
        report.fill(page, made)
    print("\n\n".join(["", *made.values()]))
    wrong = timing.disagreements(results.get("speed", []))
    print("\n".join(["", *wrong]) if wrong else "")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
