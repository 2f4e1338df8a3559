"""The stream is followed for as long as it takes: what breaks off is opened again where it was left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from clauditor.errors import ClauditorError
from clauditor.ui.watch import follow
from clauditor.ui.watch.follow import Follower, Frame, Lost

Event = tuple[str, str | None, dict[str, Any]]


class Scripted:
    """Each connection plays the next list of events; an error in it is raised, at the end it breaks off."""

    def __init__(self, *connections: list[Event | ClauditorError]) -> None:
        self.connections = list(connections)
        self.asked: list[tuple[str | None, str | None]] = []
        self.is_over = threading.Event()

    def stream(self, session: str | None = None, *, last_event_id: str | None = None) -> Iterator[Event]:
        self.asked.append((session, last_event_id))
        if not self.connections:
            self.is_over.wait()  # a quiet connection
            return
        for event in self.connections.pop(0):
            if isinstance(event, ClauditorError):
                raise event
            yield event


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "RETRY_SECONDS", (0.0,))


def snapshot(number: int) -> Event:
    return "snapshot", str(number), {"number": number}


def followed(sidecar: Scripted, count: int, session_id: str | None = None) -> list[Frame | Lost | None]:
    follower = Follower(sidecar, session_id)
    follower.start()
    try:
        return [follower.next(10) for _ in range(count)]
    finally:
        follower.stop()
        sidecar.is_over.set()


def test_what_comes_is_told_in_order() -> None:
    sidecar = Scripted([snapshot(1), ("heartbeat", None, {}), snapshot(2)])
    assert followed(sidecar, 3, "abc") == [
        Frame(name="snapshot", data={"number": 1}),
        Frame(name="heartbeat", data={}),
        Frame(name="snapshot", data={"number": 2}),
    ]
    assert sidecar.asked[0] == ("abc", None)


def test_after_a_break_it_goes_on_from_the_last_id_and_says_so_once() -> None:
    gone = ClauditorError("Nothing answers.")
    sidecar = Scripted([snapshot(7), ("heartbeat", None, {})], [gone], [gone], [snapshot(8), snapshot(9)])
    told = followed(sidecar, 5)
    assert told[2:] == [
        Lost(),
        Frame(name="snapshot", data={"number": 8}, is_again=True),
        Frame(name="snapshot", data={"number": 9}),
    ]
    assert {last_id for _, last_id in sidecar.asked[1:4]} == {"7"}


def test_asking_ends_where_nothing_comes() -> None:
    assert followed(Scripted(), 0) == []
    sidecar = Scripted()
    follower = Follower(sidecar)
    follower.start()
    assert follower.next(0.01) is None
    follower.stop()
    sidecar.is_over.set()


def test_a_slow_reader_makes_the_thread_wait_not_grow() -> None:
    sidecar = Scripted([snapshot(number) for number in range(follow.MAX_QUEUED * 2)])
    follower = Follower(sidecar)
    follower.start()
    numbers = [
        item.data["number"]
        for _ in range(follow.MAX_QUEUED * 2)
        if isinstance(item := follower.next(10), Frame)
    ]
    assert numbers == list(range(follow.MAX_QUEUED * 2))
    assert follower._queue.maxsize == follow.MAX_QUEUED
    follower.stop()
    sidecar.is_over.set()
