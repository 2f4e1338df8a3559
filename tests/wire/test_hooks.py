from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.model.events import Event, HookSeen, LabelFound, SessionEnded
from clauditor.wire.hooks import read_hook

SESSION = "f45b919b-eefe-4be7-baa2-c67956b98562"
SECRETIVE = {
    "transcript_path": "/home/bob/canary-path.jsonl",
    "cwd": "/home/bob/canary-cwd",
    "prompt": "canary prompt",
    "tool_input": {"command": "canary input"},
    "tool_response": {"stdout": "canary response"},
    "last_assistant_message": "canary answer",
    "message": "canary message",
    "permission_mode": "default",
}


def hook(name: str | None = "Stop", **more: Any) -> dict[str, Any]:
    found = {"session_id": SESSION, **SECRETIVE, **more}
    return found if name is None else {**found, "hook_event_name": name}


def read(value: Any) -> list[Event] | None:
    return read_hook(json.dumps(value).encode(), at=5.0)


def one(value: Any) -> HookSeen:
    (event,) = read(value) or []
    assert isinstance(event, HookSeen)
    return event


@pytest.mark.parametrize(
    "name", ["SessionStart", "UserPromptSubmit", "PermissionRequest", "Notification", "Stop", "PostToolUse"]
)
def test_a_hook_is_seen_with_its_session(name: str) -> None:
    event = one(hook(name))
    assert (event.at, event.session_id, event.agent_id, event.hook) == (5.0, SESSION, "main", name)


def test_a_permission_request_names_its_tool_agent_and_prompt() -> None:
    told = hook(
        "PermissionRequest",
        tool_name="mcp__jira__search",
        tool_use_id="toolu_01",
        agent_id="a1",
        prompt_id="p1",
    )
    assert one(told) == HookSeen(
        at=5.0,
        session_id=SESSION,
        agent_id="a1",
        hook="PermissionRequest",
        tool_name="mcp__jira__search",
        tool_use_id="toolu_01",
        prompt_id="p1",
    )


@pytest.mark.parametrize(
    ("told", "notice"),
    [
        ({"notification_type": "permission_prompt"}, "permission_prompt"),
        ({"notification_type": "idle_prompt", "message": "Claude needs your permission"}, "idle_prompt"),
        ({"message": "Claude needs your permission to use Bash"}, "permission_prompt"),
        ({"message": "Claude is waiting for your input"}, "idle_prompt"),
        ({"message": "something new"}, None),
        ({"notification_type": ["x"], "message": 7}, None),
    ],
)
def test_a_notification_has_a_kind(told: dict[str, Any], notice: str | None) -> None:
    assert one(hook("Notification", **told)).notice == notice


def test_our_hook_command_adds_the_terminal_and_the_run() -> None:
    terminal = {"tmux_pane": "%3", "tty": "/dev/pts/4"}
    event = one(
        {"hook": hook("SessionStart"), "terminal": terminal, "run_id": "0b5c0000-1111-4222-8333-444455556666"}
    )
    assert (event.pane, event.tty, event.run_id) == (
        "%3",
        "/dev/pts/4",
        "0b5c0000-1111-4222-8333-444455556666",
    )


@pytest.mark.parametrize("tty", ["/dev/pts/0", "/dev/tty1", "/dev/ttys003", "/dev/ttyS0"])
def test_terminals_of_linux_and_macos_are_known(tty: str) -> None:
    assert one({"hook": hook(), "terminal": {"tty": tty}}).tty == tty


@pytest.mark.parametrize(
    "terminal",
    [
        {"tmux_pane": "%3; rm -rf /", "tty": "/dev/sda"},
        {"tmux_pane": "3", "tty": "/dev/pts/../sda"},
        {"tmux_pane": "%3\n", "tty": "/dev/pts/4\n"},
        {"tmux_pane": "%٣", "tty": "/dev/pts/٤"},
        {"tmux_pane": 3, "tty": ["/dev/pts/4"]},
        "%3",
        None,
    ],
)
def test_a_terminal_that_is_none_is_not_taken(terminal: Any) -> None:
    event = one({"hook": hook(), "terminal": terminal, "run_id": "../../x"})
    assert (event.pane, event.tty, event.run_id) == (None, None, None)


@pytest.mark.parametrize("reason", ["clear", "logout", "prompt_input_exit", "other", None, 7])
def test_a_session_ends_for_any_reason(reason: Any) -> None:
    seen, ended = read(hook("SessionEnd", reason=reason)) or []
    assert isinstance(seen, HookSeen)
    assert ended == SessionEnded(at=5.0, session_id=SESSION, reason="hook")


def test_a_status_line_tells_the_clients_cost_and_the_sessions_name() -> None:
    told = hook(
        None,
        model={"id": "claude-opus-5-5"},
        cost={"total_cost_usd": 1.25},
        context_window={},
        session_name="fix\x1b[31m login for bob@example.com " + "x" * 100,
    )
    seen, label = read(told) or []
    assert isinstance(seen, HookSeen)
    assert (seen.hook, seen.client_cost_usd) == ("StatusLine", 1.25)
    assert label == LabelFound(
        at=5.0, session_id=SESSION, label="fix login for [redacted] " + "x" * 54 + "…", is_name=True
    )


@pytest.mark.parametrize("cost", [-1, "1.0", True, None, [], {}])
def test_a_cost_that_is_none_is_not_taken(cost: Any) -> None:
    assert one(hook(None, cost={"total_cost_usd": cost})).client_cost_usd is None


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"hook": {}},
        hook("PreToolUse"),
        hook("StatusLine"),
        hook("SessionStart", session_id="../../etc/passwd"),
        hook("SessionStart", session_id=["x"]),
        hook(None),
        hook(None, model="claude-opus-5-5"),
        {**hook(None), "hook_event_name": ["Stop"], "cost": {}},
    ],
)
def test_what_is_not_understood_is_accepted_and_ignored(value: Any) -> None:
    assert read(value) == []


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b'"Stop"', b"{", b"\xff", b'{"hook": []}', b'{"hook": "Stop"}']
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    assert read_hook(data, at=5.0) is None


def test_nothing_of_what_was_said_is_kept() -> None:
    for name in (
        "UserPromptSubmit",
        "PermissionRequest",
        "PostToolUse",
        "Notification",
        "Stop",
        "SessionEnd",
    ):
        assert "canary" not in repr(read(hook(name, tool_name="Bash")))
    assert "canary" not in repr(read(hook(None, cost={"total_cost_usd": 1})))


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_deep_nesting_is_survived(depth: int) -> None:
    told = b'{"session_id":"s","hook_event_name":"Stop","agent_id":' + b"[" * depth + b"]" * depth + b"}"
    assert read_hook(told, at=5.0) in (None, [HookSeen(at=5.0, session_id="s", hook="Stop")])


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from([*hook(None), "agent_id", "tool_name", "session_name", "cost"]), JSON))
def test_any_members_are_survived(members: dict[str, Any]) -> None:
    events = read({"hook": {**members, "hook_event_name": "SessionEnd"}, "terminal": members})
    assert events is None or len(events) in (0, 2, 3)


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data: bytes) -> None:
    read_hook(data, at=5.0)
