"""The Python blocks of the documentation run: each page is one program, in an empty folder."""

from __future__ import annotations

import re
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.project.support import ROOT, python

SAVE_A_MODEL = """
import deltarule as dr
dr.Network([2, 1], activations=["identity"]).save("model.safetensors")
"""
FAST_PAGES = ["quick_start.md", "model_file.md", "show_the_working.md", "data_sets.md", "scikit_learn.md"]
NO_WINDOWS = "import matplotlib; matplotlib.use('agg')\n"
BEFORE = {
    "model_file.md": SAVE_A_MODEL,
    "quick_start.md": NO_WINDOWS,
    "gallery.md": NO_WINDOWS,
}
BLOCK = re.compile(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", flags=re.MULTILINE | re.DOTALL)
END_OF_BLOCK = "--- end of block ---\n"
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
ROUNDING_ERROR = "worst entry"


@pytest.mark.parametrize("page", [*FAST_PAGES, pytest.param("gallery.md", marks=pytest.mark.slow)])
def test_page_runs_from_top_to_bottom(page: str, tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert blocks
    code = [f"{block}print({END_OF_BLOCK!r}, end='')\n" for block, _ in blocks]
    printed = python("".join([BEFORE.get(page, ""), *code]), cwd=tmp_path).split(END_OF_BLOCK)
    for (_, shown), output in zip(blocks, printed, strict=False):
        if shown:
            assert_alike(shown, output)


def assert_alike(shown: str, printed: str) -> None:
    """Compare words exactly, and numbers, whose last bits may differ between machines, to ten percent."""
    for expected, line in zip_longest(shown.splitlines(), printed.splitlines(), fillvalue=""):
        if ROUNDING_ERROR not in expected:
            assert NUMBER.sub("#", line) == NUMBER.sub("#", expected)
            numbers = [float(number) for number in NUMBER.findall(expected)]
            assert [float(number) for number in NUMBER.findall(line)] == pytest.approx(
                numbers, rel=0.1, abs=1e-6
            )
