from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.setup.json_text import MISSING, drop, get, parse, put

NAMES = st.text(max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
STYLES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"indent": 2},
        {"indent": 4, "ensure_ascii": False},
        {"indent": "\t"},
        {"indent": 0},
        {"separators": (",", ":")},
        {"indent": 2, "separators": (" , ", " : ")},
    ]
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    text = json.dumps(draw(OBJECTS), **draw(STYLES))
    text = text.encode("utf-8", "replace").decode()  # lone surrogates have no UTF-8
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from(["", "\n", " ", "\r\n"])) + text + draw(st.sampled_from(["", "\n", "\n\n"]))


@given(texts(), NAMES, VALUES)
def test_what_was_put_is_there_and_nothing_else_changed(text: str, name: str, value: Any) -> None:
    before = parse(text)
    assert parse(put(text, (name,), value)) == before | {name: value}


@given(texts(), NAMES, NAMES, VALUES)
def test_objects_on_the_way_are_made(text: str, outer: str, inner: str, value: Any) -> None:
    before = parse(text)
    if isinstance(before.get(outer, {}), dict):
        after = parse(put(text, (outer, inner), value))
        assert after == before | {outer: before.get(outer, {}) | {inner: value}}


@given(texts(), NAMES, VALUES)
def test_what_was_put_and_dropped_leaves_the_same_bytes(text: str, name: str, value: Any) -> None:
    if parse(text) and name not in parse(text):
        assert drop(put(text, (name,), value), (name,)) == text


@given(texts(), st.data())
def test_what_was_dropped_is_gone_and_nothing_else_changed(text: str, data: st.DataObject) -> None:
    before = parse(text)
    if before:
        name = data.draw(st.sampled_from(sorted(before)))
        assert parse(drop(text, (name,))) == {key: value for key, value in before.items() if key != name}


@given(texts(), st.lists(VALUES, max_size=4), VALUES, st.data())
def test_items_of_arrays(text: str, items: list[Any], value: Any, data: st.DataObject) -> None:
    text = put(text, ("array",), items)
    longer = put(text, ("array", len(items)), value)
    assert parse(longer)["array"] == [*items, value]
    index = data.draw(st.integers(0, len(items)))
    left = parse(drop(longer, ("array", index)))["array"]
    assert left == [*items, value][:index] + [*items, value][index + 1 :]


def test_a_new_member_is_written_in_the_manner_of_the_file() -> None:
    assert put('{\n    "a": 1\n}\n', ("env", "X"), "1") == (
        '{\n    "a": 1,\n    "env": {\n        "X": "1"\n    }\n}\n'
    )
    assert put('{"a":1.50}', ("b",), {"c": [1]}) == '{"a":1.50,"b": {"c": [1]}}'
    assert put('{\r\n\t"a": {}\r\n}', ("a", "b"), 1) == '{\r\n\t"a": {\r\n\t\t"b": 1\r\n\t}\r\n}'
    assert put("", ("a",), 1) == '{\n  "a": 1\n}\n'
    assert put("{ }", ("a", "b"), 1) == '{\n  "a": {\n    "b": 1\n  }\n}'


def test_nothing_there_is_nothing_to_drop() -> None:
    for path in (("b",), ("b", "c"), ("a", "c"), ("a", 0)):
        assert drop('{"a": 1}', path) == '{"a": 1}'
    assert drop(" \n", ("a",)) == " \n"
    assert get({"a": [1]}, ("a", 0)) == 1
    for missing in (("b",), ("a", 1), ("a", "b"), ("a", 0, "c")):
        assert get({"a": [1]}, missing) is MISSING


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "line 1"),
        ('{"a": 1,}', "line 1"),
        ('// mine\n{"a": 1}', "line 1"),
        ('{\n"a": 1 /* one */\n}', "line 2"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
        ('{"a": 1, "a": 2}', 'two members of the same name ("a")'),
        ('{"a": NaN}', "NaN is no number"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_object_is_told_in_words(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".+") as error:
        parse(text)
    assert reason in str(error.value)
