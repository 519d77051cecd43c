"""deltarule labs: the notebooks that come with the package, and a copy of one in the current folder.

Not what they say: number, title and summary are read from the notebooks themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich import box
from rich.table import Table

from deltarule.cli import parameters
from deltarule.cli.display import plain, say, show
from deltarule.errors import InputError, message
from deltarule.storage.atomic import quoted, write_bytes

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "labs", PACKAGE.parents[1] / "labs")
"""Where the notebooks lie: in an installed package, and in a checkout."""

NAME = re.compile(r"lab(?P<number>\d+)_(?P<topic>\w+)|index")
TITLE = re.compile(r"# (?:Lab \d+\W+)?(.+)")
PARAGRAPH = re.compile(r"^(?:\w|[*`$]).*(?:\n.+)*", flags=re.MULTILINE)
SENTENCE = re.compile(r".*?[.!?](?=\s|$)", flags=re.DOTALL)
MARKUP = re.compile(r"[*`$\\]")


class Lab(NamedTuple):
    """A notebook, what it is called on the command line, and what it says it is about."""

    path: Path
    number: str
    names: Sequence[str]
    title: str
    summary: str


def find_labs(places: Sequence[Path] = PLACES) -> list[Lab]:
    """Return the labs, the index first.

    Raises:
        InputError: there are none, since the package is not complete.
    """
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise InputError(message("The labs are not in this installation", hint="Install deltarule anew."))
    return [read(path) for path in sorted(folder.glob("*.ipynb")) if NAME.fullmatch(path.stem)]


def read(path: Path) -> Lab:
    """Return what a notebook tells about itself: its heading, and the first sentence below it."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    title = TITLE.match(text)
    paragraph = PARAGRAPH.search(text, title.end() if title else 0)
    sentence = SENTENCE.match(paragraph[0]) if paragraph else None
    summary = " ".join(MARKUP.sub("", sentence[0]).split()) if sentence else ""
    number, names = _called(path.stem)
    return Lab(path, number, names, title[1] if title else path.stem, summary)


def _called(stem: str) -> tuple[str, Sequence[str]]:
    """Return the number of a notebook, and everything that may be typed for it."""
    parts = NAME.fullmatch(stem)
    if parts is None or parts["number"] is None:
        return stem, (stem, f"{stem}.ipynb")
    number, topic = parts["number"], parts["topic"]
    return number, (number, f"lab{number}", topic, stem, f"{stem}.ipynb")


def lab(text: str) -> Lab:
    """The lab of this number or name."""
    known = {name: each for each in find_labs() for name in each.names}
    numbers = [each.number for each in find_labs()]
    aliases = {name: each.number for name, each in known.items()}
    return known[parameters.one_of("lab", text.strip().lower(), numbers, aliases)]


Which = Annotated[
    Lab | None,
    typer.Argument(
        metavar="LAB",
        help="Number or name of the lab to copy.",
        parser=parameters.parser(lab),
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file of this name.")]


def labs(which: Which = None, force: Force = False) -> None:
    """List the labs, notebooks for learning by doing, or copy one to the current folder."""
    if which is None:
        _list(find_labs())
        return
    _copy(which, force)


def _list(known: Sequence[Lab]) -> None:
    screen = Table("lab", "title", "what it is about", box=box.SIMPLE_HEAD, pad_edge=False)
    for each in known:
        screen.add_row(each.number, plain(each.title), plain(each.summary))
    show(screen)
    first = next(each for each in known if each.number.isdigit())
    say(f"Next:  deltarule labs {first.number} copies lab {first.number} to the current folder.")


def _copy(chosen: Lab, force: bool) -> None:
    """Copy a notebook, and say how to open it."""
    target = Path(chosen.path.name)
    if target.exists() and not force:
        hint = "Add --force to overwrite it, or go to another folder."
        raise InputError(message(f"{quoted(target)} exists, so nothing was copied", hint=hint))
    write_bytes(target, chosen.path.read_bytes(), InputError)
    say(f"{target} is in the current folder: {chosen.title}")
    if find_spec("jupyterlab") is None:
        say("First: pip install 'deltarule[notebook]'")
    say(f"Next:  jupyter lab {target}")
