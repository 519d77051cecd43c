"""A save that is killed, refused or raced leaves one whole model; reading one is modest with memory."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.errors import ModelFileError
from deltarule.storage import atomic, model_file
from tests.storage.support import DATA, changed, content_of, with_value

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space of a process")


def abuse(task: str, *arguments: object) -> Any:
    """Run a task of abuse.py in a process of its own, warnings being errors."""
    script = Path(__file__).with_name("abuse.py")
    command = [sys.executable, "-W", "error", str(script), task, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


@unix
@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_at_any_moment(tmp_path: Path, times: int) -> None:
    result = abuse("kills", tmp_path, times)
    assert len(result["found"]) == times
    assert set(result["found"]) <= {"model 0", "model 1"}
    assert result["names"] or times < 100  # or all kills came at the wrong moments
    assert all(re.fullmatch(r"\.deltarule-[0-9a-f]{16}\.tmp", name) for name in result["names"])
    assert all(left.startswith(("refused", "model")) for left in result["left"])
    assert result["after"] == "model 1"


@unix
def test_two_savers_and_a_reader(tmp_path: Path) -> None:
    result = abuse("two_savers", tmp_path)
    assert set(result["found"]) <= {"model 0", "model 1"}
    assert result["ends"] == [0, 0]
    assert result["names"] == ["m.safetensors"]


@unix
def test_a_full_disk_and_a_protected_folder(open_folder: Path) -> None:
    result = abuse("refused_saves", open_folder)
    assert "m.safetensors' cannot be written: file too large." in result["said"]["full"]
    assert "m.safetensors' cannot be written: its folder is write-protected." in result["said"]["protected"]
    assert "new' cannot be written: its folder is write-protected." in result["said"]["protected, new"]
    assert result["found"] == "model 0"
    assert result["names"] == ["m.safetensors"]


def test_a_private_file_is_private_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, modes = tmp_path / "m", []
    model_file.write(path, {}, {})
    path.chmod(0o600)
    monkeypatch.setattr(atomic.os, "fsync", lambda file: modes.append(stat.S_IMODE(os.fstat(file).st_mode)))
    model_file.write(path, {}, {"new": True})
    assert modes[0] == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_links_stay_links(tmp_path: Path) -> None:
    for name, to in [("circle", "circle"), ("new", "not_yet"), ("folder", ".")]:
        (tmp_path / name).symlink_to(tmp_path / to)
    network = dr.Network([2, 1], ["identity"])
    for name, words in [("circle", "leads back to itself"), ("folder", "it is a folder")]:
        with pytest.raises(ModelFileError, match=words):
            network.save(tmp_path / name)
    network.save(tmp_path / "new")
    assert all((tmp_path / name).is_symlink() for name in ("circle", "new", "folder"))
    assert dr.load(tmp_path / "not_yet").theta.tolist() == network.theta.tolist()
    assert len(list(tmp_path.iterdir())) == 4


def test_links_are_followed_and_permissions_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model_file.write(path, {}, {})
    path.chmod(0o640)
    link = tmp_path / "latest"
    link.symlink_to(path)
    model_file.write(link, {"a": np.ones(1)}, {})
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(model_file.read(path).arrays) == ["a"]


@unix
def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ModelFileError, match="device or a pipe"):
        model_file.write(pipe, {}, {})
    with pytest.raises(ModelFileError, match="device or a pipe"):
        model_file.read(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_path_in_bytes_is_refused(tmp_path: Path) -> None:
    with os.scandir(os.fsencode(tmp_path.parent)) as entries:
        entry = next(entries)
    for use in (dr.load, dr.Network([1, 1], ["tanh"]).save):
        with pytest.raises(ModelFileError, match="A path must be text"):
            use(entry)


# Memory


def header(metadata: str, arrays: dict[str, Any] | None = None) -> bytes:
    text = json.dumps({"__metadata__": {model_file.KEY: metadata}, **(arrays or {})}).encode()
    return len(text).to_bytes(8, "little") + text


def filled(unit: str, end: str = "0") -> bytes:
    """Return a file whose metadata is as large as is read, made of one short piece of JSON."""
    start = '{"format_version": 1, "network": {"widths": ['
    space = model_file.HEADER_LIMIT - len(header(start + end + "]}}"))
    return header(start + unit * (space // len(json.dumps(unit)[1:-1])) + end + "]}}")


def claiming(shape: list[int], size: int) -> bytes:
    """Return the header of a file whose metadata is in order and whose first array takes so many bytes."""
    content = content_of("format1_network")
    length = int.from_bytes(content[:8], "little")
    entries = json.loads(content[8 : 8 + length])
    entries["layer1.weight"] = {"dtype": "F64", "shape": shape, "data_offsets": [0, size]}
    return header(entries.pop("__metadata__")[model_file.KEY], entries)


GREEDY = {
    "lists": filled("[],"),
    "objects": filled("{},"),
    "numbers": filled("1,"),
    "fractions": filled("1.5,"),
    "texts": filled('"é",'),
    "keys": filled('{"a":{}},'),
    "deep": filled("[", "0"),
    "deep objects": filled('{"":', "0"),
    "one text": filled("x"),
    "dimensions": header("{}", {"a": {"dtype": "F64", "shape": [1] * 500_000, "data_offsets": [0, 8]}}),
    "arrays": header(
        "{}", {f"{n}": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]} for n in range(30_000)}
    ),
    "length": (2**40).to_bytes(8, "little") + b"{" + b" " * 1000,
    "claim": claiming([2**40], 2**43),
}


def many_names(path: Path) -> None:
    """Write a table model of 100,000 inputs, each with the million characters of its column in its name."""
    file = model_file.read(DATA / "format1_classification.safetensors")
    column = {"name": "x" * 10**6, "kind": "text", "treatment": "categorical", "n_missing": 0}
    columns = [{**column, "levels": [f"{level:x}" for level in range(100_000)]}]
    changed(path, file.arrays, with_value(file.metadata, ("table_model", "inputs", "columns"), columns))


@linux
def test_no_small_file_takes_100_megabytes(tmp_path: Path) -> None:
    for name, content in GREEDY.items():
        (tmp_path / name).write_bytes(content)
    for name, shape in {"large, wrong shape": [2**30], "large, other arrays": [3, 4]}.items():
        (tmp_path / name).write_bytes(claiming(shape, 2**33))
        os.truncate(tmp_path / name, 2**33)  # eight gigabytes of nothing, which take no room on a disk
    many_names(tmp_path / "names")
    said = abuse("memory", tmp_path, 100)
    assert "a network only, 3-2-1" in said.pop("small")
    assert sorted(said) == sorted([*GREEDY, "large, wrong shape", "large, other arrays", "names"])
    assert all(said.values())
    assert "characters in all" in said["names"]
    assert not [words for words in said.values() if "memory" in words.split("'")[-1]]


@linux
def test_a_model_that_is_too_large_for_the_memory(tmp_path: Path) -> None:
    widths = [2**20, 2**7, 1]
    end = 2**30 + 8 * 2**7
    arrays = {
        "layer1.weight": {"dtype": "F64", "shape": widths[:2], "data_offsets": [0, 2**30]},
        "layer2.weight": {"dtype": "F64", "shape": widths[1:], "data_offsets": [2**30, end]},
    }
    network = {"widths": widths, "activations": ["tanh", "tanh"], "bias": False, "dtype": "float64"}
    start = header(json.dumps({"format_version": 1, "checksum": "", "network": network}), arrays)
    (tmp_path / "large").write_bytes(start)
    os.truncate(tmp_path / "large", len(start) + end)
    said = abuse("memory", tmp_path, 100)
    assert "large' cannot be read as a model file: it does not fit into memory." in said["large"]
