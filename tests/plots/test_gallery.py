"""The gallery shows every picture; that its program runs is held by tests/project/test_docs.py."""

from __future__ import annotations

import re

import pytest

from deltarule import plots
from tests.project.support import ROOT

PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
LARGEST = 1_000_000  # bytes


@pytest.mark.parametrize("name", plots.__all__)
def test_every_picture_is_in_the_gallery(name: str) -> None:
    assert f"dr.plots.{name}(" in PAGE


def test_page_and_folder_have_the_same_images() -> None:
    shown = re.findall(r"!\[.+\]\((images/gallery/.+)\)", PAGE)
    there = [path for path in (ROOT / "docs" / "images" / "gallery").iterdir() if path.is_file()]
    assert sorted(shown) == sorted(str(path.relative_to(ROOT / "docs")) for path in there)
    assert all(1000 < path.stat().st_size < LARGEST for path in there)
