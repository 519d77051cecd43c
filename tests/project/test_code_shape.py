"""Short functions, short files, and no project import hidden in a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

from tests.project.support import PACKAGE

FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
NINE_IN_TEN_UNDER = 25

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of_code(function: Function, source: list[str]) -> int:
    """Lines of the body: no signature, docstring, comment or empty line."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    lines = source[body[0].lineno - 1 : function.end_lineno]
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines)


def lengths(path: Path) -> dict[str, int]:
    source = path.read_text(encoding="utf-8").splitlines()
    place = path.relative_to(PACKAGE)
    return {f"{place}:{f.lineno} {f.name}": lines_of_code(f, source) for f in functions(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_no_function_is_long() -> None:
    long = {name: n for path in FILES for name, n in lengths(path).items() if n > LONGEST_FUNCTION}
    assert not long


def test_nine_functions_in_ten_are_short() -> None:
    found = [n for path in FILES for n in lengths(path).values()]
    assert quantiles(found, n=10)[-1] < NINE_IN_TEN_UNDER


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_says_what_it_is(path: Path) -> None:
    first_line = path.read_text(encoding="utf-8").split("\n")[0]
    assert first_line.startswith('"""')


def test_no_project_import_is_deferred_into_a_function() -> None:
    deferred = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in FILES
        for function in functions(path)
        for node in ast.walk(function)
        if "deltarule" in imported_packages(node)
    ]
    assert not deferred


def imported_packages(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").split(".")[0]}
    return set()
