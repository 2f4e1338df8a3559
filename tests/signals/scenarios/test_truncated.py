"""truncated: the last answer was cut off."""

from __future__ import annotations

from support.virtual import Pause, Stage, Text, at_once, outlives_a_restart, perform

NAME = "truncated"


def test_an_answer_at_its_maximum_length_holds_until_the_client_went_on() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("half"), stop_reason="max_tokens"), at_once(Pause(5), Text("whole")))
        answering = stage.begin(act.prompt("go"))
        await stage.wait(4)
        assert stage.signals(act)[NAME].short == "answer cut: length"
        await answering
        assert stage.signals(act) == {}

    assert len(perform(story).raised(NAME)) == 1


def test_a_full_window_is_said_as_such_and_outlives_a_restart() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("half"), stop_reason="model_context_window_exceeded"))
        await act.prompt("go")
        assert stage.signals(act)[NAME].short == "answer cut: context"
        await outlives_a_restart(stage, act, NAME)
        await stage.wait(900)
        assert NAME not in stage.signals(act)

    perform(story)


def test_other_ends_and_an_answer_that_esc_cut_are_not_truncated() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        for reason in ("end_turn", "stop_sequence", "pause_turn"):
            act.will_answer(at_once(Text("x"), stop_reason=reason))
            await act.prompt("go")
        act.will_answer(at_once(Text("half"), Pause(60)))
        await act.prompt_and_escape("go", 10)

    assert perform(story).edges == []
