"""Every public name says what it is, in its docstring and in the reference."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

import deltarule
from tests.project.support import PACKAGE, ROOT

NAMES = [name for name in deltarule.__all__ if not name.startswith("__")]


@pytest.mark.parametrize("name", NAMES)
def test_public_name_has_a_docstring(name: str) -> None:
    value = getattr(deltarule, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}("), "the docstring is the one that dataclass makes"


@pytest.mark.parametrize("name", NAMES)
def test_public_name_is_in_the_reference(name: str) -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert re.search(rf"^::: deltarule\.(\w+\.)*{name}$", reference, flags=re.MULTILINE)


def test_dir_lists_the_public_names() -> None:
    assert set(deltarule.__all__) <= set(dir(deltarule))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = deltarule.no_such_name


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.asname for node in ast.walk(block) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == set(NAMES)
