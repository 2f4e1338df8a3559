"""The hand-written corpus: each exchange whole, byte by byte, in pieces, and cut at every offset."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Compacted,
    Event,
    FirstToken,
    Malformed,
    SideCallFinished,
)
from support.corpus import ANSWERED_AT, SENT_AT, Case, Play, cases, seen, told

CASES = cases()
ANSWERED = [case for case in CASES if case.answer is not None]
EVERY_OFFSET_BYTES = 4096  # cut at each offset up to here, and at some beyond
each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def pieces(data: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        size = next(sizes)
        yield data[position : position + size]
        position += size


def sizes_of(seed: int) -> Iterator[int]:
    chance = random.Random(seed)  # noqa: S311  # the same chunks every time
    while True:
        yield chance.choice((1, 2, 3, 7, 20, 100, 500))


def ends_of(events: list[Event]) -> list[Event]:
    return [
        e for e in events if isinstance(e, AttemptFinished | AttemptFailed | SideCallFinished | Compacted)
    ]


def test_the_corpus_is_large_and_each_exchange_says_what_it_proves() -> None:
    assert len(CASES) >= 70
    assert sum(case.name.startswith("client/") for case in CASES) >= 25
    assert len({case.proves for case in CASES}) == len(CASES)
    assert all(case.proves.endswith(".") for case in CASES)


@each_case
def test_an_exchange_gives_the_events_written_by_hand(case: Case) -> None:
    play = Play(case).ask().answer().close()
    assert seen(play.events, case.expected, {}) == told(case.expected)
    assert play.exchange.partial == case.partial
    assert play.exchange.is_watched or not (case.partial or any(event.session_id for event in play.events))
    for event in play.events:
        assert event.exchange_id == "7-1"
        match event:
            case AttemptStarted():
                assert (event.at, event.request_bytes) == (SENT_AT, len(case.body))
            case FirstToken():
                assert event.at == ANSWERED_AT
            case SideCallFinished() | Compacted():
                assert event.started_at == SENT_AT


def test_placeholders_stand_for_one_value_each_in_the_whole_corpus() -> None:
    names: dict[str, str] = {}
    for case in CASES:
        assert seen(Play(case).ask().answer().close().events, case.expected, names) == told(case.expected)
    assert len(set(names.values())) == len(names) > 10


@each_case
def test_the_events_are_the_same_byte_by_byte_and_in_any_pieces(case: Case) -> None:
    whole = Play(case).ask().answer().close().events
    ones = iter(lambda: 1, 0)
    for sizes in (ones, *(sizes_of(seed) for seed in range(4))):
        play = Play(case).ask(pieces(case.body, sizes))
        if case.answer is not None:
            play.answer(pieces(case.answer.body, sizes))
        assert play.close().events == whole


@pytest.mark.parametrize("case", ANSWERED, ids=[case.name for case in ANSWERED])
def test_a_start_has_one_end_wherever_the_answer_is_cut(case: Case) -> None:
    assert case.answer is not None
    whole = [event for event in Play(case).ask().answer().close().events if not isinstance(event, Malformed)]
    size = len(case.answer.body)
    beyond = random.Random(size).sample(range(size), min(size, 50))  # noqa: S311
    offsets = [*range(min(size, EVERY_OFFSET_BYTES)), *(o for o in beyond if o >= EVERY_OFFSET_BYTES)]
    for offset in offsets:
        play = Play(case).ask().answer(iter([case.answer.body[:offset]]), end=offset % 16 == 0).close()
        found = [event for event in play.events if not isinstance(event, Malformed)]
        assert len(ends_of(found)) == len(ends_of(whole)) <= 1
        if found:  # what was told before the cut is what the whole answer tells, and the end comes last
            assert found[-1] in ends_of(found)
            assert found[:-1] == whole[: len(found) - 1]


@each_case
def test_what_is_secret_reaches_no_event(case: Case) -> None:
    play = Play(case).ask().answer().close()
    assert "SECRET" not in repr(play.events)
    assert "sk-ant" not in repr(play.events)
