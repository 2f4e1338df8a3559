"""cost_pace: more than the user's own limits, in all or in the last hour."""

from __future__ import annotations

from clauditor.demo import Tokens
from clauditor.demo.act import Act
from clauditor.signals.thresholds import Thresholds
from support.virtual import Stage, Text, at_once, outlives_a_restart, perform

NAME = "cost_pace"
DOLLAR = Tokens(input=250_000)  # opus-5.5


async def spend(act: Act, dollars: int) -> None:
    for _ in range(dollars):
        act.will_answer(at_once(Text("x"), usage=DOLLAR))
        await act.prompt("go")


def test_a_sessions_limit_holds_from_the_first_cent_above_it() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        await spend(act, 5)
        assert NAME not in stage.signals(act)
        await spend(act, 1)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.evidence, found.short) == ("watch", "measured", "cost $6.00")
        await outlives_a_restart(stage, act, NAME)
        await stage.wait(901)
        assert NAME not in stage.signals(act)  # at rest

    perform(story, thresholds=Thresholds(session_usd=5))


def test_the_last_hour_is_judged_from_a_quarter_of_an_hour_on() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        await spend(act, 6)
        await stage.wait(840)
        await spend(act, 0)
        assert NAME not in stage.signals(act)  # a dear beginning is no pace
        await stage.wait(50)
        await spend(act, 1)
        await stage.wait(15)
        assert stage.signals(act)[NAME].summary == "It cost $7.00 in the last hour; your limit is $5.00."
        await stage.wait(3600)
        await spend(act, 1)
        assert NAME not in stage.signals(act)

    perform(story, thresholds=Thresholds(hour_usd=5))


def test_it_is_off_unless_a_limit_is_set() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        for _ in range(6):
            await spend(act, 20)
            await stage.wait(300)

    assert perform(story).raised(NAME) == []
