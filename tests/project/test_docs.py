"""The Python blocks of the documentation run: each page is one program, in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.project.support import ROOT, python

SAVE_A_MODEL = """
import deltarule as dr
dr.Network([2, 1], activations=["identity"]).save("model.safetensors")
"""
BEFORE = {"model_file.md": SAVE_A_MODEL}


@pytest.mark.parametrize("page", ["quick_start.md", "model_file.md"])
def test_page_runs_from_top_to_bottom(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert blocks
    python("\n".join([BEFORE.get(page, ""), *blocks]), cwd=tmp_path)
