from __future__ import annotations

import json
from typing import Any

import pytest

from clauditor.edge.hooks import MAX_BODY_BYTES, MAX_PENDING, Hooks
from clauditor.model.events import Event, HookSeen, LabelFound, SessionEnded

PANE = {"tmux_pane": "%3", "tty": "/dev/pts/4"}


class Stage:
    """Hooks with a list for a hub."""

    def __init__(self, *live: str) -> None:
        self.live = set(live)
        self.events: list[Event] = []
        self.hooks = Hooks(publish=self.events.append, live=self.live)
        self.at = 0.0

    def post(self, session_id: str, name: str | None, **beside: Any) -> None:
        told = {"session_id": session_id, "hook_event_name": name, **beside.pop("told", {})}
        self.at += 1
        assert self.hooks.take(json.dumps({"hook": told, **beside}).encode(), self.at)

    @property
    def seen(self) -> list[tuple[str, str]]:
        return [(event.session_id, event.hook) for event in self.events if isinstance(event, HookSeen)]


def test_a_hook_of_a_live_session_is_published() -> None:
    stage = Stage("s1")
    stage.post("s1", "Stop")
    assert stage.events == [HookSeen(at=1.0, session_id="s1", hook="Stop")]


def test_a_session_that_ends_and_a_label_are_published() -> None:
    stage = Stage("s1")
    stage.post("s1", None, told={"cost": {}, "session_name": "fix login"})
    stage.post("s1", "SessionEnd", told={"reason": "other"})
    assert [type(event) for event in stage.events] == [HookSeen, LabelFound, HookSeen, SessionEnded]


def test_no_hook_makes_a_session() -> None:
    stage = Stage()
    for name in ("SessionStart", "PermissionRequest", "SessionEnd", None):
        stage.post("s1", name, told={"cost": {}, "session_name": "fix login"})
    stage.hooks.hand_over()
    assert stage.events == []


def test_what_came_before_the_session_is_handed_over_once() -> None:
    stage = Stage()
    stage.post("s1", "SessionStart", terminal=PANE, run_id="0b5c0000-1111-4222-8333-444455556666")
    stage.post("s1", "UserPromptSubmit")
    stage.live.add("s1")
    stage.hooks.hand_over()
    stage.hooks.hand_over()
    assert stage.events == [
        HookSeen(
            at=2.0,
            session_id="s1",
            hook="UserPromptSubmit",
            pane="%3",
            tty="/dev/pts/4",
            run_id="0b5c0000-1111-4222-8333-444455556666",
        )
    ]


def test_what_waited_comes_before_the_next_hook() -> None:
    stage = Stage()
    stage.post("s1", "UserPromptSubmit")
    stage.live.add("s1")
    stage.post("s1", "PermissionRequest")
    stage.hooks.hand_over()
    assert stage.seen == [("s1", "UserPromptSubmit"), ("s1", "PermissionRequest")]


def test_a_client_that_ended_before_its_first_request_is_not_waited_for() -> None:
    stage = Stage()
    stage.post("s1", "SessionStart")
    stage.post("s1", "SessionEnd")
    stage.live.add("s1")
    stage.hooks.hand_over()
    assert stage.events == []


def test_only_the_newest_sessions_are_waited_for() -> None:
    stage = Stage()
    for number in range(MAX_PENDING + 2):
        stage.post(f"s{number}", "SessionStart")
        if number == MAX_PENDING - 1:
            stage.post("s0", "UserPromptSubmit")
    stage.live |= {"s0", "s1", "s2", "s3"}
    stage.hooks.hand_over()
    assert {session_id for session_id, _ in stage.seen} == {"s0", "s3"}
    assert stage.hooks.counters.forgotten == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"session_id": "s1", "hook_event_name": "Stop"}', 204),
        (b'{"session_id": "s1", "hook_event_name": "FromTheFuture"}', 204),
        (b"{}", 204),
        (b"[]", 400),
        (b"not json", 400),
        (b'{"x": "' + b"x" * MAX_BODY_BYTES + b'"}', 413),
    ],
)
def test_a_post_is_answered_by_a_status_and_a_sentence(body: bytes, status: int) -> None:
    stage = Stage("s1")
    answered, sentence = stage.hooks.answer(body, 1.0)
    assert answered == status
    assert (sentence is None) == (status == 204)
    assert sentence is None or sentence.endswith(".")
    assert stage.hooks.counters.refused == (status != 204)
    assert stage.hooks.counters.taken == (status == 204)
