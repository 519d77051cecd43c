"""What a run has given, and the file that keeps it: one JSON object per line, nothing in it is trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from deltarule.comparison.planning import Plan
from deltarule.errors import InputError, ModelFileError, message
from deltarule.storage.atomic import PathLike, in_words, quoted, require_writable
from deltarule.storage.fields import JSON, Fields, short
from deltarule.table_model import Scores

Outcome = Literal["trained", "diverged", "refused", "failed", "killed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
BEGINNING = b'{"digest": "'
OTHER_FILE = "Name another `output`."


class Result(NamedTuple):
    """What a run has given.

    Attributes:
        settings: those of the run, as plain values.
        seed: that of the run.
        outcome: "trained"; or why it counts for nothing: "diverged", "refused", "failed", "killed".
        reason: why it ended, in words.
        validation_loss: of the network that was kept, None where there is none to be used.
        metrics: on the same rows.
        epochs: how many were trained.
        seconds: how long all of it took.
        parameters: how many the network has.
        scores: on the rows held out, beside the baseline; None where there are none.
    """

    settings: Mapping[str, JSON]
    seed: int
    outcome: Outcome
    reason: str
    validation_loss: float | None = None
    metrics: Mapping[str, float] = {}
    epochs: int = 0
    seconds: float = 0.0
    parameters: int = 0
    scores: Scores | None = None


def to_dict(result: Result, plan: Plan) -> dict[str, Any]:
    """Return a result as plain values, with all that it depends on."""
    digest = plan.digest(result.settings, result.seed)
    scores = None if result.scores is None else result.scores.to_dict()
    head = {"digest": digest, "data": plan.data, "fixed": dict(plan.fixed)}
    return {**head, **result._asdict(), "scores": scores}


def append(path: PathLike, result: Result, plan: Plan) -> None:
    """Write one line at the end of the file: in one piece, and to the disk before this returns.

    Raises:
        InputError: it cannot be written.
    """
    data = f"{json.dumps(to_dict(result, plan), allow_nan=False)}\n".encode()
    try:
        with Path(path).open("ab", buffering=0) as file:
            file.write(data)
            os.fsync(file.fileno())
    except OSError as reason:
        raise InputError(message(f"{quoted(path)} cannot be written: {in_words(reason)}")) from reason


def resume(path: PathLike, plan: Plan) -> list[Result]:
    """Return the results in a file, each run once; none where there is no file yet.

    The beginning of a line, which a crash has left at the end, is cut off.

    Raises:
        InputError: the file cannot be used, is of another kind, or its runs cannot be compared with these.
    """
    require_writable(path, InputError)
    if not Path(path).exists():
        return []
    try:
        data = Path(path).read_bytes()
        end = data.rfind(b"\n") + 1
        results = [_read(line, path, number, plan) for number, line in enumerate(data[:end].splitlines(), 1)]
        if rest := data[end:]:
            if not rest.startswith(BEGINNING) and not BEGINNING.startswith(rest):
                raise _foreign(path, len(results) + 1)
            os.truncate(path, end)
    except OSError as reason:
        raise InputError(message(f"{quoted(path)} cannot be read: {in_words(reason)}")) from reason
    return list({plan.digest(result.settings, result.seed): result for result in results}.values())


def _read(line: bytes, path: PathLike, number: int, plan: Plan) -> Result:
    """Return the result in one line, every entry checked."""
    if not line.startswith(BEGINNING):
        raise _foreign(path, number)
    try:
        fields = Fields(json.loads(line), f"line {number} of {quoted(path)}")
        _require_comparable(fields, path, plan)
        return _result(fields)
    except (ValueError, RecursionError) as reason:  # our own errors are ValueErrors too
        raise reason if isinstance(reason, InputError) else _damaged(path, number, reason) from reason


def _result(fields: Fields) -> Result:
    metrics = fields.fields("metrics")
    return Result(
        fields.fields("settings").values,
        fields.integer("seed", minimum=0),
        OUTCOMES[OUTCOMES.index(fields.text("outcome", OUTCOMES))],
        fields.text("reason"),
        fields.number("validation_loss") if fields.has("validation_loss") else None,
        {name: metrics.number(name) for name in metrics.values},
        fields.integer("epochs", minimum=0),
        fields.number("seconds", minimum=0.0),
        fields.integer("parameters", minimum=0),
        Scores.from_fields(fields.fields("scores")) if fields.has("scores") else None,
    )


def _require_comparable(fields: Fields, path: PathLike, plan: Plan) -> None:
    """Refuse losses on other rows."""
    if fields.text("data") != plan.data:
        asked = f"The runs in {quoted(path)} must be on this table"
        raise InputError(message(asked, found="another one", allowed="the same rows", hint=OTHER_FILE))
    theirs = fields.fields("fixed").values
    for name in (*plan.fixed, *theirs):
        if theirs.get(name) != plan.fixed.get(name):
            asked = f"`{name}` must be the same for all runs in {quoted(path)}"
            found, allowed = short(plan.fixed.get(name)), short(theirs.get(name))
            raise InputError(message(asked, found=found, allowed=allowed, hint=OTHER_FILE))


def _foreign(path: PathLike, number: int) -> InputError:
    asked = f"{quoted(path)} must be a file of results"
    return InputError(message(asked, found=f"something else in line {number}", hint=OTHER_FILE))


def _damaged(path: PathLike, number: int, reason: Exception) -> InputError:
    if isinstance(reason, ModelFileError):
        return InputError(f"{reason} {OTHER_FILE}")
    asked = f"Line {number} of {quoted(path)} must be a result"
    return InputError(message(asked, found=f"no JSON ({in_words(reason)})", hint=OTHER_FILE))
