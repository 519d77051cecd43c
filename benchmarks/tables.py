"""Real tables: one ``deltarule train`` command beside two models of scikit-learn, judged on the same rows.

``make tables`` runs it on the raw files in ``tables`` of the folder that DELTARULE_DATA names, and
docs/real_tables.md says how it compares. Not the speed of the engines: that is training.py.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from sklearn.exceptions import ConvergenceWarning

import deltarule as dr
from benchmarks import report
from benchmarks.machine import machine
from benchmarks.table_peers import PEERS, Rows, metrics
from deltarule.data.splitting import split_rows
from deltarule.data.targets import choose_task, class_codes

Record = dict[str, Any]

OURS = "deltarule"
CONSTANT = "one answer for all"
TRAINED = (OURS, *PEERS)
MODELS = (CONSTANT, *TRAINED)
METRICS = {"rmse": ("RMSE", min), "log_loss": ("log loss", min), "accuracy": ("accuracy", max)}
FRACTION = 0.2


@dataclass(frozen=True)
class RealTable:
    """A file, what is to be predicted, and what the command line must be told beside it."""

    name: str
    file: str
    target: str
    header: bool = True
    exclude: tuple[str, ...] = ()
    test_file: str = ""
    """Where the rows to be judged by are a file of their own, nothing else is held out."""

    @property
    def commands(self) -> list[str]:
        """What does the same in a terminal.

        >>> RealTable("Abalone", "abalone.csv", "9", header=False).commands
        ['deltarule train abalone.csv --no-header --target 9']
        """
        header = "" if self.header else " --no-header"
        exclude = f" --exclude {','.join(self.exclude)}" if self.exclude else ""
        train = f"deltarule train {self.file}{header} --target {self.target}{exclude}"
        if not self.test_file:
            return [train]
        return [f"{train} --held-out 0", f"deltarule evaluate model.safetensors {self.test_file}{header}"]

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of ``TableModel.train`` that say the same as the command."""
        held_out = {"held_out": 0.0} if self.test_file else {}
        return {"target": self.target, "exclude": self.exclude, **held_out}


TABLES = (
    RealTable("Abalone", "abalone.csv", "9", header=False),
    RealTable("Wine quality", "winequality-white.csv", "12", header=False),
    RealTable("Housing", "california_housing_geron.csv", "median_house_value"),
    RealTable("Bike sharing", "bike_hour.csv", "cnt", exclude=("casual", "registered")),
    RealTable("Diamonds", "diamonds.csv", "price"),
    RealTable("Adult", "adult-train.csv", "15", header=False),
    RealTable("Adult, its test file", "adult-train.csv", "15", header=False, test_file="adult-test.csv"),
    RealTable("Credit cards", "UCI_Credit_Card.csv", "default.payment.next.month"),
    RealTable("Bank marketing", "bank-full.csv.gz", "y"),
)


def measure(table: RealTable, folder: Path, seed: int) -> Iterator[Record]:
    """Return a record for everyone: metrics on the rows to be judged by, and the seconds of training."""
    frame = dr.read_table(folder / table.file, header=table.header)
    learn, judged = parts(table, folder, frame, seed)
    common = {"table": table.name, "rows": len(learn) + len(judged), "judged": len(judged), "seed": seed}
    start = time.process_time()
    model = dr.TableModel.train(frame, **table.settings, seed=seed)
    seconds, scores = time.process_time() - start, model.judge(judged)
    if model.scores not in (None, scores):
        raise RuntimeError(f"{table.name}: the rows held out are not those that the others are judged by")
    yield {**common, "model": OURS, "metrics": dict(scores.network), "seconds": seconds}
    yield {**common, "model": CONSTANT, "metrics": dict(scores.baseline)}
    rows = rows_for_peers(model, learn, judged, seed)
    for name, fit in PEERS.items():
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it has done as many epochs as it does
            peer = fit(rows)
        seconds = time.process_time() - start
        yield {**common, "model": name, "metrics": metrics(peer, rows), "seconds": seconds}


def parts(table: RealTable, folder: Path, frame: Any, seed: int) -> tuple[Any, Any]:
    """Return the rows to learn from and those to be judged by: the same that ``TableModel.train`` chooses."""
    if table.test_file:
        return frame, dr.read_table(folder / table.test_file, header=table.header)
    classes = choose_task(frame, table.target).name == "classification"
    strata = class_codes(frame, table.target) if classes else None
    learn, judged = split_rows(frame.height, FRACTION, seed, strata, "held_out")
    return frame[learn], frame[judged]


def rows_for_peers(model: dr.TableModel, learn: Any, judged: Any, seed: int) -> Rows:
    """Return the same rows for scikit-learn, without the columns that our model has left out."""
    columns, text = list(model.inputs.used_columns), list(model.inputs.text_columns)
    arrays = []
    for frame in (learn.to_pandas(), judged.to_pandas()):
        arrays += [frame[columns], truth(frame[model.target.name], bool(model.classes))]
    return Rows(bool(model.classes), *arrays, text, seed)


def truth(values: Any, classes: bool) -> Any:
    """Return classes as text, without the full stops of Adult's test file, or numbers."""
    return values.astype(str).str.strip(" .").to_numpy() if classes else values.to_numpy()


# -- the tables ------------------------------------------------------------------------------------------


def sections(records: Sequence[Record]) -> dict[str, str]:
    """Return the Markdown of the commands, the metrics and the seconds, medians over the seeds."""
    of_table: dict[str, list[Record]] = {}
    for record in records:
        of_table.setdefault(record["table"], []).append(record)
    return {
        "tables": report.table(["", "", *MODELS], metric_rows(of_table)),
        "table_seconds": report.table(["", "rows", *TRAINED], second_rows(of_table)),
        "table_commands": "\n".join(command_lines(of_table)),
    }


def metric_rows(of_table: Mapping[str, Sequence[Record]]) -> Iterator[list[str]]:
    """Return a row per table and metric, the best number bold."""
    for table, records in of_table.items():
        for metric, (name, best) in METRICS.items():
            medians = by_model(records, lambda record, key=metric: record["metrics"].get(key))
            if medians:
                winner = best(medians.values())
                shown = (f"**{digits(v)}**" if v == winner else digits(v) for v in medians.values())
                yield [table, name, *shown]
                table = ""


def second_rows(of_table: Mapping[str, Sequence[Record]]) -> Iterator[list[str]]:
    """Return a row per table: the seconds of processor time that training took."""
    for table, records in of_table.items():
        seconds = by_model(records, lambda record: record.get("seconds"))
        yield [table, f"{records[0]['rows']:,}", *map(report.number, seconds.values())]


def command_lines(of_table: Mapping[str, object]) -> Iterator[str]:
    """Return a line per table: what to type."""
    for table in TABLES:
        if table.name in of_table:
            yield f"- {table.name}: {', then '.join(f'`{command}`' for command in table.commands)}"


def by_model(records: Sequence[Record], value: Callable[[Record], float | None]) -> dict[str, float]:
    """Return the median of each model that has such a value, in the order of the columns."""
    found = {
        model: [v for r in records if r["model"] == model and (v := value(r)) is not None] for model in MODELS
    }
    return {model: statistics.median(values) for model, values in found.items() if values}


def digits(value: float) -> str:
    """Return four digits.

    >>> digits(55613.9), digits(0.30464), digits(2.05766)
    ('55,614', '0.3046', '2.058')
    """
    return f"{value:,.0f}" if value >= 1000 else f"{value:#.4g}"


# -- the program -----------------------------------------------------------------------------------------


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    names = [table.name for table in TABLES]
    parser.add_argument(
        "--tables", nargs="+", default=names, choices=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="of the rows held out, the weights and the batches"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--markdown", type=Path, nargs="+", default=[], metavar="FILE", help="fill in tables")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print the tables and write them where asked."""
    asked = arguments(words)
    folder = Path(os.environ.get("DELTARULE_DATA", "")) / "tables"
    if not folder.is_dir():
        raise SystemExit(
            "The environment variable DELTARULE_DATA must name a folder with the folder `tables`."
        )
    chosen = [table for table in TABLES if table.name in asked.tables]
    records = []
    for table, seed in product(chosen, range(asked.seeds)):
        for record in measure(table, folder, seed):
            records.append(record)
            print(json.dumps(record), flush=True)
    results = {"machine": machine(), "tables": records}
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    made = {"where": report.where(results), **sections(records)}
    for page in asked.markdown:
        report.fill(page, made)
    print("\n\n".join(["", *made.values()]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
