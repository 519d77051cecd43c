"""Engines: how the equations are executed."""
