"""Explanations: every number of a step next to its equation."""
