"""Which engine runs a job: the first that can, and in words why not a faster one."""

from __future__ import annotations

from typing import NamedTuple

from deltarule.engines.base import Engine, Job
from deltarule.engines.native.engine import NativeEngine
from deltarule.engines.reference import ReferenceEngine
from deltarule.errors import InputError, message
from deltarule.registry import Registry

ENGINES: Registry[Engine] = Registry("engine", Engine)  # fastest first; "auto" asks them in this order
NATIVE = ENGINES.register(NativeEngine())
REFERENCE = ENGINES.register(ReferenceEngine())


class Choice(NamedTuple):
    """The engine that runs, and why."""

    engine: Engine
    reason: str


def choose(engine: str | Engine, job: Job) -> Choice:
    """Return the engine for a job: "auto", a name, or an engine object.

    What the chosen engine does not know falls back to the reference engine, with the reason; never an error.

    Raises:
        InputError: there is no engine of that name, or it is no engine.
    """
    if isinstance(engine, type) or not isinstance(engine, str | Engine):
        names = ", ".join(["auto", *ENGINES])
        raise InputError(message("`engine` must be a name or an engine", found=repr(engine), allowed=names))
    if engine == "auto":
        candidates, asked = list(ENGINES.values()), "the fastest that can do this job"
    else:
        candidates, asked = [ENGINES.find(engine) if isinstance(engine, str) else engine], "asked for"
    refusals: list[str] = []
    for candidate in candidates:
        refusal = candidate.refusal(job)
        if not refusal:
            return Choice(candidate, "; ".join([asked, *refusals]))
        refusals.append(f"{candidate.name}: {refusal}")
    return Choice(REFERENCE, "; ".join(refusals))
