"""scikit-learn on a table: a perceptron and gradient boosting, each in a pipeline that suits it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler


@dataclass(frozen=True)
class Rows:
    """What a peer learns from and is judged by; `text` are the columns that hold categories."""

    classes: bool
    X: pd.DataFrame
    y: np.ndarray
    X_judged: pd.DataFrame
    y_judged: np.ndarray
    text: list[str]
    seed: int


def metrics(model: Any, rows: Rows) -> dict[str, float]:
    """Return rmse, or log_loss and accuracy, of a fitted model on the rows to be judged by."""
    if not rows.classes:
        return {"rmse": float(root_mean_squared_error(rows.y_judged, model.predict(rows.X_judged)))}
    shares = model.predict_proba(rows.X_judged)
    return {
        "log_loss": float(log_loss(rows.y_judged, shares, labels=model.classes_)),
        "accuracy": float(accuracy_score(rows.y_judged, model.classes_[shares.argmax(axis=1)])),
    }


def perceptron(rows: Rows) -> Any:
    """MLPClassifier or MLPRegressor with early stopping; the target of a regression is standardized, too."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    encode = ColumnTransformer(
        [
            ("numbers", numbers, [name for name in rows.X.columns if name not in rows.text]),
            ("text", OneHotEncoder(handle_unknown="ignore"), rows.text),
        ]
    )
    settings: dict[str, Any] = {"early_stopping": True, "random_state": rows.seed}
    if rows.classes:
        return make_pipeline(encode, MLPClassifier(**settings)).fit(rows.X, rows.y)
    regressor = make_pipeline(encode, MLPRegressor(**settings))
    return TransformedTargetRegressor(regressor, transformer=StandardScaler()).fit(rows.X, rows.y)


def boosting(rows: Rows) -> Any:
    """HistGradientBoosting, which takes missing values as they are and text as categories."""
    levels = {name: pd.CategoricalDtype(sorted(rows.X[name].dropna().unique())) for name in rows.text}
    model = HistGradientBoostingClassifier if rows.classes else HistGradientBoostingRegressor
    encode = FunctionTransformer(pd.DataFrame.astype, kw_args={"dtype": levels})
    return make_pipeline(encode, model(categorical_features="from_dtype", random_state=rows.seed)).fit(
        rows.X, rows.y
    )


PEERS = {"scikit-learn MLP": perceptron, "HistGradientBoosting": boosting}
