"""compaction_loop: full again a few calls after a compaction."""

from __future__ import annotations

import pytest

from clauditor.demo import Profile
from support.virtual import Reply, Stage, Text, at_once, outlives_a_restart, perform

NAME = "compaction_loop"
FULL = 960_000


async def rounds(stage: Stage, calls: int, *, hints: bool, trigger: str, tokens: int = FULL) -> None:
    """Two compactions with so many calls after each, and one call after the second."""
    act = stage.act(Profile(hints=hints))
    act.will_answer(at_once())
    await act.prompt(f"begin [[tokens:{tokens}]]")
    for _ in range(2):
        act.will_answer(Reply.text("<summary>much to do</summary>"))
        await act.client.compact(trigger)
        for number in range(calls):
            act.will_answer(at_once(Text("on")))
            await act.prompt(f"go on {number} [[tokens:{tokens // calls}]]")
    await stage.wait(1)


def test_twice_within_eight_calls_is_a_loop() -> None:
    async def story(stage: Stage) -> None:
        await rounds(stage, 3, hints=True, trigger="auto")
        (session_id,) = stage.hub.sessions
        found = stage.hub.sessions[session_id].signals[NAME]
        assert (found.severity, found.short) == ("act", "compacts in a loop")
        assert found.summary.startswith("Compacted twice within 3 calls")

    stage = perform(story)
    assert len(stage.raised(NAME)) == 1


def test_without_hint_headers_a_full_conversation_tells_that_the_client_did_it() -> None:
    async def story(stage: Stage) -> None:
        await rounds(stage, 3, hints=False, trigger="auto")

    assert len(perform(story).raised(NAME)) == 1


@pytest.mark.parametrize(
    ("calls", "hints", "trigger", "tokens"),
    [
        (9, True, "auto", FULL),
        (3, True, "manual", FULL),
        (3, False, "manual", 60_000),
    ],
    ids=["nine calls apart", "by the person", "by the person, without hint headers"],
)
def test_what_is_no_loop(calls: int, hints: bool, trigger: str, tokens: int) -> None:
    async def story(stage: Stage) -> None:
        await rounds(stage, calls, hints=hints, trigger=trigger, tokens=tokens)

    assert perform(story).raised(NAME) == []


def test_it_ends_when_the_conversation_goes_on_for_nine_calls() -> None:
    async def story(stage: Stage) -> None:
        await rounds(stage, 2, hints=True, trigger="auto")
        (act_id,) = stage.hub.sessions
        assert NAME in stage.hub.sessions[act_id].signals
        await stage.wait(910)
        assert NAME not in stage.hub.sessions[act_id].signals  # at rest

    perform(story)


def test_it_outlives_a_restart_and_ends_by_calls() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once())
        await act.prompt(f"begin [[tokens:{FULL}]]")
        for _ in range(2):
            act.will_answer(Reply.text("<summary>much</summary>"), at_once())
            await act.client.compact("auto")
            await act.prompt(f"on [[tokens:{FULL}]]")
        await outlives_a_restart(stage, act, NAME)
        act.client.main.messages[-2:] = []  # what filled it is gone
        for number in range(8):
            assert NAME in stage.signals(act)
            act.will_answer(at_once())
            await act.prompt(f"small {number}")
        assert NAME not in stage.signals(act)

    perform(story)
