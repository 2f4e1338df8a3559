"""refused: the model declined to answer."""

from __future__ import annotations

from support.virtual import Pause, Stage, Text, ToolUse, at_once, outlives_a_restart, perform

NAME = "refused"
NO = at_once(Text("I cannot help with that."), stop_reason="refusal")


def test_it_holds_until_the_next_complete_answer() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(NO)
        await act.prompt("go")
        assert stage.signals(act)[NAME].severity == "watch"
        await outlives_a_restart(stage, act, NAME)
        act.will_answer(at_once(Pause(5), Text("yes")))
        answering = stage.begin(act.prompt("then so"))
        await stage.wait(4)
        assert NAME in stage.signals(act)
        await answering
        assert NAME not in stage.signals(act)

    assert len(perform(story).raised(NAME)) == 1


def test_it_ends_when_the_session_rests() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(NO)
        await act.prompt("go")
        await stage.wait(899)
        assert NAME in stage.signals(act)
        await stage.wait(2)
        assert NAME not in stage.signals(act)

    perform(story)


def test_an_agent_that_is_refused_and_an_answer_that_says_no_are_none() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(ToolUse("Agent", {"prompt": "look", "subagent_type": "Explore"})), at_once())
        act.will_answer(NO, agent="look")
        await act.prompt("go")
        act.will_answer(at_once(Text("I cannot help with that.")))
        await act.prompt("and now")

    assert perform(story).raised(NAME) == []
