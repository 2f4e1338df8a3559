"""Frames of the stream become moments: events between the two snapshots around them."""

from __future__ import annotations

from typing import Any

from clauditor.ui.watch import moments as limits
from clauditor.ui.watch.moments import Moments
from ui import afternoon


def event(session_id: str, at: float = 1.0, type_: str = "ToolCalled") -> dict[str, Any]:
    return {"type": type_, "at": at, "session_id": session_id}


def frame(*shots: dict[str, Any], full: bool = False, removed: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"sessions": list(shots), "removed": list(removed), "totals": {}, "full": full}


def begun(*session_ids: str) -> Moments:
    moments = Moments()
    assert moments.take("snapshot", frame(*(afternoon.snapshot(key) for key in session_ids), full=True)) == []
    return moments


def test_an_event_waits_for_the_snapshot_it_led_to() -> None:
    moments = begun("a")
    assert moments.take("event", event("a")) == []
    (moment,) = moments.take("snapshot", frame(afternoon.snapshot("a", turns=13)))
    assert moment.events == (event("a"),)
    assert moment.before is not None
    assert moment.after is not None
    assert (moment.before.turns, moment.after.turns) == (12, 13)


def test_sessions_are_told_in_the_order_of_what_happened() -> None:
    moments = begun("a", "b")
    moments.take("event", event("b", at=1.0))
    moments.take("event", event("a", at=2.0))
    told = moments.take("snapshot", frame(afternoon.snapshot("a"), afternoon.snapshot("b")))
    assert [moment.session_id for moment in told] == ["b", "a"]


def test_the_first_picture_is_no_news_a_session_that_comes_later_is() -> None:
    moments = begun("a")
    (moment,) = moments.take("snapshot", frame(afternoon.snapshot("b")))
    assert (moment.session_id, moment.before) == ("b", None)


def test_a_session_that_leaves_takes_its_last_events_with_it() -> None:
    moments = begun("a")
    moments.take("event", event("a", type_="SessionEnded"))
    (moment,) = moments.take("snapshot", frame(removed=("a",)))
    assert (len(moment.events), moment.after, moments.sessions) == (1, None, {})
    assert moment.before is not None


def test_events_of_the_daemon_wait_for_nothing() -> None:
    assert [one.session_id for one in Moments().take("event", event(""))] == [""]


def test_what_still_waits_at_a_heartbeat_is_told_without_a_snapshot() -> None:
    moments = begun("a")
    moments.take("event", event("a"))
    (moment,) = moments.take("heartbeat", {"at": 1.0})
    assert moment.before == moment.after == moments.sessions["a"]
    assert moments.take("heartbeat", {"at": 2.0}) == []


def test_a_picture_that_comes_again_means_that_something_was_missed() -> None:
    moments = begun("a", "b")
    assert moments.pictures_missed == 0
    told = moments.take("snapshot", frame(afternoon.snapshot("a", turns=20), full=True))
    assert moments.pictures_missed == 1
    assert list(moments.sessions) == ["a"]
    assert [(one.before is None, one.after is None) for one in told] == [(False, False)]


def test_events_that_wait_are_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "MAX_WAITING", 5)
    moments = begun("a")
    told = [one for number in range(12) for one in moments.take("event", event("a", at=number))]
    assert [len(one.events) for one in told] == [5, 5]


def test_sessions_that_are_held_are_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "MAX_SESSIONS", 3)
    moments = begun(*(f"s{number}" for number in range(5)))
    assert (len(moments.sessions), moments.sessions_dropped) == (3, 2)


def test_nonsense_is_no_moment_and_no_error() -> None:
    moments = Moments()
    for data in ({}, {"sessions": 3, "removed": "x"}, {"sessions": [1, None, "x"], "removed": [None, []]}):
        moments.take("snapshot", data)
        moments.take("event", data)
        moments.take("unheard of", data)
