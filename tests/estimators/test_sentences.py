"""What the estimators say begins with scikit-learn's sentence and goes on with what to try."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import sklearn.neural_network
from sklearn.datasets import load_iris
from sklearn.utils._param_validation import InvalidParameterError

import deltarule as dr

X, Y = load_iris(return_X_y=True)
CASES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "not converged": (lambda kind: kind(max_iter=1).fit(X, Y), " Try a larger max_iter"),
    "large batches": (
        lambda kind: kind(max_iter=1, batch_size=500).fit(X, Y),
        ": 500 for 150 rows.",
    ),
    "parts are not held out": (
        lambda kind: kind(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2]),
        " Try partial_fit(X, y, X_val=..., y_val=...).",
    ),
    "not finite": (
        lambda kind: kind(solver="sgd", learning_rate_init=1e300).fit(1e100 * X, Y),
        " Try a smaller learning rate",
    ),
    "widths": (lambda kind: kind((0,)).fit(X, Y), " Try () for no hidden layer."),
    "not fitted": (lambda kind: kind().predict(X), ""),
    "a column": (lambda kind: kind(max_iter=1).fit(X, Y[:, None]), ""),
    "a range": (lambda kind: kind(max_iter=-1).fit(X, Y), ""),
}


def said(what: Callable[[Any], Any], kind: Any) -> list[tuple[type, str]]:
    """The types and texts of an error and of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            what(kind)
        except Exception as error:
            return [(type(error), str(error))]
    return [(warning.category, str(warning.message)) for warning in caught]


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
@pytest.mark.parametrize("case", CASES)
def test_their_sentence_comes_first(case: str) -> None:
    what, then = CASES[case]
    theirs, ours = said(what, sklearn.neural_network.MLPClassifier), said(what, dr.MLPClassifier)
    assert theirs
    texts = dict(ours)
    for category, text in theirs:
        if category is not RuntimeWarning:
            assert texts[category].startswith(text.rstrip("."))
    assert any(then in text for text in texts.values())


@pytest.mark.parametrize(
    ("parameter", "given", "meant"),
    [
        ("activation", "rleu", "relu"),
        ("solver", "addam", "adam"),
        ("learning_rate", "adaptve", "adaptive"),
        ("loss", "cross_entrop", "cross_entropy"),
        ("dtype", "flot32", "float32"),
    ],
)
def test_a_wrong_name_gets_a_guess(parameter: str, given: str, meant: str) -> None:
    with pytest.raises(InvalidParameterError) as error:
        dr.MLPClassifier(**{parameter: given}).fit(X, Y)
    assert str(error.value).startswith(f"The '{parameter}' parameter of MLPClassifier must be")
    assert str(error.value).endswith(f"Got {given!r} instead. Did you mean {meant!r}?")


@pytest.mark.parametrize("given", ["qqqq", 5, None])
def test_where_nothing_is_near_there_is_no_guess(given: Any) -> None:
    with pytest.raises(InvalidParameterError, match=r"instead\.$"):
        dr.MLPRegressor(solver=given).fit(X, Y)


def test_an_interrupted_fit_says_how_far_it_came() -> None:
    def interrupts(report: dr.EpochReport) -> None:
        if report.epoch == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match=r"^Training interrupted by user\. 3 of 200 epochs are finished\.$"):
        dr.MLPClassifier(callbacks=[interrupts]).fit(X, Y)
