"""The demo: train on real data through the command line, judge it on rows it has not seen, draw a picture.

Everything it makes lies in the folder `demo`: tables, model, predictions, picture.
"""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import matplotlib as mpl
import numpy as np
import polars as pl
from sklearn.datasets import load_breast_cancer

import deltarule as dr
from deltarule import plots

FOLDER = Path("demo")
SEED = 0


def write_tables() -> None:
    """Write 569 tumors, 30 measurements each, as two tables: four in five to train on, the others new."""
    data = load_breast_cancer()
    table = pl.DataFrame(data.data, schema=[name.replace(" ", "_") for name in data.feature_names])
    table = table.with_columns(diagnosis=pl.Series(data.target_names[data.target].astype(str)))
    order = np.random.default_rng(SEED).permutation(len(table))
    new = len(table) // 5
    table[order[new:]].write_csv(FOLDER / "train.csv")
    table[order[:new]].write_csv(FOLDER / "new.csv")


def deltarule(*arguments: str | Path) -> None:
    """Show the command and run it, as one would in a terminal."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ deltarule {' '.join(words)}", flush=True)
    subprocess.run([Path(sysconfig.get_path("scripts")) / "deltarule", *words], check=True)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write_tables()
