"""In a terminal: the lines of the text, in the terminal's width, with colors only where there are any."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

import deltarule as dr
from tests.training.support import X, Y, curve

COLOR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")


def working_of(detail: Any, hidden: int = 2, n: int = 3, **settings: Any) -> dr.Working:
    net = dr.Network([2, hidden, 2], ["tanh", "softmax"], seed=3)
    rng = np.random.default_rng(n)
    settings = {"loss": "cross_entropy", "optimizer": "adam", "penalty": dr.L2(0.01), **settings}
    return dr.show_step(
        net, rng.normal(size=(n, 2)), np.eye(2)[rng.integers(0, 2, n)], detail=detail, **settings
    )


WORKINGS = {
    "scalar": working_of("scalar"),
    "scalar, one row": working_of("scalar", n=1, decimals=4),
    "matrix": working_of("matrix", n=4),
    "matrix, wide rows": working_of("matrix", hidden=12, n=2),
    "summary": working_of("summary", hidden=20),
    "one layer": working_of("scalar").layer(2),
}
each_working = pytest.mark.parametrize("name", WORKINGS)


def printed(what: Any, width: int, soft_wrap: bool = False, **settings: Any) -> str:
    paper = StringIO()
    Console(file=paper, width=width, **settings).print(what, soft_wrap=soft_wrap)
    return paper.getvalue()


def words(text: str) -> str:
    return " ".join(text.split())


@each_working
def test_where_nothing_is_broken_the_lines_are_those_of_the_text(name: str) -> None:
    working = WORKINGS[name]
    for width, soft_wrap in ((100_000, False), (80, True)):
        lines = [line.rstrip() for line in printed(working, width, soft_wrap).splitlines()]
        assert lines == str(working).splitlines()


@pytest.mark.parametrize("width", [80, 120])
@each_working
def test_lines_are_broken_between_terms_and_under_their_beginning(name: str, width: int) -> None:
    working = WORKINGS[name]
    text = printed(working, width)
    assert words(text) == words(str(working))
    start = 0
    for line in text.splitlines():
        assert len(line) <= width
        assert not re.search(r" [-+⊙/]$", line)  # an operator begins a line
        if line.startswith("    ") and " = " in line:
            start = cell_len(line.partition(" = ")[0]) + 3
        elif line.startswith("    ") and line[4] != " ":
            start = 4  # the words of a summary
        elif line.startswith("     "):
            assert len(line) - len(line.lstrip()) in (start, start + 1)


@each_working
def test_equals_signs_stand_below_one_another(name: str) -> None:
    """In columns of the terminal: the hat of v̂ takes none."""
    for text in (str(WORKINGS[name]), printed(WORKINGS[name], 1000)):
        column = 0
        for line in text.splitlines():
            here = cell_len(line.partition("= ")[0])
            if line.lstrip().startswith("= "):
                assert here == column, line
            column = here


def test_a_row_of_an_array_stays_in_one_line() -> None:
    working = working_of("matrix", hidden=4, n=5)
    text, plain = printed(working, 80), str(working)
    assert text.count("\n") > plain.count("\n")
    for row in re.findall(r"\[[^][]*\]", plain):
        assert row in text
    z1 = working["z1"].value
    rows = ["[" + ", ".join(f"{z:.6g}" for z in row) + "]" for row in z1]
    assert ",\n            ".join(rows) in text  # below one another


@each_working
def test_colors_and_no_colors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    working = WORKINGS[name]
    monkeypatch.delenv("NO_COLOR", raising=False)
    in_color = printed(working, 80, force_terminal=True, color_system="standard")
    assert COLOR.search(in_color)
    plain = printed(working, 80)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", in_color) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOR.search(printed(working, 80, force_terminal=True, color_system="standard"))
    monkeypatch.setenv("TERM", "dumb")
    assert printed(working, 80, force_terminal=True) == plain


def test_results_stand_out() -> None:
    working = WORKINGS["scalar"]
    text = printed(working, 80, force_terminal=True, color_system="standard")
    bold = re.findall(r"\x1b\[1m(.*?)\x1b\[0m", text)
    entries = [entry for line in working for entry in working.entries(line.key)]
    assert len(bold) == len(entries)
    assert [float(number) for number in bold] == pytest.approx([float(e[2]) for e in entries], rel=1e-5)


def test_a_narrow_terminal_shows_every_word() -> None:
    text = printed(WORKINGS["matrix"], 30)
    assert max(map(len, text.splitlines())) <= 30
    assert "".join(text.split()) == "".join(str(WORKINGS["matrix"]).split())


def test_a_line_shows_itself() -> None:
    for line in WORKINGS["scalar"]:
        assert words(printed(line, 80)) == words(str(line))


def test_a_session_shows_itself() -> None:
    session = dr.step_through(curve(), X, Y, batch_size=4).step(2)
    assert words(printed(session, 80)) == words(session.to_text())
