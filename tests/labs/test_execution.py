"""Every notebook runs from top to bottom, without a warning, and leaves no file behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.lab_pages import LABS, Page, executed


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_notebook_runs_and_becomes_a_page(path: Path, tmp_path: Path) -> None:
    notebook = executed(path, tmp_path)
    assert not list(tmp_path.iterdir())
    for cell in notebook.cells:
        assert not [output for output in cell.get("outputs", ()) if output.get("name") == "stderr"], cell.id
    page = Page(path.stem, notebook)
    text = page.markdown()
    assert all(text.count(f"\n@@output {key}@@\n") == 1 for key in page.outputs)
