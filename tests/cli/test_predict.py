"""deltarule predict: the same numbers as TableModel, as CSV, to a file or to whoever reads."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deltarule as dr
from deltarule.data.tables import read_table
from tests.cli.conftest import Run


@pytest.fixture
def classifier(passes: Path) -> Path:
    dr.TableModel.train(passes, target="passed", epochs=5).save("model.safetensors")
    return Path("model.safetensors")


@pytest.fixture
def regressor(prices: Path) -> Path:
    dr.TableModel.train(prices, target="price", epochs=5).save("model.safetensors")
    return Path("model.safetensors")


def test_classes_and_probabilities_bit_for_bit(run: Run, classifier: Path) -> None:
    answer = run("predict", classifier, "passes.csv", "-o", "out.csv")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "120 predictions of 'passed' are in out.csv\n"
    model, out = dr.TableModel.load(classifier), pl.read_csv("out.csv")
    assert out.columns == ["predicted_passed", "probability_no", "probability_yes"]
    assert out["predicted_passed"].to_list() == model.predict("passes.csv").tolist()
    assert np.array_equal(out[:, 1:].to_numpy(), model.predict_proba("passes.csv"))


def test_numbers_bit_for_bit_to_standard_output(run: Run, regressor: Path) -> None:
    answer = run("predict", regressor, "prices.csv")
    assert (answer.code, answer.err) == (0, "")
    out = pl.read_csv(io.StringIO(answer.out))
    assert out.columns == ["predicted_price"]
    assert np.array_equal(
        out["predicted_price"].to_numpy(), dr.TableModel.load(regressor).predict("prices.csv")
    )


def test_labels_keep_their_type(run: Run, folder: Path) -> None:
    table = pl.DataFrame({"x": np.arange(40) * 1.5, "grade": np.repeat([3, 4], 20), "ok": [True, False] * 20})
    table.write_csv("t.csv")
    for target, labels in (("grade", {3, 4}), ("ok", {True, False})):
        dr.TableModel.train("t.csv", target=target, epochs=2).save("m")
        out = pl.read_csv(io.StringIO(run("predict", "m", "t.csv").out))
        assert set(out[f"predicted_{target}"]) <= labels
        assert out.dtypes[0] == table[target].dtype


def test_the_target_is_not_needed_and_the_order_of_columns_is_free(run: Run, regressor: Path) -> None:
    whole = run("predict", regressor, "prices.csv").out
    table = pl.read_csv("prices.csv")
    table.select("district", "rooms").write_csv("new.csv")
    assert run("predict", regressor, "new.csv").out == whole


def test_an_unseen_category_and_a_missing_value_are_one_note(run: Run, regressor: Path) -> None:
    Path("new.csv").write_text("rooms,district\n3,north\n,east\n2,\n")
    answer = run("predict", regressor, "new.csv")
    assert answer.code == 0
    assert answer.err.startswith("Note: ")
    assert "'east'" in answer.err
    assert answer.err.count("\n") == 1
    assert len(answer.out.splitlines()) == 4


def test_codes_with_leading_zeros_stay_text(run: Run, folder: Path) -> None:
    codes = [f"0{row % 3}" if row % 4 else "x" for row in range(60)]
    pl.DataFrame(
        {"code": codes, "y": [float(len(code) + row % 3) for row, code in enumerate(codes)]}
    ).write_csv("t.csv")
    assert run("train", "t.csv", "-t", "y", "--epochs", 1).code == 0
    Path("new.csv").write_text("code\n01\n02\n")
    answer = run("predict", "model.safetensors", "new.csv")
    assert (answer.code, answer.err) == (0, "")


def test_an_old_output_is_replaced(run: Run, classifier: Path) -> None:
    Path("out.csv").write_text("old")
    assert run("predict", classifier, "passes.csv", "-o", "out.csv").code == 0
    assert Path("out.csv").read_text().startswith("predicted_passed,")


def test_a_dash_is_the_screen(run: Run, regressor: Path) -> None:
    assert run("predict", regressor, "prices.csv", "-o", "-") == run("predict", regressor, "prices.csv")
    assert not Path("-").exists()


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_parquet_in_and_out(run: Run, regressor: Path, name: str) -> None:
    pl.read_csv("prices.csv").write_parquet("prices.parquet")
    assert run("predict", regressor, "prices.parquet", "-o", name).code == 0
    written = read_table(name)["predicted_price"].to_numpy()
    assert np.array_equal(written, dr.TableModel.load(regressor).predict("prices.csv"))


def test_parquet_trains_the_same_network(run: Run, regressor: Path) -> None:
    pl.read_csv("prices.csv").write_parquet("prices.parquet")
    assert run("train", "prices.parquet", "-t", "price", "--epochs", 2, "-o", "one").code == 0
    assert run("train", "prices.csv", "-t", "price", "--epochs", 2, "-o", "other").code == 0
    assert Path("one").read_bytes() == Path("other").read_bytes()


def test_columns_by_number_and_a_forced_dialect(run: Run, folder: Path) -> None:
    rows = [f"{k}.5|01|{k},5|{'yes' if k > 20 else 'no'}" for k in range(40)]
    Path("t.txt").write_text("\n".join(rows))
    Path("new.txt").write_text("\n".join(row.rpartition("|")[0] for row in rows))
    dialect = ("--no-header", "--delimiter", "|", "--decimal", "comma")
    answer = run("train", "t.txt", "-t", 4, "--exclude", "1,2", "--epochs", 2, *dialect)
    assert answer.code == 0
    assert "NEW.csv --no-header --delimiter '|' --decimal comma -o" in answer.out
    assert "standardized" in next(line for line in answer.out.splitlines() if line.startswith(" 3 "))
    out = pl.read_csv(io.StringIO(run("predict", "model.safetensors", "new.txt", *dialect).out))
    assert out.columns == ["predicted_4", "probability_no", "probability_yes"]
    assert out.height == 40
    assert run("step", "t.txt", "-t", 4, *dialect).code == 0


def test_text_that_looks_like_numbers_stays_text_without_a_header(run: Run, folder: Path) -> None:
    Path("t.csv").write_text("".join(f"0{k % 3},{k}.5\n" for k in range(30)) + "x,1\n" * 6)
    assert run("train", "t.csv", "--no-header", "-t", 2, "--epochs", 1).code == 0
    Path("new.csv").write_text("01\n02\n")
    answer = run("predict", "model.safetensors", "new.csv", "--no-header")
    assert (answer.code, answer.err) == (0, "")
