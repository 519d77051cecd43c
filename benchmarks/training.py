"""Training speed: this library's engines and its peers on the same arrays, weights and batches.

``make benchmark`` runs everything, and docs/benchmarks.md says how it measures. Without an option that names
a part, only speed is measured.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import timing
from benchmarks.machine import machine
from benchmarks.peers import PEERS, Peer
from benchmarks.works import LEARNING_RATE, WORKS


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    names = [work.name for work in WORKS]
    parser.add_argument("--works", nargs="*", default=names, choices=names, metavar="WORK", help=str(names))
    parser.add_argument("--optimizers", nargs="*", default=[*LEARNING_RATE], choices=[*LEARNING_RATE])
    parser.add_argument("--peers", nargs="*", default=[*PEERS], choices=[*PEERS], metavar="PEER")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each peer and work")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="only compare everyone's first epoch")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def speed(asked: argparse.Namespace, peers: list[Peer]) -> list[timing.Record]:
    """Measure every work with every optimizer, and say how it went."""
    records = []
    for optimizer, work in product(asked.optimizers, WORKS):
        if work.name in asked.works:
            if asked.check:
                found = timing.check(work, optimizer, peers)
            else:
                found = timing.speed(work, optimizer, peers, asked.seconds, asked.repeats)
            records += found
            for record in found:
                print(json.dumps(record), flush=True)
    return records


def main() -> None:
    """Measure, print, and write where asked; the exit code is 1 if a peer trains something else."""
    asked = arguments()
    results: dict[str, Any] = {"machine": machine()}
    peers = [PEERS[name] for name in asked.peers if PEERS[name].installed]
    results["speed"] = speed(asked, peers)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    wrong = timing.disagreements(results["speed"])
    print("\n".join(wrong))
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
