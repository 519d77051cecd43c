"""deltarule: multilayer perceptrons with hand-derived gradients, open to look at.

Names are loaded when they are first used, so that ``import deltarule`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltarule import plots
    from deltarule.core.activations import Activation
    from deltarule.core.arrays import Interval
    from deltarule.core.descent import Descent, descend
    from deltarule.core.equations import Gradients, Step
    from deltarule.core.gradient_check import GradientCheck
    from deltarule.core.initializers import (
        Constant,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        LecunNormal,
        Normal,
        Uniform,
        Zeros,
    )
    from deltarule.core.linear import LinearModel, least_squares, polynomial
    from deltarule.core.losses import Fused, Loss
    from deltarule.core.metrics import Metric
    from deltarule.core.optimizers import SGD, Adam
    from deltarule.core.penalties import L1, L2
    from deltarule.data import datasets
    from deltarule.data.scaling import Standardizer
    from deltarule.errors import (
        DeltaruleError,
        DeltaruleWarning,
        DivergenceWarning,
        InputError,
        ModelFileError,
        SymmetryWarning,
        TableError,
        UnseenCategoryWarning,
    )
    from deltarule.inputs import one_hot
    from deltarule.network import Network, check_gradients, load
    from deltarule.register import register
    from deltarule.table_model import TableModel
    from deltarule.training.loop import Training
    from deltarule.training.reports import EpochReport, History, Stop
    from deltarule.training.stopping import EarlyStopping

__version__ = "0.1.0"

_HOME = {
    "deltarule.core.activations": ("Activation",),
    "deltarule.core.arrays": ("Interval",),
    "deltarule.core.descent": ("Descent", "descend"),
    "deltarule.core.equations": ("Gradients", "Step"),
    "deltarule.core.gradient_check": ("GradientCheck",),
    "deltarule.core.initializers": (
        "Constant",
        "GlorotNormal",
        "GlorotUniform",
        "HeNormal",
        "HeUniform",
        "LecunNormal",
        "Normal",
        "Uniform",
        "Zeros",
    ),
    "deltarule.core.linear": ("LinearModel", "least_squares", "polynomial"),
    "deltarule.core.losses": ("Fused", "Loss"),
    "deltarule.core.metrics": ("Metric",),
    "deltarule.core.optimizers": ("SGD", "Adam"),
    "deltarule.core.penalties": ("L1", "L2"),
    "deltarule.data.scaling": ("Standardizer",),
    "deltarule.errors": (
        "DeltaruleError",
        "DeltaruleWarning",
        "DivergenceWarning",
        "InputError",
        "ModelFileError",
        "SymmetryWarning",
        "TableError",
        "UnseenCategoryWarning",
    ),
    "deltarule.inputs": ("one_hot",),
    "deltarule.network": ("Network", "check_gradients", "load"),
    "deltarule.register": ("register",),
    "deltarule.table_model": ("TableModel",),
    "deltarule.training.loop": ("Training",),
    "deltarule.training.reports": ("EpochReport", "History", "Stop"),
    "deltarule.training.stopping": ("EarlyStopping",),
}
_MODULES = {"datasets": "deltarule.data.datasets", "plots": "deltarule.plots"}
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 (derived, so that no name is listed three times)
    "__version__",
    *sorted((*_WHERE, *_MODULES)),
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _MODULES:
        value: Any = import_module(_MODULES[name])
    elif name in _WHERE:
        value = getattr(import_module(_WHERE[name]), name)
    else:
        raise AttributeError(f"module 'deltarule' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
