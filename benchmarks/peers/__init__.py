"""Who is measured: this library's engines and the frameworks, each in a module of its own.

A module's class takes a ``Problem`` and has ``train(epochs)``, which returns when the epochs are done, and
``parameters()``, which returns W1, b1, W2, b2, ... It raises NotImplementedError where it cannot do a work.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from benchmarks.works import Problem


class Trainer(Protocol):
    """A network that has been built and not yet trained."""

    def train(self, epochs: int) -> None: ...

    def parameters(self) -> Sequence[np.ndarray]: ...


@dataclass(frozen=True)
class Peer:
    """A name in the tables, and where its trainer is found."""

    name: str
    module: str
    factory: str

    def build(self, problem: Problem) -> Trainer:
        """Import the peer and hand it the problem."""
        module = importlib.import_module(f"benchmarks.peers.{self.module}")
        trainer: Trainer = getattr(module, self.factory)(problem)
        return trainer


NATIVE = Peer("deltarule native", "ours", "Native")
REFERENCE = Peer("deltarule reference", "ours", "Reference")
TRUTH = Peer("deltarule reference, float64", "ours", "Truth")
FRAMEWORKS = (
    Peer("PyTorch", "pytorch", "Eager"),
    Peer("PyTorch compiled", "pytorch", "Compiled"),
    Peer("JAX", "jax_scan", "Scan"),
    Peer("Keras", "keras_fit", "Fit"),
    Peer("scikit-learn", "scikit_learn", "Regressor"),
)
PEERS = {peer.name: peer for peer in (NATIVE, REFERENCE, *FRAMEWORKS)}
