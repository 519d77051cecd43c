"""`python -m deltarule` is the program `deltarule`."""

from __future__ import annotations

from deltarule.cli.main import app

if __name__ == "__main__":
    app(prog_name="python -m deltarule")
