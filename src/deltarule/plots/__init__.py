"""Pictures with matplotlib: each function draws on `ax`, or on a new figure, and returns the Axes.

Color-blind readers can tell the colors apart, and lines differ in style too: a print in gray is enough.
"""

from deltarule.plots.activations import activation
from deltarule.plots.curves import compare_runs, learning_curves
from deltarule.plots.live import Live
from deltarule.plots.network import network_diagram
from deltarule.plots.parameter_path import ParameterPath, gradient_norms
from deltarule.plots.predictions import confusion, predicted_against_actual
from deltarule.plots.regions import decision_regions
from deltarule.plots.surface import loss_surface
from deltarule.plots.three_panels import training_view
from deltarule.plots.weights import weight_map

__all__ = [
    "Live",
    "ParameterPath",
    "activation",
    "compare_runs",
    "confusion",
    "decision_regions",
    "gradient_norms",
    "learning_curves",
    "loss_surface",
    "network_diagram",
    "predicted_against_actual",
    "training_view",
    "weight_map",
]
