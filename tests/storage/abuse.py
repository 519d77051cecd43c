"""What must be done to a process of its own: kill it, limit its memory, fill its disk. Prints JSON.

Run as a program: python abuse.py TASK FOLDER ...; not a test.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import deltarule as dr
from deltarule.table_model import TableModel

SIZES = [(400, 300, 1), (200, 600, 2)]
"""Two models of one or two megabytes: long enough to write for a signal to come in between."""


def models() -> list[dr.Network]:
    """Return the old and the new model."""
    return [dr.Network(widths, ["tanh", "identity"], seed=seed) for seed, widths in enumerate(SIZES)]


def which(path: Path) -> str:
    """Return which of the models is in a file, or why there is none."""
    try:
        found = dr.load(path)
    except dr.ModelFileError as error:
        return f"refused: {error}"
    known = [place for place, model in enumerate(models()) if model.theta.tobytes() == found.theta.tobytes()]
    return f"model {known[0]}" if known else "a mixture"


def child(task: Callable[[], object]) -> int:
    """Start a task in a process of its own and return its number."""
    number = os.fork()
    if number == 0:
        try:
            task()
            os._exit(0)
        except dr.ModelFileError:
            os._exit(3)
        finally:
            os._exit(4)
    return number


def kills(folder: Path, times: str) -> dict[str, Any]:
    """Kill a process that saves two models in turns, at random moments; read the file after each kill."""
    path, delays = folder / "m.safetensors", random.Random(0)
    both = models()
    both[0].save(path)

    def save_forever() -> None:
        while True:
            for model in both:
                model.save(path)

    found = []
    for _ in range(int(times)):
        number = child(save_forever)
        time.sleep(delays.uniform(0.001, 0.06))
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        found.append(which(path))
    names = sorted(left.name for left in folder.iterdir() if left != path)
    left = [which(folder / name) for name in names]
    both[1].save(path)
    return {"found": found, "names": names, "left": left, "after": which(path)}


def two_savers(folder: Path) -> dict[str, Any]:
    """Two processes save to one path while a third one reads it."""
    path, both = folder / "m.safetensors", models()
    both[0].save(path)
    numbers = [child(lambda model=model: [model.save(path) for _ in range(25)]) for model in both]
    found = [which(path) for _ in range(40)]
    ends = [os.waitpid(number, 0)[1] for number in numbers]
    return {"found": found, "ends": ends, "names": [left.name for left in folder.iterdir()]}


def refused_saves(folder: Path) -> dict[str, Any]:
    """Save where the file may not grow as large, and in a folder that is write-protected."""
    path, both = folder / "m.safetensors", models()
    both[0].save(path)
    path.chmod(0o666)  # the file may be written, its folder may not
    said = {}
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    said["full"] = error_of(lambda: both[1].save(path))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    folder.chmod(0o555)
    if os.geteuid() == 0:  # to whom nothing is write-protected
        os.setuid(65534)
    said["protected"] = error_of(lambda: both[1].save(path))
    said["protected, new"] = error_of(lambda: both[1].save(folder / "new"))
    return {"said": said, "found": which(path), "names": [left.name for left in folder.iterdir()]}


def memory(folder: Path, megabytes: str) -> dict[str, Any]:
    """Load every file of a folder with so much more address space than is in use now."""
    small = folder / "small"
    dr.Network([3, 2, 1], ["tanh", "identity"]).save(small)
    dr.load(small)
    in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limit = in_use + int(megabytes) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return {path.name: error_of(partial(TableModel.load, path)) for path in sorted(folder.iterdir())}


def error_of(task: Callable[[], object]) -> str:
    """Return what a task says when it fails; only errors of deltarule are expected."""
    try:
        task()
    except dr.ModelFileError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    TASKS = {task.__name__: task for task in (kills, two_savers, refused_saves, memory)}
    print(json.dumps(TASKS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])))
