"""api_errors: several attempts of one session failed within minutes, for reasons outside the client."""

from __future__ import annotations

import pytest

from clauditor.demo import Profile
from support.virtual import Pause, Reply, Stage, Text, at_once, outlives_a_restart, perform

NAME = "api_errors"


def test_three_failures_within_five_minutes_hold_until_the_first_is_older() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(Reply.failure(529), at_once(), Reply.failure(500), at_once())
        await act.prompt("go")
        await stage.wait(100)
        await act.prompt("on")
        assert NAME not in stage.signals(act)
        await stage.wait(100)
        act.will_answer(Reply.failure(529), at_once())
        await act.prompt("and on")
        found = stage.signals(act)[NAME]
        assert (found.severity, found.evidence, found.short) == ("watch", "measured", "3 attempts failed")
        assert found.summary == "3 attempts failed in the last 5 min, mostly: 529 overloaded."
        await outlives_a_restart(stage, act, NAME)
        await stage.wait(90)
        assert NAME in stage.signals(act)
        await stage.wait(10)
        assert NAME not in stage.signals(act)

    assert len(perform(story).raised(NAME)) == 1


def test_three_failures_in_six_minutes_are_few() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        for number in range(6):
            act.will_answer(Reply.failure(529), at_once())
            await act.prompt(f"go {number}")
            await stage.wait(155)

    assert perform(story).raised(NAME) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_what_is_wrong_with_the_request_is_no_trouble_of_the_api(status: int) -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        for number in range(4):
            act.will_answer(*[Reply.failure(status)] * 2)
            await act.prompt(f"go {number}")

    stage = perform(story)
    assert stage.raised(NAME) == []


def test_esc_is_nobodys_failure() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        for number in range(5):
            act.will_answer(at_once(Text("a"), Pause(60)))
            await act.prompt_and_escape(f"go {number}", 5)

    assert perform(story).raised(NAME) == []


def test_streams_that_break_with_an_error_count() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        broken = at_once(Text("a"), error="overloaded_error")
        for number in range(3):
            act.will_answer(broken, at_once())
            await act.prompt(f"go {number}")
        assert "connection broke" in stage.signals(act)[NAME].summary

    perform(story)


def test_the_trouble_of_others_is_not_this_sessions_but_it_is_told_whose_it_is() -> None:
    async def story(stage: Stage) -> None:
        sick = [stage.act(Profile(cwd=f"/home/demo/src/{name}")) for name in ("a", "b", "c")]
        well = stage.act()
        for act in sick:
            act.will_answer(*[Reply.failure(529)] * 3)
            stage.begin(act.prompt("go"))
        well.will_answer(at_once())
        await well.prompt("go")
        await stage.wait(10)
        assert stage.signals(well) == {}
        assert stage.hub.incident is not None
        assert (stage.hub.incident.failing, stage.hub.incident.active) == (3, 4)
        for act in sick:
            assert stage.signals(act)[NAME].next_step.startswith("Not your set-up")
        await stage.wait(300)
        assert stage.hub.incident is None

    perform(story)
