"""deltarule step: the steps of training, printed and on a screen with keys, with the bits of training."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from textual.pilot import Pilot
from textual.widgets import Static

import deltarule as dr
from deltarule.cli import step as step_verb
from deltarule.cli.step_screen import StepScreen
from tests.cli.conftest import Run

Visit = Callable[[Pilot[Any]], Awaitable[None]]
Open = Callable[..., StepScreen]


@pytest.fixture
def opened(run: Run, passes: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Make the screen that the verb would run in a terminal."""

    def opened(*words: object) -> StepScreen:
        screens: list[StepScreen] = []
        with monkeypatch.context() as patch:
            patch.setattr(step_verb, "_has_keys", lambda: True)
            patch.setattr(StepScreen, "run", lambda screen: screens.append(screen) or "left")
            answer = run("step", passes, "-t", "passed", *words)
        assert (answer.code, answer.err) == (0, "")
        return screens[0]

    return opened


def visit(screen: StepScreen, visitor: Visit, size: tuple[int, int] = (80, 24)) -> None:
    async def tour() -> None:
        async with screen.run_test(size=size, notifications=True) as pilot:
            await visitor(pilot)

    asyncio.run(tour())


def text_of(screen: StepScreen) -> str:
    """All that is shown, above and in what is scrolled."""
    paper = Console(file=StringIO(), width=1000)
    for place in ("#standing", "#shown"):
        paper.print(screen.query_one(place, Static).content)
    text = paper.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def told(screen: StepScreen) -> str:
    return " ".join(notification.message for notification in screen._notifications)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def answer(pilot: Pilot[Any], key: str, text: str) -> None:
    await press(pilot, key, *("space" if letter == " " else letter for letter in text), "enter")


# -- with keys -------------------------------------------------------------------------------------------


def test_three_steps_on_and_three_back_show_the_same_numbers(opened: Open) -> None:
    screen, on, back = opened("--optimizer", "adam"), [], []

    async def there_and_back(pilot: Pilot[Any]) -> None:
        on.append(text_of(screen))
        for key in ("n", "space", "right"):
            await press(pilot, key)
            on.append(text_of(screen))
        back.append(text_of(screen))
        for key in ("b", "backspace", "left"):
            await press(pilot, key)
            back.append(text_of(screen))

    visit(screen, there_and_back)
    assert on == back[::-1]
    assert len(set(on)) == 4


def test_an_epoch_has_the_bits_of_training(opened: Open, passes: Path) -> None:
    settings: dict[str, Any] = {"optimizer": "sgd", "held_out": 0, "validation": 0, "epochs": 1, "seed": 5}
    model = dr.TableModel.train(
        passes, target="passed", hidden=(3,), batch_size=7, engine="reference", **settings
    )
    screen = opened("--hidden", 3, "--batch-size", 7, "--seed", 5)

    async def an_epoch(pilot: Pilot[Any]) -> None:
        await press(pilot, "e")

    visit(screen, an_epoch)
    assert screen.session.epoch == 2
    assert screen.session.theta.tobytes() == model.network.theta.tobytes()


def test_what_is_shown_is_the_session(opened: Open) -> None:
    screen = opened("--batch-size", 2)

    async def look(pilot: Pilot[Any]) -> None:
        await press(pilot, "n", "n")
        shown, session = text_of(screen), screen.session
        assert "Epoch 1, batch 3 of 60, after 2 steps; the next uses 2 rows" in shown
        assert "x₁ = hours; y = passed (0: no, 1: yes)" in shown
        assert shown.endswith(str(session.working()))
        rows, net = session.job.rows.take(session.rows), session.net
        net.theta = session.theta_after
        after = net.gradients(rows.X, rows.y, loss="binary_cross_entropy").objective
        assert f"Loss of these rows {session.loss:.6g} → {after:.6g}, of all rows" in shown

    visit(screen, look)


def test_epochs_and_jumps(opened: Open) -> None:
    screen = opened()
    places: list[tuple[int, int]] = []

    async def travel(pilot: Pilot[Any]) -> None:
        async def goes_to() -> tuple[int, int]:
            await press(pilot)
            return screen.session.epoch, screen.session.batch

        await press(pilot, "e", "e", "n")
        places.append(await goes_to())
        await press(pilot, "E")
        places.append(await goes_to())
        await press(pilot, "E")
        places.append(await goes_to())
        for where in ("9 120", "8", "2,30"):
            await answer(pilot, "j", where)
            places.append(await goes_to())
        await press(pilot, "E", "E", "E")
        places.append(await goes_to())

    visit(screen, travel)
    assert places == [(3, 2), (3, 1), (2, 1), (9, 120), (8, 1), (2, 30), (1, 1)]


def test_a_long_way_can_be_stopped(opened: Open) -> None:
    screen = opened()

    async def set_out(pilot: Pilot[Any]) -> None:
        await pilot.press("j", *"1000000", "enter")
        await pilot.pause()
        await press(pilot, "escape")
        stopped = screen.session.steps
        await pilot.pause()
        assert screen.session.steps == stopped < 1_000_000
        await press(pilot, "n")
        assert f"after {stopped + 1} steps" in text_of(screen)

    visit(screen, set_out)


def test_layers_and_units(opened: Open) -> None:
    screen = opened("--hidden", "3,2")

    async def look(pilot: Pilot[Any]) -> None:
        whole = text_of(screen)
        await answer(pilot, "l", "2")
        assert str(screen.session.working().layer(2)) in text_of(screen)
        await press(pilot, "n")
        assert str(screen.session.working().layer(2)) in text_of(screen)
        await answer(pilot, "u", "1 3")
        assert text_of(screen).endswith(str(screen.session.working().unit(1, 3)))
        await press(pilot, "a", "b")
        assert text_of(screen) == whole

    visit(screen, look)


def test_details(opened: Open) -> None:
    screen = opened("--detail", "summary")

    async def look(pilot: Pilot[Any]) -> None:
        for detail in ("summary", "scalar", "matrix", "summary"):
            assert str(screen.session.working(detail=detail)) in text_of(screen)
            await press(pilot, "d")

    visit(screen, look)


def test_in_the_notation_of_a_lab(run: Run, opened: Open, passes: Path) -> None:
    """Letters and layers of what stands above the working are its own."""
    screen = opened("--conventions", "lab2")
    expected = str(screen.session.working(conventions="lab2"))
    printed = run("step", passes, "-t", "passed", "--conventions", "lab2", "--steps", 1).out

    async def look(pilot: Pilot[Any]) -> None:
        for shown in (text_of(screen), printed):
            assert expected in shown
            assert "W⁽²⁾ (1 × 2): change of norm" in shown
            assert "W⁽¹⁾" not in shown

    visit(screen, look)
    assert "t = passed (0: no, 1: yes)" in run("step", passes, "-t", "passed", "--conventions", "lab1").out


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("j", "1 121", "There is no such batch in an epoch; got batch 121. Allowed: 1 to 120."),
        ("j", "0", "whole number, at least 1; got '0'"),
        ("j", "1 2 3", "The question was: Jump to EPOCH BATCH; got '1 2 3'."),
        ("l", "3", "`layer` must be"),
        ("u", "2 2", "`unit` must be"),
        ("u", "one", "got 'one'"),
    ],
)
def test_what_cannot_be_shown_is_said_and_changes_nothing(
    opened: Open, key: str, text: str, sentence: str
) -> None:
    screen = opened()

    async def ask(pilot: Pilot[Any]) -> None:
        before = text_of(screen)
        await answer(pilot, key, text)
        assert sentence in told(screen)
        assert text_of(screen) == before
        await press(pilot, "n", "b")
        assert text_of(screen) == before

    visit(screen, ask)


def test_before_the_first_step_there_is_none(opened: Open) -> None:
    screen = opened()

    async def go_back(pilot: Pilot[Any]) -> None:
        await press(pilot, "b")
        assert told(screen) == "This is the first step."
        await press(pilot, "j", "escape", "n")  # a question without an answer
        assert screen.session.steps == 1

    visit(screen, go_back)


def test_a_large_step_stays_a_summary(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = opened("--hidden", 300, "--batch-size", 8)

    async def look(pilot: Pilot[Any]) -> None:
        await press(pilot, "d")
        assert "This step is too large to be written out" in told(screen)
        assert "8 × 300, norm" in text_of(screen)

    visit(screen, look)


def test_the_ends(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for key in ("q", "ctrl+c"):
        screen = opened()

        async def leave(pilot: Pilot[Any], key: str = key) -> None:
            await pilot.press(key)

        visit(screen, leave)
        ends.append(screen.return_value)
    assert ends == ["left", None]


def test_a_failure_ends_the_program_as_in_other_verbs(
    run: Run, opened: Open, passes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, broken = opened(), IndexError("list index out of range")

    def fail(*_: object) -> None:
        raise broken

    async def step(pilot: Pilot[Any]) -> None:
        monkeypatch.setattr(screen.session, "_after", fail)
        await pilot.press("n")

    visit(screen, step)
    assert screen.return_value is broken
    monkeypatch.setattr(step_verb, "_has_keys", lambda: True)
    for ending, code, sentence in (
        (broken, 1, "This should not have happened"),
        (None, 130, "Interrupted; nothing was written."),
    ):
        monkeypatch.setattr(StepScreen, "run", lambda screen, ending=ending: ending)
        answer = run("step", passes, "-t", "passed")
        assert answer.code == code
        assert answer.err.startswith(f"Error: {sentence}")


def test_without_textual_the_error_says_what_to_install(
    run: Run, passes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_verb, "find_spec", lambda name: None)
    assert run("step", passes, "-t", "passed", "--steps", 1).code == 0
    monkeypatch.setattr(step_verb, "_has_keys", lambda: True)
    answer = run("step", passes, "-t", "passed")
    assert (answer.code, answer.out) == (1, "")
    assert "pip install 'deltarule[step]'. Or print: --steps 3." in answer.err


# -- printed ---------------------------------------------------------------------------------------------


def test_in_a_pipe_the_first_step_is_printed_and_said_to_be_the_first(launch: Run, passes: Path) -> None:
    answer = launch("step", passes, "-t", "passed")
    assert answer.code == 0
    assert "Network: 1-2-1 (tanh, sigmoid), 7 parameters" in answer.out
    assert "learning rate 0.05, 1 row per step" in answer.out
    assert answer.out.count("Epoch 1, batch") == 1
    assert answer.err == (
        "Note: Without a screen and a keyboard this is the first step only. --steps 3 prints three.\n"
    )
    assert "\x1b" not in answer.out


def test_so_many_steps_are_printed(run: Run, opened: Open, passes: Path) -> None:
    session = opened().session
    answer = run("step", passes, "-t", "passed", "--steps", 3)
    assert (answer.code, answer.err) == (0, "")
    for _ in range(3):
        assert str(session.working()) in answer.out
        session.step()
    assert re.findall(r"after (\d) steps?;", answer.out) == ["0", "1", "2"]


def test_rows_are_those_of_the_table(run: Run, folder: Path) -> None:
    words = ["x", "ä", None, "ö"] * 2
    table = pl.DataFrame({"word": words, "n": range(0, 16, 2), "y": [None, 1, 2, 1, 2, 3, 3, 1]})
    table.write_csv("t.csv")
    answer = run("step", "t.csv", "-t", "y", "--task", "classification", "--steps", 7)
    assert (answer.code, answer.err) == (0, "")
    assert "y: y₁ = 1, y₂ = 2, y₃ = 3" in answer.out
    rows = sorted(re.findall(r"Row (\d): (.*), y (\d)", answer.out))
    assert [int(number) for number, *_ in rows] == list(range(2, 9))
    assert [int(y) for *_, y in rows] == table["y"].to_list()[1:]
    assert "word missing, n 4" in {held for _, held, _ in rows}
    several = run("step", "t.csv", "-t", "n", "--batch-size", 8, "--seed", 1)
    assert "Rows 1, 2, 3, 4, 5, 6 and 2 more" in several.out


def test_wide_tables_are_named_in_short(run: Run, folder: Path) -> None:
    X = np.random.default_rng(0).normal(size=(20, 12))
    pl.DataFrame({f"c{place}": X[:, place] for place in range(12)}).write_csv("t.csv")
    answer = run("step", "t.csv", "-t", "c11")
    assert "x₁ = c0, x₂ = c1, x₃ = c2, x₄ = c3, x₅ = c4, ... x₁₁ = c10; y = c11, standardized" in answer.out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("-t", "passe"), 1, "Did you mean 'passed'?"),
        (("-t", "passed", "--exclude", "passed"), 1, "The target 'passed' cannot be left out."),
        (
            ("-t", "passed", "--detail", "matrices"),
            2,
            "there is no detail 'matrices'. Did you mean 'matrix'?",
        ),
        (("-t", "passed", "--conventions", "lab5"), 2, "there is no notation 'lab5'. Did you mean 'lab"),
        (("-t", "passed", "--steps", "0"), 2, "whole number, at least 1; got '0'"),
    ],
)
def test_errors_are_those_of_the_other_verbs(
    run: Run, passes: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    answer = run("step", passes, *words)
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith("Error: ")
    assert sentence in answer.err


def test_lbfgs_takes_no_steps_that_could_be_shown(run: Run, prices: Path) -> None:
    answer = run("step", prices, "-t", "price", "--optimizer", "lbfgs", "--steps", 1)
    assert answer.code != 0
    assert "must be a rule that makes a step from one gradient; got lbfgs" in answer.err
