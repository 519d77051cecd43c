"""The notebooks, and what their cells say about themselves."""

from __future__ import annotations

import re

import nbformat

from docs.lab_pages import LABS

NOTEBOOKS = {path.stem: nbformat.read(path, as_version=nbformat.NO_CONVERT) for path in LABS}
NUMBERED = {stem: notebook for stem, notebook in NOTEBOOKS.items() if stem != "index"}

ROWS = {0: 12, 1: 13, 2: 13, 3: 14, 4: 7}
"""How many capabilities the document of each lab asks for."""


def number(stem: str) -> int:
    found = re.fullmatch(r"lab(\d)_\w+", stem)
    assert found, f"{stem} is not named lab<number>_<topic>"
    return int(found[1])


def capabilities(notebook: nbformat.NotebookNode) -> list[str]:
    """What the cells of a notebook show, in their order."""
    return [
        row for cell in notebook.cells for row in cell.metadata.get("deltarule", {}).get("capabilities", ())
    ]
