"""A long LaTeX equation goes on on the next line and says the same."""

from __future__ import annotations

import numpy as np

import deltarule as dr
from deltarule.explain.line_breaks import WIDTH, broken, width


def test_nothing_is_lost() -> None:
    terms = [rf"\left(-{n}.5\right) \cdot x_{{{n}}}" for n in range(20)]
    lines = broken(["y &= " + " + ".join(terms), "&= 3"])
    assert len(lines) > 3
    assert "".join(lines).replace(r"&\quad", "") == "y &= " + " + ".join(terms) + "&= 3"
    assert all(width(line.partition("&")[2]) <= WIDTH for line in lines)


def test_signs_inside_stay_where_they_are() -> None:
    long = " + ".join(["1234567890"] * 9)
    inside = rf"y &= \left({long}\right) \cdot 2 - 1"
    first, second = broken([inside])
    assert first == rf"y &= \left({long}\right) \cdot 2"
    assert second == r"&\quad - 1"


def test_a_long_fraction_lies_down() -> None:
    lines = broken([r"y &= \frac{" + " + ".join(["1234567890"] * 9) + "}{14}"])
    assert lines[0].startswith(r"y &= \bigl(1234567890 + ")
    assert lines[-1].endswith(r"1234567890\bigr) / 14")
    assert broken([r"y &= \frac{1 + 2}{3}"]) == [r"y &= \frac{1 + 2}{3}"]


def test_a_fraction_over_a_sum_stays_upright() -> None:
    """On the line, it would need parentheses."""
    fraction = r"\frac{" + " + ".join(["1234567890"] * 9) + r"}{\sqrt{v} + \varepsilon}"
    assert broken([rf"y &= {fraction}"]) == [rf"y &= {fraction}"]


def test_where_samples_are_columns_no_sentence_speaks_of_rows() -> None:
    net = dr.Network([2, 2, 1], ["tanh", "identity"], seed=1)
    X, y = np.ones((3, 2)), np.ones(3)
    settings = {"sample_weight": [1.0, 2.0, 3.0], "offset": [0.1, 0.2, 0.3]}
    whys = {name: " ".join(line.why for line in dr.show_step(net, X, y, conventions=name, **settings).lines)
            for name in ("lab2", "lab3")}  # fmt: skip
    assert "rows" in whys["lab3"]
    assert "row" not in whys["lab2"].replace("grow", "")
    assert "averaged over the samples" in whys["lab2"]
