"""tool_failures: five in a row, or most of the last ten."""

from __future__ import annotations

import pytest

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

NAME = "tool_failures"
REJECTED = ToolOutcome(content="The user doesn't want to proceed with this tool use.", is_error=True)
TIMED_OUT = ToolOutcome(content="Exit code 143\nCommand timed out after 2m", is_error=True)
DENIED = ToolOutcome(content="This command requires approval", is_error=True)


def outcomes(letters: str) -> list[ToolOutcome]:
    each = {"x": FAILED, ".": WORKED, "r": REJECTED, "t": TIMED_OUT, "d": DENIED}
    return [each[letter] for letter in letters]


async def try_them(stage: Stage, letters: str) -> dict[str, str]:
    """So many different calls; what holds while the next answer is on its way."""
    act = stage.act()
    act.will_answer(*[at_once(bash(n)) for n in range(len(letters))], at_once(Pause(30), Text("done")))
    one_by_one(act, outcomes(letters))
    stage.begin(act.prompt("go"))
    await stage.wait(len(letters))
    return {name: one.short for name, one in stage.signals(act).items()}


@pytest.mark.parametrize(
    ("letters", "short"),
    [
        ("xxxxx", "5 tools failed"),
        (".....xxxxx", "5 tools failed"),
        ("xtdxx", "5 tools failed"),
        ("xxxx..", "4 of 6 tools fail"),
        ("xx.xx.xx..", "6 of 10 tools fail"),
        ("..........xx.xx.xx..", "6 of 10 tools fail"),
    ],
)
def test_it_holds(letters: str, short: str) -> None:
    async def story(stage: Stage) -> None:
        assert await try_them(stage, letters) == {NAME: short}

    perform(story)


@pytest.mark.parametrize(
    "letters",
    ["x", "xxxx", "xxx..", "xxx...", "x.x.x.x.x.", "..xxxx.", "rrrrrrr", "xxrxx"],
)
def test_it_does_not_hold(letters: str) -> None:
    async def story(stage: Stage) -> None:
        assert NAME not in await try_them(stage, letters)

    perform(story)


def test_results_that_work_end_it_and_so_does_a_new_prompt() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        one_by_one(act, outcomes("xxxxx..x"))
        act.will_answer(*[at_once(bash(n)) for n in range(8)], at_once(Pause(30), Text("done")))
        stage.begin(act.prompt("go"))
        await stage.wait(2.6)
        assert stage.signals(act)[NAME].severity == "watch"
        await outlives_a_restart(stage, act, NAME)  # still five of seven
        await stage.wait(40)
        act.will_answer(at_once(bash(9)), at_once(Pause(30), Text("done")))
        one_by_one(act, [WORKED])
        stage.begin(act.prompt("on"))
        await stage.wait(2)
        assert NAME not in stage.signals(act)

    assert len(perform(story).raised(NAME)) == 1


def test_failures_of_two_agents_are_not_added_up() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        jobs = [ToolUse("Agent", {"prompt": f"look {n}", "subagent_type": "Explore"}) for n in range(2)]
        act.outcomes["Bash"] = FAILED
        act.will_answer(at_once(*jobs), at_once(Text("done")))
        for number in range(2):
            calls = [at_once(bash(number * 10 + n)) for n in range(4)]
            act.will_answer(*calls, at_once(Text("seen")), agent=f"look {number}")
        await act.prompt("go")

    assert perform(story).raised(NAME) == []
