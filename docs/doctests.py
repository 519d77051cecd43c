"""Shows the doctests of docstrings as code: the docstrings need no "Examples:" heading for it."""

from __future__ import annotations

import re
from typing import Any

import griffe

DOCTEST = re.compile(r"^>>> .*?(?=\n\n|\Z)", flags=re.MULTILINE | re.DOTALL)


class Doctests(griffe.Extension):
    """Put a fence around every block of lines that begins with >>>."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change one docstring after it was read, and before its sections are told apart."""
        if obj.docstring is not None:
            obj.docstring.value = DOCTEST.sub(_fenced, obj.docstring.value)


def _fenced(found: re.Match[str]) -> str:
    code = re.sub(r"\s*# doctest: .*", "", found[0])
    return f"```pycon\n{code}\n```"
