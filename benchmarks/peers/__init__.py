"""Who is measured: this library's engines and the frameworks, each in a module of its own.

A module's class takes a ``Problem`` and has ``train(epochs)``, which returns when the epochs are done, and
``parameters()``, which returns W1, b1, W2, b2, ... It raises NotImplementedError where it cannot do a work.
"""

from __future__ import annotations

import importlib
import importlib.util
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
    """Where to find a trainer, and which distribution must be installed for it."""

    name: str
    package: str
    module: str
    factory: str
    ours: bool = False

    @property
    def installed(self) -> bool:
        """Whether its package can be imported; nothing is imported to find out."""
        return importlib.util.find_spec(self.package) is not None

    def build(self, problem: Problem) -> Trainer:
        """Import the peer and hand it the problem."""
        module = importlib.import_module(f"benchmarks.peers.{self.module}")
        trainer: Trainer = getattr(module, self.factory)(problem)
        return trainer


NATIVE = Peer("deltarule native", "deltarule", "ours", "Native", ours=True)
REFERENCE = Peer("deltarule reference", "deltarule", "ours", "Reference", ours=True)
TRUTH = Peer("deltarule reference, float64", "deltarule", "ours", "Truth", ours=True)
FRAMEWORKS = (
    Peer("PyTorch", "torch", "pytorch", "Eager"),
    Peer("PyTorch compiled", "torch", "pytorch", "Compiled"),
    Peer("JAX", "jax", "jax_scan", "Scan"),
    Peer("Keras", "keras", "keras_fit", "Fit"),
    Peer("scikit-learn", "sklearn", "scikit_learn", "Regressor"),
)
PEERS = {peer.name: peer for peer in (NATIVE, REFERENCE, *FRAMEWORKS)}
