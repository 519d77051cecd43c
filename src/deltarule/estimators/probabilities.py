"""Probabilities of classes, and their logarithms, from the output layer of a classifier."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from deltarule.core.activations import SIGMOID, SOFTMAX, Activation
from deltarule.core.arrays import UNIT, Array


def are_probabilities(output: Activation) -> bool:
    """Say whether all that an output activation can answer lies between 0 and 1."""
    return UNIT.covers(output.range)


def probabilities(y_hat: Array, output: Activation, exclusive: bool) -> Array:
    """Return the probability of each class from ŷ, (n, k).

    One output is that of the second of two classes. Several whose sum is not 1 are divided by it where a row
    has one class only, as in scikit-learn's OneVsRestClassifier.
    """
    if y_hat.shape[1] == 1:
        return np.hstack([1.0 - y_hat, y_hat])
    if output is SOFTMAX or not exclusive:
        return y_hat
    p = _positive(y_hat)
    return p / p.sum(axis=1, keepdims=True)


def log_probabilities(p: Array, z: Array, output: Activation, exclusive: bool) -> Array:
    """Return ln p of each class, (n, c), from p and z of the output layer: finite, however small p is."""
    if output not in (SIGMOID, SOFTMAX):
        return np.log(_positive(p))
    if z.shape[1] == 1:
        z = np.hstack([-z, z])
    log_p = z if output is SOFTMAX else -np.logaddexp(0.0, -z)
    if exclusive:
        log_p = log_softmax(log_p, axis=1)
    return np.where(p > 0.5, np.log(np.maximum(p, 0.5)), log_p)  # the classes with p = 1 stay equal


def _positive(p: Array) -> Array:
    return np.maximum(p, np.finfo(p.dtype).tiny)
