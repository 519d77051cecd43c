"""Pictures with matplotlib: each function draws on `ax`, or on a new figure, and returns the Axes.

Color-blind readers can tell the colors apart, and lines differ in style too: a print in gray is enough.
"""

from deltarule.plots.activations import activation
from deltarule.plots.curves import learning_curves
from deltarule.plots.network import network_diagram
from deltarule.plots.predictions import confusion, predicted_against_actual

__all__ = ["activation", "confusion", "learning_curves", "network_diagram", "predicted_against_actual"]
