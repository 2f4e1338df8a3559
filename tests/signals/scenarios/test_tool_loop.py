"""tool_loop: the same call with the same result, four times for one prompt."""

from __future__ import annotations

from clauditor.demo import Profile
from support.virtual import (
    FAILED,
    WORKED,
    Pause,
    Stage,
    Text,
    ToolOutcome,
    ToolUse,
    at_once,
    bash,
    one_by_one,
    outlives_a_restart,
    perform,
)

NAME = "tool_loop"
LAST = at_once(Pause(10), Text("done"))


def test_it_holds_from_the_fourth_equal_result_on() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.outcomes["Bash"] = ToolOutcome(content="relation exists", seconds=10)
        act.will_answer(*[at_once(bash()) for _ in range(6)], LAST)
        stage.begin(act.prompt("migrate"))
        await stage.wait(39)
        assert stage.signals(act) == {}
        await stage.wait(2)  # the fourth result is in
        found = stage.signals(act)[NAME]
        assert (found.severity, found.short) == ("act", "loop: same call x4")
        assert found.summary == "Bash (make): 4 times the same call with the same result."
        await stage.wait(10)
        assert stage.signals(act)[NAME].short == "loop: same call x5"
        await outlives_a_restart(stage, act, NAME)
        await stage.wait(200)

    stage = perform(story)
    assert len(stage.raised(NAME)) == len(stage.cleared(NAME)) == 1


def test_three_times_other_results_and_other_calls_are_no_loop() -> None:
    async def story(stage: Stage) -> None:
        for calls, outcomes in (
            ([bash()] * 3, [FAILED] * 3),
            ([bash()] * 8, [ToolOutcome(content=f"{n} of 8 built") for n in range(8)]),
            ([bash(n) for n in range(8)], [WORKED] * 8),
        ):
            act = stage.act()
            act.will_answer(*[at_once(call) for call in calls], LAST)
            one_by_one(act, outcomes)
            await act.prompt("go")

    assert perform(story).raised(NAME) == []


def test_a_check_after_each_edit_is_no_loop_unless_it_fails_each_time_alike() -> None:
    async def story(stage: Stage) -> None:
        for outcome in (WORKED, FAILED):
            act = stage.act()
            act.outcomes["Bash"] = outcome
            for number in range(5):
                changed = ToolUse("Edit", {"file_path": "a.py", "new_string": f"{number}"})
                act.will_answer(at_once(changed), at_once(bash()))
            act.will_answer(LAST)
            await act.prompt("go")

    stage = perform(story)
    assert [found.severity for found in stage.raised(NAME)] == ["act"]


def test_a_prompt_begins_the_count_anew() -> None:
    async def story(stage: Stage) -> None:
        for profile in (Profile(), Profile(hints=False)):
            act = stage.act(profile)
            act.outcomes["Bash"] = WORKED
            for _ in range(3):
                act.will_answer(*[at_once(bash())] * 3, LAST)
                await act.prompt("run the tests")

    assert perform(story).raised(NAME) == []


def test_three_new_results_are_the_way_out() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.outcomes["Bash"] = WORKED
        act.will_answer(*[at_once(bash())] * 4, *[at_once(bash(n)) for n in (1, 2, 3)], LAST)
        stage.begin(act.prompt("go"))
        await stage.wait(3)  # half a second each: the sixth result is in
        assert NAME in stage.signals(act)
        await stage.wait(1)
        assert NAME not in stage.signals(act)

    perform(story)


def test_a_loop_in_an_agent_names_the_agent() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.outcomes["Read"] = WORKED
        act.will_answer(at_once(ToolUse("Agent", {"prompt": "look", "subagent_type": "Plan"})), LAST)
        act.will_answer(*[at_once(act.read("a.py"))] * 4, LAST, agent="look")
        stage.begin(act.prompt("go"))
        await stage.wait(5)
        assert stage.signals(act)[NAME].summary.startswith("Read (a.py): 4 times")
        assert stage.signals(act)[NAME].summary.endswith("(in agent Plan).")
        await stage.wait(20)  # it is done, and so is its loop
        assert stage.signals(act) == {}

    perform(story)


def test_what_it_did_is_no_trouble_once_the_answer_is_complete() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.outcomes["Bash"] = WORKED
        act.will_answer(*[at_once(bash())] * 5, at_once(Text("I give up")))
        await act.prompt("go")
        assert stage.signals(act) == {}

    perform(story)
