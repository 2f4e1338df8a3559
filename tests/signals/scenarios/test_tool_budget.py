"""tool_budget: more tool calls for one prompt than the user allows."""

from __future__ import annotations

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

NAME = "tool_budget"
TEN = Thresholds(budget_calls=10)
LAST = at_once(Pause(30), Text("done"))


def test_the_eleventh_call_of_a_prompt_is_above_a_limit_of_ten() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(*[at_once(bash(n)) for n in range(10)], at_once(Pause(30), bash(10)), LAST)
        stage.begin(act.prompt("go"))
        await stage.wait(30)
        assert stage.signals(act) == {}
        await stage.wait(15)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.short) == ("watch", "11 tool calls")
        await stage.wait(60)
        assert NAME not in stage.signals(act)  # it is done

    perform(story, thresholds=TEN)


def test_calls_of_agents_count_and_a_new_prompt_begins_anew() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(ToolUse("Agent", {"prompt": "look", "subagent_type": "Plan"})), LAST)
        act.will_answer(*[at_once(bash(n)) for n in range(10)], at_once(Text("seen")), agent="look")
        stage.begin(act.prompt("go"))
        await stage.wait(20)
        assert stage.signals(act)[NAME].short == "11 tool calls"
        await stage.wait(60)
        act.will_answer(at_once(bash()), LAST)
        stage.begin(act.prompt("on"))
        await stage.wait(20)
        assert NAME not in stage.signals(act)

    perform(story, thresholds=TEN)


def test_it_outlives_a_restart_in_the_middle_of_a_command() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.outcomes["Bash"] = ToolOutcome(seconds=20)
        act.will_answer(*[at_once(bash(n)) for n in range(12)], LAST)
        stage.begin(act.prompt("go"))
        await stage.wait(205)
        await outlives_a_restart(stage, act, NAME)

    perform(story, thresholds=TEN)


def test_it_is_off_unless_a_limit_is_set() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(*[at_once(bash(n)) for n in range(60)], LAST)
        await act.prompt("go")

    assert perform(story).raised(NAME) == []
