"""Plain text: one line per equation, with superscripts for layers and subscripts for entries."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from deltarule.explain.expressions import Symbol
from deltarule.explain.writing import PRODUCT, parts_of, second_letter

SUPERSCRIPTS = str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾")
SUBSCRIPTS = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉,")
OPERATORS = {"+": " + ", "-": " - ", "prefix -": "-", "·": "·", "⊙": " ⊙ ", "juxtaposed": " "}
FUNCTIONS = {
    "sqrt": "√({})",
    "abs": "|{}|",
    "positive": "max(0, {})",
    "negative": "min(0, {})",
    "step": "[{} > 0]",
    "normal_cdf": "Φ({})",
    "x_ln_x": "({0} ln {0})",
}


class TextWriter:
    """Writes for terminals and Markdown."""

    fraction_strength = PRODUCT

    def symbol(self, symbol: Symbol, indices: Sequence[int]) -> str:
        layer = "" if symbol.layer is None else f"({symbol.layer})".translate(SUPERSCRIPTS)
        places = subscript(indices)
        letter, below, hat = parts_of(symbol)
        if symbol.mark == "slope":
            return f"{letter}′({second_letter(symbol)}{layer}{places})"
        name = unicodedata.normalize("NFC", letter + hat) + f"_{below}" * bool(below) + layer + places
        if symbol.mark in ("gradient", "loss_gradient"):
            return f"∂{second_letter(symbol)}/∂{name}"
        return {"new": "new ", "old": "old ", "step": "Δ"}.get(symbol.mark, "") + name

    def number(self, digits: str) -> str:
        return digits

    def array(self, rows: list[list[str]]) -> str:
        lines = ["[" + ", ".join(row) + "]" for row in rows]
        return lines[0] if len(lines) == 1 else "[" + ", ".join(lines) + "]"

    def operator(self, sign: str) -> str:
        return OPERATORS[sign]

    def group(self, parts: Sequence[str]) -> str:
        return "".join(parts)

    def parentheses(self, inside: str) -> str:
        return f"({inside})"

    def fraction(self, over: str, under: str) -> str:
        return f"{over} / {under}"

    def power(self, base: str, exponent: int) -> str:
        return base + str(exponent).translate(SUPERSCRIPTS)

    def transpose(self, of: str) -> str:
        return f"{of}ᵀ"

    def total(self, index: str, of: str) -> str:
        return f"Σ{'ᵣ' if index == 'r' else 'ₖ'} {of}"

    def function(self, name: str, of: str) -> str:
        return FUNCTIONS.get(name, name + "({})").format(of)


def subscript(indices: Sequence[int]) -> str:
    """Write places: together while each is one digit, else with commas."""
    between = "," if any(place > 9 for place in indices) else ""
    return between.join(map(str, indices)).translate(SUBSCRIPTS)
