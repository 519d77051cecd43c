"""Findings: what a diagnosis consists of, and how it is shown as text and in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from textwrap import fill
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "constant_inputs",
    "unscaled_inputs",
    "targets_out_of_range",
    "not_finite",
    "symmetric_units",
    "dead_units",
    "saturated_units",
    "constant_units",
    "vanishing_deltas",
    "exploding_deltas",
    "learning_rate",
]
Numbers: TypeAlias = Mapping[str, float | tuple[float, ...]]

WIDTH = 100
MAX_NAMED = 8  # units that a sentence names before it counts the rest


@dataclass(frozen=True)
class Finding:
    """One thing that hinders learning.

    Attributes:
        kind: what it is, in one or two words, for programs.
        what: what was found, a sentence for people.
        suggestion: one thing to try.
        layer: where, counted from 1; 0 is the input, None the whole network.
        units: which units of the layer, counted from 1; of layer 0, which columns of X.
        numbers: the numbers behind it, by name; a tuple has one per unit or layer.

    >>> Finding("dead_units", "Unit 2 of layer 1 is 0.", "Try leaky_relu.", layer=1, units=(2,))
    Finding(kind='dead_units', what='Unit 2 of layer 1 is 0.', ...)
    """

    kind: Kind
    what: str
    suggestion: str
    layer: int | None = None
    units: tuple[int, ...] = ()
    numbers: Numbers = field(default_factory=dict)


@dataclass(frozen=True)
class Stability:
    """The learning rates that full-batch gradient descent bears: η < 2 / λ_max.

    Attributes:
        lambda_max: the largest eigenvalue of the Hessian of J; None where it was not computed.
        bound: 2 / λ_max, infinite where no direction curves upward; None where it was not computed.
        constant: whether the Hessian, and so the bound, is the same everywhere; where it is not, the bound
            holds at the present parameters only.
        left_out: rows that lie on a kink (relu at 0), where J has no second derivative.
        reason: why nothing was computed.

    >>> Stability(lambda_max=8.0, bound=0.25, constant=True).bound
    0.25
    """

    lambda_max: float | None
    bound: float | None
    constant: bool = False
    left_out: int = 0
    reason: str = ""

    def __str__(self) -> str:
        if self.lambda_max is None or self.bound is None:
            return f"No bound for the learning rate: {self.reason}."
        if self.lambda_max <= 0.0:
            return (
                "No bound for the learning rate: J curves upward in no direction at the present parameters."
            )
        where = "everywhere, since the Hessian is constant" if self.constant else "at the present parameters"
        where += f", without {self.left_out} of the rows, on a kink" if self.left_out else ""
        return (
            f"Full-batch gradient descent is stable for learning rates below 2 / λ_max = {self.bound:.6g} "
            f"(λ_max = {self.lambda_max:.6g}, {where})."
        )


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What was found; shown, it says so in words. Iterating over it gives the findings.

    Attributes:
        subject: the network and the rows that were looked at.
        findings: one record per finding; empty where the network is healthy.
        delta_norms: ‖δ‖ of each layer over all rows, first layer first.
        stability: the learning rates that full-batch gradient descent bears.

    >>> healthy = Diagnosis("a network", (), (0.5, 1.0), Stability(8.0, 0.25, constant=True))
    >>> healthy.ok, list(healthy)
    (True, [])
    """

    subject: str
    findings: tuple[Finding, ...]
    delta_norms: tuple[float, ...]
    stability: Stability

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __repr__(self) -> str:
        lines = [f"{self.subject}: {self._count()}"]
        for number, finding in enumerate(self, start=1):
            lines.append(
                fill(f"{number}. {finding.what}", WIDTH, initial_indent="  ", subsequent_indent="     ")
            )
            lines.append(fill(finding.suggestion, WIDTH, initial_indent="     ", subsequent_indent="     "))
        return "\n".join([*lines, *(fill(line, WIDTH) for line in self._remarks())])

    def _repr_html_(self) -> str:
        head = "<tr><th>found</th><th>what</th><th>what to try</th></tr>"
        cells = ((finding.kind.replace("_", " "), finding.what, finding.suggestion) for finding in self)
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell, quote=False)}</td>' for cell in row)}</tr>" for row in cells
        )
        table = f"<table>{head}{rows}</table>" if rows else ""
        remarks = "".join(f"<p>{escape(line, quote=False)}</p>" for line in self._remarks())
        return f"<div><p>{escape(self.subject, quote=False)}: {self._count()}</p>{table}{remarks}</div>"

    def _count(self) -> str:
        n = len(self.findings)
        return "nothing found." if n == 0 else f"{n} finding{'s' if n > 1 else ''}."

    def _remarks(self) -> list[str]:
        norms = ", ".join(f"{norm:.3g}" for norm in self.delta_norms)
        return [f"‖δ‖ of each layer, first to last: {norms}.", str(self.stability)]


def listed(noun: str, numbers: tuple[int, ...]) -> str:
    """Return ``"units 1 and 3"``; beyond eight, the first eight and how many there are.

    >>> listed("unit", (2,)), listed("unit", (1, 3)), listed("input", tuple(range(1, 21)))
    ('unit 2', 'units 1 and 3', 'inputs 1, 2, 3, 4, 5, 6, 7, 8, ... (20 in all)')
    """
    if len(numbers) == 1:
        return f"{noun} {numbers[0]}"
    if len(numbers) <= MAX_NAMED:
        return f"{noun}s {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    return f"{noun}s {', '.join(map(str, numbers[:MAX_NAMED]))}, ... ({len(numbers)} in all)"
