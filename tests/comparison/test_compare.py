"""compare: every combination on the same rows, the best first, however many at once."""

from __future__ import annotations

import json
import multiprocessing
import re
import sys
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

import deltarule as dr
from deltarule.comparison import comparing, running
from deltarule.comparison.comparing import compare
from deltarule.comparison.planning import digest_of
from deltarule.comparison.ranking import Compared, ranked
from deltarule.comparison.results import Result
from deltarule.data.tables import as_table
from deltarule.errors import InputError, TableError
from deltarule.table_model import TableModel
from tests.table_model.support import flowers, rents

VARY = {"hidden": [(), (4,)], "activation": ["tanh", "relu"], "learning_rate": [0.03, 0.003]}


def rows(lines: list[Compared]) -> list[tuple[Any, ...]]:
    """Everything but the seconds."""
    return [
        (*line._replace(seconds=0.0, runs=())[:-1], [run._replace(seconds=0.0) for run in line.runs])
        for line in lines
    ]


def test_each_line_is_what_train_gives() -> None:
    lines = compare(rents(80), target="rent", vary=VARY, epochs=4, seed=3)
    assert len(lines) == 8
    losses = [line.validation_loss for line in lines]
    assert losses == sorted(losses, key=lambda loss: loss or 0.0)
    for line in lines:
        chosen = {name: line.settings[name] for name in VARY}
        model = TableModel.train(rents(80), target="rent", epochs=4, seed=3, **chosen)  # type: ignore[arg-type]
        assert model.history is not None
        assert line.validation_loss == min(model.history.validation_loss)
        assert line.runs[0].scores == model.scores
        assert line.parameters == model.network.theta.size
        assert (line.epochs, line.spread, line.failure) == (4, None, None)
        best = model.history.epochs[(model.history.restored_epoch or 0) - 1]
        assert line.metrics == best.validation_metrics


def test_several_seeds_give_a_mean_and_a_spread() -> None:
    (both,) = compare(flowers(), target="kind", vary={"hidden": [(3,)]}, epochs=2, seed=5, seeds=2)
    (five,) = compare(flowers(), target="kind", vary={"hidden": [(3,)]}, epochs=2, seed=5)
    (six,) = compare(flowers(), target="kind", vary={"hidden": [(3,)]}, epochs=2, seed=6)
    assert [run.seed for run in both.runs] == [5, 6]
    assert five.validation_loss is not None
    assert six.validation_loss is not None
    assert both.validation_loss == pytest.approx((five.validation_loss + six.validation_loss) / 2)
    assert both.spread == pytest.approx(abs(five.validation_loss - six.validation_loss) / 2**0.5)
    assert both.metrics["accuracy"] == pytest.approx((five.metrics["accuracy"] + six.metrics["accuracy"]) / 2)


def test_results_do_not_depend_on_the_number_of_jobs() -> None:
    settings: Any = {"target": "rent", "vary": {**VARY, "activation": ["tanh", "no such"]}, "epochs": 3}
    here = compare(rents(60), **settings)
    assert rows(compare(rents(60), **settings, jobs=3)) == rows(here)
    assert [line.failure is None for line in here] == [True] * 6 + [False] * 2


def test_what_fails_is_a_line_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    vary = {"learning_rate": [1e300, -1.0, 0.01, 0.02, 0.04]}
    real = TableModel.training

    @wraps(real)
    def training(*given: Any, **settings: Any) -> Any:
        if settings.get("learning_rate") == 0.02:
            raise MemoryError
        if settings.get("learning_rate") == 0.04:
            raise ZeroDivisionError("division by zero")
        return real(*given, **settings)

    monkeypatch.setattr(running.TableModel, "training", training)
    lines = compare(rents(60), target="rent", vary=vary, epochs=3, optimizer="sgd")
    assert [line.settings["learning_rate"] for line in lines if line.validation_loss is not None] == [0.01]
    failed = {line.settings["learning_rate"]: line.failure for line in lines[1:]}
    said = {rate: (run.outcome, run.reason) for rate, run in failed.items() if run is not None}
    assert said[-1.0] == ("refused", "`learning_rate` must lie in (0, inf); got -1.0.")
    assert said[0.02] == ("failed", "There was not enough memory.")
    assert said[0.04] == ("failed", "ZeroDivisionError: division by zero")
    outcome, reason = said[1e300]
    assert outcome == "diverged"
    assert re.match(r"stopped in epoch [12]: the objective is no longer finite\.", reason)


def test_one_failed_seed_is_a_failed_line() -> None:
    good, bad = Result({}, 0, "trained", "", 0.5), Result({}, 1, "killed", "Its process was killed.")
    (line,) = ranked([bad, good])
    assert (line.validation_loss, line.spread, line.metrics, line.failure) == (None, None, {}, bad)


def test_the_order_is_that_of_the_losses_and_not_that_of_the_results() -> None:
    results = [
        Result({"epochs": 3}, 0, "trained", "", 0.5),
        Result({"epochs": 1}, 0, "refused", "no"),
        Result({"epochs": 2}, 0, "trained", "", 0.25),
        Result({"epochs": 4}, 0, "trained", "", 0.5),
        Result({"epochs": 0}, 0, "diverged", "no"),
    ]
    assert [line.settings["epochs"] for line in ranked(results)] == [2, 3, 4, 0, 1]
    assert ranked(results[::-1]) == ranked(results)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no signals that kill")
def test_a_killed_process_is_one_failed_run_which_is_done_again(tmp_path: Path) -> None:
    settings: Any = {"target": "rent", "vary": {"epochs": [2000, 2, 3]}, "early_stopping": None}
    killed = []

    def kill_the_first(done: float) -> None:
        if 0 < done < 1 and not killed:
            killed.extend(multiprocessing.active_children())
            killed[0].kill()

    plan = comparing._plan(
        as_table(rents(300)), {"target": "rent", "early_stopping": None}, settings["vary"], [0]
    )
    path = tmp_path / "results"
    new = comparing.new_results(plan, [], one_at_a_time, path, kill_the_first)
    outcomes = {result.settings["epochs"]: result for result in new}
    assert [outcomes[epochs].outcome for epochs in (2000, 2, 3)] == ["killed", "trained", "trained"]
    assert outcomes[2000].reason == "Its process was killed by signal 9, as happens where memory runs out."
    assert [json.loads(line)["settings"]["epochs"] for line in path.read_text().splitlines()] == [2, 3]
    assert len(compare(rents(300), **settings, output=path)) == 3
    assert len(path.read_text().splitlines()) == 3


def one_at_a_time(table: Any, runs: Any, tell: Any) -> Any:
    return running.run_in_processes(table, runs, 1, tell)


@pytest.mark.parametrize(
    ("more", "error", "sentence"),
    [
        ({"target": "rant"}, TableError, "Did you mean 'rent'?"),
        ({"vary": {"widths": [3]}}, InputError, "There is no setting 'widths'. Allowed: hidden, activation,"),
        ({"vary": {"activations": ["relu"]}}, InputError, "Did you mean 'activation'?"),
        ({"vary": {"validation": [0.1, 0.2]}}, InputError, "'validation' must be the same for all. Allowed:"),
        ({"vary": {"seed": [0, 1]}}, InputError, "'seed' must be the same for all."),
        (
            {"vary": {"activation": "relu"}},
            InputError,
            "`vary` must have a list of values for 'activation'; ",
        ),
        ({"vary": {"activation": "relu"}}, InputError, "got 'relu'. Try {'activation': ['relu']}."),
        ({"vary": {"activation": []}}, InputError, "got []"),
        ({"epoch": 3}, InputError, "There is no setting 'epoch'."),
        (
            {"validation": 0},
            InputError,
            "`validation` must be above 0, since runs are compared by their loss",
        ),
        ({"seeds": 0}, InputError, "`seeds` must be"),
        ({"jobs": 0}, InputError, "`jobs` must be"),
        ({"loss": "cross_entropy"}, InputError, "The loss must go with a regression"),
    ],
)
def test_what_no_run_can_do_is_refused_at_once(
    more: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as refused:
        compare(rents(40), **{"target": "rent", "vary": {"hidden": [(2,)]}, **more})
    assert sentence in str(refused.value)


# -- the file -----------------------------------------------------------------------------------------------


def test_what_is_in_the_file_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, done = tmp_path / "results", []
    real = running.one

    def counted(table: Any, run: Any, tell: Any) -> Result:
        done.append(run.settings["learning_rate"])
        return real(table, run, tell)

    monkeypatch.setattr(running, "one", counted)

    def compared(*rates: float) -> list[Compared]:
        return compare(
            rents(60), target="rent", vary={"learning_rate": rates}, epochs=2, optimizer="sgd", output=path
        )

    first = compared(0.01, 1e300)
    assert compared(1e300, 0.01) == first
    assert done == [0.01, 1e300]
    both = compared(0.02)
    assert done == [0.01, 1e300, 0.02]
    assert sorted(str(line.settings["learning_rate"]) for line in both) == ["0.01", "0.02", "1e+300"]
    assert [line for line in both if line.settings["learning_rate"] != 0.02] == first


@pytest.mark.parametrize("missing", [1, 20, 300, 10_000])
def test_the_beginning_of_a_line_at_the_end_is_cut_off_and_done_again(tmp_path: Path, missing: int) -> None:
    path = tmp_path / "results"
    settings: Any = {"target": "rent", "vary": {"epochs": [1, 2]}, "output": path}
    whole = compare(rents(60), **settings)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][: max(1, len(lines[1]) - missing)])
    assert rows(compare(rents(60), **settings)) == rows(whole)
    assert path.read_bytes().count(b"\n") == 2
    assert path.read_bytes().startswith(lines[0])


GOOD = b'{"digest": "x", '


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n", "must be a file of results; got something else in line 1. Name another `output`."),
        (b"one line without an end", "got something else in line 1"),
        (b"\x00\xff" * 50, "got something else in line 1"),
        (b"[1, 2]\n", "got something else in line 1"),
        (GOOD + b'"data": \n', "Line 1 of 'results' must be a result; got no JSON"),
        (GOOD + b"[" * 100_000 + b"\n", "Line 1 of 'results' must be a result; got no JSON"),
        (
            GOOD + b'"data": 3}\n',
            "`data` in line 1 of 'results' must be a text; got 3. Name another `output`.",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused_and_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results").write_bytes(content)
    with pytest.raises(InputError) as refused:
        compare(rents(40), target="rent", vary={"epochs": [1]}, output="results")
    assert sentence in str(refused.value)
    assert Path("results").read_bytes() == content


def test_results_on_other_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings: Any = {"target": "rent", "vary": {"epochs": [1]}, "output": "results"}
    compare(rents(40), **settings)
    before = Path("results").read_bytes()
    with pytest.raises(InputError) as other_table:
        compare(rents(41), **settings)
    assert str(other_table.value) == (
        "The runs in 'results' must be on this table; got another one. Allowed: the same rows. "
        "Name another `output`."
    )
    with pytest.raises(InputError) as other_rows:
        compare(rents(40), **settings, validation=0.3)
    assert str(other_rows.value) == (
        "`validation` must be the same for all runs in 'results'; got 0.3. Allowed: 0.2. "
        "Name another `output`."
    )
    assert Path("results").read_bytes() == before


@pytest.mark.parametrize("entry", ["settings", "seed", "outcome", "validation_loss", "metrics", "scores"])
def test_every_entry_of_a_line_is_checked(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "results"
    settings: Any = {"target": "rent", "vary": {"epochs": [1]}, "output": path}
    compare(rents(40), **settings)
    path.write_text(json.dumps({**json.loads(path.read_text()), entry: "rubbish"}) + "\n")
    with pytest.raises(InputError, match=f"`{entry}` in line 1 of .* must be"):
        compare(rents(40), **settings)


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: it is a folder"):
        compare(rents(40), target="rent", vary={"epochs": [1]}, output=tmp_path)


def test_the_digest_is_that_of_names_values_and_what_is_missing() -> None:
    tables = [
        {"x": [1.0, 2.0]},
        {"y": [1.0, 2.0]},
        {"x": [2.0, 1.0]},
        {"x": [1.0, None]},
        {"x": [1.0, 2.0], "y": [1.0, 2.0]},
        {"x": ["a", "b"]},
        {"x": ["a", "c"]},
        {"x": [True, False]},
        {"x": [1, 0]},
    ]
    digests = [digest_of(as_table(table)) for table in tables]
    assert len(set(digests)) == len(tables)
    assert digests == [digest_of(as_table(table)) for table in tables]


def test_it_is_a_public_name() -> None:
    assert dr.compare is compare
    assert dr.Compared is Compared
