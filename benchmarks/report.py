"""From results to Markdown: one table per part, printed, and written between the marks in a page.

What stands between ``<!-- benchmark: speed -->`` and ``<!-- end of benchmark -->`` is replaced by the table
of that name; so the numbers in the documents come from a run and from nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import FRAMEWORKS, NATIVE, PEERS, REFERENCE

Results = dict[str, Any]

MARKED = re.compile(r"(<!-- benchmark: (\w+) -->\n).*?(<!-- end of benchmark -->)", flags=re.DOTALL)
NONE = "–"


def sections(results: Results) -> dict[str, str]:
    """Return the Markdown of every part that was measured, by name."""
    makers = {
        "machine": machine,
        "where": where,
        "speed": speed,
        "first": first,
        "refused": refused,
        "startup": startup,
        "busy": busy,
        "linear": linear,
    }
    needs = {"where": "machine", "first": "speed", "refused": "speed"}
    return {name: make(results) for name, make in makers.items() if results.get(needs.get(name, name))}


def fill(path: Path, made: Mapping[str, str]) -> None:
    """Write Markdown between the marks of a page, by name; marks of other names stay as they are."""
    text = path.read_text(encoding="utf-8")
    filled = MARKED.sub(
        lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}" if found[2] in made else found[0], text
    )
    path.write_text(filled, encoding="utf-8")


# -- the parts -------------------------------------------------------------------------------------------


def machine(results: Results) -> str:
    """Return the machine as a list."""
    described = results["machine"]
    lines = []
    for name, value in described.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {text}" for key, text in value.items())
        elif isinstance(value, list):
            value = ", ".join(value)
        lines.append(f"- {name}: {value}")
    return "\n".join(lines)


def where(results: Results) -> str:
    """Return the machine and the date in a line."""
    described = results["machine"]
    engine = f" with {described['native engine']}" if "native engine" in described else ""
    return f"{described['processor']}{engine}, {described['cores']} cores, {described['date']}:"


def speed(results: Results) -> str:
    """Return milliseconds per epoch, and how many times faster the native engine is."""
    return by_optimizer(results["speed"], "milliseconds", ratios)


def first(results: Results) -> str:
    """Return the seconds of everyone's first epoch."""
    return by_optimizer(results["speed"], "first_seconds", lambda _: {})


def refused(results: Results) -> str:
    """Return who did not do what, and why; and how far the first epochs are apart."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for r in results["speed"]:
        if "reason" in r:
            reasons.setdefault((r["peer"], r["reason"]), []).append(f"{r['work']} {r['optimizer']}")
    lines = [f"- {peer} did not do {', '.join(which)}: {why}" for (peer, why), which in reasons.items()]
    return "\n".join([*lines, furthest([r for r in results["speed"] if "deviation" in r])])


def furthest(compared: Sequence[dict[str, Any]]) -> str:
    """Return whose first epoch is furthest from that of the reference engine in float64."""
    if not compared:
        return "- No first epoch was compared."
    worst = max(compared, key=lambda r: r["deviation"])
    return (
        f"- The first epoch furthest from that of the reference engine in float64: {worst['peer']}, "
        f"{worst['work']} {worst['optimizer']}, by {worst['deviation']:.1e} of the parameters' change."
    )


def startup(results: Results) -> str:
    """Return seconds to the first epoch and the growth of memory."""
    rows = [
        [r["peer"], *(number(r[key]) for key in ("seconds", "growth_mb", "full_batch_growth_mb"))]
        for r in results["startup"]
    ]
    return table(["", "first epoch, s", "memory, MB", "memory, full batch, MB"], rows)


def busy(results: Results) -> str:
    """Return how many times slower a busy machine is, and the share of the cores."""
    rows = [
        [r["work"], r["optimizer"], r["peer"], *(number(r.get(key)) for key in BUSY)] for r in results["busy"]
    ]
    return table(["work", "optimizer", "", *BUSY.values()], rows)


BUSY = {"slowdown": "times slower", "quiet_share": "share of the cores, quiet", "busy_share": "busy"}


def linear(results: Results) -> str:
    """Return how the time grows with rows and with hidden units."""
    (found,) = results["linear"]
    few, many = found["rows"]
    per_weight = [number(value) for value in found["picoseconds"]]
    rows = [["picoseconds per row and weight", *per_weight]]
    return (
        f"{many:,} rows take {found['rows_ratio']:.2f} times as long as {few:,}.\n\n"
        + table(["hidden units", *map(str, found["hidden"])], rows)
        + f"\n\nThe largest is {found['largest_over_smallest']:.2f} times the smallest."
    )


# -- how they are made -----------------------------------------------------------------------------------


def by_optimizer(records: Sequence[dict[str, Any]], key: str, more: Any) -> str:
    """Return a table per optimizer: a row per work, a column per peer."""
    parts = []
    for optimizer in dict.fromkeys(r["optimizer"] for r in records):
        chosen = [r for r in records if r["optimizer"] == optimizer]
        peers = [name for name in PEERS if any(r["peer"] == name for r in chosen)]
        rows, header = [], [f"{optimizer}", *peers]
        for work in dict.fromkeys(r["work"] for r in chosen):
            values = {r["peer"]: r.get(key) for r in chosen if r["work"] == work}
            extra = more(values)
            rows.append([work, *(number(values.get(name)) for name in peers), *extra.values()])
        parts.append(table([*header, *extra], rows))
    return "\n\n".join(parts)


def ratios(milliseconds: dict[str, float | None]) -> dict[str, str]:
    """Return how many times faster the native engine is than the fastest framework and the reference."""
    mine, reference = milliseconds.get(NATIVE.name), milliseconds.get(REFERENCE.name)
    others = [milliseconds.get(peer.name) for peer in FRAMEWORKS]
    fastest = min((value for value in others if value), default=None)
    return {
        "fastest framework / native": quotient(fastest, mine),
        "reference / native": quotient(reference, mine),
    }


def quotient(numerator: float | None, denominator: float | None) -> str:
    """Return a bold ratio."""
    return f"**{numerator / denominator:.2f}**" if numerator and denominator else NONE


def number(value: float | None) -> str:
    """Return three digits.

    >>> number(0.012345), number(1234.5), number(None)
    ('0.0123', '1,234', '–')
    """
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, numbers to the right.

    >>> print(table(["work", "ms"], [["lab", "1"]]))
    | work | ms |
    |---|---:|
    | lab | 1 |
    """
    rule = "|---|" + "---:|" * (len(header) - 1)
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, *rows)]
    return "\n".join([lines[0], rule, *lines[1:]])
