"""Checking answers: which numbers of a hand calculation are right, and which slip explains the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deltarule.core.arrays import require_integer
from deltarule.errors import InputError, did_you_mean, message
from deltarule.explain.answer_conventions import Convention, conventions as other_conventions
from deltarule.explain.answers import Answer, answer_of, turned, upright
from deltarule.explain.conventions import Conventions
from deltarule.explain.expressions import Expression
from deltarule.explain.recipe import Recipe, Rerun
from deltarule.explain.rewriting import keys_of
from deltarule.explain.slips import Candidate, candidates, slopes_of_z
from deltarule.explain.verdicts import Check, Slip, Status, Verdict, entry_verdicts

ROUNDINGS = range(2, 7)
"""Decimals to which somebody may have rounded what they went on with."""
WRITTEN_DOWN = ("z", "a", "ŷ", "δ")
"""Letters of what is written down on the way; what is between them often stays in the calculator."""
TRANSPOSED = "transposed"


def check_answers(
    recipe: Recipe,
    given: Mapping[str, Any],
    decimals: int | None,
    conventions: Conventions,
    names: Mapping[str, str],
) -> Check:
    """Mark the numbers that somebody gives for quantities of a step.

    Arguments:
        recipe: the step in the conventions, but with samples as rows.
        given: numbers by key.
        decimals: digits after the point of numbers that are no text.
        conventions: those that the answers are first taken to be in.
        names: how quantities are written, by key.

    Raises:
        InputError: a key is unknown, a shape does not fit, or something is no number.
    """
    if decimals is not None:
        require_integer("decimals", decimals, 0, 17)
    if not given:
        raise InputError(
            message("check needs at least one answer", found="none", hint="Try check(delta2=[[0.1]]).")
        )
    keys = {name: line.key for line in recipe.lines.values() for name in (line.key, *line.also)}
    answers = {}
    for key, numbers in given.items():
        if key not in keys:
            raise InputError(_unknown(key, keys))
        known = keys[key]
        shape = np.shape(recipe.values[known])
        if conventions.samples == "columns":
            shown = (*shape[::-1], 1)[:2] if shape else ()
            answers[known] = upright(answer_of(key, numbers, shown, decimals), shape)
        else:
            answers[known] = answer_of(key, numbers, shape, decimals)
    ordered = {key: answers[key] for key in recipe.lines if key in answers}
    return _Marking(recipe, ordered, conventions, names).check()


def _unknown(key: str, keys: Iterable[str]) -> str:
    return message(
        "check takes answers by the keys of the quantities",
        found=repr(key),
        allowed=", ".join(keys),
        hint=did_you_mean(key, keys),
    )


# -- reading answers in a convention ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Reading:
    """The step in one convention, and the answers as they read there."""

    recipe: Recipe
    answers: Mapping[str, Answer]
    slack: Mapping[str, float]

    def fits(self, key: str, value: Any) -> NDArray[np.bool_]:
        """Say for each entry of an answer whether it is this value, to half a unit of its last decimal."""
        answer = self.answers[key]
        with np.errstate(all="ignore"):
            distance = np.abs(answer.value - np.reshape(value, answer.value.shape))
        return np.asarray(distance <= answer.half_units + self.slack[key])

    def right(self, key: str) -> bool:
        """Whether an answer is right in this convention."""
        exact = self.fits(key, self.recipe.values[key])
        return self.answers[key].layout != TRANSPOSED and bool(exact.all())

    @cached_property
    def right_ones(self) -> frozenset[str]:
        """The answers that are right."""
        return frozenset(key for key in self.answers if self.right(key))

    @cached_property
    def candidates(self) -> list[Candidate]:
        """The step with each slip."""
        return list(candidates(self.recipe))

    def explanations(self, key: str, earlier: frozenset[str]) -> list[Candidate]:
        """Return the slips that give an answer and leave right what was answered rightly before it.

        The slip is made in the exact numbers, or in those that were given earlier, which may be rounded.
        """
        before = self.recipe.before(key) & self.right_ones - {key}
        found = [
            each
            for each in self.candidates
            if key in each.rerun.reached
            and all(self.fits(right, each.rerun[right]).all() for right in before & each.rerun.reached)
        ]
        explained = []
        if not self.fits(key, self.recipe.values[key]).all():
            explained += [each for each in found if self.fits(key, each.rerun[key]).all()]
        given = self.recipe.before(key) & earlier
        numbers = [(each, given | self.read_by(each) - {key}) for each in found]
        for recipe in self.spellings:
            if not self.fits(key, self.going_on(given, recipe)[key]).all():
                reruns = [
                    (each, self.going_on(pins, recipe, each.rerun.equations))
                    for each, pins in numbers
                    if pins
                ]
                explained += [each for each, rerun in reruns if self.fits(key, rerun[key]).all()]
        return explained

    def read_by(self, slip: Candidate) -> frozenset[str]:
        """The right answers that a slip reads, such as new weights where they are taken too early."""
        return frozenset[str]().union(*map(keys_of, slip.rerun.equations.values())) & self.right_ones

    def going_on(
        self, keys: frozenset[str], recipe: Recipe, equations: Mapping[str, Expression] | None = None
    ) -> Rerun:
        """The values of a step, perhaps with other equations, as it goes on from some of the answers."""
        return Rerun(recipe, equations or {}, {key: self.answers[key].value for key in keys})

    def pinned(self, keys: frozenset[str]) -> Recipe:
        """The step as it goes on from some of the answers."""
        return Recipe(self.recipe.lines, self.going_on(keys, self.recipe))

    @cached_property
    def spellings(self) -> tuple[Recipe, Recipe]:
        """The step with its slopes as they are, and written in z: with rounded numbers they differ."""
        return self.recipe, self.recipe.rewritten(slopes_of_z(self.recipe))

    @cached_property
    def roundings(self) -> list[Rerun]:
        """The step where numbers are rounded as soon as they are computed, in several ways."""
        return [
            Rerun(recipe, {}, finish=partial(_rounded, recipe, decimals, everything))
            for recipe in self.spellings
            for decimals in ROUNDINGS
            for everything in (True, False)
        ]


def _slack(recipe: Recipe, keys: Iterable[str]) -> dict[str, float]:
    """How far the rounding of the computer may carry right numbers: by the largest they are computed from."""
    eps = float(np.finfo(np.result_type(recipe.values["x"], np.float32)).eps)
    return {
        key: 256.0 * eps * max(_largest(recipe.values[each]) for each in recipe.before(key)) for key in keys
    }


def _largest(value: Any) -> float:
    return float(np.max(np.abs(value), initial=0.0))


def _rounded(recipe: Recipe, decimals: int, everything: bool, key: str, value: Any) -> Any:
    """Round a quantity, halves away from zero as by hand."""
    symbol = recipe.lines[key].symbol
    if everything or (symbol.letter in WRITTEN_DOWN and not symbol.mark):
        return np.round(value * (1.0 + 1e-12), decimals)
    return value


# -- marking ---------------------------------------------------------------------------------------------


class _Marking:
    """All answers of one check: the verdict on one may depend on those before it."""

    def __init__(
        self,
        recipe: Recipe,
        answers: Mapping[str, Answer],
        conventions: Conventions,
        names: Mapping[str, str],
    ) -> None:
        self.base = _Reading(recipe, answers, _slack(recipe, answers))
        self.conventions, self.names = conventions, names
        self.words, other = _best_convention(self.base, conventions)
        self.other = other
        self.own = other or self.base  # the reading in which the answers are taken further
        self.verdicts: dict[str, Verdict] = {}
        self.rounded_in: dict[str, list[_Reading]] = {}

    def check(self) -> Check:
        """Mark all answers in the order of the step."""
        for key in self.base.answers:
            status, slips, note = self.judge(key)
            self.verdicts[key] = self.verdict(key, status, slips, note)
        return Check(tuple(self.verdicts.values()))

    def judge(self, key: str) -> tuple[Status, tuple[Slip, ...], str]:
        """Return status, slips and note of one answer."""
        if self.base.right(key):
            return "right", (), ""
        if self.other is not None and self.other.right(key):
            return "convention", self.slips(key, [self.base]), self.words
        readings = [self.base] if self.other is None else [self.base, self.other]
        self.rounded_in[key] = [reading for reading in readings if self.is_rounded(key, reading)]
        if self.rounded_in[key]:
            return "rounded", (), ""
        wrong = frozenset(each for each, verdict in self.verdicts.items() if not verdict.ok)
        slips = self.slips(key, readings)
        for pins in {wrong, frozenset(self.verdicts)}:
            recipe = self.own.pinned(pins)
            if wrong & recipe.before(key) and self.own.fits(key, recipe.values[key]).all():
                return "follow_up", slips, self.listed(wrong & recipe.before(key))
        shared = frozenset(each for each in wrong if _shared(slips, self.verdicts[each].slips, key))
        if shared & self.base.recipe.before(key):
            return "follow_up", slips, self.listed(shared & self.base.recipe.before(key))
        return "wrong", slips or self.later_slips(key, wrong), ""

    def is_rounded(self, key: str, reading: _Reading) -> bool:
        """Whether an answer follows from rounded numbers: those of the answers so far, or any others."""
        if reading.answers[key].layout == TRANSPOSED:
            return False
        before = reading.recipe.before(key) & frozenset(self.verdicts)
        found = [rerun.fresh(key) for rerun in reading.roundings]
        if before and before <= self.good(reading):
            found += [reading.going_on(before, recipe)[key] for recipe in reading.spellings]
        return any(reading.fits(key, value).all() for value in found)

    def good(self, reading: _Reading) -> frozenset[str]:
        """The answers so far that are right in a convention, or right but for rounding."""
        return frozenset(
            each
            for each in self.verdicts
            if each in reading.right_ones or reading in self.rounded_in.get(each, ())
        )

    def slips(self, key: str, readings: list[_Reading]) -> tuple[Slip, ...]:
        """Return the slips that give an answer, each kind once."""
        found = [each for reading in readings for each in reading.explanations(key, self.good(reading))]
        turned_ = [
            Slip(TRANSPOSED, "rows and columns are exchanged", ((key,),))
            for reading in readings
            if reading.answers[key].layout == TRANSPOSED
        ]
        return (*turned_[:1], *self.grouped(found, key))

    def grouped(self, found: list[Candidate], key: str) -> tuple[Slip, ...]:
        """One slip of each kind, in the words of the conventions."""
        return _grouped(found, key, self.base.recipe, self.conventions)

    def later_slips(self, key: str, wrong: frozenset[str]) -> tuple[Slip, ...]:
        """Return the slips that give an answer when it goes on from earlier ones that are wrong."""
        before = wrong & self.own.recipe.before(key)
        if not before:
            return ()
        recipe = self.own.pinned(before)
        found = [
            each for each in candidates(recipe, at=key) if self.own.fits(key, each.rerun.fresh(key)).all()
        ]
        after = f", going on from your {self.listed(before)}"
        return tuple(slip._replace(words=slip.words + after) for slip in self.grouped(found, key))

    def listed(self, keys: frozenset[str]) -> str:
        """Earlier quantities, as they are written; not those that only follow from others."""
        first = [each for each in self.verdicts if each in keys and self.verdicts[each].status == "wrong"]
        return "wrong " + " and ".join(self.names[each] for each in first or sorted(keys))

    def verdict(self, key: str, status: Status, slips: tuple[Slip, ...], note: str) -> Verdict:
        """The verdict on a quantity and on each of its entries."""
        reading = self.other if status == "convention" and self.other is not None else self.base
        answer, expected = reading.answers[key], reading.recipe.values[key]
        fits = self.base.fits(key, self.base.recipe.values[key]) & (status != "convention")
        rounded = self.rounded_entries(key) & ~fits & (status == "wrong")
        own = {} if slips or status != "wrong" else self.entry_slips(key, fits | rounded)
        given = answer.value
        if self.conventions.samples == "columns":
            given, fits, rounded = given.T, fits.T, rounded.T
            expected = np.transpose(expected) if np.ndim(expected) else expected
            own = {at[::-1]: found for at, found in own.items()}
        whole = Verdict(key, status, given, expected, slips, note, names=self.names)
        return replace(whole, entries=entry_verdicts(whole, fits, rounded, own))

    def rounded_entries(self, key: str) -> NDArray[np.bool_]:
        """Say for each entry of an answer whether it follows from the answers so far that are right."""
        given = self.base.recipe.before(key) & self.good(self.base)
        return self.base.fits(key, self.base.going_on(given, self.base.recipe)[key])

    def entry_slips(self, key: str, fits: NDArray[np.bool_]) -> dict[tuple[int, ...], tuple[Slip, ...]]:
        """The slips that explain single entries, of those that happen in the quantity itself."""
        base = self.base
        local = [each for each in base.candidates if each.places == (key,)]
        given = base.recipe.before(key) & self.good(base)
        agrees = []
        for each in local:
            rounded = base.going_on(given, base.recipe, each.rerun.equations)[key]
            agrees.append((each, base.fits(key, each.rerun[key]) | base.fits(key, rounded)))
        return {
            at: self.grouped([each for each, same in agrees if same[at]], key)
            for at in np.ndindex(fits.shape)
            if not fits[at]
        }


def _best_convention(base: _Reading, chosen: Conventions) -> tuple[str, _Reading | None]:
    """Return the convention in which more answers are right than here, in words and as a reading."""
    best, found, words = len(base.right_ones), None, []
    if best == len(base.answers):
        return "", None
    fewest = 0
    for convention in other_conventions(base.recipe, chosen):
        reading = _read_in(convention, base)
        count = len(reading.right_ones)
        if count > best:
            best, found, words, fewest = count, reading, [convention.words], len(convention.differences)
        elif found is not None and count == best and len(convention.differences) == fewest:
            words.append(convention.words)
    return ", or ".join(words), found


def _read_in(convention: Convention, base: _Reading) -> _Reading:
    answers = base.answers
    if convention.columns:
        answers = {key: turned(answer) for key, answer in answers.items()}
    return _Reading(convention.recipe, answers, base.slack)


def _grouped(found: list[Candidate], key: str, recipe: Recipe, conventions: Conventions) -> tuple[Slip, ...]:
    """One slip of each kind, with the places where it may have happened, the nearest first."""
    order = list(recipe.lines)
    kinds: dict[str, list[Candidate]] = {}
    for each in found:
        kinds.setdefault(each.kind.name, []).append(each)
    slips, words = [], _words_of(conventions)
    for same in kinds.values():
        places = {each.places for each in same}
        places -= {keys for keys in places if any((each,) in places for each in keys) and len(keys) > 1}
        nearest = sorted(places, key=lambda keys: (len(keys), *(-order.index(each) for each in keys)))
        slips.append(Slip(same[0].kind.name, same[0].kind.words.format(**words), tuple(nearest)))
    return tuple(sorted(slips, key=lambda slip: slip.places[0] != (key,)))


def _words_of(conventions: Conventions) -> dict[str, str]:
    """What the words of the slips name as the conventions do."""
    subtracts = conventions.delta == "derivative"
    added, subtracted = "gradient is added instead of subtracted", "step is subtracted instead of added"
    return {
        "z": conventions.pre_activation,
        "a": conventions.activation,
        "N": conventions.rows,
        "direction": added if subtracts else subtracted,
    }


def _shared(slips: tuple[Slip, ...], others: tuple[Slip, ...], key: str) -> bool:
    """Whether one slip, not in the quantity itself, explains both."""
    places = {(slip.name, each) for slip in slips for each in slip.places if each != (key,)}
    return any((slip.name, each) in places for slip in others for each in slip.places)
