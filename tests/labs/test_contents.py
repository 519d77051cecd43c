"""What every notebook is like: valid, without outputs, solutions folded, every capability in one place."""

from __future__ import annotations

import re

import nbformat
import pytest

from docs.lab_pages import is_solution
from tests.labs.support import NOTEBOOKS, NUMBERED, ROWS, capabilities, number

FOLDED = {"source_hidden": True, "outputs_hidden": True}
LINK = re.compile(r"\]\((\w+)\.ipynb\)")

each_notebook = pytest.mark.parametrize("stem", NOTEBOOKS)
each_lab = pytest.mark.parametrize("stem", NUMBERED)


def test_there_is_a_lab_for_each_document() -> None:
    assert [number(stem) for stem in NUMBERED] == list(ROWS)
    shown = [row for notebook in NUMBERED.values() for row in capabilities(notebook)]
    assert sorted(shown) == sorted(f"{lab}.{row + 1}" for lab, rows in ROWS.items() for row in range(rows))
    linked = {stem for cell in NOTEBOOKS["index"].cells for stem in LINK.findall(cell.source)}
    assert linked == set(NUMBERED)


@each_lab
def test_each_capability_of_the_document_is_in_one_place(stem: str) -> None:
    lab = number(stem)
    shown = capabilities(NUMBERED[stem])
    assert sorted(shown) == sorted(f"{lab}.{row + 1}" for row in range(ROWS[lab]))


@each_notebook
def test_notebook_is_valid_and_stored_without_outputs(stem: str) -> None:
    notebook = NOTEBOOKS[stem]
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.execution_count is None
            assert cell.outputs == []


@each_notebook
def test_cells_have_names(stem: str) -> None:
    names = [cell.id for cell in NOTEBOOKS[stem].cells]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
        assert not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", name), f"{name} says nothing"


@each_notebook
def test_notebook_begins_with_title_and_summary(stem: str) -> None:
    first = NOTEBOOKS[stem].cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# .+\n\n\w", first.source)


@each_lab
def test_each_exercise_has_a_folded_solution(stem: str) -> None:
    cells = NUMBERED[stem].cells
    assert re.fullmatch(r"([MC]|EC*S+)*", "".join(map(kind, cells)))
    assert any(map(is_solution, cells))
    assert all(cell.metadata.jupyter == FOLDED for cell in cells if is_solution(cell))


def kind(cell: nbformat.NotebookNode) -> str:
    """Solution, code, exercise (with a heading that says so) or other Markdown."""
    if is_solution(cell):
        return "S"
    if cell.cell_type == "code":
        return "C"
    return "E" if re.search(r"^#+ .*Exercise", cell.source, flags=re.MULTILINE) else "M"
