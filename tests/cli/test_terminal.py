"""In a terminal there are a bar and colors; in a pipe there are not. Real processes, real signals."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import deltarule as dr
from tests.cli.conftest import Run, subprocess_arguments

if sys.platform == "win32":
    pytest.skip("needs a POSIX terminal", allow_module_level=True)

import fcntl
import pty
import struct
import termios

COLOR = re.compile(r"\x1b\[[0-9;]*3[0-9]m|\x1b\[3[0-9]")
BAR = "━"
LEFT = "\x1b[?1049l"  # the end of the screen that programs draw upon
PATIENCE = 60


class Terminal:
    """A program that runs in a terminal of 100 columns."""

    def __init__(self, *words: object, **environment: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment}
        self.process = subprocess.Popen(
            subprocess_arguments(*words),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self.text = ""

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def read_until(self, words: str) -> None:
        """Read until these words appear; after a minute give up."""
        end = time.monotonic() + PATIENCE
        while words not in self.text and time.monotonic() < end and self._more():
            pass
        assert words in self.text, self.text

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        while self._more():
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def _more(self) -> bool:
        if not select.select([self._ours], [], [], PATIENCE)[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # the other end is closed
            return False
        self.text += data.decode("utf-8", errors="replace")
        return bool(data)


INTERRUPTED_IMPORT = """
import atexit, signal, sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
atexit.register(signal.raise_signal, signal.SIGINT)  # and once more on the way out
from deltarule.cli.main import app
app()
"""


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_in_a_terminal_there_are_a_bar_and_colors(terminals: list[Terminal], passes: Path) -> None:
    terminals.append(Terminal("train", passes, "-t", "passed", "--epochs", 40))
    terminal = terminals[0]
    assert terminal.finish() == 0
    assert BAR in terminal.text
    assert "left" in terminal.text
    assert "validation" in terminal.text
    assert COLOR.search(terminal.text)
    assert "Model: model.safetensors" in terminal.text


def test_a_comparison_has_a_bar_too(terminals: list[Terminal], passes: Path) -> None:
    terminals.append(Terminal("compare", passes, "-t", "passed", "--epochs", "40,300", "--patience", 300))
    terminal = terminals[0]
    assert terminal.finish() == 0
    assert BAR in terminal.text
    assert "2/2" in re.sub(r"\x1b\[[0-9;]*m", "", terminal.text)
    assert "best 0." in terminal.text
    assert "Next:  deltarule train" in terminal.text


def test_no_color_is_honored_in_a_terminal(terminals: list[Terminal], passes: Path) -> None:
    terminals.append(Terminal("train", passes, "-t", "passed", "--epochs", 40, NO_COLOR="1"))
    assert terminals[0].finish() == 0
    assert BAR in terminals[0].text
    assert not COLOR.search(terminals[0].text)


@pytest.mark.parametrize("times", [1, 5])
def test_ctrl_c_saves_the_best_network(terminals: list[Terminal], folder: Path, times: int) -> None:
    x = range(20_000)
    pl.DataFrame({"x": x, "z": [0.5 * (k % 97) for k in x], "y": [0.5 * (k % 89) for k in x]}).write_csv(
        "t.csv"
    )
    words = ("train", "t.csv", "-t", "y", "--epochs", 1_000_000, "--patience", 1_000_000, "--batch-size", 8)
    terminals.append(Terminal(*words))
    terminal = terminals[0]
    terminal.read_until("validation")
    for _ in range(times):
        os.kill(terminal.process.pid, signal.SIGINT)
        time.sleep(0.02)
    assert terminal.finish() == 130
    assert "Interrupted with" in terminal.text
    assert "Traceback" not in terminal.text
    assert {path.name for path in folder.iterdir()} == {"t.csv", "model.safetensors"}
    assert dr.TableModel.load("model.safetensors").network.training_record["restored_epoch"] >= 1


def test_steps_with_keys(terminals: list[Terminal], passes: Path) -> None:
    terminals.append(Terminal("step", passes, "-t", "passed"))
    terminal = terminals[0]
    terminal.read_until("after 0 steps")
    terminal.press("n")
    terminal.read_until("after 1 step")
    assert COLOR.search(terminal.text)
    terminal.press("q")
    assert terminal.finish() == 0
    assert terminal.text.rindex(LEFT) > terminal.text.rindex("after 1 step")
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize("way", ["key", "signal"])
def test_ctrl_c_ends_stepping(terminals: list[Terminal], passes: Path, folder: Path, way: str) -> None:
    terminals.append(Terminal("step", passes, "-t", "passed"))
    terminal = terminals[0]
    terminal.read_until("after 0 steps")
    if way == "key":
        terminal.press("\x03")
    else:
        os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.finish() == 130
    end = terminal.text[terminal.text.rindex(LEFT) :]
    assert "Error:" in end
    assert "Interrupted; nothing was written." in end
    assert "Traceback" not in terminal.text
    assert {path.name for path in folder.iterdir()} == {passes.name}


def test_a_terminal_that_cannot_be_drawn_upon_gets_the_first_step(
    terminals: list[Terminal], passes: Path
) -> None:
    terminals.append(Terminal("step", passes, "-t", "passed", TERM="dumb"))
    assert terminals[0].finish() == 0
    assert "after 0 steps" in terminals[0].text
    assert "\x1b" not in terminals[0].text
    assert "--steps 3 prints three." in " ".join(terminals[0].text.split())


@pytest.mark.parametrize("module", ["typer", "numpy", "polars", "deltarule.cli.train"])
def test_ctrl_c_while_the_program_is_imported(module: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, module]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "Error: Interrupted; nothing was written.\n"


def test_an_error_in_a_terminal_is_a_sentence_too(terminals: list[Terminal], passes: Path) -> None:
    terminals.append(Terminal("train", passes, "-t", "passe"))
    assert terminals[0].finish() == 1
    assert "Did you mean 'passed'?" in " ".join(terminals[0].text.split())
    assert "Traceback" not in terminals[0].text


def test_in_a_pipe_there_is_plain_text(launch: Run, passes: Path) -> None:
    answer = launch("train", passes, "-t", "passed", "--epochs", 5)
    assert (answer.code, answer.err) == (0, "")
    assert BAR not in answer.out
    assert "\x1b" not in answer.out
    assert "\r" not in answer.out


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", "PY_COLORS"])
@pytest.mark.parametrize("words", [("--help",), ("train", "--help"), ()])
def test_help_in_a_pipe_is_plain_text_too(launch: Run, variable: str, words: tuple[str, ...]) -> None:
    answer = launch(*words, **{variable: "true"})
    assert "Usage" in answer.out
    assert "\x1b" not in answer.out + answer.err
    assert "\x1b" in launch(*words, **{variable: "true"}, FORCE_COLOR="1").out


def test_even_forced_colors_make_no_bar_in_a_pipe(launch: Run, passes: Path) -> None:
    answer = launch("train", passes, "-t", "passed", "--epochs", 5, FORCE_COLOR="1")
    assert answer.code == 0
    assert BAR not in answer.out


def test_output_that_knows_only_ascii(launch: Run, folder: Path) -> None:
    pl.DataFrame({"größe": [1.5, 2.5, 4.0] * 10, "y": ["ä", "ß", "ö"] * 10}).write_csv("t.csv")
    answer = launch("train", "t.csv", "-t", "y", "--epochs", 1, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (answer.code, answer.err) == (0, "")
    predictions = launch("predict", "model.safetensors", "t.csv", PYTHONIOENCODING="utf-8")
    assert predictions.out.startswith("predicted_y,probability_ß,probability_ä,probability_ö\n")


def test_predictions_can_be_piped(launch: Run, passes: Path) -> None:
    dr.TableModel.train(passes, target="passed", epochs=1).save("m")
    answer = launch("predict", "m", passes)
    assert len(answer.out.splitlines()) == 121
    reader_has_enough = subprocess.Popen(
        subprocess_arguments("predict", "m", passes), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert reader_has_enough.stdout is not None
    reader_has_enough.stdout.close()
    assert reader_has_enough.stderr is not None
    assert reader_has_enough.stderr.read() == b""
    reader_has_enough.stderr.close()
    assert reader_has_enough.wait(PATIENCE) == 0


@pytest.mark.parametrize("words", [("--help",), ("train", "--help"), ()])
def test_help_ends_well_where_nobody_reads(folder: Path, words: tuple[str, ...]) -> None:
    assert without_reader(*words) == (0, "")


def test_training_goes_on_where_nobody_reads(passes: Path) -> None:
    assert without_reader("train", passes, "-t", "passed", "--epochs", 3) == (0, "")
    assert dr.TableModel.load("model.safetensors").network.training_record["epochs_trained"] == 3


def test_steps_end_where_nobody_reads(passes: Path) -> None:
    program = subprocess.Popen(
        subprocess_arguments("step", passes, "-t", "passed", "--steps", 10**9),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert program.stdout is not None
    assert program.stderr is not None
    assert any("after 2 steps" in line for line in iter(program.stdout.readline, ""))
    program.stdout.close()
    assert program.stderr.read() == ""
    program.stderr.close()
    assert program.wait(PATIENCE) == 0


def without_reader(*words: object) -> tuple[int, str]:
    """Run the program with an output that is closed; return its exit code and what it says of that."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        subprocess_arguments(*words), stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    return done.returncode, done.stderr


def test_version_and_help(launch: Run) -> None:
    assert launch("--version").out == f"deltarule {dr.__version__}\n"
    for verb in ("train", "predict", "step"):
        assert verb in launch("--help").out
    nothing = launch()
    assert nothing.code == 2
    assert "Usage" in nothing.out
