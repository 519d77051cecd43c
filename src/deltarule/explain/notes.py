"""Notes: what the conventions of a document write differently from this library, in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from deltarule.explain.expressions import Expression, Negative, Part, Sum, Symbol
from deltarule.explain.notation import Letters, factors, follows_the_rate, wanted_factors
from deltarule.explain.recipe import Recipe

Note: TypeAlias = tuple[str | Expression, ...]
"""A sentence; its symbols are written by each rendering."""

MEANINGS = {
    "target": (Symbol("y", ""), "the target"),
    "prediction": (Symbol("y_hat", ""), "the prediction"),
    "learning_rate": (Symbol("eta", ""), "the learning rate"),
    "pre_activation": (Symbol("z", ""), "what a unit adds up"),
    "activation": (Symbol("a", ""), "what a unit answers"),
    "function": (Symbol("slope", ""), "the activation function"),
    "objective": (Symbol("J", ""), "the objective"),
    "rows": (Symbol("N", ""), "the number of rows"),
}


def notes_of(recipe: Recipe, letters: Letters) -> tuple[Note, ...]:
    """Return what differs; nothing where the conventions are our own."""
    return tuple(_Notes(recipe, letters).all()) if letters.conventions.differences else ()


class _Notes:
    """The notes on one step, which is given as this library writes it."""

    def __init__(self, recipe: Recipe, letters: Letters) -> None:
        self.recipe, self.conventions, self.named = recipe, letters.conventions, letters.symbol
        self.has_bias = "b1" in recipe.values

    def all(self) -> Iterator[Note]:
        if self.conventions.samples == "columns":
            why = "Each sample is a column, so that W multiplies it from the left: all arrays are transposed."
            yield (why,)
        yield from self.bias()
        yield from self.signs()
        yield from self.factor()
        if self.conventions.input_layer == 1:
            z = self.named(Symbol("z1", "z", 1))
            yield ('The input counts as layer 1; keys do not count it: working["z1"] is ', z, ".")
        yield from self.letters()
        yield (f"The numbers in W{' and b' * self.has_bias} after the step are the same in all conventions.",)

    def bias(self) -> Iterator[Note]:
        if not self.has_bias:
            return
        if self.conventions.bias == "augmented":
            line, axis = ("column", 1) if self.conventions.samples == "columns" else ("row", 0)
            hat = Part(Symbol("W1", "W"), axis, False)
            start = (
                f"The bias is {line} 0 of W, with an input that is always 1, so that one product does both; "
            )
            yield (start, hat, f" is W without this {line}.")
        if self.conventions.bias == "none":
            yield ("The document has no bias; this network has one, written separately.",)

    def signs(self) -> Iterator[Note]:
        negative = self.conventions.delta == "negative derivative"
        y, y_hat = self.named(Symbol("y", "y")), self.named(Symbol("y_hat", "ŷ"))
        if self.conventions.error == "target - prediction":
            ours = (
                ": positive where the prediction is too small" if negative else ", hence the minus in front"
            )
            yield ("The error is written ", Sum((y, Negative(y_hat))), f"{ours}.")
        if negative:
            yield ("δ is minus the derivative of the loss, so the step goes without a minus.",)

    def factor(self) -> Iterator[Note]:
        if wanted_factors(self.recipe, self.conventions) == (1.0, 1.0):
            return
        if not follows_the_rate(self.recipe):
            yield (
                "The squared error has the factor of the loss that was given: the step of this optimizer ",
                "is no multiple of the gradient.",
            )
            return
        loss_by, gradient_by = factors(self.recipe, self.conventions)
        if loss_by != 1.0:
            has = "is halved, so that its derivative has no 2" if loss_by < 1.0 else "is not halved"
            yield (f"The squared error {has}.",)
        if gradient_by != loss_by:
            yield ("The derivative goes without its 2, which the learning rate takes over.",)
        if gradient_by != 1.0:
            times = "twice" if gradient_by < 1.0 else "half"
            yield (self.named(Symbol("eta", "η")), f" is {times} the learning rate that was given.")

    def letters(self) -> Iterator[Note]:
        found: list[str | Expression] = []
        for field, (symbol, meaning) in MEANINGS.items():
            if field in self.conventions.differences:
                found += [", " if found else "", self.named(symbol), f" is {meaning}"]
        if found:
            yield ("Other letters: ", *found, ".")
