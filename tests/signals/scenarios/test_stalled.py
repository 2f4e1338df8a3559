"""stalled: no first byte, no byte in the middle, a command that never returns."""

from __future__ import annotations

import pytest

from clauditor.demo import Profile
from clauditor.signals.thresholds import Thresholds
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

NAME = "stalled"


def test_an_answer_that_does_not_begin_stalls_after_ninety_seconds() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("late"), first_token_seconds=150))
        stage.begin(act.prompt("go"))
        await stage.wait(89.5)
        assert stage.signals(act) == {}
        await stage.wait(1)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.short) == ("act", "no answer begins")
        assert stage.shot(act)["state"] == "stalled"
        assert stage.shot(act)["verdict"]["level"] == "act"
        await stage.wait(60)  # the head comes
        assert NAME not in stage.signals(act)

    perform(story)


def test_a_silent_stream_stalls_two_minutes_after_its_last_byte() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Pause(50), Text("a"), Pause(200), Text("b")))
        stage.begin(act.prompt("go"))
        await stage.wait(50 + 119)
        assert stage.signals(act) == {}
        await stage.wait(2)
        assert stage.signals(act)[NAME].short == "no bytes mid-answer"
        await stage.wait(80)  # it flows again
        assert NAME not in stage.signals(act)

    stage = perform(story)
    assert [edge.at - stage.raised(NAME)[0].at for edge in stage.cleared(NAME)] == [80.0]


@pytest.mark.parametrize(
    "steps",
    [
        (Pause(280, pings=True), Text("b")),
        (Pause(119), Text("a"), Pause(119), Text("b")),
        tuple(Text("a") if number % 2 else Pause(20) for number in range(60)),
    ],
    ids=["only pings", "just under", "slow but flowing"],
)
def test_bytes_that_flow_are_no_stall(steps: tuple[Pause | Text, ...]) -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(*steps))
        await act.prompt("go")

    assert perform(story).raised(NAME) == []


def test_esc_ends_a_stall() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("a"), Pause(280)))
        await act.prompt_and_escape("go", 200)
        await stage.wait(1)
        assert stage.signals(act) == {}
        assert stage.shot(act)["waiting_for"] == "prompt"

    stage = perform(story)
    assert len(stage.raised(NAME)) == 1


def test_the_client_gives_up_and_tries_again_and_that_ends_it_too() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("a"), Pause(1000)), at_once())
        await act.prompt("go")
        await stage.wait(3)
        assert NAME not in stage.signals(act)

    stage = perform(story)
    assert len(stage.raised(NAME)) == len(stage.cleared(NAME)) == 1


def test_an_answer_in_one_piece_has_five_minutes() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(
            at_once(Text("a"), error="overloaded_error"), at_once(Text("whole"), first_token_seconds=299)
        )
        await act.prompt("go")

    assert perform(story).raised(NAME) == []
    raised = perform(story, thresholds=Thresholds(whole_answer_seconds=280)).raised(NAME)
    assert [found.short for found in raised] == ["no answer begins"]


def test_a_command_that_never_returns_stalls_and_an_agent_or_another_tool_does_not() -> None:
    async def story(stage: Stage) -> None:
        act, others = stage.act(), stage.act(Profile(cwd="/home/demo/src/docs"))
        act.will_answer(at_once(bash()), at_once())
        act.outcomes["Bash"] = ToolOutcome(seconds=700)
        others.will_answer(
            at_once(
                ToolUse("Agent", {"prompt": "look", "subagent_type": "Explore"}),
                ToolUse("mcp__ci__wait", {}),
            ),
            at_once(),
        )
        others.will_answer(at_once(Pause(1500, pings=True), Text("seen")), agent="look")
        others.outcomes["mcp__ci__wait"] = ToolOutcome(seconds=1400)
        stage.begin(others.prompt("go"))
        stage.begin(act.prompt("go"))
        await stage.wait(659)
        assert stage.signals(act) == {}
        await stage.wait(2)
        assert stage.signals(act)[NAME].short == "Bash never returns"
        await outlives_a_restart(stage, act, NAME)
        await stage.wait(60)
        assert NAME not in stage.signals(act)
        await stage.wait(700)
        assert NAME not in stage.signals(others)

    stage = perform(story)
    assert len(stage.raised(NAME)) == 1


def test_a_dialog_that_waits_for_an_hour_is_no_stall() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(hooks=True)
        act.will_answer(at_once(bash()), at_once())
        act.approvals["Bash"] = 3600
        stage.begin(act.prompt("go"))
        await stage.wait(3500)
        assert set(stage.signals(act)) == {"needs_answer"}

    assert perform(story).raised(NAME) == []


def test_a_command_runs_from_when_it_was_allowed() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(hooks=True)
        act.will_answer(at_once(bash()), at_once())
        act.outcomes["Bash"] = ToolOutcome(seconds=700)
        stage.begin(act.prompt("go"))
        await stage.wait(1)
        await act.tell("PermissionRequest", tool_name="Bash")
        await stage.wait(680)
        await stage.hook({"session_id": act.client.session_id, "cost": {"total_cost_usd": 0.1}})  # allowed
        assert NAME not in stage.signals(act)
        await stage.wait(10)
        assert NAME not in stage.signals(act)

    assert perform(story).raised(NAME) == []


def test_an_agent_that_stalls_is_named() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(ToolUse("Agent", {"prompt": "look", "subagent_type": "Explore"})), at_once())
        act.will_answer(at_once(Text("a"), Pause(200), Text("b")), agent="look")
        stage.begin(act.prompt("go"))
        await stage.wait(125)
        found = stage.signals(act)[NAME]
        assert found.summary.endswith("(in agent Explore).")
        assert found.agent_id != "main"
        assert stage.shot(act)["state"] == "stalled"

    perform(story)


def test_where_one_agent_recovers_and_another_stalls_it_is_one_stall_that_goes_on() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        jobs = [ToolUse("Agent", {"prompt": f"look {n}", "subagent_type": "Explore"}) for n in range(2)]
        act.will_answer(at_once(*jobs), at_once())
        act.will_answer(at_once(Text("a"), Pause(150), Text("b")), agent="look 0")
        act.will_answer(at_once(Pause(10), Text("a"), Pause(250), Text("b")), agent="look 1")
        stage.begin(act.prompt("go"))
        await stage.wait(125)
        first = stage.signals(act)[NAME].agent_id
        await stage.wait(50)
        assert stage.signals(act)[NAME].agent_id not in {first, "main"}

    assert len(perform(story).raised(NAME)) == 1


def test_a_call_under_way_at_a_restart_is_no_longer_known_to_stall() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("a"), Pause(280)))
        stage.begin(act.prompt("go"))
        await stage.wait(200)
        assert NAME in stage.signals(act)
        stage.restart()
        assert NAME not in stage.signals(act)

    stage = perform(story)
    assert len(stage.raised(NAME)) == len(stage.cleared(NAME)) == 1


def test_a_clock_that_is_set_makes_no_stall_and_hides_none() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("a"), Pause(200), Text("b")))
        stage.begin(act.prompt("go"))
        await stage.wait(60)
        stage.set_clock(3600)
        await stage.wait(50)
        assert stage.signals(act) == {}
        stage.set_clock(-7200)
        await stage.wait(12)
        assert NAME in stage.signals(act)

    perform(story)
