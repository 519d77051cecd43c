"""Explanations: every number of a step next to its equation, and what hinders a network from learning."""
