"""The demo: train on real data with the command line, judge it on rows it has not seen, draw a picture.

Everything it makes lies in the folder `demo`: two tables, the model, the predictions, the picture.
"""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import matplotlib as mpl
import numpy as np
import polars as pl

import deltarule as dr
from deltarule import plots

FOLDER = Path("demo")
TRAIN, NEW, MODEL, PREDICTIONS, PICTURE = (
    FOLDER / name for name in ("train.csv", "new.csv", "model.safetensors", "predictions.csv", "demo.png")
)
COLORS = {"benign": "#0072B2", "malignant": "#D55E00"}


def write_tables() -> pl.Series:
    """Write 569 tumors as two tables, one in five of them as new ones; return what the new ones are."""
    tumors = dr.datasets.breast_cancer()
    order = np.random.default_rng(0).permutation(len(tumors))
    n_new = len(tumors) // 5
    new, train = tumors[order[:n_new]], tumors[order[n_new:]]
    train.write_csv(TRAIN)
    new.drop("diagnosis").write_csv(NEW)
    return new["diagnosis"]


def deltarule(*arguments: str | Path) -> None:
    """Show a command and run it, as one would in a terminal."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ deltarule {' '.join(words)}", flush=True)
    subprocess.run([Path(sysconfig.get_path("scripts"), "deltarule"), *words], check=True)


def train_again() -> dr.History:
    """Return the history of the same run in Python: the same seed gives the same bits."""
    model = dr.TableModel.train(TRAIN, target="diagnosis", hidden=(16, 8))
    if not np.array_equal(model.network.theta, dr.load(MODEL).theta):
        raise SystemExit("The command line and Python trained different networks.")
    return model.history


def draw(history: dr.History, actual: pl.Series, probability: pl.Series, accuracy: float) -> None:
    """Draw the losses of each epoch, and the probability that each new tumor got."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    plots.learning_curves(history, ax=left)
    left.set_title("The loss in each epoch of training", fontsize="medium")
    shares = [probability.filter(actual == diagnosis) for diagnosis in COLORS]
    right.hist(
        shares, bins=np.linspace(0, 1, 21), stacked=True, color=list(COLORS.values()), label=list(COLORS)
    )
    right.axvline(0.5, color="#8A8A8A", linestyle=":")
    right.set(xlabel="the network's probability of malignant", ylabel="new tumors")
    right.set_title(f"{len(actual)} tumors it has never seen: {accuracy:.1%} right", fontsize="medium")
    right.legend(title="which are in fact", frameon=False)
    right.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, dpi=150)


def main() -> None:
    mpl.use("Agg")
    FOLDER.mkdir(exist_ok=True)
    actual = write_tables()
    deltarule("train", TRAIN, "--target", "diagnosis", "--hidden", "16,8", "--output", MODEL)
    deltarule("predict", MODEL, NEW, "-o", PREDICTIONS)
    predictions = pl.read_csv(PREDICTIONS)
    right = predictions["predicted_diagnosis"] == actual
    draw(train_again(), actual, predictions["probability_malignant"], right.mean())
    print(f"\nOn {len(actual)} tumors that it has never seen, the network is right {right.sum()} times:")
    print(f"an accuracy of {right.mean():.1%}.")
    print(f"The picture is {PICTURE}, the model {MODEL}.")


if __name__ == "__main__":
    main()
