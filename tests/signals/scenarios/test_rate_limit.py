"""rate_limit: a window of the plan is nearly used, or will be before its reset, and the session uses it now."""

from __future__ import annotations

from clauditor.demo import Profile
from clauditor.demo.act import FAKE_PLAN_TOKEN, Act
from clauditor.demo.virtual import BEGAN_AT
from support.virtual import Pause, Stage, Text, ToolOutcome, at_once, bash, outlives_a_restart, perform

NAME = "rate_limit"
PLAN = Profile(oauth_token=FAKE_PLAN_TOKEN)
RESET_AT = BEGAN_AT + 4 * 3600


def told(stage: Stage, used: float, reset_at: float = RESET_AT, **more: str) -> None:
    stage.windows.told = {
        "status": "allowed",
        "representative-claim": "five_hour",
        "reset": str(int(reset_at)),
        "5h-utilization": f"{used:.4f}",
        "5h-reset": str(int(reset_at)),
        "5h-status": "allowed",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


async def call(stage: Stage, act: Act, used: float, **more: str) -> None:
    """One call whose answer tells `used`; the session goes on to work for half a minute."""
    told(stage, used, RESET_AT, **more)
    act.outcomes["Bash"] = ToolOutcome(seconds=30)
    act.will_answer(at_once(bash()), at_once())
    stage.begin(act.prompt("go"))
    await stage.wait(1)


def test_ninety_percent_is_a_reason_to_act_and_less_is_none() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(PLAN)
        await call(stage, act, 0.8999)
        assert stage.signals(act) == {}
        await stage.wait(40)
        await call(stage, act, 0.9)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.evidence, found.short) == ("act", "measured", "5h limit 90%")
        await outlives_a_restart(stage, act, NAME)
        await stage.wait(40)  # it waits for a prompt: it uses nothing
        assert NAME not in stage.signals(act)

    perform(story)


def test_at_this_pace_full_before_the_reset_is_worth_a_look_from_a_quarter_of_an_hour_on() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(PLAN)
        used = 0.30
        for minute in range(16):
            await call(stage, act, used)
            assert (NAME in stage.signals(act)) == (minute >= 15), minute
            await stage.wait(59)
            used += 0.01  # 60 % an hour: full in less than 2 of the 4 hours
        found = stage.raised(NAME)[0]
        assert (found.severity, found.evidence, found.short) == ("watch", "derived", "5h 45%, fills up")
        assert "this session explains ~" in found.summary

    perform(story)


def test_a_slow_pace_and_a_near_reset_are_no_trouble() -> None:
    async def story(stage: Stage) -> None:
        slow, late = stage.act(PLAN), stage.act(PLAN)
        for minute in range(20):
            await call(stage, slow, 0.30 + minute * 0.002)
            assert stage.signals(slow) == {}
            await stage.wait(59)
        for minute in range(20):
            told(stage, 0.50 + minute * 0.01, reset_at=BEGAN_AT + 2700)
            late.will_answer(at_once(bash()), at_once())
            stage.begin(late.prompt("go"))
            await stage.wait(60)
        assert stage.shot(late)["limits"]["five_hour"]["projected_ratio"] < 1

    assert perform(story).raised(NAME) == []


def test_an_hour_of_work_says_nothing_about_the_week() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(PLAN)
        for minute in range(30):
            week = {
                "7d_utilization": f"{0.30 + minute * 0.001:.4f}",
                "7d_reset": str(int(BEGAN_AT) + 400_000),
            }
            await call(stage, act, 0.10, **{**week, "7d_status": "allowed"})
            await stage.wait(59)
        full_at = stage.shot(act)["limits"]["seven_day"]["full_at"]
        assert full_at is not None
        assert full_at > stage.now() + 5 * 3600

    assert perform(story).raised(NAME) == []


def test_a_new_period_ends_it() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(PLAN)
        told(stage, 0.95, reset_at=BEGAN_AT + 60)
        act.outcomes["Bash"] = ToolOutcome(seconds=90)
        act.will_answer(at_once(bash()), at_once(bash()), at_once())
        stage.begin(act.prompt("go"))
        await stage.wait(59)
        assert NAME in stage.signals(act)
        await stage.wait(7)  # the window was reset; a sweep sees it
        assert NAME not in stage.signals(act)

    perform(story)


def test_extra_usage_is_said_as_such() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(PLAN)
        await call(
            stage,
            act,
            1.0,
            **{"5h_status": "rejected", "overage_status": "allowed", "overage_utilization": "0.2"},
        )
        assert stage.signals(act)[NAME].short == "5h full: paid extra"
        await stage.wait(60)
        await call(stage, act, 1.0, **{"5h_status": "rejected", "overage_status": "rejected"})
        assert stage.signals(act)[NAME].short == "5h limit 100%"

    perform(story)


def test_token_buckets_of_a_key_another_account_and_a_resting_session_are_silent() -> None:
    async def story(stage: Stage) -> None:
        resting, key = stage.act(PLAN), stage.act(Profile())
        resting.will_answer(at_once(Text("done")))
        told(stage, 0.97)
        await resting.prompt("go")
        assert NAME not in stage.signals(resting)
        stage.windows.told = {}
        key.outcomes["Bash"] = ToolOutcome(seconds=30)
        key.will_answer(at_once(bash(), headers=(("anthropic-organization-id", "x"),)), at_once())
        stage.begin(key.prompt("go"))
        await stage.wait(10)
        assert stage.signals(key) == {}

    perform(story)


def test_a_stall_does_not_hide_it() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(PLAN)
        told(stage, 0.95)
        act.will_answer(at_once(Text("a"), Pause(200), Text("b")))
        stage.begin(act.prompt("go"))
        await stage.wait(150)
        assert set(stage.signals(act)) == {NAME, "stalled"}

    assert len(perform(story).raised(NAME)) == 1


def test_the_services_own_warning_is_worth_a_look() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(PLAN)
        await call(stage, act, 0.52, **{"5h-surpassed-threshold": "0.5"})
        found = stage.signals(act)[NAME]
        assert (found.severity, found.evidence) == ("watch", "measured")
        assert found.summary.startswith(
            "The service warns: the 5h limit is 52% used and past its mark of 50%"
        )
        await stage.wait(40)
        await call(stage, act, 0.53)
        assert stage.signals(act) == {}

    perform(story)
