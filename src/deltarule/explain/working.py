"""Working: every number of one step next to its equation; and show_step, which makes one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from deltarule import inputs
from deltarule.core.arrays import Array, require_choice, require_flag, require_integer
from deltarule.core.losses import Loss
from deltarule.core.objective import Reduction
from deltarule.core.optimizers import AnyOptimizer
from deltarule.core.penalties import Penalty
from deltarule.data.batches import BatchPlan
from deltarule.engines.base import Job, TrainingState
from deltarule.errors import InputError, did_you_mean, message
from deltarule.explain.checking_answers import check_answers
from deltarule.explain.conventions import CONVENTIONS, LIBRARY, Conventions
from deltarule.explain.exact import in_fractions
from deltarule.explain.expressions import Expression, Symbol
from deltarule.explain.line import Line
from deltarule.explain.notation import in_layout, in_letters, in_numbers, letters_of
from deltarule.explain.notes import Note, notes_of
from deltarule.explain.recipe import Recipe
from deltarule.explain.renderings import AsInWorking, Detail, html_of, latex_of, markdown_of, page_of, text_of
from deltarule.explain.terminal import styled
from deltarule.explain.text import TextWriter
from deltarule.explain.trace import trace
from deltarule.explain.unit import Unit, unit_of
from deltarule.explain.verdicts import Check
from deltarule.explain.workbook import save_workbook
from deltarule.network import Network
from deltarule.preparation import objective_of, rows_for
from deltarule.storage.atomic import PathLike

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

AskedDetail: TypeAlias = Literal["auto", "scalar", "matrix", "summary"]

SCALAR_PARAMETERS, SCALAR_ROWS = 12, 2
"""Up to these every sum is written out by itself: networks such as 2-2-1, and one or two rows."""
MATRIX_ENTRIES = 64
"""An array of more entries is summarized: its shape, its norm and a corner."""


class Working:
    """One step of training, line by line, in the order in which a hand would compute it.

    Iterate over it for the lines, or ask for one: ``working["delta2"]``. Layers count from 1, as in the text.
    It shows itself in notebooks, printed, and with the colors of a terminal through ``rich.print``.

    Attributes:
        lines: every quantity with its equation, value and reason.
        values: the array or number that each symbol stands for, by key.
        detail: "scalar", "matrix" or "summary".
        decimals: digits after the point; None for six significant ones.
        rounded: the same step in floating point, where this one is in fractions; else itself.
        conventions: those that it is written in.
        notes: what these conventions write differently from our own.
    """

    def __init__(
        self,
        recipe: Recipe,
        detail: Detail,
        decimals: int | None = None,
        rounded: Working | None = None,
        conventions: Conventions = LIBRARY,
    ) -> None:
        self._own = recipe
        self._in_numbers = in_numbers(recipe, conventions)
        self._in_layout = in_layout(self._in_numbers, conventions)
        self._letters = letters_of(recipe, conventions)
        shown = in_letters(self._in_layout, self._letters)
        self.lines, self.values = tuple(shown.lines.values()), shown.values
        self.detail: Detail = detail
        self.decimals = decimals
        self.rounded = self if rounded is None else rounded
        self.conventions = conventions
        self.notes: tuple[Note, ...] = notes_of(recipe, self._letters)
        writer = AsInWorking(copy(self))  # a copy, so that lines and working do not hold each other
        self.lines = tuple(replace(line, writer=writer) for line in self.lines)

    def in_conventions(self, conventions: str | Conventions) -> Working:
        """Return the same step in the notation of a document; nothing of the step is computed again.

        Arguments:
            conventions: a name or a ``dr.Conventions``.

        Raises:
            InputError: there are no conventions of that name.

        >>> net = Network([1, 1], activations=["identity"], bias=False)
        >>> net.weights[0] = [[0.5]]
        >>> working = show_step(net, [[2.0]], [4.0], loss="half_squared_error")
        >>> print(working["delta1"].value, working.in_conventions("lab3")["delta1"].value)
        [[-3.]] [[3.]]
        """
        chosen = inputs.record(CONVENTIONS, conventions)
        rounded = None if self.rounded is self else self.rounded.in_conventions(chosen)
        return Working(self._own, self.detail, self.decimals, rounded, chosen)

    @cached_property
    def _by_key(self) -> dict[str, Line]:
        return {key: line for line in self.lines for key in (line.key, *line.also)}

    def __getitem__(self, key: str) -> Line:
        if key in self._by_key:
            return self._by_key[key]
        raise InputError(
            message(
                "A working is asked for a quantity by its key",
                found=repr(key),
                allowed=", ".join(self._by_key),
                hint=did_you_mean(str(key), self._by_key),
            )
        )

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def keys(self) -> list[str]:
        """Return what can be asked for, in the order of the step."""
        return list(self._by_key)

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of inputs, of units in each hidden layer, and of outputs."""
        layers = sum(key.startswith("z") for key in self._own.lines)
        W = [self._own.values[f"W{layer}"] for layer in range(1, 1 + layers)]
        return (W[0].shape[0], *(each.shape[1] for each in W))

    @property
    def rows(self) -> int:
        """How many rows the step uses."""
        return len(self._own.values["x"])

    def entries(self, key: str) -> list[tuple[Symbol, Expression, Any]]:
        """Return every entry of a quantity: its symbol, its equation with all sums written out, its value."""
        line = self[key]
        found = []
        for at in np.ndindex(np.atleast_2d(line.value).shape):
            symbol = line.symbol.entry(at, self.values)
            value = symbol.evaluate(self.values)
            value = value.item() if isinstance(value, np.ndarray) else value
            with np.errstate(all="ignore"):
                found.append((symbol, line.equation.entry(at, self.values), value))
        return found

    def unit(self, layer: int, unit: int) -> Unit:
        """Return one unit with all that goes into it and comes back to it; both count from 1.

        Raises:
            InputError: there is no such layer or unit.
        """
        return unit_of(self._in_numbers.values, self.widths, layer, unit)

    def layer(self, layer: int) -> Working:
        """Return the lines of one layer only, to be shown; ``check`` and ``to_xlsx`` keep the whole step.

        Raises:
            InputError: there is no such layer; they count from 1.
        """
        require_integer("layer", layer, 1, len(self.widths) - 1)
        part = copy(self)
        part.lines = tuple(line for line in self if line.layer == layer or f"a{layer}" in line.also)
        part.__dict__.pop("_by_key", None)
        return part

    def contributions(self) -> Array:
        """Return what each unit of the last hidden layer adds to each output's z, (n, units, k).

        Together with the bias and the offset they are z of the output layer; without hidden layer the inputs
        take the place of the units.
        """
        last = len(self.widths) - 1
        values = self._own.values
        x = values["x"] if last == 1 else values[f"a{last - 1}"]
        return np.asarray(x[:, :, np.newaxis] * values[f"W{last}"])

    def check(self, *, decimals: int | None = None, **answers: Any) -> Check:
        """Return which numbers of a hand calculation are right, and for wrong ones the slip that gives them.

        A number is right when it lies within half a unit of its last decimal. Slips are computed: the step
        is worked out again with each of them, from its exact numbers and from earlier answers that are right
        but rounded, and those that give the number are named.

        Arguments:
            decimals: digits after the point that numbers which are no text are meant to have; None for those
                that Python prints.
            answers: numbers by the keys of their quantities, such as ``delta2=[["0.0030"]]``: text, numbers,
                nested lists or arrays. ``step_W1`` is what the step adds to W of layer 1, ``step_b1`` to b.

        Raises:
            InputError: a key is unknown, a shape does not fit, or something is no number.

        >>> net = Network([2, 1], activations=["identity"], bias=False)
        >>> net.weights[0] = [[0.5], [-1.0]]
        >>> working = show_step(net, [[2.0, 1.0]], [1.0])
        >>> print(working.check(z1="0.00", delta1="-2", W1_after=["4.5", "1.0"]))
        z⁽¹⁾: right
        δ⁽¹⁾: right
        new W⁽¹⁾: not right: the learning rate is forgotten in ΔW⁽¹⁾
        """
        recipe, page = self.rounded._in_layout, page_of(self, TextWriter())
        names = {key: page.symbol(self._letters.symbol(line.symbol)) for key, line in recipe.lines.items()}
        return check_answers(recipe, answers, decimals, self.conventions, names)

    # -- renderings ---------------------------------------------------------------------------------------

    def to_text(self) -> str:
        """Return plain text, for terminals."""
        return text_of(self)

    def to_markdown(self) -> str:
        """Return Markdown with the equations as LaTeX between dollars, as notebooks and GitHub show it."""
        return markdown_of(self)

    def to_latex(self) -> str:
        """Return a LaTeX document; it needs amsmath and nothing else."""
        return latex_of(self)

    def to_html(self) -> str:
        """Return HTML with MathML, which browsers show without any script."""
        return html_of(self)

    def to_xlsx(self, path: PathLike) -> None:
        """Write a workbook whose cells are live formulas: change a weight, and the whole step follows.

        Data, parameters and settings are yellow cells; every other number has its formula and its value.
        An existing file is replaced; if that fails, it stays as it is. Needs the extra ``deltarule[xlsx]``.

        Raises:
            InputError: XlsxWriter is missing; the step has more than 10,000 numbers, a formula of more than
                8192 characters, an overflow, or a function of your own; or the file cannot be written.

        >>> import pathlib, tempfile
        >>> net = Network([1, 1], activations=["identity"], seed=0)
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "step.xlsx"
        >>> show_step(net, [[2.0]], [1.0]).to_xlsx(path)
        >>> path.exists()
        True
        """
        save_workbook(self.rounded, path)

    __str__ = to_text
    _repr_html_ = to_html

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Show the plain text in a terminal, in colors where there are any, and in its width."""
        return styled(self.to_text(), options)

    def __repr__(self) -> str:
        return (
            f"Working of {len(self)} lines, {self.rows} row{'s' * (self.rows != 1)}: {', '.join(self.keys())}"
        )


def show_step(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Loss = "mean_squared_error",
    optimizer: str | AnyOptimizer = "sgd",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty: str | Penalty | Sequence[Penalty] | None = None,
    reduction: Reduction = "mean",
    detail: AskedDetail = "auto",
    decimals: int | None = None,
    exact: bool = False,
    conventions: str | Conventions = "library",
) -> Working:
    """Return every number of one step of training on these rows, next to its equation; nothing is changed.

    Forward, objective, backward, update: the values are those that ``net.forward``, ``net.gradients`` and
    ``net.train`` compute, to the last bit. The optimizer starts without memory.

    Arguments:
        net: the network before the step.
        X: inputs, (n, i).
        y: targets, (n, k) or, for one output, (n,).
        loss: a name or a ``dr.Loss``.
        optimizer: a name or a record such as ``dr.SGD(learning_rate=0.1)``.
        sample_weight: wᵢ ≥ 0, (n,).
        offset: added to z of the output layer, (n, k) or (n,).
        penalty: one or several, added to J once.
        reduction: whether the step divides by the weight of its rows ("mean") or not ("sum").
        detail: "scalar" writes every sum out, "matrix" shows whole arrays, "summary" their shape, norm and
            corner; "auto" chooses by size.
        decimals: digits after the point; None for six significant ones.
        exact: whether to compute in fractions, as a hand would: for short decimals, and activations, losses
            and optimizers that are rational.
        conventions: whose notation to write in: "lab0" to "lab4" for those of the documents that the labs
            follow, or a ``dr.Conventions``.

    Raises:
        InputError: an argument cannot be used, or the loss does not go with the output activation.

    >>> net = Network([2, 1], activations=["identity"], bias=False)
    >>> net.weights[0] = [[0.5], [-1.0]]
    >>> print(show_step(net, [[2.0, 1.0]], [1.0])["z1"].value)
    [[0.]]
    """
    objective = objective_of(require_network(net).architecture, loss, reduction, penalty)
    rows = rows_for(objective, net.dtype, X, y, sample_weight, offset)
    asked = inputs.optimizer_for(optimizer, net.architecture.n_layers)
    optimizer_ = inputs.require_update_rule(asked)
    state = TrainingState(net.theta.copy(), optimizer_.init(net.theta))
    job = Job(objective, optimizer_, rows, BatchPlan(len(rows.X)))
    return working_of(job, state, job.rates(0, 1)[0], detail, decimals, exact, conventions)


def require_network(net: object) -> Network:
    """Return the network, or refuse what is none."""
    if not isinstance(net, Network):
        hint = "The network of a TableModel is model.network."
        raise InputError(message("`net` must be a dr.Network", found=f"a {type(net).__name__}", hint=hint))
    return net


def working_of(
    job: Job,
    state: TrainingState,
    rates: Array,
    detail: AskedDetail,
    decimals: int | None,
    exact: bool,
    conventions: str | Conventions,
) -> Working:
    """Return the working of the step that the job takes with all its rows from this state, at these rates.

    Raises:
        InputError: the detail, the decimals, exactness or the conventions cannot be had.
    """
    written_in = inputs.record(CONVENTIONS, conventions)
    require_choice("detail", detail, get_args(AskedDetail))
    if decimals is not None:
        require_integer("decimals", decimals, 0, 17)
    recipe = trace(job, state, rates)
    chosen: Detail = _detail(state.theta.size, recipe, len(job.rows.X)) if detail == "auto" else detail
    rounded = Working(recipe, chosen, decimals, conventions=written_in)
    if not require_flag("exact", exact):
        return rounded
    return Working(in_fractions(recipe), chosen, decimals, rounded, written_in)


def _detail(parameters: int, recipe: Recipe, rows: int) -> Detail:
    """What can be read: every sum of a tiny network, arrays of a small one, summaries of the others."""
    if parameters <= SCALAR_PARAMETERS and rows <= SCALAR_ROWS:
        return "scalar"
    is_small = all(np.size(line.value) <= MATRIX_ENTRIES for line in recipe.lines.values())
    return "matrix" if is_small else "summary"
