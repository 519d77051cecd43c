"""The native engine where threads or memory run out, and in a process that was forked."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines.support import require_native
from tests.project.support import PACKAGE

require_native()

linux = pytest.mark.skipif(sys.platform != "linux", reason="sets limits for memory as Linux knows them")
PROGRAM = Path(__file__).with_name("threads.cpp")


def printed(*command: str | Path) -> str:
    """What a command prints that must end soon, and well."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def python(code: str) -> str:
    return printed(sys.executable, "-W", "error", "-c", code)


@linux
def test_threads_that_throw_or_cannot_be_started(tmp_path: Path) -> None:
    """In C++, without Python: without end if a thread waited for one that is gone."""
    compiler = shutil.which("c++")
    assert compiler is not None, "the engine is compiled, so there was a compiler"
    flags = (
        "-std=c++20",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pthread",
        f"-I{PACKAGE / 'engines/native'}",
    )
    assert printed(compiler, *flags, PROGRAM, "-o", tmp_path / "threads", "-ldl") == ""
    assert printed(tmp_path / "threads") == "held\n"


TRAINED = """
import os, resource
from pathlib import Path
import numpy as np
import deltarule as dr
from deltarule.engines.native.engine import NativeEngine

def trained(n, threads, hidden=40, megabytes=None):
    net = dr.Network((1, hidden, 1), ["tanh", "identity"], dtype="float32")
    X = np.linspace(-1, 1, n, dtype=np.float32)[:, np.newaxis]
    run = net.training(X, X, epochs=2, batch_size=64, engine=NativeEngine(threads=threads))
    if megabytes:
        limit_memory(megabytes)
    try:
        run.run()
    except MemoryError:
        return "MemoryError"
    return net.history.threads, net.theta.tobytes()

def limit_memory(megabytes):
    used = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmSize" in line)
    resource.setrlimit(resource.RLIMIT_AS, (int(used.split()[1]) * 1024 + (megabytes << 20), -1))

bits = trained(500, 1)[1]
"""


@linux
def test_threads_that_cannot_be_started_are_done_without() -> None:
    """As many as have a stack are used; the results are the same."""
    script = f"""{TRAINED}
threads, same = trained(500, 64, megabytes=100)
print(1 <= threads < 64, same == bits)
"""
    assert python(script) == "True True\n"


@linux
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "work", ["3_000_000, {}", "2, {}, hidden=1_000_000"], ids=["on the way", "at the start"]
)
def test_where_memory_runs_out(work: str, threads: int) -> None:
    """It is Python's MemoryError, whichever thread met it; afterwards training goes on."""
    script = f"""{TRAINED}
print(trained({work.format(threads)}, megabytes=70), trained(500, {threads})[1] == bits)
"""
    assert python(script) == "MemoryError True\n"


@linux
def test_a_forked_process_trains() -> None:
    script = f"""{TRAINED}
for threads in (1, 3):
    assert trained(500, threads) == (threads, bits)
    child = os.fork()
    if child == 0:
        os._exit(0 if trained(500, threads) == (threads, bits) else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), trained(500, threads) == (threads, bits))
"""
    assert python(script) == "0 True\n" * 2
