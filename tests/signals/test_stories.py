"""Each story of the demo has the trouble that it was written for, and no other."""

from __future__ import annotations

from typing import Final

import pytest

from clauditor.demo.stories import STORIES, Story
from support.virtual import Stage, perform

TROUBLES: Final[dict[str, set[str]]] = {
    "healthy": set(),
    "near_compaction": {"context_pressure"},
    "cache_rebuild": {"cache_rebuilt", "cache_expiring"},
    "other_model": {"model_fallback"},
    "tool_loop": {"tool_loop", "tool_failures"},
    "stalled": {"stalled"},
    "agents": set(),
    "overloaded": {"retrying", "api_errors"},
}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_has_its_own_trouble_and_no_other(story: Story) -> None:
    async def three_rounds(stage: Stage) -> None:
        act = stage.act(story.profile)
        for number in range(3):
            act.round = number
            await story.play(act)
            await stage.wait(story.rest_seconds)

    stage = perform(three_rounds)
    assert {edge.name for edge in stage.edges if edge.severity != "notice"} == TROUBLES[story.name]


def test_a_person_who_is_asked_in_the_healthy_story_is_what_it_waits_for() -> None:
    async def once(stage: Stage) -> None:
        act = stage.act(STORIES[0].profile, hooks=True)
        await STORIES[0].play(act)

    stage = perform(once)
    assert [edge.short for edge in stage.raised("needs_answer")] == ["needs your ok: Bash"]
