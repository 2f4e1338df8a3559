"""cache_thrash: three rebuilds in a row that time does not explain."""

from __future__ import annotations

from dataclasses import replace

from clauditor.demo import Profile
from clauditor.demo.act import Act
from support.virtual import Pause, Stage, Text, at_once, bash, outlives_a_restart, perform

NAME = "cache_thrash"


async def begin(stage: Stage) -> Act:
    act = stage.act()
    act.will_answer(at_once())
    await act.prompt("a large task [[tokens:60000]]")
    return act


async def restyle(act: Act, number: int) -> None:
    """The system prompt changes before the next call: everything is written again."""
    act.client.profile = replace(act.client.profile, style=f" style {number}")
    act.will_answer(at_once(Text("ok")))
    await act.prompt(f"prompt {number}")


def test_it_holds_with_the_third_rebuild_in_a_row_also_while_the_session_waits() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        for number in range(2):
            await restyle(act, number)
            assert NAME not in stage.signals(act)
        await restyle(act, 3)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.short) == ("act", "cache rebuilt x3")
        assert found.summary.endswith("the system prompt changed.")
        await outlives_a_restart(stage, act, NAME)
        await restyle(act, 4)
        assert stage.signals(act)[NAME].short == "cache rebuilt x4"

    assert len(perform(story).raised(NAME)) == 1


def test_a_call_that_reads_its_cache_ends_it() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        for number in range(3):
            await restyle(act, number)
        act.will_answer(at_once(Pause(5), Text("ok")))
        answering = stage.begin(act.prompt("and now"))
        await stage.wait(4)
        assert NAME in stage.signals(act)  # it is not known yet what this call will read
        await answering
        assert NAME not in stage.signals(act)

    perform(story)


def test_a_hit_in_between_begins_the_count_anew() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        for number in range(6):
            await restyle(act, number)
            if number % 2:
                act.will_answer(at_once(Text("ok")))
                await act.prompt("no change")

    assert perform(story).raised(NAME) == []


def test_pauses_that_outlast_the_cache_are_no_thrash() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        for number in range(5):
            await stage.wait(400)
            act.will_answer(at_once(Text("ok")))
            await act.prompt(f"after a coffee {number}")
        assert stage.shot(act)["cache"]["events"]["miss_ttl"] == 5

    assert perform(story).raised(NAME) == []


def test_rebuilds_too_small_to_matter_do_not_count() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(Profile())
        act.will_answer(*[at_once(bash(n)) for n in range(6)], at_once())
        act.client.main.tools = []
        act.client.profile = replace(act.client.profile, style="")
        await act.prompt("go")

    assert perform(story).raised(NAME) == []
