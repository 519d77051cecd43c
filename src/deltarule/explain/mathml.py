"""MathML: equations that browsers show without any script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from deltarule.explain.expressions import Symbol
from deltarule.explain.writing import ATOM, parts_of, second_letter

OPERATORS = {
    "+": "<mo>+</mo>",
    "-": "<mo>−</mo>",
    "prefix -": '<mo form="prefix">−</mo>',
    "·": "<mo>·</mo>",
    "⊙": "<mo>⊙</mo>",
    "juxtaposed": '<mspace width="0.25em"/>',
}
FUNCTIONS = {
    "exp": "<msup><mi>e</mi>{}</msup>",
    "sqrt": "<msqrt>{}</msqrt>",
    "abs": "<mrow><mo>|</mo>{}<mo>|</mo></mrow>",
    "step": "<mrow><mo>[</mo>{}<mo>&gt;</mo><mn>0</mn><mo>]</mo></mrow>",
    "positive": "<mrow><mi>max</mi><mo>(</mo><mn>0</mn><mo>,</mo>{}<mo>)</mo></mrow>",
    "negative": "<mrow><mi>min</mi><mo>(</mo><mn>0</mn><mo>,</mo>{}<mo>)</mo></mrow>",
    "normal_cdf": "<mrow><mi>Φ</mi><mo>(</mo>{}<mo>)</mo></mrow>",
    "x_ln_x": "<mrow>{0}<mi>ln</mi>{0}</mrow>",
}


class MathWriter:
    """Writes the inside of ``<math>``."""

    fraction_strength = ATOM

    def symbol(self, symbol: Symbol, indices: Sequence[int]) -> str:
        layer = "" if symbol.layer is None else f"<mn>({symbol.layer})</mn>"
        head, tail, hat = parts_of(symbol)
        letter = f"<mi>{escape(head)}</mi>"
        if hat:
            letter = f"<mover accent='true'>{letter}<mo>^</mo></mover>"
        upper = layer + (f"<mtext>&nbsp;{symbol.mark}</mtext>" if symbol.mark in ("new", "old") else "")
        lower = (f"<mi>{escape(tail)}</mi>" if tail else "") + _places(indices)
        if symbol.mark == "slope":
            inside = _scripts(f"<mi>{second_letter(symbol)}</mi>", layer, lower)
            return f"<mrow>{letter}<mo>′</mo>{self.parentheses(inside)}</mrow>"
        name = _scripts(letter, upper, lower)
        if symbol.mark in ("gradient", "loss_gradient"):
            partial = '<mi mathvariant="normal">∂</mi>'
            return self.fraction(f"{partial}<mi>{second_letter(symbol)}</mi>", partial + name)
        return f'<mrow><mi mathvariant="normal">Δ</mi>{name}</mrow>' if symbol.mark == "step" else name

    def number(self, digits: str) -> str:
        over, slash, under = digits.partition("/")
        if slash:
            fraction = self.fraction(f"<mn>{over.lstrip('-')}</mn>", f"<mn>{under}</mn>")
            return _row(OPERATORS["prefix -"] * over.startswith("-") + fraction)
        mantissa, e, exponent = digits.partition("e")
        if not e:
            return _signed(digits)
        ten = f"<msup><mn>10</mn>{_row(_signed(str(int(exponent))))}</msup>"
        return _row(f"{_signed(mantissa)}<mo>·</mo>{ten}")

    def array(self, rows: list[list[str]]) -> str:
        cells = ("".join(f"<mtd>{cell}</mtd>" for cell in row) for row in rows)
        table = "".join(f"<mtr>{row}</mtr>" for row in cells)
        return f"<mrow><mo>[</mo><mtable>{table}</mtable><mo>]</mo></mrow>"

    def operator(self, sign: str) -> str:
        return OPERATORS[sign]

    def group(self, parts: Sequence[str]) -> str:
        return _row("".join(parts))

    def parentheses(self, inside: str) -> str:
        return f"<mrow><mo>(</mo>{inside}<mo>)</mo></mrow>"

    def fraction(self, over: str, under: str) -> str:
        return f"<mfrac>{_row(over)}{_row(under)}</mfrac>"

    def power(self, base: str, exponent: int) -> str:
        return f"<msup>{_row(base)}<mn>{exponent}</mn></msup>"

    def transpose(self, of: str) -> str:
        return f"<msup>{_row(of)}<mi mathvariant='normal'>T</mi></msup>"

    def total(self, index: str, of: str) -> str:
        return _row(f"<munder><mo>∑</mo><mi>{index}</mi></munder>{of}")

    def function(self, name: str, of: str) -> str:
        if name in FUNCTIONS:
            return FUNCTIONS[name].format(_row(of))
        return _row(f"<mi>{escape(name)}</mi>{self.parentheses(of)}")


def _row(inside: str) -> str:
    return f"<mrow>{inside}</mrow>"


def _signed(digits: str) -> str:
    if digits.startswith("-"):
        return f'<mrow><mo form="prefix">−</mo><mn>{digits[1:]}</mn></mrow>'
    return f"<mn>{digits}</mn>"


def _places(indices: Sequence[int]) -> str:
    if not indices:
        return ""
    return f"<mn>{(',' if any(place > 9 for place in indices) else '').join(map(str, indices))}</mn>"


def _scripts(letter: str, upper: str, lower: str) -> str:
    if upper and lower:
        return f"<msubsup>{letter}{_row(lower)}{_row(upper)}</msubsup>"
    if upper:
        return f"<msup>{letter}{_row(upper)}</msup>"
    return f"<msub>{letter}{_row(lower)}</msub>" if lower else letter
