"""deltarule: multilayer perceptrons with hand-derived gradients, open to look at.

Names are loaded when they are first used, so that ``import deltarule`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltarule import plots as plots
    from deltarule.baselines import (
        LinearModel as LinearModel,
        descend as descend,
        least_squares as least_squares,
        polynomial as polynomial,
    )
    from deltarule.checking import check_gradients as check_gradients
    from deltarule.comparison import Compared as Compared, compare as compare
    from deltarule.core.activations import ACTIVATIONS as ACTIVATIONS, Activation as Activation
    from deltarule.core.arrays import Interval as Interval
    from deltarule.core.descent import Descent as Descent
    from deltarule.core.equations import Gradients as Gradients, Step as Step
    from deltarule.core.gradient_check import GradientCheck as GradientCheck
    from deltarule.core.initializers import (
        INITIALIZERS as INITIALIZERS,
        Constant as Constant,
        GlorotNormal as GlorotNormal,
        GlorotUniform as GlorotUniform,
        HeNormal as HeNormal,
        HeUniform as HeUniform,
        LecunNormal as LecunNormal,
        Normal as Normal,
        Uniform as Uniform,
        Zeros as Zeros,
    )
    from deltarule.core.losses import LOSSES as LOSSES, Fused as Fused, Loss as Loss
    from deltarule.core.metrics import METRICS as METRICS, Metric as Metric
    from deltarule.core.optimizers import (
        LBFGS as LBFGS,
        OPTIMIZERS as OPTIMIZERS,
        SGD as SGD,
        Adam as Adam,
        AdamW as AdamW,
        RMSProp as RMSProp,
    )
    from deltarule.core.penalties import L1 as L1, L2 as L2, PENALTIES as PENALTIES
    from deltarule.core.schedules import (
        SCHEDULES as SCHEDULES,
        Adaptive as Adaptive,
        CosineDecay as CosineDecay,
        ExponentialDecay as ExponentialDecay,
        InverseScaling as InverseScaling,
        OneCycle as OneCycle,
        ReduceOnPlateau as ReduceOnPlateau,
        StepDecay as StepDecay,
    )
    from deltarule.data import datasets as datasets
    from deltarule.data.scaling import Standardizer as Standardizer
    from deltarule.data.tables import read_table as read_table, write_table as write_table
    from deltarule.engines.native.threads import get_threads as get_threads, set_threads as set_threads
    from deltarule.errors import (
        DataSetError as DataSetError,
        DeltaruleError as DeltaruleError,
        DeltaruleWarning as DeltaruleWarning,
        DivergenceWarning as DivergenceWarning,
        InputError as InputError,
        ModelFileError as ModelFileError,
        SymmetryWarning as SymmetryWarning,
        TableError as TableError,
        UnseenCategoryWarning as UnseenCategoryWarning,
    )
    from deltarule.estimators.classifier import MLPClassifier as MLPClassifier
    from deltarule.estimators.regressor import MLPRegressor as MLPRegressor
    from deltarule.explain.conventions import CONVENTIONS as CONVENTIONS, Conventions as Conventions
    from deltarule.explain.diagnosis import diagnose as diagnose
    from deltarule.explain.findings import Diagnosis as Diagnosis, Finding as Finding, Stability as Stability
    from deltarule.explain.line import Line as Line
    from deltarule.explain.session import Session as Session, step_through as step_through
    from deltarule.explain.unit import Unit as Unit
    from deltarule.explain.verdicts import Check as Check, Slip as Slip, Verdict as Verdict
    from deltarule.explain.working import Working as Working, show_step as show_step
    from deltarule.inputs import one_hot as one_hot
    from deltarule.loading import load as load
    from deltarule.network import Network as Network
    from deltarule.progress_bar import ProgressBar as ProgressBar
    from deltarule.registration import register as register
    from deltarule.table_model import TableModel as TableModel
    from deltarule.training.loop import Training as Training
    from deltarule.training.reports import EpochReport as EpochReport, History as History, Stop as Stop
    from deltarule.training.stopping import EarlyStopping as EarlyStopping

__version__ = "0.1.0"

_HOME = {
    "deltarule.baselines": ("LinearModel", "descend", "least_squares", "polynomial"),
    "deltarule.checking": ("check_gradients",),
    "deltarule.comparison": ("Compared", "compare"),
    "deltarule.core.activations": (
        "ACTIVATIONS",
        "Activation",
    ),
    "deltarule.core.arrays": ("Interval",),
    "deltarule.core.descent": ("Descent",),
    "deltarule.core.equations": ("Gradients", "Step"),
    "deltarule.core.gradient_check": ("GradientCheck",),
    "deltarule.core.initializers": (
        "INITIALIZERS",
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
    "deltarule.core.losses": ("LOSSES", "Fused", "Loss"),
    "deltarule.core.metrics": (
        "METRICS",
        "Metric",
    ),
    "deltarule.core.optimizers": ("LBFGS", "OPTIMIZERS", "SGD", "Adam", "AdamW", "RMSProp"),
    "deltarule.core.penalties": ("PENALTIES", "L1", "L2"),
    "deltarule.core.schedules": (
        "SCHEDULES",
        "Adaptive",
        "CosineDecay",
        "ExponentialDecay",
        "InverseScaling",
        "OneCycle",
        "ReduceOnPlateau",
        "StepDecay",
    ),
    "deltarule.data.scaling": ("Standardizer",),
    "deltarule.data.tables": ("read_table", "write_table"),
    "deltarule.engines.native.threads": ("get_threads", "set_threads"),
    "deltarule.errors": (
        "DataSetError",
        "DeltaruleError",
        "DeltaruleWarning",
        "DivergenceWarning",
        "InputError",
        "ModelFileError",
        "SymmetryWarning",
        "TableError",
        "UnseenCategoryWarning",
    ),
    "deltarule.estimators.classifier": ("MLPClassifier",),
    "deltarule.estimators.regressor": ("MLPRegressor",),
    "deltarule.explain.conventions": ("CONVENTIONS", "Conventions"),
    "deltarule.explain.line": ("Line",),
    "deltarule.explain.unit": ("Unit",),
    "deltarule.explain.verdicts": ("Check", "Slip", "Verdict"),
    "deltarule.explain.working": ("Working", "show_step"),
    "deltarule.explain.diagnosis": ("diagnose",),
    "deltarule.explain.findings": ("Diagnosis", "Finding", "Stability"),
    "deltarule.explain.session": ("Session", "step_through"),
    "deltarule.inputs": ("one_hot",),
    "deltarule.loading": ("load",),
    "deltarule.network": ("Network",),
    "deltarule.progress_bar": ("ProgressBar",),
    "deltarule.registration": ("register",),
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
