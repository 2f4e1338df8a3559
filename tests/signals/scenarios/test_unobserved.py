"""unobserved: a part of the traffic passed unseen."""

from __future__ import annotations

from clauditor.model.events import GapFound
from support.virtual import Stage, at_once, outlives_a_restart, perform

NAME = "unobserved"


def test_a_gap_is_said_for_an_hour() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once())
        await act.prompt("go")
        assert stage.signals(act) == {}
        gap = GapFound(at=stage.now(), session_id=act.client.session_id, reason="restart", unseen_bytes=900)
        stage.publish(gap)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.evidence, found.short) == ("notice", "measured", "1 call not seen")
        assert stage.shot(act)["verdict"]["level"] == "ok"
        await outlives_a_restart(stage, act, NAME)
        await stage.wait(3590)
        assert NAME in stage.signals(act)
        await stage.wait(6)
        assert NAME not in stage.signals(act)

    assert len(perform(story).raised(NAME)) == 1


def test_a_call_that_was_under_way_at_a_restart_is_a_gap() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(first_token_seconds=30))
        stage.begin(act.prompt("go"))
        await stage.wait(10)
        stage.restart()
        assert stage.signals(act)[NAME].short == "1 call not seen"

    perform(story)


def test_a_gap_of_no_session_and_of_another_session_are_not_this_ones() -> None:
    async def story(stage: Stage) -> None:
        act, other = stage.act(), stage.act()
        for each in (act, other):
            each.will_answer(at_once())
            await each.prompt("go")
        stage.publish(GapFound(at=stage.now(), session_id="", reason="lost"))
        stage.publish(GapFound(at=stage.now(), session_id=other.client.session_id, reason="lost"))
        assert stage.signals(act) == {}
        assert NAME in stage.signals(other)

    perform(story)
