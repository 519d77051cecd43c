"""ProgressBar: what stands in the line while a run goes on, what is left of it, and that it always ends."""

from __future__ import annotations

import copy
import pickle
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

import deltarule as dr

X = np.linspace(-1.0, 1.0, 20)[:, np.newaxis]
Y = 2.0 * X
SHOWS_CURSOR = "\x1b[?25h"


class Window(StringIO):
    def isatty(self) -> bool:
        return True


def terminal() -> Any:
    return Console(file=Window(), width=80, color_system=None, _environ={"TERM": "xterm"})


def seen(console: Any) -> list[str]:
    """The lines that were drawn, without what moves the cursor."""
    return [
        line.strip()
        for line in Text.from_ansi(console.file.getvalue().replace("\r", "\n")).plain.splitlines()
        if line.strip()
    ]


def train(**settings: Any) -> Any:
    net = dr.Network([1, 3, 1], activations=["tanh", "identity"])
    return net.train(X, Y, **{"epochs": 5, "optimizer": dr.SGD(0.1), **settings})


def test_the_line_shows_epochs_and_both_losses() -> None:
    screen = terminal()
    history = train(validation=0.2, callbacks=[dr.ProgressBar(console=screen)])
    last = seen(screen)[-1]
    assert last.startswith("Epoch 5/5")
    losses = f"loss {history.loss[-1]:#.4g}, validation {history.validation_loss[-1]:#.4g}"
    assert losses in last
    assert last.endswith(" s")
    assert screen.file.getvalue().count(SHOWS_CURSOR) == 1


def test_without_validation_rows_it_shows_one_loss() -> None:
    screen = terminal()
    history = train(callbacks=[dr.ProgressBar(console=screen)])
    assert f"loss {history.loss[-1]:#.4g} " in seen(screen)[-1]
    assert "validation" not in screen.file.getvalue()


def fails_in_epoch_3(report: Any) -> None:
    if report.epoch == 3:
        raise RuntimeError("a callback's own")


def interrupts_in_epoch_3(report: Any) -> None:
    if report.epoch == 3:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("settings", "kind", "epochs"),
    [
        ({"callbacks": [lambda report: report.epoch == 3]}, "callback", 3),
        ({"callbacks": [interrupts_in_epoch_3]}, "interrupted", 3),
        ({"optimizer": dr.SGD(1e200)}, "diverged", 1),
    ],
    ids=["stopped", "interrupted", "diverged"],
)
@pytest.mark.filterwarnings("ignore::deltarule.DivergenceWarning")
def test_the_line_ends_where_the_run_does(settings: dict[str, Any], kind: str, epochs: int) -> None:
    screen = terminal()
    bar = dr.ProgressBar(console=screen)
    history = train(**settings | {"callbacks": [bar, *settings.get("callbacks", [])]})
    assert history.stop.kind == kind
    assert len(history.epochs) == epochs
    assert seen(screen)[-1].startswith(f"Epoch {epochs}/5")
    assert screen.file.getvalue().endswith(SHOWS_CURSOR)


def test_the_line_ends_where_another_callback_fails() -> None:
    screen = terminal()
    with pytest.raises(RuntimeError, match="a callback's own"):
        train(callbacks=[dr.ProgressBar(console=screen), fails_in_epoch_3])
    assert seen(screen)[-1].startswith("Epoch 3/5")
    assert screen.file.getvalue().endswith(SHOWS_CURSOR)


def test_a_transient_line_is_taken_away() -> None:
    screen = terminal()
    train(callbacks=[dr.ProgressBar(console=screen, transient=True)])
    kept = screen.file.getvalue()
    assert "Epoch 5/5" in kept
    assert kept.endswith("\x1b[1A\x1b[2K")  # up, and the line is cleared


def test_outside_a_terminal_it_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    train(callbacks=[dr.ProgressBar()])
    assert capfd.readouterr() == ("", "")


def test_one_bar_shows_one_run_after_the_other() -> None:
    screen = terminal()
    bar = dr.ProgressBar(console=screen)
    for epochs in (3, 4):
        train(epochs=epochs, callbacks=[bar])
    lines = seen(screen)
    assert any(line.startswith("Epoch 3/3") for line in lines)
    assert lines[-1].startswith("Epoch 4/4")


def test_it_can_be_copied_and_kept() -> None:
    """As estimators are, with their parameters."""
    bar = dr.ProgressBar(transient=True)
    for again in (copy.deepcopy(bar), pickle.loads(pickle.dumps(bar))):  # noqa: S301 (our own)
        assert isinstance(again, dr.ProgressBar)
        train(callbacks=[again])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_show_it_beside_what_verbose_prints(capsys: pytest.CaptureFixture[str]) -> None:
    screen = terminal()
    settings: dict[str, Any] = {"hidden_layer_sizes": (3,), "max_iter": 3, "verbose": True}
    model = dr.MLPRegressor(**settings, callbacks=[dr.ProgressBar(console=screen)])
    model.fit(X, Y.ravel(), X_val=X[:5], y_val=Y[:5].ravel())
    loss, watched = model.history_.loss[-1], model.history_.validation_loss[-1]
    assert f"loss {loss:#.4g}, validation {watched:#.4g}" in seen(screen)[-1]
    printed = capsys.readouterr().out
    assert printed.startswith("Iteration 1, loss = ")
    assert "Epoch" not in printed
