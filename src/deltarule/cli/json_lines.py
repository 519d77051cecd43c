"""What programs read: JSON, one object per line; what is not finite is null, since JSON has no NaN."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import partial
from typing import Any, TextIO

from deltarule.cli.display import mute
from deltarule.training.reports import EpochReport


def say_json(values: Any, to: TextIO | None = None) -> None:
    """Print one line of JSON: ASCII, so that no terminal's encoding matters."""
    stream = sys.stdout if to is None else to
    try:
        print(line(values), file=stream, flush=True)
    except BrokenPipeError:
        mute(stream)


@contextmanager
def json_instead(wanted: bool) -> Iterator[Callable[[Any], None]]:
    """Yield a function that prints a line of JSON; all that people read then goes to standard error.

    Where JSON is not wanted, the function does nothing.
    """
    if not wanted:
        yield lambda values: None
        return
    programs_read = partial(say_json, to=sys.stdout)
    with redirect_stdout(sys.stderr):
        yield programs_read


def line(values: Any) -> str:
    """Return JSON without a line break.

    >>> line({"loss": float("nan"), "metrics": {"rmse": 0.5}, "rates": (0.1, 0.2)})
    '{"loss": null, "metrics": {"rmse": 0.5}, "rates": [0.1, 0.2]}'
    """
    return json.dumps(_finite(values), allow_nan=False)


def of_columns(columns: Mapping[str, Any]) -> bytes:
    r"""Return one object per row of some arrays, by the names of their columns.

    >>> import numpy as np
    >>> of_columns({"x": np.array([1, 2]), "y": np.array(["a", "b"])})
    b'{"x": 1, "y": "a"}\n{"x": 2, "y": "b"}\n'
    """
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return "".join(f"{line(dict(zip(columns, row, strict=True)))}\n" for row in rows).encode("ascii")


def of_epoch(report: EpochReport) -> dict[str, Any]:
    """Return what one epoch has given, without the losses of its steps."""
    values = report._asdict()
    del values["step_losses"]
    return values


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    return list(map(_finite, value)) if isinstance(value, list | tuple) else value
