"""Reasons: why a quantity is there, in one sentence that names layers and letters as the conventions do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Wording:
    """What the sentences name differently from one document to another."""

    input_layer: int = 0
    z: str = "z"
    learning_rate: str = "η"
    difference: str = "prediction minus target"
    changes: str = "changes"
    gradient: str = "the gradient"
    row: str = "row"


OURS = Wording()


class Reason(NamedTuple):
    """A sentence with places to fill: {layer}, {next}, {subject} and the fields of a wording."""

    template: str
    layer: int | None = None
    subject: str = ""

    def written(self, wording: Wording) -> str:
        """Return the sentence."""
        layer = (self.layer or 0) + wording.input_layer
        return self.template.format(layer=layer, next=layer + 1, subject=self.subject, **vars(wording))
