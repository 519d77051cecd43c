"""What is handed out: version, changelog, and a wheel that installs without a compiler."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import deltarule
from tests.project.support import ROOT, run

TRAIN_SOMETHING = """
import numpy as np, deltarule as dr
X = np.linspace(-1, 1, 20)[:, np.newaxis]
net = dr.Network([1, 3, 1], activations=["tanh", "identity"])
history = net.train(X, X**2, loss="mean_squared_error", epochs=2)
print(dr.__file__, history.engine, history.engine_reason)
"""


def test_changelog_names_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(deltarule.__version__)}\]", changelog, flags=re.MULTILINE)


def test_pyproject_names_this_version() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{deltarule.__version__}"\n' in pyproject


def build_without_compiler(folder: Path, require_native: str) -> subprocess.CompletedProcess[str]:
    """Build the wheel offline where neither compiler nor CMake can be found; the developer's build stays."""
    apart = ("--config-settings", f"build-dir={folder / 'build'}")
    options = ("--no-build-isolation", "--no-deps", "--no-index", *apart, "--wheel-dir", folder)
    env = {**os.environ, "PATH": str(folder), "DELTARULE_REQUIRE_NATIVE": require_native}
    command = [sys.executable, "-m", "pip", "wheel", *options, ROOT]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = build_without_compiler(folder, "0")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_where_the_native_engine_is_required_a_build_without_it_fails(tmp_path: Path) -> None:
    done = build_without_compiler(tmp_path, "1")
    assert done.returncode != 0
    assert "CMAKE_CXX_COMPILER" in done.stdout + done.stderr
    assert not list(tmp_path.glob("*.whl"))


def test_wheel_is_pure_python(wheel: Path) -> None:
    assert wheel.name == f"deltarule-{deltarule.__version__}-py3-none-any.whl"


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    labs = {f"deltarule/labs/{path.name}" for path in (ROOT / "labs").glob("*.ipynb")}
    assert modules | labs | {"deltarule/py.typed"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"deltarule"}
    assert any(name.endswith("LICENSE") for name in names)
    assert not any("test" in name or "__pycache__" in name for name in names)


def test_wheel_trains_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path, symlinks=os.name != "nt")
    scripts = tmp_path / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    install = ("install", "--quiet", "--no-deps", "--no-index", wheel)
    run(sys.executable, "-m", "pip", "--python", python, *install, env={"PATH": str(scripts)})
    lend_dependencies(python)
    printed = run(python, "-W", "error", "-c", TRAIN_SOMETHING, cwd=tmp_path)
    assert str(tmp_path) in printed
    assert "reference the fastest that can do this job; native: it is not compiled" in printed
    assert "train" in run(scripts / "deltarule", "--help", cwd=tmp_path)
    run(scripts / "deltarule", "labs", "0", cwd=tmp_path)
    assert len(list(tmp_path.glob("lab0_*.ipynb"))) == 1


def lend_dependencies(python: Path) -> None:
    """Let that interpreter find NumPy and the others here, so that nothing needs a network."""
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(site, "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
