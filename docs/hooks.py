"""What the documentation makes while it is built: pages from root files and labs, tables, MathML.

A line ``[[activations]]`` in a page is replaced by the table of that registry, a line
``[[deltarule train --help]]`` (or ``--help-all``) by what the command answers.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from html import escape, unescape
from pathlib import Path
from typing import Any

import numpy as np
from lab_pages import LABS, Page, executed, filled_in
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from typer.testing import CliRunner

from deltarule.cli.main import app
from deltarule.core.activations import ACTIVATIONS, Activation
from deltarule.core.arrays import Array, Interval
from deltarule.core.initializers import INITIALIZERS
from deltarule.core.losses import LOSSES, Loss
from deltarule.core.metrics import METRICS
from deltarule.core.optimizers import OPTIMIZERS
from deltarule.core.penalties import PENALTIES
from deltarule.core.schedules import SCHEDULES
from deltarule.data.datasets import DATASETS
from deltarule.registry import Registry

ROOT = Path(__file__).parents[1]
ROOT_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
FUNCTION = re.compile(
    r"(</m(?:i|n|sub|sup|frac)>)?<m[io]>(ln|tanh|erf|sign|max|min)</m[io]>(?=((?:<mrow>)?<mo[^>]*>&#x00028;)?)"
)
SIGN = re.compile(
    r"(<mo[^>]*>&#x000(?:28|2C|3D|5B);</mo>(?:<mspace[^>]*>)?)<mo>(?=&#x02212;)"
)  # - after ( , = [
TIGHT = re.compile(r"<mo[^>]*>(&#x0007C;|&#x0002F;)</mo>")  # | and /
LAB_OUTPUTS: dict[str, str] = {}
MATH = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', flags=re.DOTALL)

# -- the hooks that MkDocs calls -------------------------------------------------------------------


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the labs in their place of the navigation, the index first."""
    pages = [f"labs/{path.stem}.md" for path in LABS]
    config.nav = [{"Labs": pages} if "Labs" in entry else entry for entry in config.nav or ()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, page in ROOT_PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=with_local_links(text)))
    for page in lab_pages():
        files.append(File.generated(config, f"labs/{page.name}.md", content=page.markdown()))
        LAB_OUTPUTS.update(page.outputs)
        for name, picture in page.pictures.items():
            files.append(File.generated(config, f"labs/{name}", content=picture))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    return re.sub(r"^\[\[([a-z].*)\]\]$", lambda found: generated(found[1]), markdown, flags=re.MULTILINE)


def on_page_content(html: str, **_: object) -> str:
    html = MATH.sub(lambda found: mathml(unescape(found[3]), block=found[2] == "["), html)
    return filled_in(html, LAB_OUTPUTS)


# -- how they do it --------------------------------------------------------------------------------------


def with_local_links(text: str) -> str:
    """Point links between root files, and from them into docs/, to the pages here."""
    for source, page in ROOT_PAGES.items():
        text = text.replace(f"]({source}", f"]({page}")
    return re.sub(r"\[([^\]]+)\]\(LICENSE\)", r"\1", text).replace("](docs/", "](")


def lab_pages() -> Iterator[Page]:
    for path in LABS:
        with tempfile.TemporaryDirectory() as folder:
            yield Page(path.stem, executed(path, Path(folder)))


def mathml(latex: str, *, block: bool = False) -> str:
    """Return a formula at full size, on a line of its own or in the text."""
    formula = spaced(convert(latex.strip(), display="block" if block else "inline"))
    if "\\" in formula:
        raise PluginError(f"latex2mathml does not know a command of {latex!r}; got {formula}")
    return formula if block else formula.replace('display="inline"', 'displaystyle="true"', 1)


def spaced(formula: str) -> str:
    """Set the spaces around functions as TeX does: ln z, but ln(1 + z); none around |, / and after a sign."""
    formula = SIGN.sub(r'\1<mo form="prefix">', formula)
    formula = TIGHT.sub(r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>', formula)
    return FUNCTION.sub(function, formula)


def function(found: re.Match[str]) -> str:
    before, name, parenthesis = found[1] or "", found[2], found[3]
    left, right = "0.17em" if before else "0", "0" if parenthesis else "0.17em"
    return f'{before}<mo lspace="{left}" rspace="{right}">{name}</mo>'


def cell(latex: str) -> str:
    """Return a formula for a table: what follows a comma and a space stands on the next line."""
    return "<br>".join(mathml(part) for part in re.split(r",\\(?: |quad )", latex))


def generated(what: str) -> str:
    """Return the table of a registry, or what a command answers to --help or --help-all."""
    if what in TABLES:
        return table(TABLES[what]())
    command, _, all_options = what.removeprefix("deltarule").rpartition("--help")
    words = [*command.split(), f"--help{all_options}"]
    answer = CliRunner().invoke(app, words, terminal_width=100, prog_name="deltarule")
    if answer.exit_code:
        raise PluginError(f"[[{what}]] is neither a table nor a command; got {answer.output}")
    return f"```text\n{answer.output.strip()}\n```"


def table(rows: Iterable[Mapping[str, str]]) -> str:
    """Return an HTML table; the keys of the first row are its head."""
    rows = list(rows)
    head = "".join(f"<th>{name}</th>" for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row.values()) + "</tr>" for row in rows)
    return f'<table class="registry"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


# -- one table per registry ------------------------------------------------------------------------------


def activations() -> Iterable[dict[str, str]]:
    for record in ACTIVATIONS.values():
        yield {
            "name": names(ACTIVATIONS, record.name),
            "value": cell(record.formula),
            "slope": cell(record.slope_formula),
            "range": interval(record.range),
            "kinks": ", ".join(f"{kink:g}" for kink in record.kinks),
            "plot": curve(record),
        }


def losses() -> Iterable[dict[str, str]]:
    for record in LOSSES.values():
        yield {
            "name": names(LOSSES, record.name),
            "value of one row": cell(record.formula),
            "slope": cell(record.slope_formula),
            "targets in": interval(record.y_domain),
            "output activations": outputs(record),
        }


def optimizers() -> Iterable[dict[str, str]]:
    for name, record in OPTIMIZERS.items():
        yield {"name": names(OPTIMIZERS, name), "settings": settings(record), "step": cell(record.formula)}


def schedules() -> Iterable[dict[str, str]]:
    for name, record in SCHEDULES.items():
        yield {
            "name": names(SCHEDULES, name),
            "settings": settings(record),
            "learning rate": cell(record.formula),
        }


def initializers() -> Iterable[dict[str, str]]:
    for name, record in INITIALIZERS.items():
        yield {
            "name": names(INITIALIZERS, name),
            "settings": settings(record),
            "distribution": cell(record.formula),
            "what it is": escape(str(record.__doc__)),
        }


def penalties() -> Iterable[dict[str, str]]:
    for name, record in PENALTIES.items():
        yield {
            "name": names(PENALTIES, name),
            "settings": settings(record),
            "value": cell(record.formula),
            "slope": cell(record.slope_formula),
        }


def metrics() -> Iterable[dict[str, str]]:
    for name, record in METRICS.items():
        better = "higher" if record.higher_is_better else "lower"
        yield {"name": names(METRICS, name), "value": cell(record.formula), "better": better}


def datasets() -> Iterable[dict[str, str]]:
    for name, record in DATASETS.items():
        to_judge = f", {record.test_rows:,} of them to be judged by" if record.test_rows else ""
        yield {
            "name": names(DATASETS, name),
            "what it is": escape(record.summary),
            "rows": f"{record.rows:,}{to_judge}",
            "inputs": str(record.columns),
            "target": f"<code>{record.target}</code>",
            "task": record.task,
            "source": escape(record.source),
            "license": escape(record.license),
        }


TABLES: Mapping[str, Callable[[], Iterable[dict[str, str]]]] = {
    "activations": activations,
    "losses": losses,
    "optimizers": optimizers,
    "schedules": schedules,
    "initializers": initializers,
    "penalties": penalties,
    "metrics": metrics,
    "datasets": datasets,
}


def names(registry: Registry[Any], name: str) -> str:
    """Return the name and its aliases."""
    return "<br>".join(f"<code>{escape(each)}</code>" for each in (name, *registry.aliases(name)))


def interval(values: Interval) -> str:
    return f'<span class="interval">{escape(str(values)).replace("inf", "∞").replace("-", "−")}</span>'


def settings(record: object) -> str:
    """Return the settings of a record with their defaults."""
    return escape(", ".join(f"{field.name}={getattr(record, field.name)!r}" for field in fields(record)))


def outputs(record: Loss) -> str:
    """Return the output activations that go with a loss; those with one stable formula first, in bold."""
    fused = [f"<strong>{activation.name}</strong>" for activation in record.fused]
    allowed = {name for name, activation in ACTIVATIONS.items() if record.allows(activation)}
    others = sorted(allowed - {activation.name for activation in record.fused})
    return ", ".join(
        [*fused, *(["any other" if fused else "any"] if len(allowed) == len(ACTIVATIONS) else others)]
    )


# -- small curves ----------------------------------------------------------------------------------------

WIDTH, HEIGHT, Z_MAX, A_MAX = 120.0, 60.0, 3.0, 1.8


def curve(record: Activation) -> str:
    """Return φ and φ′ from z = -3 to 3 as SVG; for softmax, of the first of two units with z = (z, 0)."""
    z = np.linspace(-Z_MAX, Z_MAX, 121)
    inputs = z[:, np.newaxis] if record.slope else np.column_stack([z, np.zeros_like(z)])
    a = record.value(inputs)
    d_a = np.zeros_like(a)
    d_a[:, 0] = 1.0
    slope = record.derivative(inputs, a, d_a)[:, 0]
    axes = f'<path class="axis" d="M0 {HEIGHT / 2}H{WIDTH}M{WIDTH / 2} 0V{HEIGHT}"/>'
    lines = path("slope", z, slope) + path("value", z, a[:, 0])
    return f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="curve">{axes}{lines}</svg>'


def path(kind: str, z: Array, values: Array) -> str:
    x, y = (1 + z / Z_MAX) * WIDTH / 2, (1 - np.clip(values, -10, 10) / A_MAX) * HEIGHT / 2
    points = " ".join(f"{x_i:.1f},{y_i:.1f}" for x_i, y_i in zip(x, y, strict=True))
    return f'<polyline class="{kind}" points="{points}"/>'
