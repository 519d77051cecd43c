"""Fields: entries of an untrusted JSON object come out with their type, or as a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from deltarule.errors import ModelFileError
from deltarule.storage.fields import Fields


def of(**values: Any) -> Fields:
    return Fields(values, "'m.safetensors'")


def test_each_kind_comes_out_as_it_is() -> None:
    fields = of(
        t="relu", ts=["a", "b"], f=True, fs=[True, False], i=3, is_=[1, 2], x=1, xs=[0.5, 2], s=["a", 1, 2.5]
    )
    assert fields.text("t", allowed=["relu", "tanh"]) == "relu"
    assert fields.texts("ts", count=2) == ["a", "b"]
    assert fields.flag("f") is True
    assert fields.flags("fs") == [True, False]
    assert fields.integer("i", minimum=3, maximum=3) == 3
    assert fields.integers("is_", minimum=1) == [1, 2]
    assert isinstance(fields.number("x"), float)
    assert fields.numbers("xs", minimum=0.5) == [0.5, 2.0]
    assert fields.scalars("s") == ["a", 1, 2.5]


def test_objects_inside_know_their_place() -> None:
    fields = of(net={"widths": [3, -2]}, columns=[{"name": "gre"}, {"name": 7}])
    with pytest.raises(ModelFileError) as error:
        fields.fields("net").integers("widths", minimum=1)
    assert (
        str(error.value) == "`net.widths[1]` in 'm.safetensors' must be a whole number of at least 1; got -2."
    )
    with pytest.raises(
        ModelFileError, match=r"`columns\[1\]\.name` in 'm.safetensors' must be a text; got 7"
    ):
        [column.text("name") for column in fields.each("columns")]


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda f: f.text("none"), "`none` is missing in 'm.safetensors'"),
        (lambda f: f.text("one"), "must be a text; got 1"),
        (
            lambda f: f.text("word", allowed=["relu", "tanh"]),
            "one of relu, tanh; got 'rleu'. Did you mean 'relu'?",
        ),
        (lambda f: f.flag("one"), "must be true or false; got 1"),
        (lambda f: f.integer("yes"), "must be a whole number; got True"),
        (lambda f: f.integer("half"), "must be a whole number; got 0.5"),
        (lambda f: f.integer("one", maximum=0), "of at most 0"),
        (lambda f: f.integer("one", minimum=2, maximum=4), "from 2 to 4"),
        (lambda f: f.number("huge"), "must be a finite number"),
        (lambda f: f.number("yes"), "must be a finite number; got True"),
        (lambda f: f.number("half", minimum=1), "at least 1; got 0.5"),
        (lambda f: f.numbers("one"), "must be a list; got 1"),
        (lambda f: f.numbers("list", count=3), "must have 3 entries; got [1, 2]"),
        (
            lambda f: f.scalars("nested"),
            "`nested[0]` in 'm.safetensors' must be a text, a number, true or false",
        ),
        (lambda f: f.fields("list"), "must be an object"),
        (lambda f: f.each("list"), "`list[0]` in 'm.safetensors' must be an object"),
        (lambda f: f.text("null"), "must be a text; got None"),
    ],
)
def test_what_does_not_fit_is_a_sentence(read: Callable[[Fields], Any], words: str) -> None:
    fields = of(one=1, yes=True, half=0.5, word="rleu", huge=10**5000, list=[1, 2], nested=[[1]], null=None)
    with pytest.raises(ModelFileError) as error:
        read(fields)
    assert words in str(error.value)


def test_has_means_there_and_not_null() -> None:
    fields = of(zero=0, null=None)
    assert fields.has("zero")
    assert not fields.has("null")
    assert not fields.has("other")


def test_the_caller_can_refuse_in_the_same_words() -> None:
    with pytest.raises(
        ModelFileError, match=r"`widths` in 'm.safetensors' must end with 2, the classes; got 3. Train again."
    ):
        raise of(widths=3).refuse("widths", "end with 2, the classes", hint="Train again.")


def test_long_values_are_shortened() -> None:
    with pytest.raises(ModelFileError) as error:
        of(t="x" * 10**6).text("t", allowed=["relu"])
    assert len(str(error.value)) < 200


METHODS = [
    "text",
    "texts",
    "flag",
    "flags",
    "integer",
    "integers",
    "number",
    "numbers",
    "scalars",
    "fields",
    "each",
]
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(value=ANYTHING, method=st.sampled_from(METHODS))
def test_no_other_error_ever(value: Any, method: str) -> None:
    try:
        getattr(of(key=value), method)("key")
    except ModelFileError as error:
        sentence = str(error)
    else:
        sentence = "`key"
    assert "`key" in sentence
