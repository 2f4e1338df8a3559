"""needs_answer: a person is asked, or it is their turn after a piece of work."""

from __future__ import annotations

from typing import Any

from clauditor.demo import Profile
from clauditor.model.events import ToolReturned
from support.virtual import (
    Pause,
    Stage,
    Text,
    ToolOutcome,
    ToolUse,
    at_once,
    bash,
    outlives_a_restart,
    perform,
)

NAME = "needs_answer"
EDIT = ToolUse("Edit", {"file_path": "/home/demo/src/webshop/login.py"})


def test_a_permission_dialog_holds_from_its_sixth_second_until_it_is_answered() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(hooks=True)
        act.will_answer(at_once(bash()), at_once())
        act.approvals["Bash"] = 30.0
        act.outcomes["Bash"] = ToolOutcome(seconds=0.1)
        stage.begin(act.prompt("go"))
        await stage.wait(4.9)
        assert NAME not in stage.signals(act)
        assert stage.shot(act)["waiting_for"] == "approval"
        await stage.wait(1.1)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.evidence, found.short) == ("act", "measured", "needs your ok: Bash")
        assert found.summary == "Claude asks for your ok to run Bash (make)."
        await stage.wait(30)
        assert NAME not in stage.signals(act)

    stage = perform(story)
    assert len(stage.raised(NAME)) == len(stage.cleared(NAME)) == 1


def test_a_dialog_that_is_answered_within_five_seconds_is_nobodys_business() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(hooks=True)
        act.will_answer(at_once(bash()), at_once())
        act.approvals["Bash"] = 4.5
        await act.prompt("go")
        await stage.wait(30)

    assert perform(story).edges == []


def test_the_status_line_shows_that_a_dialog_was_answered_while_the_tool_still_runs() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(hooks=True)
        act.will_answer(at_once(bash()), at_once())
        act.outcomes["Bash"] = ToolOutcome(seconds=60)
        stage.begin(act.prompt("go"))
        await stage.wait(1)
        await act.tell("PermissionRequest", tool_name="Bash")
        await stage.wait(8)
        assert NAME in stage.signals(act)
        await stage.hook({"session_id": act.client.session_id, "cost": {"total_cost_usd": 0.1}})
        assert NAME not in stage.signals(act)
        assert stage.shot(act)["state"] == "tool"

    perform(story)


def test_a_question_and_a_plan_are_told_by_the_wire_alone() -> None:
    async def story(stage: Stage) -> None:
        for tool, waiting_for, short in (
            ("AskUserQuestion", "question", "asks a question"),
            ("ExitPlanMode", "approval", "shows you its plan"),
        ):
            act = stage.act()
            act.will_answer(at_once(ToolUse(tool, {})), at_once())
            act.outcomes[tool] = ToolOutcome(seconds=40)
            stage.begin(act.prompt("go"))
            await stage.wait(4.5)
            assert NAME not in stage.signals(act)
            await stage.wait(1.5)
            assert stage.shot(act)["waiting_for"] == waiting_for
            assert (stage.signals(act)[NAME].short, stage.signals(act)[NAME].severity) == (short, "act")
            await stage.wait(40)
            assert NAME not in stage.signals(act)

    perform(story)


def test_an_edit_that_does_not_return_is_taken_for_a_dialog_and_says_that_it_is_derived() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(EDIT), at_once())
        act.outcomes["Edit"] = ToolOutcome(seconds=40)
        stage.begin(act.prompt("go"))
        await stage.wait(14)
        assert NAME not in stage.signals(act)
        await stage.wait(2)
        assert stage.signals(act)[NAME].evidence == "derived"
        assert stage.signals(act)[NAME].summary == "Claude asks for your ok to run Edit (login.py)."
        assert stage.shot(act)["state_evidence"] == "derived"
        await stage.wait(40)
        assert NAME not in stage.signals(act)

    perform(story)


def test_a_long_command_a_quick_edit_and_a_scripted_session_ask_nobody() -> None:
    async def story(stage: Stage) -> None:
        for tool, seconds, profile in (
            (bash(), 300.0, Profile()),
            (EDIT, 14.0, Profile()),
            (EDIT, 100.0, Profile(entrypoint="sdk-cli")),
        ):
            act = stage.act(profile)
            act.will_answer(at_once(tool), at_once(Text("x")))
            act.outcomes[tool.name] = ToolOutcome(seconds=seconds)
            stage.begin(act.prompt("go"))
            await stage.wait(seconds - 0.5)
            assert stage.signals(act) == {}

    perform(story)


def test_with_hooks_a_slow_edit_is_no_dialog_because_a_hook_would_have_told() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(hooks=True)
        act.will_answer(at_once(), at_once(EDIT), at_once())
        act.outcomes["Edit"] = ToolOutcome(seconds=30)
        await act.prompt("first")
        stage.begin(act.prompt("go"))
        await stage.wait(29)
        assert stage.signals(act) == {}

    perform(story)


def test_it_is_your_turn_after_a_minute_of_work_and_for_a_quarter_of_an_hour() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Pause(61, pings=True), Text("done")))
        await act.prompt("go")
        await stage.wait(1)
        assert NAME not in stage.signals(act)  # the client may go on by itself
        await stage.wait(3)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.short) == ("watch", "answer complete")
        await stage.wait(890)
        assert NAME in stage.signals(act)
        await stage.wait(20)
        assert NAME not in stage.signals(act)

    perform(story)


def test_it_is_not_your_turn_after_less_work_after_esc_or_in_a_script() -> None:
    async def story(stage: Stage) -> None:
        for seconds, profile in ((58.0, Profile()), (90.0, Profile(entrypoint="sdk-cli"))):
            act = stage.act(profile)
            act.will_answer(at_once(Pause(seconds, pings=True), Text("done")))
            await act.prompt("go")
            await stage.wait(30)
            assert stage.signals(act) == {}
        act = stage.act()
        act.will_answer(at_once(Text("a"), Pause(400, pings=True)))
        await act.prompt_and_escape("go", 100)
        await stage.wait(30)
        assert stage.signals(act) == {}

    perform(story)


def test_time_that_a_dialog_waited_for_you_is_no_work() -> None:
    async def story(stage: Stage) -> None:
        for act, tool in (
            (stage.act(hooks=True), bash()),
            (stage.act(), ToolUse("AskUserQuestion", {})),
        ):
            act.will_answer(at_once(tool), at_once(Pause(20, pings=True), Text("done")))
            act.approvals["Bash"] = 300
            act.outcomes["AskUserQuestion"] = ToolOutcome(seconds=300)
            await act.prompt("go")
            await stage.wait(10)
            assert NAME not in stage.signals(act)

    perform(story)


def test_a_compaction_between_a_tool_and_the_next_call_is_no_turn_of_yours() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Pause(90, pings=True), bash()), at_once())
        act.outcomes["Bash"] = ToolOutcome(seconds=60)
        stage.begin(act.prompt("go"))
        await stage.wait(100)
        session = stage.session(act)
        assert session.main is not None
        (running,) = session.main.running
        stage.publish(  # as the request for the summary brings it
            ToolReturned(at=stage.now(), session_id=session.session_id, tool_use_id=running, outcome="ok")
        )
        await stage.wait(30)
        assert NAME not in stage.signals(act)

    perform(story)


def test_the_next_prompt_ends_your_turn() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Pause(90, pings=True), Text("done")), at_once(Pause(5), Text("x")))
        await act.prompt("go")
        await stage.wait(10)
        assert NAME in stage.signals(act)
        stage.begin(act.prompt("on"))
        await stage.wait(0.1)
        assert NAME not in stage.signals(act)

    perform(story)


def test_an_agent_in_the_background_is_no_turn_of_yours() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        job: dict[str, Any] = {"prompt": "watch", "subagent_type": "Explore", "run_in_background": True}
        act.will_answer(at_once(Pause(70, pings=True), ToolUse("Agent", job)), at_once(Text("started")))
        act.will_answer(at_once(Pause(110, pings=True), Text("seen")), agent="watch")
        await act.prompt("go")
        await stage.wait(30)
        assert stage.shot(act)["waiting_for"] == "background"
        assert NAME not in stage.signals(act)
        act.will_answer(at_once(Text("the build is red")))
        await act.client.wake()
        await stage.wait(5)
        assert NAME in stage.signals(act)

    perform(story)


def test_a_dialog_and_a_turn_outlive_a_restart() -> None:
    async def story(stage: Stage) -> None:
        asks, waits = stage.act(hooks=True), stage.act(Profile(cwd="/home/demo/src/docs"))
        asks.will_answer(at_once(bash()), at_once())
        asks.approvals["Bash"] = 600
        waits.will_answer(at_once(Pause(90, pings=True), Text("done")))
        stage.begin(asks.prompt("go"))
        await waits.prompt("go")
        await stage.wait(10)
        await outlives_a_restart(stage, asks, NAME)
        await outlives_a_restart(stage, waits, NAME)

    perform(story)
