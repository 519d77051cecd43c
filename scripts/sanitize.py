"""Run the native engine's tests with a build that reports memory errors, then with one that reports races.

Each is compiled with a sanitizer of the C++ compiler and installed into an environment of its own in build/,
which borrows everything else from this one. Where the compiler has no sanitizer, that is said, not tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMPILER = os.environ.get("CXX", "c++")
RUNTIMES = {"address,undefined": "libasan.so", "thread": "libtsan.so"}
NEEDS_LITTLE_MEMORY = ("memory_runs_out", "cannot_be_started")  # less than a sanitizer takes for itself
TRAINS_ALONE = ("gradients_of_every", "gradients_of_any", "hundred_steps")  # on one thread, and for long
LEFT_OUT = {
    "address,undefined": NEEDS_LITTLE_MEMORY,
    "thread": NEEDS_LITTLE_MEMORY + TRAINS_ALONE,
}
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0",  # an interpreter leaves its memory to the end of the process
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"halt_on_error=1:suppressions={ROOT / 'scripts' / 'tsan.supp'}",
    "OPENBLAS_NUM_THREADS": "1",  # NumPy's threads are not built to be watched
}


def library(name: str) -> str:
    """Return the path of a library of the compiler, or an empty string."""
    if shutil.which(COMPILER) is None:
        return ""
    command = [COMPILER, f"-print-file-name={name}"]
    path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return str(Path(path).resolve()) if Path(path).is_absolute() else ""


def install(sanitizer: str) -> Path:
    """Compile the package with a sanitizer and return the interpreter that has it."""
    folder = ROOT / "build" / f"sanitize-{sanitizer.replace(',', '-')}"
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    own_packages = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run(
        [python, "-c", own_packages], capture_output=True, text=True, check=True
    ).stdout.strip()
    Path(site, "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    build = {
        "build-dir": folder / "cmake",
        "cmake.build-type": "RelWithDebInfo",
        "cmake.define.DELTARULE_SANITIZE": sanitizer,
    }
    settings = [f"--config-settings={key}={value}" for key, value in build.items()]
    offline = ("--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--force-reinstall")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    subprocess.run(
        [*pip, "install", *offline, *settings, ROOT],
        env={**os.environ, "DELTARULE_REQUIRE_NATIVE": "1"},
        check=True,
    )
    return python


def main(sanitizers: list[str], pytest: list[str]) -> None:
    """Test with each sanitizer; the first failure ends it."""
    for sanitizer in sanitizers:
        runtime, standard = library(RUNTIMES[sanitizer]), library("libstdc++.so")
        if not runtime:
            print(f"Not tested with the sanitizer {sanitizer}: {COMPILER} has no {RUNTIMES[sanitizer]}.")
            continue
        print(f"The native engine with the sanitizer {sanitizer}:", flush=True)
        python = install(sanitizer)
        preload = {"LD_PRELOAD": f"{runtime} {standard}", "DELTARULE_REQUIRE_NATIVE": "1"}
        names = " and ".join(f"not {name}" for name in LEFT_OUT[sanitizer])
        # What a sanitizer reports goes to the file descriptor, which pytest would keep for itself.
        options = ("-p", "no:cacheprovider", "--capture=sys", "-k", names, *pytest)
        command = [python, "-m", "pytest", *options, "tests/engines"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **OPTIONS, **preload}, check=True)


if __name__ == "__main__":
    main(list(RUNTIMES), sys.argv[1:])
