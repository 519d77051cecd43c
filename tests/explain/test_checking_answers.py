"""Answers are marked: what is right is never called wrong, and a slip that was made is named."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pytest

import deltarule as dr
from deltarule.core.losses import LOSSES
from deltarule.explain.slips import KINDS
from tests.core.support import each_pair
from tests.explain.test_working import OPTIMIZERS, rows, small, worked_example

CHUNKS, NETWORKS = 4, 250
ETA, STRENGTH = 0.3, 0.4
SLIPS = [
    kind
    for kind in dict.fromkeys(kind.name for kind in KINDS)
    if kind not in ("offset forgotten", "row weights forgotten")
]

# -- a student -------------------------------------------------------------------------------------------
# Works the step out with loops and without the library; makes one slip.


class Task(NamedTuple):
    """A step: parameters, rows, activations by name, the factor of the squared error, and the settings."""

    W: list[Any]
    b: list[Any]
    X: Any
    y: Any
    activations: list[str]
    loss: str
    reduction: str
    penalty: bool


VALUES: dict[str, Any] = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "softplus": lambda z: np.log(1 + np.exp(z)),
}
SLOPES_OF_Z: dict[str, Any] = {
    "identity": np.ones_like,
    "sigmoid": lambda z: VALUES["sigmoid"](z) * (1 - VALUES["sigmoid"](z)),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "softplus": VALUES["sigmoid"],
}
SLOPES_OF_A: dict[str, Any] = {
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a**2,
}
FACTORS = {"mean_squared_error": 2.0, "half_squared_error": 1.0, "sum_squared_error": 2.0}


def slope(name: str, z: Any, slip: str) -> Any:
    if slip == "slope forgotten":
        return 1.0
    if slip == "slope of z" and name in SLOPES_OF_A:
        return SLOPES_OF_A[name](z)
    return SLOPES_OF_Z[name](VALUES[name](z) if slip == "slope at a" else z)


def student(task: Task, slip: str = "", decimals: int = 30) -> dict[str, Any]:
    """All numbers of the step, each rounded; the slip is made wherever it can be made."""
    found = forward(task, slip, decimals)
    delta = np.round(output_delta(task, found, slip), decimals)
    for layer in range(len(task.W), 0, -1):
        found[f"delta{layer}"] = delta
        x = found[f"a{layer - 1}"] if layer > 1 else task.X
        for letter, parameter in (("W", task.W[layer - 1]), ("b", task.b[layer - 1])):
            if parameter is not None:
                g = np.round(gradient(task, x, delta, parameter, slip), decimals)
                found[f"d{letter}{layer}"] = g
                found[f"{letter}{layer}_after"] = np.round(after(parameter, g, slip), decimals)
        if layer > 1:
            W = found[f"W{layer}_after"] if slip == "updated too early" else task.W[layer - 1]
            d_a = delta @ (W if slip == "weights not transposed" and is_square(W) else W.T)
            delta = d_a * slope(task.activations[layer - 2], found[f"z{layer - 1}"], slip)
            delta = np.round(delta, decimals)
    return found


def forward(task: Task, slip: str, decimals: int) -> dict[str, Any]:
    found, x = {}, task.X
    for layer, (W, b, name) in enumerate(zip(task.W, task.b, task.activations, strict=True), start=1):
        z = np.round(x @ W + (0.0 if b is None or slip == "bias forgotten" else b), decimals)
        x = np.round(z if slip == "activation forgotten" else VALUES[name](z), decimals)
        found |= {f"z{layer}": z, f"a{layer}": x}
    return found


def gradient(task: Task, x: Any, delta: Any, parameter: Any, slip: str) -> Any:
    """∂J/∂W or, for a vector, ∂J/∂b."""
    is_weight = parameter.ndim == 2
    g = x.T @ delta if is_weight else delta.sum(axis=0)
    g = g.T if slip == "transposed" and is_weight and is_square(g) else g
    divisions = (task.reduction == "mean") + (slip == "averaged twice") - (slip == "not averaged")
    g = g / len(x) ** max(divisions, 0)
    return g + STRENGTH * parameter * (task.penalty and is_weight and slip != "penalty forgotten")


def after(parameter: Any, g: Any, slip: str) -> Any:
    step = -(1.0 if slip == "learning rate forgotten" else ETA) * g
    step = -step if slip == "gradient added" else step
    return step if slip == "old value forgotten" else parameter + step


def is_square(array: Any) -> bool:
    return len(set(array.shape)) == 1


def output_delta(task: Task, found: dict[str, Any], slip: str) -> Any:
    last, k = len(task.W), task.y.shape[1]
    z, y_hat, name = found[f"z{last}"], found[f"a{last}"], task.activations[-1]
    delta = y_hat - task.y
    if task.loss == "binary_cross_entropy":
        delta = delta * (SLOPES_OF_Z[name](z) if slip == "slope not cancelled" else 1.0)
    else:
        delta = FACTORS[task.loss] * delta * slope(name, z, slip)
    if task.loss == "mean_squared_error" and slip != "not averaged over outputs":
        delta = delta / k
    if slip == "averaged over outputs":
        delta = delta / k
    factors = {"sign": -1.0, "factor 2 missing": 0.5, "factor 2 too many": 2.0}
    return delta * factors.get(slip, 1.0)


def random_task(rng: np.random.Generator) -> tuple[Task, dr.Working]:
    widths = rng.integers(1, 4, size=rng.integers(2, 5)).tolist()
    loss = str(rng.choice([*FACTORS, "binary_cross_entropy"]))
    output = "sigmoid" if loss == "binary_cross_entropy" else str(rng.choice(["identity", "sigmoid"]))
    hidden = rng.choice(["sigmoid", "tanh", "softplus"], size=len(widths) - 2).tolist()
    net = dr.Network(widths, [*hidden, output], bias=bool(rng.random() < 0.7))
    net.theta = rng.normal(size=net.theta.size).round(2)
    n = int(rng.integers(1, 5))
    X = rng.normal(size=(n, widths[0])).round(1)
    y = rng.integers(0, 2, size=(n, widths[-1])).astype(float)
    reduction = "mean" if rng.random() < 0.7 else "sum"
    penalty = bool(rng.random() < 0.3)
    task = Task(list(net.weights), list(net.biases), X, y, [*hidden, output], loss, reduction, penalty)
    working = dr.show_step(
        net,
        X,
        y,
        loss=loss,
        optimizer=dr.SGD(ETA),
        reduction=reduction,  # type: ignore[arg-type]
        penalty=dr.L2(STRENGTH) if penalty else None,
    )
    return task, working


def written(value: Any, decimals: int) -> Any:
    """The numbers of an array as somebody writes them."""
    if np.ndim(value) == 0:
        return f"{value:.{decimals}f}"
    return [written(each, decimals) for each in value]


# -- fuzz ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_right_answer_is_called_wrong(chunk: int) -> None:
    rng = np.random.default_rng([chunk, 1])
    for case in range(NETWORKS):
        task, working = random_task(rng)
        exact = student(task)
        rounded = {key: written(value, int(rng.integers(0, 10))) for key, value in exact.items()}
        check = working.check(**(rounded if case % 2 else exact))
        assert {verdict.status for verdict in check.verdicts} == {"right"}, check


@pytest.mark.parametrize("decimals", [2, 3, 4, 5])
def test_who_rounds_at_each_step_is_not_called_wrong(decimals: int) -> None:
    rng, seen = np.random.default_rng([decimals, 3]), Counter[str]()
    for _ in range(40):
        task, working = random_task(rng)
        rounded = student(task, decimals=decimals)
        check = working.check(**{key: written(value, decimals) for key, value in rounded.items()})
        seen.update(verdict.status for verdict in check.verdicts)
    assert set(seen) == {"right", "rounded"}


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_slips_are_named(chunk: int) -> None:
    """One slip in each network, and one of the numbers that it changes; 19 in 20 of each kind are named."""
    rng = np.random.default_rng([chunk, 2])
    changed, named = Counter[str](), Counter[str]()
    for _ in range(NETWORKS):
        task, working = random_task(rng)
        decimals, exact = int(rng.integers(5, 12)), student(task)
        wrong = {slip: student(task, slip) for slip in SLIPS}
        cases = {slip: different(exact, numbers, 10.0**-decimals) for slip, numbers in wrong.items()}
        slip = min((slip for slip, keys in cases.items() if keys), key=changed.__getitem__)
        key = str(rng.choice(cases[slip]))
        (verdict,) = working.check(**{key: written(wrong[slip][key], decimals)}).verdicts
        changed[slip] += 1
        named[slip] += slip in {each.name for each in verdict.slips}
    assert set(changed) == set(SLIPS)
    assert [(slip, named[slip], n) for slip, n in changed.items() if named[slip] < 0.95 * n] == []


ON_THE_WAY_BACK = [
    *("weights not transposed", "averaged twice", "not averaged", "penalty forgotten", "transposed"),
    *("learning rate forgotten", "old value forgotten", "gradient added"),
]
"""Slips that are made after the first delta."""


def test_slips_in_rounded_numbers_are_named() -> None:
    """Rounded at each step; the first number that a slip changes, after all the right ones before it."""
    rng = np.random.default_rng(7)
    changed, named = Counter[str](), Counter[str]()
    for case in range(200):
        slip = ON_THE_WAY_BACK[case % len(ON_THE_WAY_BACK)]
        task, working = random_task(rng)
        decimals = int(rng.integers(3, 5))
        right, wrong = student(task, decimals=decimals), student(task, slip, decimals)
        keys = sorted(different(right, wrong, 30 * 10.0**-decimals), key=working.keys().index)
        if not keys:
            continue
        before = {key: right[key] for key in working.keys()[: working.keys().index(keys[0])] if key in right}
        answers = {
            key: written(value, decimals) for key, value in {**before, keys[0]: wrong[keys[0]]}.items()
        }
        *others, verdict = working.check(**answers).verdicts
        assert all(each.ok for each in others)
        changed[slip] += 1
        named[slip] += slip in {each.name for each in verdict.slips}
    assert set(changed) == set(ON_THE_WAY_BACK)
    assert [(slip, named[slip], n) for slip, n in changed.items() if named[slip] < 0.95 * n] == []


def different(exact: dict[str, Any], wrong: dict[str, Any], unit: float) -> list[str]:
    """The quantities that a slip changes by more than rounding can hide."""
    return [key for key in exact if np.any(np.abs(exact[key] - wrong[key]) > 1.1 * unit)]


# -- by hand ---------------------------------------------------------------------------------------------


def statuses(check: dr.Check) -> dict[str, str]:
    return {verdict.key: verdict.status for verdict in check.verdicts}


def slips(verdict: dr.Verdict) -> set[str]:
    return {slip.name for slip in verdict.slips}


def test_the_printed_numbers_of_the_worked_example_are_rounded_at_each_step() -> None:
    """The third document writes the error y - ŷ, and goes on with δ = .003 in the place of .0030455."""
    check = worked_example().check(delta1=".003", step_W1=[".00015", ".00045"])
    assert statuses(check) == {"delta1": "convention", "step_W1": "rounded"}
    assert [entry.status for entry in check["step_W1"].entries] == ["right", "rounded"]
    assert check.ok
    check = worked_example().check(
        delta1="-.003", dW1=[["-.0003"], ["-.00090"]], step_W1=[".00015", ".00045"]
    )
    assert statuses(check) == {"delta1": "right", "dW1": "rounded", "step_W1": "rounded"}
    assert statuses(worked_example().check(step_W1=[".00015", ".00045"])) == {"step_W1": "rounded"}


def test_a_number_is_right_within_half_a_unit_of_its_last_decimal() -> None:
    """The delta is -0.0030455..., the prediction 0.51237248..."""
    working = worked_example()
    for text in ("-0.003", "-0.0030", "-0.00305", "-3.05e-3", "\N{MINUS SIGN}0.0030"):
        assert working.check(delta1=text)["delta1"].status == "right"
    for text in ("-0.0031", "-0.00304"):
        assert working.check(delta1=text)["delta1"].status != "right"
    assert working.check(y_hat=0.51).ok
    assert not working.check(y_hat=0.51, decimals=4).ok
    assert working.check(y_hat=0.5123999, decimals=4).ok
    assert working.check(a2=np.float32(0.51237248))["y_hat"].ok


def toy(**settings: Any) -> dr.Working:
    """Three rows of a linear model, as in the first document: e = ŷ - y, gradient (2 / N) Xᵀ e."""
    net = dr.Network([2, 1], ["identity"])
    net.weights, net.biases = [[[1.0], [1.0]]], [[0.0]]
    X = [[1.0, 2.0], [2.0, 1.0], [3.0, 1.0]]
    return dr.show_step(net, X, [4.6, 4.6, 6.0], optimizer=dr.SGD(0.1), **settings)


def test_fractions_are_exact() -> None:
    assert toy().check(dW1=["-36/5", "-68/15"])["dW1"].status == "right"
    assert [entry.status for entry in toy().check(dW1=["-36/5", "-64/15"])["dW1"].entries] == [
        "right",
        "wrong",
    ]


def test_slips_that_coincide_are_all_named() -> None:
    """With two rows and two outputs, a 2 can come from the factor, from N and from K."""
    net = dr.Network([1, 2], ["identity"], bias=False)
    net.weights = [[[1.0, -1.0]]]
    working = dr.show_step(net, [[1.0], [2.0]], [[0.0, 1.0], [1.0, 0.0]])
    verdict = working.check(dW1=2.0 * working["dW1"].value)["dW1"]
    assert slips(verdict) == {"factor 2 too many", "not averaged", "not averaged over outputs"}


def test_a_slip_that_changes_nothing_is_not_named() -> None:
    """The bias is 0 and a factor 2 is missing: nothing is said of the bias."""
    verdict = toy().check(delta1=toy()["delta1"].value / 2.0)["delta1"]
    assert "bias forgotten" not in slips(verdict)
    assert "factor 2 missing" in slips(verdict)


def test_follow_up_errors() -> None:
    """The slope is forgotten in delta2, and all that follows is computed rightly from it."""
    check = worked_example().check(z1="-0.02", delta2="-0.48763", delta1="-0.01219", W2_after="0.22069")
    assert statuses(check) == {
        "z1": "right",
        "delta2": "wrong",
        "delta1": "follow_up",
        "W2_after": "follow_up",
    }
    assert slips(check["delta2"]) == {"slope forgotten"}
    assert "δ⁽¹⁾: follows from your earlier, wrong δ⁽²⁾" in str(check)
    assert not check.ok


def test_follow_up_of_a_number_that_no_slip_explains() -> None:
    check = worked_example().check(delta2="-0.5", delta1="-0.0125", dW1=[["-0.00125"], ["-0.99"]])
    assert statuses(check) == {"delta2": "wrong", "delta1": "follow_up", "dW1": "wrong"}
    assert [entry.status for entry in check["dW1"].entries] == ["wrong", "wrong"]


def test_a_slip_after_a_wrong_number() -> None:
    """From delta2 = -0.5, with the slope of the hidden unit forgotten: -0.5 · 0.1."""
    check = worked_example().check(delta2="-0.5", delta1="-0.050000")
    assert slips(check["delta1"]) == {"slope forgotten"}
    assert "going on from your wrong δ⁽²⁾" in str(check)


def test_weights_that_were_updated_too_early_and_rounded() -> None:
    working = worked_example()
    W2, values = 0.13, working.values
    assert working.check(W2_after=str(W2)).ok
    delta1 = values["delta2"] * W2 * values["slope1"]
    check = working.check(delta1=written(delta1, 7), W2_after=str(W2))
    assert slips(check["delta1"]) == {"updated too early"}


def test_a_slip_in_a_rounded_number() -> None:
    """The slope is forgotten on the way from δ⁽²⁾ = -0.12: -0.012, where -0.0121832 would be exact."""
    check = worked_example().check(delta2="-0.12", delta1="-0.01200")
    assert statuses(check) == {"delta2": "right", "delta1": "wrong"}
    assert slips(check["delta1"]) == {"slope forgotten"}
    assert slips(worked_example().check(delta1="-0.01200")["delta1"]) == set()


def test_a_mixed_sign_is_a_slip_and_no_convention() -> None:
    check = worked_example().check(delta2="-0.1218322", delta1="0.0030455")
    assert statuses(check) == {"delta2": "right", "delta1": "wrong"}
    assert slips(check["delta1"]) == {"sign"}


def test_samples_as_columns() -> None:
    working = toy()
    verdict = working.check(dW1=working["dW1"].value.T)["dW1"]
    assert (verdict.status, slips(verdict)) == ("convention", {"transposed"})
    check = working.check(
        dW1=working["dW1"].value.T, z1=working["z1"].value, W1_after=working["W1_after"].value
    )
    assert statuses(check)["dW1"] == "wrong"
    assert slips(check["dW1"]) == {"transposed"}


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (-1.0, "the error is y - ŷ"),
        (0.5, "half the factor"),
        (-0.5, "the error is y - ŷ and the step is added, the squared error has half the factor"),
        (3.0, "the rows are added up"),
    ],
)
def test_conventions_of_other_documents(factor: float, words: str) -> None:
    working = toy()
    verdict = working.check(dW1=factor * working["dW1"].value)["dW1"]
    assert verdict.status == "convention"
    assert words in str(verdict)


def test_single_entries_have_slips_of_their_own() -> None:
    working = toy()
    dW = working["dW1"].value * [[1.0], [-1.0]]
    check = working.check(dW1=dW)
    assert [entry.status for entry in check["dW1"].entries] == ["right", "wrong"]
    assert slips(check["dW1"].entries[1]) == {"sign"}
    assert "∂J/∂W⁽¹⁾[2, 1]" in str(check)
    assert "the sign is reversed" in str(check)


def test_single_entries_in_rounded_numbers() -> None:
    """From δ with one decimal: the first gradient is right but for that, the sign of the second is wrong."""
    net = dr.Network([2, 1], ["identity"])
    net.weights, net.biases = [[[1.003], [1.001]]], [[0.0]]
    X = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 1.0]])
    working = dr.show_step(net, X, [4.6, 4.6, 6.0])
    delta = working["delta1"].value.round(1)
    dW = X.T @ delta / 3
    check = working.check(delta1=written(delta, 1), dW1=written(dW * [[1], [-1]], 4))
    assert statuses(check) == {"delta1": "right", "dW1": "wrong"}
    assert [entry.status for entry in check["dW1"].entries] == ["rounded", "wrong"]
    assert slips(check["dW1"].entries[1]) == {"sign"}
    assert "[1, 1]" not in str(check)
    assert statuses(working.check(delta1=written(delta, 1), dW1=written(dW, 4)))["dW1"] == "rounded"


def test_the_answer_is_not_given_away() -> None:
    check = worked_example().check(delta1="0.7")
    assert "0.003" not in str(check)
    assert check["delta1"].expected == pytest.approx(-0.0030455, rel=1e-4)


def test_html() -> None:
    html = worked_example().check(delta1="0.7", z1="-0.02")._repr_html_()
    assert html.count("<tr>") == 2
    assert "✗" in html
    assert "✓" in html


@each_pair
def test_every_quantity_can_be_answered(loss: Any, output: Any) -> None:
    net = small("gelu", output)
    X, y = rows(3, net, loss)
    settings = {"sample_weight": [0.5, 1.0, 2.0], "offset": np.full((3, 2), 0.1), "penalty": dr.L1(0.2)}
    working = dr.show_step(net, X, y, loss=loss, **settings)
    right = working.check(**{line.key: line.value for line in working})
    assert {verdict.status for verdict in right.verdicts} == {"right"}
    wrong = working.check(**{line.key: line.value + 0.123 for line in working})
    assert not any(verdict.ok for verdict in wrong.verdicts)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_step_of_every_optimizer_can_be_answered(optimizer: Any, dtype: Any) -> None:
    net = small(dtype=dtype)
    X, y = rows(4, net, LOSSES["mean_squared_error"])
    working = dr.show_step(net, X, y, optimizer=optimizer)
    right = working.check(**{line.key: line.value for line in working})
    assert {verdict.status for verdict in right.verdicts} == {"right"}
    before = net.weights[0].copy()
    net.train(X, y, loss="mean_squared_error", optimizer=optimizer, batch_size=None, epochs=1)
    step = net.weights[0] - before
    assert working.check(step_W1=step, decimals=5)["step_W1"].status == "right"
    assert "gradient added" in slips(working.check(step_W1=-step, decimals=5)["step_W1"])


def test_rows_with_weights_and_offsets() -> None:
    net = small("tanh", "identity")
    X, y = rows(3, net, LOSSES["mean_squared_error"])
    working = dr.show_step(net, X, y, sample_weight=[0.5, 1.0, 2.0], offset=np.full((3, 2), 0.1))
    assert slips(working.check(z2=working["z2"].value - 0.1)["z2"]) == {"offset forgotten"}
    unweighted = working["delta2"].value / np.array([[0.5], [1.0], [2.0]])
    assert slips(working.check(delta2=unweighted)["delta2"]) == {"row weights forgotten"}


# -- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"delt2": 1.0}, r"got 'delt2'.*Allowed: z1, a1, .*Did you mean 'delta2'"),
        ({"dW1": [[1.0, 2.0, 3.0]]}, r"'dW1' must have the shape.*got shape \(1, 3\).*Allowed: \(2, 1\)"),
        ({"dW1": [[1.0], [2.0, 3.0]]}, "rows of different lengths"),
        ({"dW1": []}, "an empty list"),
        ({"delta1": "abc"}, "got 'abc'.*Allowed: numbers such as"),
        ({"delta1": "1/0"}, "got '1/0'"),
        ({"delta1": "1e999999999"}, "got '1e999999999'"),
        ({"delta1": float("nan")}, "got nan"),
        ({"delta1": True}, "got True"),
        ({}, "at least one answer"),
        ({"delta1": 1.0, "decimals": -1}, "decimals"),
    ],
)
def test_errors(answers: dict[str, Any], words: str) -> None:
    with pytest.raises(dr.InputError, match=words):
        worked_example().check(**answers)


def test_a_check_knows_what_was_answered() -> None:
    with pytest.raises(dr.InputError, match=r"got 'delta2'.*Allowed: delta1"):
        worked_example().check(delta1=0.1)["delta2"]
