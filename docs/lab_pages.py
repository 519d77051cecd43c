"""Labs as pages of the documentation: a notebook is executed and becomes Markdown.

Formulas, headings and code are left to MkDocs; what the code shows is HTML already, so that a placeholder
stands for it until the page is HTML too. The tests execute notebooks with the same function.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "labs"
LABS = sorted(FOLDER.glob("*.ipynb"))

BEFORE = """
import warnings
from matplotlib_inline.backend_inline import set_matplotlib_formats
set_matplotlib_formats("retina")
warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="ipykernel|keras")
"""
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
LIST = re.compile(r"(?<=\n)((?![-*] |\d+\. |\s|\|).+\n)(?=(?:[-*]|\d+\.) )")
FENCED = re.compile(r"(^```.*?^```$)", flags=re.DOTALL | re.MULTILINE)
DISPLAYED = re.compile(r"^\$\$.+?\$\$[ \t]*$", flags=re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\((\w+)\.ipynb\)")
PLACEHOLDER = re.compile(r"<p>@@output (\S+)@@</p>")

# -- running one -----------------------------------------------------------------------------------------


def executed(path: Path, folder: Path, timeout: int = 600) -> nbformat.NotebookNode:
    """Run a notebook from top to bottom in a folder; an error or a warning in a cell is raised here."""
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    if all(cell.cell_type == "markdown" for cell in notebook.cells):
        return notebook
    notebook.cells.insert(0, nbformat.v4.new_code_cell(BEFORE))
    client = NotebookClient(
        notebook,
        timeout=timeout,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env={name: value for name, value in os.environ.items() if name != "MPLBACKEND"})
    del notebook.cells[0]
    return notebook


def is_solution(cell: Mapping[str, Any]) -> bool:
    """Say whether a cell is to be folded."""
    return "solution" in cell["metadata"].get("tags", ())


# -- from a notebook to a page ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """A page in Markdown, the HTML for its placeholders, and its pictures by file name."""

    name: str
    notebook: nbformat.NotebookNode
    outputs: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)

    def markdown(self) -> str:
        """Return the page; outputs and pictures are filled in on the way."""
        parts = []
        for folded, cells in groupby(self.notebook.cells, is_solution):
            text = "\n\n".join(part for cell in cells for part in self._parts(cell))
            parts.append(f"/// details | Solution\n    type: success\n\n{text}\n\n///" if folded else text)
        heading, _, rest = "\n\n".join(parts).partition("\n")
        return f"{heading}\n{self._invitation()}{rest}"

    def _invitation(self) -> str:
        number = re.match(r"lab(\d+)_", self.name)
        if number is None:
            return ""
        command = f"`deltarule labs {number[1]}`"
        return (
            f"\nThis page is a notebook: {command} copies it to the current folder, to be run and changed.\n"
        )

    def _parts(self, cell: nbformat.NotebookNode) -> Iterator[str]:
        if cell.cell_type == "markdown":
            yield portable(cell.source)
            return
        yield f"```python\n{cell.source}\n```"
        for number, output in enumerate(joined(cell.outputs)):
            yield self._shown(f"{self.name}-{cell.id}-{number}", output)

    def _shown(self, key: str, output: Mapping[str, Any]) -> str:
        data = output.get("data", {})
        if "text/markdown" in data:
            return portable(data["text/markdown"])
        self.outputs[key] = f'<div class="lab-output">{self._html(key, output, data)}</div>'
        return f"@@output {key}@@"

    def _html(self, key: str, output: Mapping[str, Any], data: Mapping[str, str]) -> str:
        picture = next((kind for kind in data if kind in ("image/png", "image/gif")), None)
        if picture is not None:
            file = f"{key}.{picture.removeprefix('image/')}"
            self.pictures[file] = base64.b64decode(data[picture])
            width = output["metadata"].get(picture, {}).get("width")
            size = f' width="{width}"' if width else ""
            return f'<img src="{file}" alt="{escape(str(data.get("text/plain", "picture")))}"{size}>'
        if "text/html" in data:
            return data["text/html"]
        return f"<pre>{escape(ESCAPES.sub('', data.get('text/plain') or output.get('text', '')))}</pre>"


def joined(outputs: Iterable[nbformat.NotebookNode]) -> Iterator[Mapping[str, Any]]:
    """Return the outputs of a cell; what was printed in several pieces is one."""
    for kind, pieces in groupby(outputs, lambda output: output.get("name")):
        if kind is None:
            yield from pieces
        else:
            yield {"text": "".join(piece.text for piece in pieces)}


def portable(markdown: str) -> str:
    """Write what notebooks understand so that MkDocs does too: empty lines before lists, around formulas."""
    parts = FENCED.split(f"\n{markdown}\n")
    return "".join(part if FENCED.match(part) else _spaced(part) for part in parts).strip("\n")


def _spaced(text: str) -> str:
    return LINK.sub(_link, DISPLAYED.sub(r"\n\g<0>\n", LIST.sub(r"\1\n", text)))


def _link(found: re.Match[str]) -> str:
    is_page = (FOLDER / f"{found[2]}.ipynb").exists()
    return f"[{found[1]}]({found[2]}.md)" if is_page else found[1]


def filled_in(html: str, outputs: Mapping[str, str]) -> str:
    """Put the outputs in the places that were kept for them."""
    return PLACEHOLDER.sub(lambda found: outputs[found[1]], html)
