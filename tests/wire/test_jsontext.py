from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.wire.jsontext import count, decode_any, mapping, text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nul",
        b"[1,",
        b"\xff",
        b'"\xff"',
        b"NaN",
        b"Infinity",
        b"1e999",
        b"9" * 6000,
        b"[" * 100_000,
        b"{}x",
    ],
)
def test_what_is_no_json_is_none(data: bytes) -> None:
    assert decode_any(data) is None


def test_the_last_of_two_equal_keys_wins() -> None:
    assert decode_any(b'{"a":1,"a":2}') == {"a": 2}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"a \ude00 b"', "a \ufffd b"),
        (rb'"\ud83d\ude00 \ud83d"', "\U0001f600 \ufffd"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        (rb'"\\\ud83d"', "\\\ufffd"),
    ],
)
def test_half_a_surrogate_pair_spoils_only_itself(data: bytes, expected: str) -> None:
    assert text(data) == expected


def test_what_would_become_too_many_objects_is_none() -> None:
    assert decode_any(b"[" + b"1," * 600_000 + b"1]") is None
    assert text(b'"' + b"x" * 2_000_000 + b'"') == "x" * 2_000_000


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    decode_any(data)
    text(data)


def test_counters_are_whole_and_plausible() -> None:
    assert [count(value) for value in (0, 7, -1, 2**60, 1.5, True, "7", None)] == [0, 7, *[None] * 6]


def test_only_an_object_is_a_mapping() -> None:
    assert [mapping(value) for value in ({"a": 1}, [1], None, "x")] == [{"a": 1}, {}, {}, {}]
