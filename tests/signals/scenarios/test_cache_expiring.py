"""cache_expiring: an expensive prompt is cached while the session waits, and will not be for long."""

from __future__ import annotations

from clauditor.demo import Profile, Tokens
from clauditor.demo.act import FAKE_PLAN_TOKEN
from clauditor.demo.virtual import BEGAN_AT
from support.virtual import Pause, Stage, Text, ToolUse, at_once, outlives_a_restart, perform

NAME = "cache_expiring"
DEAR = "[[tokens:110000]]"  # opus-5.5: $4.80 a million more to write than to read: $0.50 from 104k on
CHEAP = "[[tokens:80000]]"


def test_the_last_minute_of_five_and_not_longer() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once())
        await act.prompt(f"go {DEAR}")
        await stage.wait(239)
        assert stage.signals(act) == {}
        await stage.wait(2)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.evidence, found.short) == ("watch", "derived", "goes cold: +$0.59")
        await outlives_a_restart(stage, act, NAME)
        await stage.wait(52)
        assert NAME in stage.signals(act)
        await stage.wait(3)
        assert NAME not in stage.signals(act)  # it is cold

    assert len(perform(story).raised(NAME)) == 1


def test_the_last_five_minutes_of_an_hour() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(Profile(cache_ttl="1h"))
        act.will_answer(at_once())
        await act.prompt(f"go {DEAR}")
        await stage.wait(3299)
        assert stage.signals(act) == {}
        await stage.wait(2)
        assert NAME in stage.signals(act)
        await stage.wait(300)
        assert NAME not in stage.signals(act)

    perform(story)


def test_the_next_prompt_ends_it() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(), at_once())
        await act.prompt(f"go {DEAR}")
        await stage.wait(250)
        assert NAME in stage.signals(act)
        await act.prompt("on")
        assert NAME not in stage.signals(act)
        await stage.wait(200)
        assert NAME not in stage.signals(act)

    perform(story)


def test_a_cheap_prompt_and_a_session_at_work_are_silent() -> None:
    async def story(stage: Stage) -> None:
        cheap, busy = stage.act(), stage.act()
        cheap.will_answer(at_once())
        await cheap.prompt(f"go {CHEAP}")
        busy.will_answer(at_once(ToolUse("Agent", {"prompt": "look", "subagent_type": "Plan"})), at_once())
        busy.will_answer(at_once(Pause(400, pings=True), Text("seen")), agent="look")
        stage.begin(busy.prompt(f"go {DEAR}"))
        await stage.wait(390)

    assert perform(story).edges == []


def test_a_plan_user_hears_of_two_percent_of_five_hours() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(Profile(oauth_token=FAKE_PLAN_TOKEN))
        for number, used in enumerate((0.30, 0.40)):
            stage.windows.told = {
                "status": "allowed",
                "5h-utilization": str(used),
                "5h-reset": str(int(BEGAN_AT) + 9000),
            }
            act.will_answer(at_once())
            await act.prompt(f"go {number} {CHEAP if not number else ''}")
        await stage.wait(250)
        found = stage.signals(act)[NAME]
        assert "~$0." in found.summary  # under fifty cents, but a tenth of the window a dollar's fifth

    perform(story)


def test_mixed_lifetimes_name_the_part_that_lives_on() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        usage = Tokens(input=10, output=20, cache_write_5m=60_000, cache_write_1h=90_000)
        act.will_answer(at_once(Text("x"), usage=usage))
        await act.prompt("go")
        await stage.wait(250)
        assert "a part of it lives on for an hour" in stage.signals(act)[NAME].summary
        assert stage.shot(act)["cache"]["latest_expires_at"] > stage.shot(act)["cache"]["expires_at"]

    perform(story)
