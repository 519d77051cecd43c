"""Every way to fail: an exit code, one sentence on stderr, no traceback, and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from typer.core import TyperGroup

import deltarule as dr
from deltarule.cli import options, train as train_verb
from deltarule.table_model import TableTraining
from tests.cli.conftest import Run

GOOD = "".join(f"{x / 10},{x % 7},{'yes' if x > 20 else 'no'}\n" for x in range(40))


class Case(NamedTuple):
    """A command, what it must answer, and the files it needs."""

    words: str
    code: int
    sentence: str
    content: str | bytes = "a,b,answer\n" + GOOD


TABLES = {
    "missing file": Case("train nowhere.csv -t y", 1, "There is no file 'nowhere.csv'"),
    "missing file, nearly": Case("train table.cvs -t answer", 1, "Did you mean 'table.csv'?"),
    "a folder": Case("train . -t y", 1, "'.' cannot be read: it is a folder."),
    "no such column": Case("train table.csv -t answers", 1, "Did you mean 'answer'?"),
    "empty file": Case("train table.csv -t y", 1, "'table.csv' is empty", ""),
    "header only": Case("train table.csv -t b", 1, "holds a header but no rows", "a,b\n"),
    "one class only": Case("train table.csv -t b", 1, "at least two classes", "a,b\n1,x\n2,x\n"),
    "one value only": Case("train table.csv -t b", 1, "two different values", "a,b\n1,0.5\n2,0.5\n"),
    "infinite target": Case(
        "train table.csv -t b", 1, "finite numbers; got inf in row 2", "a,b\n1,0.5\n2,inf\n3,4\n"
    ),
    "infinite input": Case(
        "train table.csv -t b --held-out 0 --validation 0",
        1,
        "got -inf in row 2",
        "a,b\n1,0.5\n-inf,1.5\n3,4\n",
    ),
    "text for regression": Case("train table.csv -t answer --task regression", 1, "got 'no' in row 1"),
    "nearly a regression": Case(
        "train table.csv -t b --task regression", 1, "got 'n/a' in row 2", "a,b\n1,0.5\n2,n/a\n3,4\n"
    ),
    "ragged": Case("train table.csv -t b", 1, "must have 2 values; got 3 in line 3", "a,b\n1,2\n1,2,3\n"),
    "binary rubbish": Case("train table.csv -t b", 1, "is no CSV text", bytes(range(256)) * 8),
    "not UTF-8": Case("train table.csv -t b", 1, "must be UTF-8", b"a,b\n1,\xff\n"),
    "a number for a name": Case(
        "train table.csv -t 3", 1, "'answer'. If there is no header, say so: --no-header"
    ),
    "a number too high": Case(
        "train table.csv -t 3 --no-header", 1, "no column '3' in the table", "1,0.5\n2,0.25\n3,1\n"
    ),
    "delimiter": Case("train table.csv -t b --delimiter ab", 1, "stands between values; got 'ab'"),
    "decimal": Case("predict model table.csv --decimal x", 1, "must be a decimal mark; got 'x'"),
    "no header": Case("train table.csv -t b", 1, "must name the columns", "1.5,2.5\n1,2\n"),
    "no row has a target": Case("train table.csv -t b", 1, "has no values", "a,b\n1,\n2,\n"),
    "too few rows": Case("train table.csv -t b", 1, "must have at least 3 rows", "a,b\n1,0.5\n2,1.5\n"),
    "nothing to learn from": Case(
        "train table.csv -t b", 1, "no column left to learn from", "b\n1\n2\n4\n5\n7\n"
    ),
    "unknown excluded column": Case("train table.csv -t answer --exclude aa", 1, "no column 'aa'"),
    "the target is excluded": Case(
        "train table.csv -t answer --exclude a,answer", 1, "The target 'answer' cannot be left out."
    ),
    "text as numbers": Case(
        "train table.csv -t a --numeric answer",
        1,
        "'answer' must hold numbers; got 'no' in row 1. Leave it out of --numeric to use it as categories.",
    ),
    "a loss that regressions do not have": Case(
        "train table.csv -t a --task regression --loss cross_entropy",
        1,
        "got 'cross_entropy'. Allowed: auto, mean_squared_error, half_squared_error, sum_squared_error, "
        "absolute_error, huber, binary_cross_entropy, poisson.",
    ),
    "numeric and categorical": Case(
        "train table.csv -t answer --numeric a --categorical a", 1, "numeric or categorical, not both"
    ),
    "a loss for another task": Case(
        "train table.csv -t answer --loss cross_entropy",
        1,
        "The loss must go with a classification with 2 classes",
    ),
    "a target outside the loss": Case(
        "train table.csv -t b --loss poisson",
        1,
        "must lie in [0, inf) for the loss poisson; got -3.5 in row 3",
        "a,b\n1,0.5\n2,1.5\n3,-3.5\n4,5\n5,6\n",
    ),
    "too large": Case(
        "train table.csv -t answer --hidden 100000000,100000000", 1, "There is not enough memory"
    ),
}
OUTPUTS = {
    "no such folder": Case("train table.csv -t answer -o no/model", 1, "there is no folder"),
    "output is a folder": Case("train table.csv -t answer -o .", 1, "'.' cannot be written: it is a folder"),
    "output is the table": Case("train table.csv -t answer -o table.csv", 1, "exists and is no model file"),
    "output is a device": Case("train table.csv -t answer -o /dev/null", 1, "it is a device or a pipe"),
    "predictions: no such folder": Case("predict model table.csv -o no/out.csv", 1, "there is no folder"),
    "predictions over the table": Case("predict model table.csv -o table.csv", 1, "'table.csv' is read"),
    "predictions over the model": Case("predict model table.csv -o model", 1, "'model' is read"),
}
PREDICTIONS = {
    "no such model": Case("predict nowhere table.csv", 1, "there is no such file"),
    "a model that is none": Case(
        "predict table.csv table.csv", 1, "it looks like a text file, perhaps a table"
    ),
    "a bare network": Case("predict network table.csv", 1, "a network only, 2-1. Read it with dr.load"),
    "a damaged model": Case("predict damaged table.csv", 1, "'damaged' cannot be read as a model file"),
    "no such table": Case("predict model nowhere.csv", 1, "There is no file 'nowhere.csv'"),
    "a column is missing": Case(
        "predict model table.csv -o o.csv",
        1,
        "lacks the column 'a', which the model was trained on",
        "b\n1\n",
    ),
    "a column is missing, and the target is like it": Case(
        "predict like_target table.csv -o o.csv",
        1,
        "lacks the column 'price_1', which the model was trained on.\n",
        "price_2,size\n1,2\n",
    ),
    "a column is missing, and another is like it": Case(
        "predict like_target table.csv -o o.csv", 1, "Did you mean 'price1'?", "price1,size\n1,2\n"
    ),
    "all columns are missing": Case(
        "predict model table.csv -o o.csv",
        1,
        "lacks the 2 columns 'a', 'b', which the model was trained on. Is it the right table?",
        "aa,bb\n1,2\n",
    ),
    "a model is a folder": Case("predict . table.csv", 1, "it is a folder."),
    "text for a number": Case(
        "predict model table.csv -o o.csv", 1, "must hold numbers; got 'x' in row 2", "a,b\n1,2\nx,2\n"
    ),
    "no rows": Case("predict model table.csv -o o.csv", 1, "holds a header but no rows", "a,b\n"),
}
USAGE = {
    "no verb": Case("--tagret", 2, "No such option: --tagret"),
    "unknown verb": Case("trai table.csv", 2, "Did you mean 'train'?"),
    "no table": Case("train", 2, "Missing argument 'TABLE'"),
    "no target": Case("train table.csv", 2, "Missing option '--target'"),
    "unknown option": Case("train table.csv -t answer --epoch 3", 2, "--epochs"),
    "too many words": Case("train table.csv more.csv -t answer", 2, "unexpected extra argument"),
    "widths": Case("train table.csv -t answer --hidden 16;8", 2, "got '16;8'. Try 16,8."),
    "a width of zero": Case("train table.csv -t answer --hidden 16,0", 2, "got '16,0'. Try 16,8."),
    "activation": Case("train table.csv -t answer --activation rleu", 2, "Did you mean 'relu'?"),
    "loss": Case(
        "train table.csv -t answer --loss logloss",
        2,
        "'--loss': there is no loss 'logloss'. Did you mean 'log_loss' (binary_cross_entropy)? Allowed: auto",
    ),
    "optimizer": Case(
        "train table.csv -t answer --optimizer adm",
        2,
        "there is no optimizer 'adm'. Did you mean 'adam'? Allowed: sgd, rmsprop, adam, adamw, lbfgs. Try",
    ),
    "task": Case(
        "train table.csv -t answer --task regress",
        2,
        "there is no task 'regress'. Did you mean 'regression'? Allowed: auto, regression, classification.",
    ),
    "rate": Case(
        "train table.csv -t answer --learning-rate nan", 2, "a number above 0, or 'auto'; got 'nan'"
    ),
    "negative rate": Case("train table.csv -t answer --learning-rate=-1", 2, "got '-1'"),
    "fraction": Case(
        "train table.csv -t answer --held-out 1",
        2,
        "a number from 0 up to, but not including, 1; got '1'",
    ),
    "epochs": Case("train table.csv -t answer --epochs 0", 2, "a whole number, at least 1; got '0'"),
    "many epochs": Case(f"train table.csv -t answer --epochs {10**10}", 2, "at most 1,000,000,000; got"),
    "batch size": Case("train table.csv -t answer --batch-size 1.5", 2, "at least 1; got '1.5'"),
    "seed": Case("train table.csv -t answer --seed=-1", 2, "a whole number, at least 0; got '-1'"),
    "large seed": Case(
        f"train table.csv -t answer --seed {2**64}", 2, "at most 18,446,744,073,709,551,615; got"
    ),
    "table from standard input": Case("train - -t answer", 2, "'TABLE': it must be the name of a file, not"),
    "model to standard output": Case("train table.csv -t answer -o -", 2, "must be the name of a file, not"),
    "new table from standard input": Case("predict model -", 2, "'TABLE': it must be the name of a file"),
    "model from standard input": Case("predict - table.csv", 2, "'MODEL': it must be the name of a file"),
}
CASES = {**TABLES, **OUTPUTS, **PREDICTIONS, **USAGE}


@pytest.fixture
def prepared(folder: Path) -> Callable[[Case], None]:
    """Write the table of a case, a model, a bare network and a damaged model."""

    def prepare(case: Case) -> None:
        good = pl.read_csv(("a,b,answer\n" + GOOD).encode())
        dr.TableModel.train(good, target="answer", epochs=1).save("model")
        prices = {
            "price_1": [1.5, 2, 3, 4, 5, 7],
            "size": [1, 3, 2, 5, 4, 9],
            "price_2": [1.5, 2, 2, 3, 3, 4],
        }
        dr.TableModel.train(prices, target="price_2", epochs=1).save("like_target")
        dr.Network([2, 1], activations=["sigmoid"]).save("network")
        Path("damaged").write_bytes(Path("model").read_bytes()[:-20])
        content = case.content.encode() if isinstance(case.content, str) else case.content
        Path("table.csv").write_bytes(content)

    return prepare


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", CASES)
def test_error(run: Run, folder: Path, prepared: Callable[[Case], None], name: str) -> None:
    case = CASES[name]
    prepared(case)
    before = state(folder)
    answer = run(*case.words.split(" "))
    assert case.sentence in answer.err
    assert answer.code == case.code
    assert answer.err.startswith("Error: ")
    assert answer.err.count("\n") == 1
    assert answer.err.rstrip().endswith((".", "?"))
    assert "Traceback" not in answer.err + answer.out
    assert "This should not have happened" not in answer.err
    assert "safetensors" not in answer.out
    assert state(folder) == before


@pytest.mark.parametrize("name", ["no such column", "ragged", "a model that is none", "activation"])
def test_error_in_a_process_of_its_own(
    launch: Run, folder: Path, prepared: Callable[[Case], None], name: str
) -> None:
    case = CASES[name]
    prepared(case)
    before = state(folder)
    answer = launch(*case.words.split(" "))
    assert (answer.code, answer.out) == (case.code, "")
    assert case.sentence in answer.err
    assert answer.err.count("\n") == 1
    assert "\x1b" not in answer.err
    assert state(folder) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_is_write_protected(run: Run, folder: Path, passes: Path) -> None:
    locked = folder / "locked"
    locked.mkdir(mode=0o500)
    answer = run("train", passes, "-t", "passed", "-o", locked / "model")
    assert answer.code == 1
    assert "its folder is write-protected" in answer.err


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_an_output_that_cannot_be_read(
    run: Run, folder: Path, passes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "model").touch(mode=0o200)

    def locked(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(train_verb.Path, "open", locked)  # the superuser may read everything
    answer = run("train", passes, "-t", "passed", "-o", "model")
    assert (answer.code, answer.err) == (
        1,
        "Error: 'model' exists and cannot be read (permission denied), so it is not overwritten. "
        "Choose another name with --output.\n",
    )


def test_a_full_disk_leaves_nothing(
    run: Run, folder: Path, passes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deltarule.storage.atomic.os.fsync", full)
    before = state(folder)
    answer = run("train", passes, "-t", "passed", "--epochs", 1)
    assert answer.code == 1
    assert "cannot be written: no space left on device" in answer.err
    assert state(folder) == before


def test_what_should_not_happen_is_a_sentence_too(
    run: Run, passes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(options, "read_table", broken)
    answer = run("train", passes, "-t", "passed")
    assert answer.code == 1
    assert answer.err.startswith(
        "Error: This should not have happened (IndexError: list index out of range)."
    )
    monkeypatch.setenv("DELTARULE_TRACEBACK", "1")
    assert run("train", passes, "-t", "passed").code != 0


def test_ctrl_c_before_training(
    run: Run, folder: Path, passes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(options, "read_table", interrupted)
    before = state(folder)
    answer = run("train", passes, "-t", "passed")
    assert (answer.code, answer.out, answer.err) == (130, "", "Error: Interrupted; nothing was written.\n")
    assert state(folder) == before


def test_ctrl_c_while_the_command_is_read(run: Run, passes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TyperGroup, "make_context", interrupted)
    assert run("train", passes, "-t", "passed") == (130, "", "Error: Interrupted; nothing was written.\n")


def interrupt_before(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C be pressed before this epoch (from 1) is finished."""
    one_more = TableTraining.__next__

    def step(training: TableTraining) -> dr.EpochReport:
        if len(training.history.epochs) == epoch - 1:
            raise KeyboardInterrupt
        return one_more(training)

    monkeypatch.setattr(TableTraining, "__next__", step)


def test_ctrl_c_in_the_first_epoch(
    run: Run, folder: Path, passes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_before(1, monkeypatch)
    before = state(folder)
    answer = run("train", passes, "-t", "passed")
    assert answer.code == 130
    assert "Nothing was saved." in answer.err
    assert state(folder) == before


def test_ctrl_c_later_saves_the_best_network(
    run: Run, folder: Path, passes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_before(5, monkeypatch)
    answer = run("train", passes, "-t", "passed", "--epochs", 50)
    assert answer.code == 130
    assert "Note: Interrupted with 4 of 50 epochs finished; the network has the parameters" in answer.err
    assert "Model: model.safetensors" in answer.out
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    saved = dr.TableModel.load("model.safetensors").network
    assert saved.training_record["epochs_trained"] == 4
    assert np.array_equal(saved.theta, dr.TableModel.train(passes, target="passed", epochs=4).network.theta)
