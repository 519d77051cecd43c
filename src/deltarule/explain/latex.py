"""LaTeX: the equations for a document with amsmath."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from deltarule.explain.expressions import Symbol
from deltarule.explain.writing import ATOM, parts_of, second_letter

LETTERS = {
    "φ": r"\varphi",
    "λ": r"\lambda",  # Unicode spells it otherwise
    "ς": r"\varsigma",
    "ο": "o",
    "Ω": r"\Omega",
    "ε": r"\varepsilon",
    "ℓ": r"\ell",
    "λ₀": r"\lambda_0",
    "β₁": r"\beta_1",
    "β₂": r"\beta_2",
}
OPERATORS = {"+": " + ", "-": " - ", "prefix -": "-", "·": r" \cdot ", "⊙": r" \odot ", "juxtaposed": r"\, "}
FUNCTIONS = {
    "exp": r"e^{%s}",
    "ln": r"\ln\left(%s\right)",
    "tanh": r"\tanh\left(%s\right)",
    "sqrt": r"\sqrt{%s}",
    "abs": r"\left|%s\right|",
    "sign": r"\operatorname{sign}\left(%s\right)",
    "positive": r"\max\left(0, %s\right)",
    "negative": r"\min\left(0, %s\right)",
    "step": r"\left[%s > 0\right]",
    "normal_cdf": r"\Phi\left(%s\right)",
}


class LatexWriter:
    """Writes for amsmath's ``aligned``."""

    fraction_strength = ATOM

    def symbol(self, symbol: Symbol, indices: Sequence[int]) -> str:
        layer = "" if symbol.layer is None else f"({symbol.layer})"
        letter, tail, hat = parts_of(symbol)
        letter = rf"\hat{{{letter_of(letter)}}}" if hat else letter_of(letter)
        upper = layer + (rf"\,\mathrm{{{symbol.mark}}}" if symbol.mark in ("new", "old") else "")
        lower = ",".join(([tail] if tail else []) + ([_places(indices)] if indices else []))
        if symbol.mark == "slope":
            inside = _scripts(letter_of(second_letter(symbol)), layer, lower)
            return rf"{letter}'\!\left({inside}\right)"
        name = _scripts(letter, upper, lower)
        if symbol.mark in ("gradient", "loss_gradient"):
            above = letter_of(second_letter(symbol))
            return rf"\frac{{\partial {above}}}{{\partial {name}}}"
        return rf"\Delta {name}" if symbol.mark == "step" else name

    def number(self, digits: str) -> str:
        over, slash, under = digits.partition("/")
        if slash:
            return f"{'-' * over.startswith('-')}\\frac{{{over.lstrip('-')}}}{{{under}}}"
        mantissa, e, exponent = digits.partition("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else digits

    def array(self, rows: list[list[str]]) -> str:
        inside = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{bmatrix}} {inside} \end{{bmatrix}}"

    def operator(self, sign: str) -> str:
        return OPERATORS[sign]

    def group(self, parts: Sequence[str]) -> str:
        return "".join(parts)

    def parentheses(self, inside: str) -> str:
        return rf"\left({inside}\right)"

    def fraction(self, over: str, under: str) -> str:
        return rf"\frac{{{over}}}{{{under}}}"

    def power(self, base: str, exponent: int) -> str:
        return rf"{{{base}}}^{{{exponent}}}"

    def transpose(self, of: str) -> str:
        apart = "{}" if of.startswith(r"\hat") else ""  # TeX takes an accent out of its braces
        return rf"{{{apart}{of}}}^{{\top}}"

    def total(self, index: str, of: str) -> str:
        return rf"\sum_{index} {of}"

    def function(self, name: str, of: str) -> str:
        if name == "x_ln_x":
            return rf"{of} \ln {of}"
        if name in FUNCTIONS:
            return FUNCTIONS[name] % of
        return rf"\operatorname{{{name.replace('_', ' ').replace('′', chr(39))}}}\left({of}\right)"


def letter_of(letter: str) -> str:
    """Write a letter, Greek ones by their names."""
    name = unicodedata.name(letter, "") if len(letter) == 1 else ""
    greek = "\\" + name.removeprefix("GREEK SMALL LETTER ").lower()
    return LETTERS.get(letter, greek if name.startswith("GREEK SMALL LETTER") else letter)


def _places(indices: Sequence[int]) -> str:
    return ("," if any(place > 9 for place in indices) else "").join(map(str, indices))


def _scripts(letter: str, upper: str, lower: str) -> str:
    return letter + (f"_{{{lower}}}" if lower else "") + (f"^{{{upper}}}" if upper else "")
