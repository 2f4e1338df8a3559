"""Which session has which pane, as values."""

from __future__ import annotations

from typing import Any

from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.watch.plan import LINGER_SECONDS, Place, Plan, plan
from ui import afternoon

NOW = afternoon.NOW


def live(*session_ids: str, **fields: Any) -> dict[str, SessionView]:
    return {key: session_view(afternoon.snapshot(key, **fields)) for key in session_ids}


def ended(session_id: str) -> dict[str, SessionView]:
    return live(session_id, state="ended", ended_at=NOW - 10)


def placed(*pairs: tuple[str, str], over_at: float | None = None) -> list[Place]:
    return [Place(pane=pane, session_id=session_id, over_at=over_at) for pane, session_id in pairs]


def planned(
    places: list[Place], sessions: dict[str, SessionView], room: int = 4, dismissed: tuple[str, ...] = ()
) -> Plan:
    return plan(places, sessions, room=room, dismissed=dismissed, now=NOW)


def test_each_live_session_gets_a_pane() -> None:
    assert planned([], live("a", "b") | ended("c")) == Plan(open=("a", "b"))


def test_a_session_keeps_its_pane_while_it_lives() -> None:
    sessions = live("a", attention=1) | live("b", "c", attention=900)
    assert planned(placed(("%1", "a"), ("%2", "b")), sessions, room=2) == Plan(left_out=1)


def test_a_pane_whose_session_is_over_is_given_to_the_next() -> None:
    places = placed(("%1", "a"), over_at=NOW - 5) + placed(("%2", "b"), over_at=NOW - 20)
    assert planned(places, live("c")) == Plan(reuse=(("%2", "c"),))


def test_a_pane_that_nobody_takes_goes_after_a_minute() -> None:
    assert planned(placed(("%1", "a"), over_at=NOW - LINGER_SECONDS + 1), {}) == Plan()
    assert planned(placed(("%1", "a"), over_at=NOW - LINGER_SECONDS), {}) == Plan(close=("%1",))


def test_an_ended_session_never_takes_the_place_of_a_live_one() -> None:
    places = placed(("%1", "a"), over_at=NOW - 1) + placed(("%2", "b"))
    assert planned(places, live("b", "c"), room=2) == Plan(reuse=(("%1", "c"),))
    assert planned(places, live("b"), room=1) == Plan(close=("%1",))


def test_where_room_is_short_work_comes_before_idle_and_scripted_sessions() -> None:
    sessions = live("idle", state="idle") | live("script", entrypoint="sdk-cli") | live("work")
    assert planned([], sessions, room=1) == Plan(open=("work",), left_out=2)
    assert planned([], sessions, room=2) == Plan(open=("work", "idle"), left_out=1)
    assert planned(placed(("%1", "idle")), sessions, room=1) == Plan(reuse=(("%1", "work"),), left_out=2)


def test_the_most_pressing_comes_first() -> None:
    sessions = live("calm", attention=1) | live("asks", attention=900)
    assert planned([], sessions, room=1) == Plan(open=("asks",), left_out=1)


def test_a_pane_that_the_person_closed_stays_away() -> None:
    assert planned([], live("a", "b"), dismissed=("a",)) == Plan(open=("b",))


def test_a_smaller_window_closes_panes() -> None:
    places = placed(("%1", "a"), ("%2", "b"), ("%3", "c"))
    sessions = live("a", attention=300) | live("b", attention=100) | live("c", attention=200)
    assert planned(places, sessions, room=1) == Plan(close=("%2", "%3"), left_out=2)
