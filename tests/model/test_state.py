"""What a session does: hooks where they are, else derived and marked so."""

from __future__ import annotations

from typing import Any

import pytest

from clauditor.model import packing
from clauditor.model.events import UNOBSERVED, HookSeen, SessionEnded, SignalRaised
from clauditor.model.snapshot import session_snapshot
from clauditor.model.state import DERIVED_APPROVAL_SECONDS, session_state, turning_points
from support.story import Story


def hook(story: Story, name: Any, seconds: float = 1.0, **more: Any) -> None:
    story.now += seconds
    story.apply(HookSeen(at=story.now, session_id="s", hook=name, **more))


def with_tool(name: str = "Bash", **asked: Any) -> Story:
    story = Story()
    call = story.ask(entrypoint="cli", **asked)
    story.respond(call)
    story.call_tool("t1", call, name=name)
    story.finish(call, stop_reason="tool_use")
    return story


def test_a_permission_hook_makes_it_wait_for_approval_at_once() -> None:
    story = with_tool()
    assert session_state(story.session, story.now).state == "tool"
    hook(story, "PermissionRequest", tool_name="Bash")
    found = session_state(story.session, story.now)
    assert (found.state, found.waiting_for, found.since, found.evidence) == (
        "waiting",
        "approval",
        story.now,
        "measured",
    )


def test_the_hook_of_the_prompt_that_led_to_the_dialog_may_come_late() -> None:
    story = Story()
    hook(story, "PermissionRequest", tool_name="Bash", prompt_id="p1")
    hook(story, "UserPromptSubmit", prompt_id="p1")
    assert story.session.told.asking is not None
    hook(story, "UserPromptSubmit", prompt_id="p2")
    assert story.session.told.asking is None


@pytest.mark.parametrize("end", ["StatusLine", "PostToolUse", "Stop", "UserPromptSubmit"])
def test_whatever_the_client_says_next_ends_the_dialog(end: str) -> None:
    story = with_tool()
    hook(story, "PermissionRequest", tool_name="Bash")
    hook(story, end)
    assert session_state(story.session, story.now).state == "tool"


def test_the_wire_ends_the_dialog_too() -> None:
    story = with_tool()
    hook(story, "PermissionRequest", tool_name="Bash")
    story.ask(message_count=5)
    story.return_tool("t1", seconds=0)
    assert session_state(story.session, story.now).state == "thinking"


def test_an_agents_dialog_is_not_ended_by_another_agent() -> None:
    story = with_tool()
    hook(story, "PermissionRequest", tool_name="Bash", agent_id="a1")
    story.ask(agent="a2")
    assert session_state(story.session, story.now).waiting_for == "approval"
    story.ask(agent="a1")
    assert session_state(story.session, story.now).waiting_for is None


def test_the_snapshot_says_whether_a_hook_or_the_traffic_told_the_state() -> None:
    story = with_tool()
    assert told(story) == ("tool", "measured", "traffic")
    hook(story, "PermissionRequest", tool_name="Bash")
    assert told(story) == ("waiting", "measured", "hook")
    hook(story, "PostToolUse")
    assert told(story) == ("tool", "measured", "traffic")
    guessing = with_tool("Edit")
    guessing.now += DERIVED_APPROVAL_SECONDS
    assert told(guessing) == ("waiting", "derived", "traffic")
    guessing.apply(SessionEnded(at=guessing.now, session_id="s", reason="hook"))
    assert told(guessing) == ("ended", "measured", None)


def told(story: Story) -> tuple[str, str, str | None]:
    shot = session_snapshot(story.session, story.now)
    return shot["state"], shot["state_evidence"], shot["state_source"]


@pytest.mark.parametrize("kind", ["proxy", "stream"])
def test_an_attempt_whose_end_was_not_seen_is_not_shown_as_retrying(kind: Any) -> None:
    story = Story()
    story.fail(story.ask(), kind=kind)
    assert session_state(story.session, story.now).state == "retrying"
    unseen = Story()
    unseen.fail(unseen.ask(), kind=kind, error_type=UNOBSERVED)
    found = session_state(unseen.session, unseen.now)
    assert (found.state, found.waiting_for) == ("waiting", "prompt")
    assert unseen.session.failed_attempts == 0


def test_a_question_is_told_from_an_approval() -> None:
    story = with_tool("AskUserQuestion")
    hook(story, "PermissionRequest", tool_name="AskUserQuestion")
    assert session_state(story.session, story.now).waiting_for == "question"


def test_a_notification_alone_tells_of_a_dialog_and_does_not_restart_a_known_one() -> None:
    story = with_tool()
    hook(story, "Notification", notice="permission_prompt")
    since = story.now
    assert session_state(story.session, story.now).since == since
    hook(story, "Notification", notice="permission_prompt", seconds=6)
    assert session_state(story.session, story.now).since == since


def test_without_hooks_a_tool_that_is_never_slow_must_be_waiting_for_an_ok() -> None:
    story = with_tool("Edit")
    called_at = story.session.agents["main"].running["t1"].called_at
    due = called_at + DERIVED_APPROVAL_SECONDS
    assert session_state(story.session, due - 0.1).state == "tool"
    assert due in turning_points(story.session, story.now)
    found = session_state(story.session, due)
    assert (found.waiting_for, found.since, found.evidence) == ("approval", due, "derived")


@pytest.mark.parametrize(
    ("tool", "entrypoint", "has_hook"),
    [("Bash", "cli", False), ("Edit", "sdk-cli", False), ("Edit", "cli", True)],
)
def test_nothing_is_derived_for_slow_tools_for_scripts_and_where_hooks_tell(
    tool: str, entrypoint: str, has_hook: bool
) -> None:
    story = Story()
    call = story.ask(entrypoint=entrypoint)
    story.call_tool("t1", call, name=tool)
    story.finish(call, stop_reason="tool_use")
    if has_hook:
        hook(story, "UserPromptSubmit")
    assert session_state(story.session, story.now + 100).state == "tool"


def test_agents_at_work_make_a_quiet_main_thread_wait_for_the_background() -> None:
    story = Story()
    call = story.ask()
    story.finish(call)
    story.ask(agent="a1")
    found = session_state(story.session, story.now)
    assert (found.state, found.waiting_for) == ("waiting", "background")
    assert session_state(story.session, story.now + 5000).state != "idle"


def test_the_stalled_signal_lays_its_name_over_the_state() -> None:
    story = Story()
    story.ask()
    story.apply(
        SignalRaised(
            at=9.0,
            session_id="s",
            name="stalled",
            severity="act",
            evidence="measured",
            summary="",
            short="",
            next_step="",
        )
    )
    assert session_state(story.session, 9.0)[:3] == ("stalled", None, 9.0)


def test_what_hooks_tell_neither_wakes_a_session_nor_keeps_it_awake() -> None:
    story = Story()
    story.finish(story.ask())
    quiet_since = story.session.last_activity_at
    hook(story, "StatusLine", seconds=500)
    assert story.session.last_activity_at == quiet_since
    assert not story.session.told.has_hooks  # a status line alone does not say that hooks would


def test_the_snapshot_says_whether_the_newest_call_got_its_answer() -> None:
    story = Story()

    def is_answered() -> bool | None:
        kept = packing.unpack(packing.pack(story.session))  # as after a restart
        told = {session_snapshot(session, story.now)["is_answered"] for session in (story.session, kept)}
        assert len(told) == 1
        return told.pop()  # type: ignore[no-any-return]

    assert is_answered() is None
    first = story.ask("same")
    assert is_answered() is None
    story.fail(first, kind="http", status=529)
    assert is_answered() is False
    story.finish(story.ask("same"))
    assert is_answered() is True
