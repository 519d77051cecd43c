"""Draws the pictures of the docs' gallery: runs the page's program and saves each figure under its name.

What the page shows is thus what its code draws. `make picture` calls it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

PAGE = Path(__file__).parents[1] / "docs" / "gallery.md"
IMAGES = PAGE.parent / "images" / "gallery"
BLOCK = re.compile(
    r"^```python\n(.*?)^```(?:\n\n!\[[^\]]*\]\(images/gallery/(\w+)\.png\))?", flags=re.MULTILINE | re.DOTALL
)
COLORS = 256  # keeps the files small
BEFORE = "import matplotlib; matplotlib.use('agg')\n"
SAVE = "plt.gcf().savefig('{}.png', dpi=100, metadata={{'Software': None}}); plt.close('all')\n"


def program(page: str) -> str:
    """Return the blocks of the page as one program that saves the picture below each block."""
    blocks = BLOCK.findall(page)
    return BEFORE + "".join(block + (SAVE.format(name) if name else "") for block, name in blocks)


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    code = program(PAGE.read_text(encoding="utf-8"))
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=IMAGES, check=True)
    for path in IMAGES.glob("*.png"):
        with Image.open(path) as picture:
            few_colors = picture.convert("RGB").quantize(
                COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
            )
        few_colors.save(path, optimize=True)


if __name__ == "__main__":
    main()
