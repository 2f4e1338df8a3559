"""context_pressure: the client will soon compact the conversation by itself."""

from __future__ import annotations

from clauditor.demo import Profile
from support.virtual import Reply, Stage, Text, at_once, outlives_a_restart, perform

NAME = "context_pressure"
POINT = 967_000  # of a window of a million
LARGE = Profile()
SMALL = Profile(model="claude-haiku-4-5-20251001")  # 200,000, compacts at 167,000
OWN = 13_000  # what the demo's tools and system prompt weigh, roughly


async def fill(stage: Stage, tokens: int, *steps: int, profile: Profile = LARGE) -> None:
    """A first call with a prompt of about `tokens`, then calls that add so many each."""
    act = stage.act(profile)
    for number, size in enumerate((tokens - OWN, *steps)):
        act.will_answer(at_once())
        await act.prompt(f"prompt {number} [[tokens:{size}]]")


def test_the_last_twentieth_before_the_compaction_is_pressure() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once())
        await act.prompt(f"begin [[tokens:{915_000 - OWN}]]")
        assert act.context_tokens < 0.95 * POINT
        assert NAME not in stage.signals(act)
        act.will_answer(at_once())
        await act.prompt("more [[tokens:6000]]")
        assert act.context_tokens > 0.95 * POINT
        found = stage.signals(act)[NAME]
        assert (found.severity, found.short) == ("watch", "compacts soon")
        assert stage.shot(act)["verdict"]["level"] == "watch"
        await outlives_a_restart(stage, act, NAME)

    assert len(perform(story).raised(NAME)) == 1


def test_five_calls_left_by_the_median_of_the_growth_is_pressure() -> None:
    async def story(stage: Stage) -> None:
        await fill(stage, 134_000, 5_000, 5_000, 900, profile=SMALL)
        (session,) = stage.hub.sessions.values()
        assert session.context.turns_to_compact == 5
        assert session.signals[NAME].short == "compacts ~5 calls"

    perform(story)


def test_with_much_room_left_a_steep_growth_is_none() -> None:
    async def story(stage: Stage) -> None:
        await fill(stage, 40_000, 20_000, 20_000, 20_000, 20_000, profile=SMALL)
        (session,) = stage.hub.sessions.values()
        assert session.context.turns_to_compact == 3

    assert perform(story).raised(NAME) == []


def test_six_calls_left_and_one_large_jump_are_none() -> None:
    async def story(stage: Stage) -> None:
        await fill(stage, 132_000, 4_000, 4_000, 4_000, profile=SMALL)
        await fill(stage, 74_000, 70_000, 900, 900, profile=SMALL)
        calls = [session.context.turns_to_compact for session in stage.hub.sessions.values()]
        assert calls[0] == 6
        assert calls[1] is not None
        assert calls[1] > 5

    assert perform(story).raised(NAME) == []


def test_a_compaction_ends_it_at_once() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once())
        await act.prompt(f"begin [[tokens:{950_000}]]")
        assert NAME in stage.signals(act)
        act.will_answer(Reply.text("<summary>short</summary>"))
        await act.client.compact("auto")
        assert NAME not in stage.signals(act)
        act.will_answer(at_once(Text("on")))
        await act.prompt("go on")
        assert NAME not in stage.signals(act)

    assert len(perform(story).raised(NAME)) == 1


def test_where_it_compacts_is_learned() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once())
        await act.prompt(f"begin [[tokens:{850_000}]]")
        act.will_answer(Reply.text("<summary>short</summary>"))
        await act.client.compact("auto")
        learned = act.context_tokens
        act.will_answer(at_once(), at_once())
        await act.prompt(f"again [[tokens:{int(learned * 0.9)}]]")
        assert NAME not in stage.signals(act)
        await act.prompt(f"again [[tokens:{int(learned * 0.06)}]]")
        assert f"compacts at {learned / 1000:.0f}k" in stage.signals(act)[NAME].summary

    perform(story)


def test_an_unknown_window_a_full_agent_and_a_resting_session_are_silent() -> None:
    async def story(stage: Stage) -> None:
        await fill(stage, 950_000, profile=Profile(model="claude-next-9"))
        assert stage.edges == []
        act = stage.act()
        act.will_answer(at_once())
        await act.prompt(f"begin [[tokens:{950_000}]]")
        await stage.wait(901)
        assert NAME not in stage.signals(act)

    perform(story)
