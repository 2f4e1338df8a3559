from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.wire.sse import SKIPPED, SseEvent, SseParser

PIECES = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b"data:",
        b"data: ",
        b"event: ",
        b":",
        b" ",
        b"a",
        b"data",
        b"\xef\xbb\xbf",
        b"id: 1",
        b"\xff",
    ]
)
STREAMS = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=60).map(b"".join))


def parse(data: bytes, cuts: list[int] | None = None, line_bytes: int = 1000) -> tuple[list[SseEvent], int]:
    parser = SseParser(line_bytes=line_bytes)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts or [])})
    events = [
        event for start, end in pairwise([*places, len(data)]) for event in parser.feed(data[start:end])
    ]
    return [event for event in events if event is not SKIPPED], events.count(SKIPPED)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"event: ping\ndata: {}\n\n", [(b"ping", b"{}")]),
        (b"event:ping\ndata:{}\n\n", [(b"ping", b"{}")]),
        (b"event: a\r\ndata: 1\r\n\r\nevent: b\rdata: 2\r\r", [(b"a", b"1"), (b"b", b"2")]),
        (b"data: one\ndata: two\n\n", [(b"", b"one\ntwo")]),
        (b"data:  two spaces\n\n", [(b"", b" two spaces")]),
        (b"data\n\n", [(b"", b"")]),
        (b"data\ndata\n\n", [(b"", b"\n")]),
        (b"\xef\xbb\xbfdata: x\n\n", [(b"", b"x")]),
        (b"data: \xef\xbb\xbfx\n\n", [(b"", b"\xef\xbb\xbfx")]),
        (b": comment\n\ndata: x\n\n", [(b"", b"x")]),
        (b"event: lonely\n\ndata: x\n\n", [(b"", b"x")]),
        (b"id: 7\nretry: 9\nunknown: y\ndata: x\n\n", [(b"", b"x")]),
        (b"data: not ended\n", []),
        (b"dataset: x\n\n", []),
        (b"event: a\nevent: b\ndata: x\n\n", [(b"b", b"x")]),
    ],
)
def test_events_follow_the_specification(stream: bytes, events: list[SseEvent]) -> None:
    assert parse(stream) == (events, 0)
    assert parse(stream, list(range(len(stream)))) == (events, 0)


@given(STREAMS, st.lists(st.integers(0, 500), max_size=20), st.sampled_from([3, 10, 1000]))
def test_events_are_the_same_for_every_chunking(stream: bytes, cuts: list[int], line_bytes: int) -> None:
    assert parse(stream, cuts, line_bytes) == parse(stream, [], line_bytes)


@given(st.lists(st.tuples(st.sampled_from([b"a", b"ping"]), st.binary(max_size=30)), max_size=8))
def test_what_was_written_is_read_back(written: list[tuple[bytes, bytes]]) -> None:
    clean = [(name, data.replace(b"\r", b"").replace(b"\n", b"")) for name, data in written]
    stream = b"".join(b"event: " + name + b"\ndata: " + data + b"\n\n" for name, data in clean)
    assert parse(stream)[0] == clean


def test_a_line_over_the_bound_costs_its_event_only() -> None:
    stream = b"data: " + b"x" * 5000 + b"\n\ndata: ok\n\n"
    assert parse(stream) == ([(b"", b"ok")], 1)
    assert parse(stream, list(range(0, 5000, 7))) == ([(b"", b"ok")], 1)


def test_an_event_of_many_lines_over_the_bound_is_skipped() -> None:
    assert parse(b"data: 12345\n" * 200 + b"\ndata: ok\n\n") == ([(b"", b"ok")], 1)


def test_what_is_held_stays_bounded_without_any_line_end() -> None:
    parser = SseParser(line_bytes=1000)
    for _ in range(1000):
        assert parser.feed(b"x" * 100) == []
        assert len(parser._open) <= 1000
