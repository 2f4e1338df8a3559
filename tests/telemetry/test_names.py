"""Names from outside find a place or are `other`: how many there are never hangs on what passes through."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from clauditor.telemetry.names import ModelNames, Names, Pairs

PLAIN = re.compile(r"[A-Za-z0-9_.+-]{1,64}")


def test_the_first_names_have_places_and_keep_them() -> None:
    names = Names(2)
    assert [names(name) for name in ("a", "b", "c", "a", "b")] == ["a", "b", "other", "a", "b"]
    assert names(None) == "unknown"


def test_unusual_characters_become_one_underscore_and_equal_labels_share_a_place() -> None:
    names = Names(2)
    assert names("my shop (old)") == names("my_shop_old_") == "my_shop_old_"
    assert names("Büro") == "B_ro"
    assert names("third") == "other"


def test_what_is_long_empty_or_looks_like_a_secret_takes_no_place() -> None:
    names = Names(2)
    for name in ("a" * 65, "", "\x1b\n", "ключ", "sk-ant-api03-" + "A1b2" * 10):
        assert names(name) == "other", name
    assert [names(name) for name in ("shop-" * 12 + "cart", "b")] == ["shop-" * 12 + "cart", "b"]


def test_a_model_that_nobody_knows_takes_no_place() -> None:
    models = ModelNames(1)
    assert [models(name) for name in ("gpt-99", None, "claude-opus-4-5-20251101", "claude-opus-4-5[1m]")] == [
        "other",
        "unknown",
        "claude-opus-4-5",
        "claude-opus-4-5",
    ]
    assert models("claude-haiku-4-5") == "other"


def test_a_pair_without_a_place_keeps_its_first_half() -> None:
    pairs = Pairs(1)
    assert [pairs("a", "x"), pairs("a", "y"), pairs("b", "x"), pairs("a", "x")] == [
        ("a", "x"),
        ("a", "other"),
        ("b", "other"),
        ("a", "x"),
    ]


def test_a_million_names_take_no_more_places_than_there_are() -> None:
    names, models, pairs = Names(16), ModelNames(8), Pairs(48)
    found = {pairs(names(f"name {number}"), models(f"claude-{number}")) for number in range(1_000_000)}
    assert len(found) == 17


@given(st.lists(st.text(max_size=80) | st.none(), max_size=60), st.integers(min_value=0, max_value=8))
@settings(max_examples=300, deadline=None)
def test_labels_are_plain_and_no_more_than_there_are_places(
    given_names: list[str | None], places: int
) -> None:
    names, pairs = Names(places), Pairs(places)
    first = [names(name) for name in given_names]
    assert all(PLAIN.fullmatch(value) for value in first)
    assert len(set(first) - {"other", "unknown"}) <= places
    # A label, once given, keeps its meaning, whatever came in between.
    assert [
        again for again, value in zip(map(names, given_names), first, strict=True) if value != "other"
    ] == [value for value in first if value != "other"]
    together = {pairs(one, other) for one, other in zip(first, reversed(first), strict=True)}
    assert len(together) <= places + len(set(first))
