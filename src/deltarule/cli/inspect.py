"""deltarule inspect: what is in a model file, for people or as JSON."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from deltarule.cli.display import plain, say, show
from deltarule.cli.json_lines import say_json
from deltarule.cli.options import Json
from deltarule.cli.predict import ModelPath
from deltarule.cli.summary import (
    column_lines,
    role_lines,
    rows_in_words,
    show_lines,
    show_scores,
    target_in_words,
)
from deltarule.network import Network
from deltarule.storage import model_file
from deltarule.storage.fields import JSON
from deltarule.table_model import TableModel, fitted

MOST_NESTED = 4
"""Lists of records of numbers are what training writes; a stranger's file may nest them endlessly."""


def inspect(model: ModelPath, json: Json = False) -> None:
    """Show what is in a model file: network, columns and their transforms, target, training."""
    file = model_file.read(model)
    network = Network.from_file(file)
    of_table = TableModel(*fitted.read(file)) if file.fields.has(fitted.KEY) else None
    if json:
        table = None if of_table is None else of_table.fitted.to_dict()
        training = dict(network.training_record)
        say_json({"file": str(model), "network": _network(network), "training": training, "table": table})
        return
    _show_network(network)
    if of_table is None:
        say("The file holds a network only: it takes arrays, not tables (dr.load).")
    else:
        _show_table(of_table)
    _show_training(network)
    if of_table is not None and of_table.scores is not None:
        show_scores(of_table, of_table.scores)


def _network(network: Network) -> dict[str, Any]:
    """Return the architecture and its numbers of parameters, layer by layer."""
    shape = network.architecture
    layers = [
        {
            "inputs": fan_in,
            "units": units,
            "activation": activation.name,
            "weights": fan_in * units,
            "biases": units if shape.bias else 0,
        }
        for (fan_in, units), activation in zip(shape.shapes(), shape.activations, strict=True)
    ]
    return {
        "widths": list(shape.widths),
        "dtype": str(network.dtype),
        "parameters": shape.n_parameters,
        "layers": layers,
    }


def _show_network(network: Network) -> None:
    known = _network(network)
    widths = "-".join(map(str, known["widths"]))
    say(f"Network: {widths}, {known['parameters']:,} parameters, {known['dtype']}")
    screen = Table("layer", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in known["layers"][0]:
        screen.add_column(head, justify="left" if head == "activation" else "right")
    for place, layer in enumerate(known["layers"], start=1):
        screen.add_row(
            str(place), *(f"{value:,}" if isinstance(value, int) else value for value in layer.values())
        )
    show(screen)


def _show_table(model: TableModel) -> None:
    say(f"Columns: {len(model.inputs.used_columns):,} are used, and the target {model.target.name!r}.")
    show_lines(
        [
            (model.target.name, "", target_in_words(model.target), ""),
            *role_lines(model),
            *column_lines(model.inputs.columns),
        ]
    )
    say(rows_in_words(model.rows))


def _show_training(network: Network) -> None:
    """Print the record of the training as the file has it: no entry is known to be there."""
    if not network.training_record:
        say("The network was not trained.")
        return
    say("Training:")
    screen = Table("", "", box=None, show_header=False, pad_edge=False)
    for name, value in network.training_record.items():
        screen.add_row(plain(name.replace("_", " ")), plain(_in_words(value)))
    show(screen)
    say()


def _in_words(value: JSON, depth: int = MOST_NESTED) -> str:
    """Return an entry of the record, which may be anything.

    >>> _in_words({"name": "l2", "strength": 0.1}), _in_words([]), _in_words(True)
    ('l2 (strength 0.1)', 'none', 'yes')
    """
    match value:
        case bool():
            return "yes" if value else "no"
        case None | []:
            return "none"
        case list() | dict() if depth == 0:
            return "…"
        case list():
            return ", ".join(_in_words(part, depth - 1) for part in value)
        case dict():
            numbers = {name.replace("_", " "): part for name, part in value.items() if name != "name"}
            parts = ", ".join(f"{name} {_in_words(part, depth - 1)}" for name, part in numbers.items())
            return f"{value.get('name', '')} ({parts})".strip().removesuffix(" ()")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
