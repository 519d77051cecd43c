"""The Tab key: verbs, options and the names of the registries, as a shell asks for them."""

from __future__ import annotations

import pytest

from deltarule.core.activations import ACTIVATIONS
from deltarule.core.optimizers import OPTIMIZERS
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("deltarule tr", ["train"]),
        ("deltarule train --hid", ["--hidden"]),
        ("deltarule train --drop", ["--dropout"]),
        ("deltarule train --help", ["--help-all", "--help"]),
        ("deltarule datasets ex", ["export"]),
        ("deltarule train --optimizer ", list(OPTIMIZERS)),
        ("deltarule train --activation s", [name for name in ACTIVATIONS if name.startswith("s")]),
        ("deltarule compare --optimizer ", list(OPTIMIZERS)),
        ("deltarule comp", ["compare"]),
        ("deltarule step --task r", ["regression"]),
        ("deltarule train t", []),  # the shell offers files
    ],
)
def test_what_bash_is_offered(launch: Run, line: str, offered: list[str]) -> None:
    answer = launch(
        _DELTARULE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(line.split(" ")) - 1)
    )
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.split() == offered


def test_a_config_file_is_not_read_on_the_way(launch: Run) -> None:
    line = "deltarule train --config nowhere.toml --epo"
    answer = launch(_DELTARULE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD="4")
    assert (answer.code, answer.out.split(), answer.err) == (0, ["--epochs"], "")
