"""What the estimators say: scikit-learn's sentences, and then what to try."""

from __future__ import annotations

import re
from typing import Any

from sklearn.utils._param_validation import StrOptions

from deltarule.errors import did_you_mean

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
    "preprocessed."
)
BATCH_TOO_LARGE = (
    "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped: {} for {} rows."
)
NOT_CONVERGED = (
    "Stochastic Optimizer: Maximum iterations ({}) reached and the optimization hasn't converged yet. "
    "Try a larger max_iter, and standardize=True where inputs are not scaled."
)
INTERRUPTED = "Training interrupted by user. {} of {} epochs are finished."
NO_ROWS_TO_WATCH = (
    "partial_fit does not support early_stopping=True without rows of your own to watch. "
    "Try partial_fit(X, y, X_val=..., y_val=...)."
)
_PARAMETER = re.compile(r"The '(\w+)' parameter of ")


def with_a_guess(sentence: str, estimator: Any) -> str:
    """Return scikit-learn's sentence about a parameter, and the name that was probably meant."""
    found = _PARAMETER.match(sentence)
    given = getattr(estimator, found[1], None) if found else None
    if found is None or not isinstance(given, str):
        return sentence
    allowed = estimator._parameter_constraints[found[1]]
    names = [name for each in allowed if isinstance(each, StrOptions) for name in each.options]
    return f"{sentence} {did_you_mean(given, sorted(names))}".rstrip()
