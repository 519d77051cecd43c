"""All renderings of a step show the same numbers, and they are those of the network: random networks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import deltarule as dr
from tests.explain.test_conventions import parameters
from tests.explain.test_workbook import Problem, assert_follows, fuzzed, working_of

DETAILS = ["scalar", "matrix", "summary"]
ALIGNED = r"\n\\begin{align(?:ed|\*)}\n(.*?)\n\\end{align(?:ed|\*)}\n"
LATEX_ARRAY = re.compile(r"\\begin{bmatrix} (.*) \\end{bmatrix}")
SUMMARY = re.compile(r".*, norm (\S+), \[(.*?)(?: \.\.\.)?\]")


def written(seed: int, **settings: Any) -> list[Problem]:
    """Two steps of one random network in random conventions, with a random number of decimals."""
    rng = np.random.default_rng([seed, 1])
    chosen = {"conventions": str(rng.choice(list(dr.CONVENTIONS))), "decimals": [None, 2, 5, 12][seed % 4]}
    return [(net, own | chosen | settings) for net, own in fuzzed(seed)]


# -- what a page shows -----------------------------------------------------------------------------------
# For each line of the step what its equations end with; of a summary, its words.


def of_text(page: str, is_summary: bool) -> list[list[Any]]:
    paragraphs = [re.split(r"\n {4}(?! )", paragraph)[1:] for paragraph in page.split("\n\n")]
    found = [
        [equation.rpartition("= ")[2] for equation in equations] for equations in paragraphs if equations
    ]
    return [[summary_numbers(ends[-1])] if is_summary else list(map(json.loads, ends)) for ends in found]


def of_latex(page: str, is_summary: bool) -> list[list[Any]]:
    found: list[list[Any]] = []
    for block in re.findall(ALIGNED, page, re.DOTALL):
        *rows, last = block.replace(" \\\\\n&\\quad ", " ").split(" \\\\\n")  # long ones on one line again
        if is_summary:
            found.append([summary_numbers(last.removeprefix(r"&\quad\text{").removesuffix("}"))])
            continue
        equations = re.split(r"\n(?!&= )", "\n".join([*rows, last]))
        found.append([latex_number(equation.rpartition("&= ")[2]) for equation in equations])
    return found


def of_html(page: str, is_summary: bool) -> list[list[Any]]:
    found: list[list[Any]] = []
    for element in ElementTree.fromstring(page.replace("&nbsp;", " ")):
        words = element.findtext("span[@class='shape']")
        if words is not None:
            found.append([summary_numbers(words)] if is_summary else [])
        elif element.tag == "math" and not is_summary:
            found[-1].append(mathml_number(element[0][-1]))
    return found


def latex_number(end: str) -> Any:
    array = LATEX_ARRAY.fullmatch(end)
    if array:
        return [[latex_number(cell) for cell in row.split(" & ")] for row in array[1].split(r" \\ ")]
    return float(re.sub(r" \\cdot 10\^{(.*)}", r"e\1", end))


def mathml_number(end: ElementTree.Element) -> Any:
    if end.find("mtable") is not None:
        return [[mathml_number(cell) for cell in row] for row in end.iter("mtr")]
    return float("".join(end.itertext()).replace("−", "-").replace("·10", "e"))


def summary_numbers(words: str) -> Any:
    """The norm and the corner of an array; a number as it is."""
    found = SUMMARY.fullmatch(words)
    if found is None:
        return float(words)
    return float(found[1]), [[float(cell) for cell in row.split(", ")] for row in found[2].split("; ")]


def expected(line: dr.Line, detail: str) -> list[Any]:
    value = np.asarray(line.value)
    if detail == "summary":
        corner = np.atleast_2d(value)[:3, :3]
        return [(np.linalg.norm(value), corner) if value.ndim else value]
    return [value] if detail == "matrix" else list(value.ravel())


def assert_close(found: Any, exact: Any, decimals: int | None) -> None:
    """To half a unit of the last digit; arrays in their layout, a vector as a row."""
    if isinstance(exact, tuple):
        for each in zip(found, exact, strict=True):
            assert_close(*each, decimals)
        return
    assert np.shape(np.atleast_2d(found)) == np.shape(np.atleast_2d(exact))
    unit = (
        {"rtol": 5.001e-6, "atol": 0.0}
        if decimals is None
        else {"rtol": 1e-12, "atol": 0.5001 * 10.0**-decimals}
    )
    np.testing.assert_allclose(np.atleast_2d(found), np.atleast_2d(exact), **unit)


# -- agreement -------------------------------------------------------------------------------------------


def assert_numbers_of_the_network(working: dr.Working, problem: Problem) -> None:
    """To the last bit, the parameters after the step in any conventions."""
    net, settings = problem
    own = working.in_conventions("library")
    of_step = {
        key: settings[key] for key in ("X", "y", "loss", "sample_weight", "offset", "penalty", "reduction")
    }
    g = net.gradients(**of_step)
    assert own["J"].value == g.objective
    steps = net.forward(settings["X"], settings["offset"])
    for layer, (step, delta, dW) in enumerate(zip(steps, g.delta, g.dW, strict=True), start=1):
        for key, value in {"z": step.z, "a": step.a, "delta": delta, "dW": dW}.items():
            assert own[f"{key}{layer}"].value.tobytes() == value.tobytes(), key
    net.train(**of_step, optimizer=settings["optimizer"], batch_size=None, epochs=1, engine="reference")
    after = [
        each for W, b in zip(net.weights, net.biases, strict=True) for each in (W, b) if each is not None
    ]
    assert [each.tobytes() for each in parameters(working)] == [each.tobytes() for each in after]


def assert_pages_agree(working: dr.Working) -> None:
    is_summary, lines = working.detail == "summary", list(working)
    pages = {
        "text": of_text(working.to_text(), is_summary),
        "markdown": of_latex(working.to_markdown(), is_summary),
        "latex": of_latex(working.to_latex(), is_summary),
        "html": of_html(working.to_html(), is_summary),
    }
    for name, found in pages.items():
        assert len(found) == len(lines), name
        for line, ends in zip(lines, found, strict=True):
            exact = expected(line, working.detail)
            assert len(ends) == len(exact), (name, line)
            for pair in zip(ends, exact, strict=True):
                assert_close(*pair, working.decimals)


def assert_answers_are_right(working: dr.Working) -> None:
    """Every line's value as it is printed, in its shape; and what can be asked for beside the lines."""
    answers, keys = {}, working.keys()
    for key in keys:
        line = working[key]
        if working.detail == "scalar":
            ends = [equation.rpartition("= ")[2] for equation in re.split(r"\n {4}(?! )", str(line))[1:]]
            answers[key] = np.array(ends, dtype=object).reshape(np.shape(line.value)).tolist()
        else:
            written_ = np.vectorize(lambda value: f"{value:.{working.decimals or 6}f}", otypes=[object])
            answers[key] = written_(line.value).tolist()
    verdicts = working.check(**answers).verdicts
    assert {verdict.status for verdict in verdicts} == {"right"}, list(map(str, verdicts))


def assert_all_agree(seed: int) -> None:
    for detail in DETAILS:
        _, problem = written(seed, detail=detail)
        working = working_of(problem)
        assert_pages_agree(working)
        assert_answers_are_right(working)
    assert_numbers_of_the_network(working, problem)


def assert_workbook_follows(seed: int, path: Path) -> None:
    before, after = map(working_of, written(seed))
    assert_follows(before, after, path, tolerance=1e-9)


@pytest.mark.parametrize("seed", range(24))
def test_pages_of_random_networks(seed: int) -> None:
    assert_all_agree(seed)


@pytest.mark.parametrize("seed", range(10))
def test_workbooks_of_random_networks(seed: int, tmp_path: Path) -> None:
    assert_workbook_follows(seed, tmp_path / "step.xlsx")


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(10))
def test_many_random_networks(chunk: int, tmp_path: Path) -> None:
    for seed in range(1000 + 30 * chunk, 1030 + 30 * chunk):
        assert_all_agree(seed)
    for seed in range(1000 + 6 * chunk, 1006 + 6 * chunk):
        assert_workbook_follows(seed, tmp_path / f"{seed}.xlsx")
