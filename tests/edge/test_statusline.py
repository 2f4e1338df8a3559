"""The one answer that a status line gets."""

from __future__ import annotations

import json
from typing import Any

from clauditor.edge.statusline import MAX_NAMES, session_of, statusline_answer
from clauditor.hub import Hub
from clauditor.model.events import Severity
from clauditor.model.session import Session
from clauditor.model.verdict import Raised
from support.story import FlatBook

NOW = 1_790_000_000.0


def asking(session_id: str, severity: Severity = "act", **fields: Any) -> Session:
    session = Session(session_id=session_id, started_at=NOW - 60, last_activity_at=NOW)
    session.signals["needs_answer"] = Raised(
        name="needs_answer",
        severity=severity,
        evidence="measured",
        summary="Claude asks for your ok.",
        short="needs your ok",
        next_step="Answer in its terminal.",
        rank=0,
        since=NOW - 10,
        agent_id="main",
    )
    for name, value in fields.items():
        setattr(session, name, value)
    return session


def hub_with(*sessions: Session) -> Hub:
    hub = Hub(book=FlatBook())
    hub.sessions.update({session.session_id: session for session in sessions})
    return hub


def test_its_own_session_and_who_else_needs_somebody() -> None:
    hub = hub_with(
        asking("mine", project="mine"),
        asking("a", project="infra"),
        asking("b", project="orders-api"),
        asking("c", project="infra"),
        asking("12345678-9abc"),
        asking("watching", "watch", project="no"),
        asking("muted", project="no", muted_until=NOW + 1),
        asking("over", project="no", ended_at=NOW - 1),
        Session(session_id="calm", started_at=NOW, last_activity_at=NOW),
    )
    answer = statusline_answer(hub, "mine", NOW)
    assert answer["session"] == hub.snapshot("mine", NOW)
    assert answer["others"] == {"act": 4, "names": ["infra", "orders-api", "12345678"]}
    assert (answer["schema_version"], answer["at"], answer["incident"]) == (1, NOW, None)


def test_a_session_that_was_never_seen_is_none() -> None:
    answer = statusline_answer(hub_with(asking("a", project="infra")), "elsewhere", NOW)
    assert (answer["session"], answer["others"]["act"]) == (None, 1)


def test_a_crowd_is_counted_and_named_in_part() -> None:
    hub = hub_with(*(asking(str(number), project=f"p{number}") for number in range(100)))
    others = statusline_answer(hub, "mine", NOW)["others"]
    assert (others["act"], len(others["names"])) == (100, MAX_NAMES)


def test_whose_post_it_is() -> None:
    post = {"hook": {"session_id": "mine", "cost": {}}, "terminal": {}}
    assert session_of(json.dumps(post).encode(), NOW) == "mine"
    assert session_of(json.dumps({"hook": {"session_id": "\x1b[2J", "cost": {}}}).encode(), NOW) is None
    for nothing in (b"", b"[]", b"{}", b'{"hook":{}}'):
        assert session_of(nothing, NOW) is None
