"""What metrics read from the sessions there are."""

from __future__ import annotations

from clauditor.hub import Hub
from clauditor.model.events import SessionEnded
from clauditor.model.usage import Usage
from clauditor.readings import by_fill
from support.life import Book, Life


def test_sessions_are_told_by_how_full_their_context_is() -> None:
    hub = Hub(book=Book())
    for number, tokens in enumerate((10_000, 300_000, 899_999, 900_000, 2_000)):
        life = Life(hub, f"session-{number}")
        life.answer(life.start(), usage=Usage(input=tokens, output=1))
    Life(hub, "just begun").start()
    hub.publish(
        SessionEnded(at=hub.sessions["session-4"].last_activity_at, session_id="session-4", reason="hook")
    )
    assert by_fill(hub.sessions.values()) == {
        "0-25": 1,
        "25-50": 1,
        "50-75": 0,
        "75-90": 1,
        "90-100": 1,
        "unknown": 0,
    }
