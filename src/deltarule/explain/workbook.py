"""Workbook: the sheet of spreadsheet.py as an .xlsx file, with formulas and their values.

Written by XlsxWriter, which is an extra: deltarule[xlsx].
"""

from __future__ import annotations

from io import BytesIO
from math import ceil
from types import ModuleType
from typing import Any

from deltarule.errors import InputError, message
from deltarule.explain.renderings import INTRODUCTION, Shown, heading_of, note_text, page_of, shape_words
from deltarule.explain.spreadsheet import FIRST_COLUMN, Block, blocks, header_row
from deltarule.explain.text import TextWriter
from deltarule.storage.atomic import PathLike, require_writable, write_bytes

SHEET = "Step"
TITLE = "One step of training: every number next to its equation"
NOTE = "Change a yellow cell, and everything that depends on it follows. All other numbers are formulas."
LAYOUTS = {
    "rows": "Each row of {0} is one row of the data, each column one unit.",
    "columns": "Each column of {0} is one row of the data, each row one unit.",
}
FLOAT32 = " The network computes with 32 bits, a spreadsheet with 64: the last digits differ."

NAME_WIDTH, SHAPE_WIDTH, NUMBER_WIDTH, LONGEST_EQUATION, LINE_HEIGHT = 10, 8, 11, 70, 15
FONT = {"valign": "top"}
NUMBER = FONT | {"border": 1, "border_color": "#BFBFBF"}
STYLES: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 14},
    "note": {"font_color": "#404040"},
    "header": {"bold": True, "bottom": 2},
    "number header": {"bold": True, "bottom": 2, "align": "right"},
    "why header": {"bold": True, "bottom": 2, "align": "left", "indent": 1},
    "heading": {"bold": True, "font_size": 12, "font_color": "#1F4E79"},
    "name": FONT | {"bold": True},
    "equation": FONT | {"text_wrap": True},
    "why": FONT | {"align": "left", "indent": 1},
    "shape": FONT | {"font_color": "#737373"},
    "given": NUMBER | {"bg_color": "#FFF2CC", "font_color": "#0000C0"},
    "computed": NUMBER,
}


class _AllDigits(float):
    """A number that XlsxWriter writes with the 17 digits that it may need, instead of 16."""

    def __format__(self, spec: str) -> str:
        return repr(float(self))


def save_workbook(working: Shown, path: PathLike) -> None:
    """Write the file, or leave an old one as it is.

    Raises:
        InputError: XlsxWriter is missing, the step does not fit a spreadsheet, or the file cannot be written.
    """
    xlsxwriter = _xlsxwriter()
    require_writable(path, InputError)
    found, buffer = blocks(working), BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    _write(book, found, working)
    book.close()
    write_bytes(path, buffer.getvalue(), InputError)


def _xlsxwriter() -> ModuleType:
    try:
        import xlsxwriter
    except ImportError as reason:
        raise InputError(
            message(
                "A workbook is written by XlsxWriter",
                found="no package of that name",
                allowed="deltarule with the extra xlsx",
                hint="Install it: pip install 'deltarule[xlsx]'.",
            )
        ) from reason
    return xlsxwriter


def _write(book: Any, found: list[Block], working: Shown) -> None:
    decimals = working.decimals
    digits = {} if decimals is None else {"num_format": f"0.{'0' * decimals}".removesuffix(".")}
    styles = {name: book.add_format(style) for name, style in STYLES.items()}
    styles |= {name: book.add_format(STYLES[name] | digits) for name in ("given", "computed")}
    sheet = book.add_worksheet(SHEET)
    columns = max(block.numbers.shape[1] for block in found)
    _write_head(sheet, styles, columns, working)
    _set_widths(sheet, found, columns)
    part = ""
    for block in found:
        if block.part != part:
            sheet.write_string(block.row - 1, 0, block.part, styles["heading"])
        part = block.part
        _write_block(sheet, styles, block, FIRST_COLUMN + columns)


def _write_head(sheet: Any, styles: dict[str, Any], columns: int, working: Shown) -> None:
    header, page = header_row(working), page_of(working, TextWriter())
    is_float32 = str(working.values["x"].dtype) == "float32"
    notes = [NOTE + FLOAT32 * is_float32, _layout(working)]
    if working.notes:
        notes.append(f"{heading_of(working)}. {INTRODUCTION}")
        notes += [note_text(note, page) for note in working.notes]
    sheet.write_string(0, 0, TITLE, styles["title"])
    for row, note in enumerate(notes, start=1):
        sheet.write_string(row, 0, note, styles["note"])
    for column, text in enumerate(("Quantity", "Shape", "Equation")):
        sheet.write_string(header, column, text, styles["header"])
    for column in range(columns):
        text = f"Column {column + 1}" if columns > 1 else "Value"
        sheet.write_string(header, FIRST_COLUMN + column, text, styles["number header"])
    sheet.write_string(header, FIRST_COLUMN + columns, "Why", styles["why header"])
    _set_view(sheet, header)


def _layout(working: Shown) -> str:
    """What the rows and columns of the quantities are that belong to the data."""
    chosen = working.conventions
    letters = ["x", chosen.target, chosen.pre_activation, chosen.activation, chosen.prediction, "ℓ", "δ"]
    return LAYOUTS[chosen.samples].format(", ".join(dict.fromkeys(letters)))


def _set_view(sheet: Any, header: int) -> None:
    sheet.freeze_panes(header + 1, 1)
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _set_widths(sheet: Any, found: list[Block], columns: int) -> None:
    equation = min(LONGEST_EQUATION, 2 + max(len(block.equation) for block in found))
    last = FIRST_COLUMN + columns
    sheet.set_column(0, 0, max(NAME_WIDTH, *(len(block.name) for block in found)))
    sheet.set_column(1, 1, SHAPE_WIDTH)
    sheet.set_column(2, 2, 0.85 * equation)
    sheet.set_column(FIRST_COLUMN, last - 1, NUMBER_WIDTH)
    sheet.set_column(last, last, 0.9 * max(len(block.why) for block in found))
    for block in found:  # not every program makes room for text of several lines by itself
        if len(block.equation) > equation:
            sheet.set_row(block.row, LINE_HEIGHT * ceil(len(block.equation) / equation))


def _write_block(sheet: Any, styles: dict[str, Any], block: Block, last_column: int) -> None:
    sheet.write_string(block.row, 0, block.name, styles["name"])
    sheet.write_string(block.row, 1, shape_words(block.value), styles["shape"])
    sheet.write_string(block.row, 2, block.equation and f"= {block.equation}", styles["equation"])
    sheet.write_string(block.row, last_column, block.why, styles["why"])
    for i, row in enumerate(block.numbers.tolist()):
        for j, number in enumerate(row):
            at = block.row + i, FIRST_COLUMN + j
            if block.formulas:
                sheet.write_formula(*at, block.formulas[i][j], styles["computed"], number)
            else:
                sheet.write_number(*at, _AllDigits(number), styles["given"])
