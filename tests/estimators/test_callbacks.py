"""Callbacks: those of scikit-learn's protocol, set by ``set_callbacks``, and ours, which get reports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import make_regression
from sklearn.model_selection import GridSearchCV

import deltarule as dr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_regression(60, 4, noise=5.0, random_state=0)
Y = Y / 50.0
W = np.linspace(0.5, 1.0, 60)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 6, "random_state": 0}


class Diary:
    """A callback of the protocol that writes down what it hears, and asks to stop at the end of an epoch."""

    def __init__(self, stops_at: int | None = None) -> None:
        self.stops_at, self.lines, self.scores = stops_at, [], []

    def setup(self, estimator: Any, context: Any) -> None:
        self.lines.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.lines.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.lines.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, y: Any = None, fitted_estimator: Any = None
    ) -> bool:
        self.lines.append(f"end {context.task_name} {context.task_id}")
        if fitted_estimator is not None:
            self.scores.append(fitted_estimator.score(X, y))
        return context.task_name == "epoch" and context.task_id == self.stops_at


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_fit_is_a_task_and_each_epoch_below_it(solver: str, standardize: bool) -> None:
    diary = Diary()
    model = dr.MLPRegressor(**SMALL, solver=solver, standardize=standardize).set_callbacks(diary).fit(X, Y)
    epochs = [f"{word} epoch {number}" for number in range(6) for word in ("begin", "end")]
    assert diary.lines == ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]
    score = model.score(X, Y)
    np.testing.assert_allclose(diary.scores[-2:], [score, score], rtol=1e-12)
    assert len(set(diary.scores)) >= 5


def test_it_stops_a_fit() -> None:
    diary = Diary(stops_at=2)
    model = dr.MLPRegressor(**SMALL).set_callbacks(diary).fit(X, Y)
    assert model.n_iter_ == 3
    assert diary.lines[-3:] == ["end epoch 2", "end fit 0", "teardown"]
    shorter = dr.MLPRegressor(**SMALL | {"max_iter": 3}).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), shorter.predict(X))


def test_an_epoch_that_never_ran_is_ended() -> None:
    """Our own callback stops the run when the next epoch was announced."""
    diary = Diary()
    model = dr.MLPRegressor(**SMALL, callbacks=[lambda report: report.epoch == 2]).set_callbacks(diary)
    model.fit(X, Y)
    assert model.n_iter_ == 2
    assert model.history_.stop.message == "stopped by a callback after epoch 2"
    assert diary.lines[-4:] == ["begin epoch 2", "end epoch 2", "end fit 0", "teardown"]
    assert len(diary.scores) == 3


def test_the_scoring_monitor_scores_every_epoch() -> None:
    monitor = ScoringMonitor(scoring="r2")
    model = dr.MLPRegressor(**SMALL).set_callbacks(monitor).fit(X, Y, sample_weight=W)
    rows = monitor.get_logs().data
    scores = [row["r2"] for row in rows if row["task_name"] == "epoch"]
    assert len(scores) == 6
    assert scores[-1] == pytest.approx(model.score(X, Y, W), rel=1e-12)


def test_a_progress_bar_reaches_into_a_search(capsys: pytest.CaptureFixture[str]) -> None:
    search = GridSearchCV(dr.MLPRegressor(**SMALL), {"alpha": [1e-4, 1e-2]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=1)).fit(X, Y)
    said = capsys.readouterr().out
    assert "GridSearchCV" in said
    assert "MLPRegressor" in said


def test_our_callbacks_get_reports() -> None:
    reports: list[dr.EpochReport] = []
    model = dr.MLPRegressor(**SMALL, callbacks=(reports.append,)).fit(X, Y, X_val=X, y_val=Y)
    assert [report.epoch for report in reports] == [1, 2, 3, 4, 5, 6]
    assert [report.validation_loss for report in reports] == model.history_.validation_loss
    with pytest.raises(dr.InputError, match="each of the `callbacks` must be a function"):
        dr.MLPRegressor(**SMALL, callbacks=[1]).fit(X, Y)
