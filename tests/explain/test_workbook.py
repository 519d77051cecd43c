"""The workbook is live: change what is given, recalculate, and it is the step of those numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import formulas
import numpy as np
import pytest
from openpyxl import load_workbook
from xlsxwriter.utility import xl_rowcol_to_cell

import deltarule as dr
from deltarule.core.losses import LOSSES
from deltarule.explain import expressions
from deltarule.explain.expressions import Negative, Number, Power, Product, Quotient, Sum, Symbol
from deltarule.explain.spreadsheet import FIRST_COLUMN, FUNCTIONS, MOST_FORMULAS, Block, blocks, formula
from deltarule.explain.workbook import SHEET
from tests.core.support import ACTIVATION_RECORDS, PAIRS, targets

Problem = tuple[dr.Network, dict[str, Any]]
"""A network, and the other arguments of show_step."""


def random_problem(
    seed: int,
    hidden: Sequence[Any] = ("tanh",),
    output: Any = "identity",
    loss: Any = "mean_squared_error",
    widths: Sequence[int] = (2, 2, 1),
    n: int = 1,
    bias: bool = True,
    **settings: Any,
) -> Problem:
    rng = np.random.default_rng(seed)
    net = dr.Network(widths, [*hidden, output], seed=0, bias=bias)
    net.theta = 0.5 * rng.normal(size=net.theta.size)
    loss = LOSSES[loss] if isinstance(loss, str) else loss
    X, y = rng.normal(size=(n, widths[0])), targets(rng, loss, n, widths[-1])
    return net, {"X": X, "y": y, "loss": loss, **settings}


def working_of(problem: Problem) -> dr.Working:
    net, settings = problem
    return dr.show_step(net, **settings)


def cells(block: Block) -> list[tuple[str, float]]:
    """Every address of a block with its number."""
    rows = enumerate(block.numbers.tolist())
    return [
        (xl_rowcol_to_cell(block.row + i, FIRST_COLUMN + j), v) for i, row in rows for j, v in enumerate(row)
    ]


def computed(working: dr.Working) -> dict[str, float]:
    return {at: v for block in blocks(working) if block.formulas for at, v in cells(block)}


def given(working: dr.Working) -> dict[str, float]:
    return {at: v for block in blocks(working) if not block.formulas for at, v in cells(block)}


def assert_follows(before: dr.Working, after: dr.Working, path: Path, tolerance: float = 1e-10) -> None:
    """Put what is given in one step into the workbook of the other, and recalculate."""
    before.to_xlsx(path)
    model = formulas.ExcelModel().loads(str(path)).finish()
    front = f"'[{path.name}]{SHEET.upper()}'!"
    solution = model.calculate(inputs={front + at: value for at, value in given(after).items()})
    expected = computed(after)
    found = {at: float(solution[front + at].value[0, 0]) for at in expected}
    assert found == pytest.approx(expected, rel=tolerance, abs=tolerance)
    assert expected != computed(before)


# -- one number is changed -------------------------------------------------------------------------------


def step_of_221(w: float = 0.4, x: float = 0.1, learning_rate: float = 0.5) -> dr.Working:
    net = dr.Network([2, 2, 1], ["sigmoid", "sigmoid"])
    net.weights = [[[w, -0.3], [-0.2, 0.8]], [[0.1], [0.7]]]
    return dr.show_step(net, [[x, 0.3]], [1.0], loss="half_squared_error", optimizer=dr.SGD(learning_rate))


@pytest.mark.parametrize("change", [{"w": -1.5}, {"x": 2.25}, {"learning_rate": 0.125}], ids=repr)
def test_one_changed_number(change: dict[str, float], tmp_path: Path) -> None:
    after = step_of_221(**change)
    assert sum(a != b for a, b in zip(given(step_of_221()).values(), given(after).values(), strict=True)) == 1
    assert_follows(step_of_221(), after, tmp_path / "step.xlsx")


# -- all numbers are changed -----------------------------------------------------------------------------


def assert_all_follow(path: Path, *, seed: int = 1, **settings: Any) -> None:
    assert_follows(
        working_of(random_problem(seed, **settings)), working_of(random_problem(seed + 1, **settings)), path
    )


@pytest.mark.parametrize("first", range(0, len(ACTIVATION_RECORDS), 3))
def test_every_activation(first: int, tmp_path: Path) -> None:
    hidden = ACTIVATION_RECORDS[first : first + 3]
    widths = [1, *(2 if activation.name == "softmax" else 1 for activation in hidden), 1]
    assert_all_follow(tmp_path / "step.xlsx", hidden=hidden, widths=widths)


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        *((loss, "identity") for loss in ("mean_squared_error", "half_squared_error", "sum_squared_error")),
        ("absolute_error", "tanh"),
        ("huber", "identity"),
        ("binary_cross_entropy", "sigmoid"),
        ("cross_entropy", "softmax"),
        ("poisson", "exponential"),
        ("poisson", "softplus"),
        ("binary_cross_entropy", "softmax"),
    ],
)
def test_every_loss(loss: str, output: str, tmp_path: Path) -> None:
    assert_all_follow(tmp_path / "step.xlsx", hidden=(), output=output, loss=loss, widths=(1, 2), n=2)


@pytest.mark.parametrize(
    "optimizer",
    [
        (dr.SGD([0.3, 0.1]), dr.SGD([0.2, 0.7])),
        (dr.SGD(0.3, momentum=0.9), dr.SGD(0.1, momentum=0.5)),
        (dr.SGD(0.3, momentum=0.9, nesterov=True), dr.SGD(0.1, momentum=0.5, nesterov=True)),
        (dr.Adam(0.1), dr.Adam(0.2, beta_1=0.8, beta_2=0.9, epsilon=1e-3)),
        (dr.AdamW(0.1), dr.AdamW(0.2, beta_1=0.8, weight_decay=0.3)),
        (dr.RMSProp(0.1), dr.RMSProp(0.2, rho=0.7, epsilon=1e-3)),
        (
            dr.Adam(0.1, epsilon_form="before_bias_correction"),
            dr.Adam(0.2, beta_1=0.8, epsilon=1e-3, epsilon_form="before_bias_correction"),
        ),
    ],
    ids=repr,
)
def test_every_optimizer(optimizer: tuple[Any, Any], tmp_path: Path) -> None:
    before, after = (working_of(random_problem(1, widths=(1, 1, 1), optimizer=each)) for each in optimizer)
    assert_follows(before, after, tmp_path / "step.xlsx")


def test_weights_offsets_and_penalties(tmp_path: Path) -> None:
    """The first weights add up to one, the others do not."""
    common: dict[str, Any] = {
        "widths": (1, 2),
        "hidden": (),
        "output": "softmax",
        "loss": "cross_entropy",
        "n": 2,
    }
    before = working_of(
        random_problem(
            1,
            **common,
            sample_weight=[0.5, 0.5],
            offset=[[0.1, 0.0], [0.0, 0.2]],
            penalty=(dr.L1(0.2, biases=True), dr.L2(0.1)),
        )
    )
    after = working_of(
        random_problem(
            2,
            **common,
            sample_weight=[0.0, 3.0],
            offset=[[0.3, 1.0], [-1.0, 0.2]],
            penalty=(dr.L1(0.5, biases=True), dr.L2(0.7)),
        )
    )
    assert_follows(before, after, tmp_path / "step.xlsx")


def test_targets_that_no_longer_add_up_to_one(tmp_path: Path) -> None:
    """The equation ŷ - y holds for the first targets only; the cells hold for all."""
    common: dict[str, Any] = {"widths": (1, 2), "hidden": (), "output": "softmax", "loss": "cross_entropy"}
    net, settings = random_problem(1, **common)
    workings = [dr.show_step(net, **settings | {"y": [y]}) for y in ([1.0, 0.0], [0.5, 0.25])]
    assert_follows(*workings, tmp_path / "step.xlsx")


def fuzzed(seed: int) -> tuple[Problem, Problem]:
    """Two steps of one random small network, with other numbers everywhere."""
    rng = np.random.default_rng(seed)
    loss, output = PAIRS[rng.integers(len(PAIRS))]
    k = int(rng.integers(2 if output.name == "softmax" else 1, 3))
    hidden = tuple(rng.choice(np.array(ACTIVATION_RECORDS, dtype=object), rng.integers(0, 3)))
    widths = [int(rng.integers(1, 3)), *(2 for _ in hidden), k]
    n = int(rng.integers(1, 4))

    def settings() -> dict[str, Any]:
        rates = float(rng.uniform(0.01, 1.0)), float(rng.uniform(0.1, 0.9))
        optimizers = [
            dr.SGD(rates[0]),
            dr.SGD(rates[0], momentum=rates[1], nesterov=seed % 2 == 0),
            dr.Adam(rates[0], beta_1=rates[1]),
            dr.AdamW(rates[0], beta_1=rates[1], weight_decay=rates[1]),
            dr.RMSProp(rates[0], rho=rates[1]),
        ]
        return {
            "optimizer": optimizers[seed % len(optimizers)],
            "penalty": [None, dr.L2(rates[1]), dr.L1(rates[1])][seed // 3 % 3],
            "sample_weight": rng.uniform(0.5, 2.0, n) if seed % 2 else None,
            "offset": rng.normal(size=(n, k)) if seed // 2 % 2 else None,
            "reduction": "mean" if seed % 5 else "sum",
            "bias": bool(seed % 4),
        }

    first, second = (
        random_problem(seed + more, hidden, output, loss, widths, n, **settings()) for more in (0, 1)
    )
    return first, second


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_random_networks_in_libreoffice(tmp_path: Path) -> None:
    """Written with new numbers and no values, recalculated and saved by LibreOffice, read back."""
    expected = {}
    for seed in range(100, 160):
        before, after = map(working_of, fuzzed(seed))
        path = tmp_path / f"{seed}.xlsx"
        before.to_xlsx(path)
        book = load_workbook(path)
        for at, value in given(after).items():
            book[SHEET][at] = value
        book.save(path)
        expected[path.name] = computed(after)
    profile, out = (tmp_path / "profile").as_uri(), tmp_path / "recalculated"
    command = [
        "soffice",
        f"-env:UserInstallation={profile}",
        "--headless",
        "--convert-to",
        "xlsx",
        "--outdir",
    ]
    subprocess.run([*command, out, *(tmp_path / name for name in expected)], check=True, capture_output=True)
    for name, values in expected.items():
        sheet = load_workbook(out / name, data_only=True)[SHEET]
        assert {at: sheet[at].value for at in values} == pytest.approx(values, rel=1e-12, abs=1e-12)


# -- what is in the file ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_in_the_file_are_those_of_the_working(seed: int, dtype: Any, tmp_path: Path) -> None:
    """To the last bit, in the cells that are given and in the values of the formulas."""
    net = dr.Network([3, 4, 2], ["gelu", "identity"], seed=seed, dtype=dtype)
    net.theta = np.random.default_rng(seed).normal(size=net.theta.size)
    rng = np.random.default_rng(seed)
    working = dr.show_step(net, rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), optimizer="adam")
    working.to_xlsx(tmp_path / "step.xlsx")
    sheet = load_workbook(tmp_path / "step.xlsx", data_only=True)[SHEET]
    expected = computed(working) | given(working)
    assert {at: sheet[at].value for at in expected} == expected
    assert {line.key for line in working} <= {block.symbol.key for block in blocks(working)}


def test_a_learner_can_read_the_sheet(tmp_path: Path) -> None:
    working = step_of_221()
    working.to_xlsx(tmp_path / "step.xlsx")
    sheet = load_workbook(tmp_path / "step.xlsx")[SHEET]
    block = {block.symbol.key: block for block in blocks(working)}["delta2"]
    assert [cell.value for cell in sheet[block.row + 1]] == [
        "δ⁽²⁾",
        "1 × 1",
        "= ∂ℓ/∂ŷ ⊙ φ′(z⁽²⁾)",
        "=D35*D36",
        None,
        working["delta2"].why,
    ]
    assert sheet.freeze_panes == "B5"
    yellow = {cell.coordinate for row in sheet for cell in row if cell.fill.fgColor.rgb == "FFFFF2CC"}
    assert yellow == set(given(working))


def test_decimals_are_what_is_shown(tmp_path: Path) -> None:
    net = dr.Network([1, 1], ["identity"], seed=0)
    working = dr.show_step(net, [[1.0]], [1.0], decimals=3)
    working.to_xlsx(tmp_path / "step.xlsx")
    sheet = load_workbook(tmp_path / "step.xlsx")[SHEET]
    assert {sheet[at].number_format for at in computed(working) | given(working)} == {"0.000"}


# -- the writing of formulas -----------------------------------------------------------------------------

A, B = Symbol("a", "a"), Symbol("b", "b")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Negative(Power(A, 2)), "-(a^2)"),
        (Power(Negative(A), 2), "(-a)^2"),
        (Power(Number(-2.0), 2), "(-2)^2"),
        (Sum((Negative(Power(A, 2)), B)), "-(a^2)+b"),
        (Sum((B, Negative(Power(A, 2)))), "b-a^2"),
        (Sum((A, Negative(Sum((A, Negative(B)))))), "a-(a-b)"),
        (Sum((A, Negative(Negative(B)))), "a-(-b)"),
        (Negative(Product((A, B))), "-(a*b)"),
        (Product((A, Negative(B))), "a*(-b)"),
        (Product((A, Quotient(A, B))), "a*(a/b)"),
        (Quotient(A, Product((A, B))), "a/(a*b)"),
        (Quotient(Quotient(A, B), Quotient(A, B)), "a/b/(a/b)"),
        (Quotient(Sum((A, B)), Power(B, 2)), "(a+b)/b^2"),
        (Power(Power(A, 2), 3), "(a^2)^3"),
        (Product((Number(1e-08), Number(2.0))), "1e-08*2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parentheses(expression: Any, text: str) -> None:
    assert formula(expression, lambda symbol: symbol.key) == text


def test_every_function_of_the_equations_is_known() -> None:
    assert set(FUNCTIONS) == set(expressions.FUNCTIONS)


# -- what is refused -------------------------------------------------------------------------------------


def assert_refused(working: dr.Working, words: str, path: Path) -> None:
    """With four parts, and an old file stays as it is."""
    path.write_bytes(b"old")
    with pytest.raises(dr.InputError, match=rf"{words}.*Allowed: .*\. [A-Zw]\w+.*\.$"):
        working.to_xlsx(path)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_large_step_is_refused(tmp_path: Path) -> None:
    net = dr.Network([2, 1], ["identity"], seed=0)
    n = MOST_FORMULAS
    working = dr.show_step(net, np.ones((n, 2)), np.ones(n))
    assert_refused(working, r"every number of the step; got \d+ numbers", tmp_path / "step.xlsx")


def test_a_long_formula_is_refused(tmp_path: Path) -> None:
    net = dr.Network([1, 1], ["identity"], seed=0)
    working = dr.show_step(net, np.ones((1200, 1)), np.ones(1200))
    assert_refused(working, r"every sum written out; got \d+ characters for", tmp_path / "step.xlsx")


def test_functions_of_the_user_are_refused(tmp_path: Path) -> None:
    cube = dr.Activation("cube", value=lambda z: z**3, slope=lambda z, a: 3 * z**2)
    fourth = dr.Loss(
        "fourth",
        value=lambda y, y_hat: np.sum((y_hat - y) ** 4, axis=1),
        slope=lambda y, y_hat: 4 * (y_hat - y) ** 3,
    )
    net = dr.Network([1, 1], [cube], seed=0)
    assert_refused(dr.show_step(net, [[1.0]], [1.0]), "got 'cube' in y_hat", tmp_path / "step.xlsx")
    net = dr.Network([1, 1], ["tanh"], seed=0)
    assert_refused(
        dr.show_step(net, [[1.0]], [1.0], loss=fourth), "got 'fourth' in loss", tmp_path / "step.xlsx"
    )


@pytest.mark.parametrize("x", [800.0, -800.0])
def test_what_overflows_in_a_spreadsheet_is_refused(x: float, tmp_path: Path) -> None:
    net = dr.Network([1, 1], ["softplus"])
    net.weights = [[[1.0]]]
    working = dr.show_step(net, [[x]], [1.0])
    assert_refused(working, "got an overflow or ln 0 in (y_hat|slope1)", tmp_path / "step.xlsx")


def test_a_saturated_output_keeps_its_digits(tmp_path: Path) -> None:
    """ln(1 - ŷ) would be ln 0; the cells compute the loss from z."""

    def step(x: float) -> dr.Working:
        net = dr.Network([1, 1], ["sigmoid"])
        net.weights = [[[1.0]]]
        return dr.show_step(net, [[x]], [0.25], loss="binary_cross_entropy")

    assert_follows(step(40.0), step(50.0), tmp_path / "step.xlsx", tolerance=1e-14)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    assert_refused(step_of_221(), r"XlsxWriter; got no package", tmp_path / "step.xlsx")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    path = tmp_path / "step.xlsx"
    path.write_bytes(b"old")
    with pytest.raises(dr.InputError, match="no space left"):
        step_of_221().to_xlsx(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(dr.InputError, match="there is no folder"):
        step_of_221().to_xlsx(tmp_path / "nowhere" / "step.xlsx")
