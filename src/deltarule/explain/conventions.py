"""Conventions: the choices in which documents on backpropagation differ, and those of five of them by name.

How a step is rewritten in them is in notation.py.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias, get_args

from deltarule.core.arrays import require_choice
from deltarule.errors import InputError, message
from deltarule.registry import Registry

Samples: TypeAlias = Literal["rows", "columns"]
Bias: TypeAlias = Literal["separate", "augmented", "none"]
Factor: TypeAlias = Literal["of the loss", "two", "half", "in the rate"]
Error: TypeAlias = Literal["prediction - target", "target - prediction"]
Delta: TypeAlias = Literal["derivative", "negative derivative"]
Numbering: TypeAlias = Literal["input is 0", "input is 1"]

CHOICES = {
    "samples": Samples,
    "bias": Bias,
    "factor": Factor,
    "error": Error,
    "delta": Delta,
    "layers": Numbering,
}
LETTERS = (
    "target",
    "prediction",
    "learning_rate",
    "pre_activation",
    "activation",
    "function",
    "objective",
    "rows",
)
TAKEN = "xWbwoℓδΩμλε"
"""Letters of the quantities that every document names alike."""


@dataclass(frozen=True)
class Conventions:
    """How a document writes a step of training; the defaults are the conventions of this library.

    A step is the same in all of them: the same numbers are in W and b after it.

    Arguments:
        samples: whether each sample is a row of x, and z = x W + b, or a column, and z = W x + b.
        bias: "separate", "augmented" as the first row of W with an input that is always 1, or "none" where
            the document has networks without it; then a network that has one shows it separately.
        factor: of the squared error. "two": e², whose derivative keeps its 2; "half": e²/2, whose derivative
            is e; "in the rate": e² and a derivative without the 2, which the learning rate takes over;
            "of the loss": as the loss that is given has it.
        error: how the error is written, prediction minus target or target minus prediction.
        delta: whether δ is the derivative of a row's loss by z and the step is subtracted, or minus the
            derivative, and the step is added.
        layers: whether the input is layer 0 or layer 1.
        target: the letter of the target.
        prediction: the letter of the prediction; that of ``activation`` gets the number of the last layer.
        learning_rate: the letter of the learning rate.
        pre_activation: the letter of what a unit adds up.
        activation: the letter of what a unit answers.
        function: the letter of the activation function.
        objective: the letter of what the step makes smaller.
        rows: the letter of the number of rows.
        name: what these conventions are called.

    Raises:
        InputError: a choice is none of those above, or two quantities have the same letter.

    >>> Conventions(samples="columns", learning_rate="α").samples
    'columns'
    """

    samples: Samples = "rows"
    bias: Bias = "separate"
    factor: Factor = "of the loss"
    error: Error = "prediction - target"
    delta: Delta = "derivative"
    layers: Numbering = "input is 0"
    target: str = "y"
    prediction: str = "ŷ"
    learning_rate: str = "η"
    pre_activation: str = "z"
    activation: str = "a"
    function: str = "φ"
    objective: str = "J"
    rows: str = "N"
    name: str = "own"

    def __post_init__(self) -> None:
        for name, choice in CHOICES.items():
            require_choice(name, getattr(self, name), get_args(choice))
        _require_letters({name: getattr(self, name) for name in LETTERS}, self.prediction == self.activation)

    @property
    def input_layer(self) -> int:
        """The number of the layer of the inputs."""
        return int(self.layers[-1])

    @property
    def differences(self) -> list[str]:
        """The fields that are not as in this library."""
        ours = Conventions()
        return [
            each.name
            for each in fields(self)
            if each.name != "name" and getattr(self, each.name) != getattr(ours, each.name)
        ]


def _require_letters(letters: dict[str, str], shared: bool) -> None:
    """Ask for one letter each, with a hat at most, and for different ones."""
    seen = dict.fromkeys(TAKEN, "another quantity")
    for name, letter in letters.items():
        plain = unicodedata.normalize("NFD", str(letter))
        if re.fullmatch("[A-Za-zα-ω]\u0302?", plain) is None:
            asked = f"`{name}` must be one letter, Latin or Greek, at most with a hat"
            raise InputError(message(asked, found=repr(letter), hint='Try "a", "ρ" or "ŷ".'))
        if plain in seen and not (shared and name == "activation"):
            raise InputError(
                message(
                    f"`{name}` must have a letter of its own",
                    found=f"{letter!r}, the letter of {seen[plain]}",
                    allowed="letters other than " + ", ".join(seen),
                    hint=f"Try another letter for `{name}`.",
                )
            )
        seen[plain] = f"`{name}`"


CONVENTIONS: Registry[Conventions] = Registry("conventions", Conventions)
"""Conventions by name: our own, and those of the documents that the five labs follow."""

LIBRARY = CONVENTIONS.register(Conventions(name="library"))
LAB0 = CONVENTIONS.register(Conventions(name="lab0", factor="two", objective="L"))
LAB1 = CONVENTIONS.register(
    Conventions(
        name="lab1",
        bias="augmented",
        factor="in the rate",
        error="target - prediction",
        delta="negative derivative",
        target="t",
        prediction="y",
        learning_rate="ρ",
        pre_activation="a",
        activation="z",
        function="h",
        objective="E",
    )
)
LAB2 = CONVENTIONS.register(
    Conventions(
        name="lab2",
        samples="columns",
        factor="two",
        error="target - prediction",
        layers="input is 1",
        prediction="a",
        function="σ",
        objective="E",
    )
)
LAB3 = CONVENTIONS.register(
    Conventions(
        name="lab3",
        bias="none",
        factor="half",
        error="target - prediction",
        delta="negative derivative",
        pre_activation="h",
        function="f",
        objective="E",
        rows="m",
    )
)
LAB4 = CONVENTIONS.register(
    Conventions(name="lab4", bias="none", factor="half", learning_rate="α", function="σ", objective="L")
)
