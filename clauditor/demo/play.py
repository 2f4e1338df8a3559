"""The play: all stories at once, for as long as somebody watches."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from clauditor.demo.act import Act, Hook
from clauditor.demo.simulator import Simulator
from clauditor.demo.stories import STORIES, Story

log = logging.getLogger(__name__)

LONG_HISTORY_MESSAGES: Final = 240
"""After so many messages a session is compacted, so that a demo of days does not grow."""
_AFTER_ACCIDENT_SECONDS: Final = 5.0


async def play(
    simulator: Simulator,
    base_url: str,
    *,
    seed: int,
    speed: float,
    once: bool = False,
    hook: Hook | None = None,
    stories: tuple[Story, ...] = STORIES,
) -> None:
    """Plays every story against `base_url`, whose requests end at the simulator; `once` ends after a round."""
    async with asyncio.TaskGroup() as group:
        for story in stories:
            act = Act(simulator, base_url, story.profile, seed=seed, speed=speed, hook=hook)
            group.create_task(repeat(story, act, once=once), name=f"story-{story.name}")


async def repeat(story: Story, act: Act, *, once: bool) -> None:
    """One session: its story round after round, until cancelled or for one round only."""
    try:
        await act.pause(story.begins_after_seconds)
        await act.tell("SessionStart", source="startup")
        while True:
            await _round(story, act)
            if once:
                return
            await act.pause(story.rest_seconds * act.dice.uniform(0.8, 1.2))
    finally:
        await act.close()


async def _round(story: Story, act: Act) -> None:
    try:
        await story.play(act)
    except Exception:  # one session's accident is not the end of the play
        log.exception("the story %s broke off", story.name)
        await act.pause(_AFTER_ACCIDENT_SECONDS)
    act.round += 1
    if len(act.client.main.messages) > LONG_HISTORY_MESSAGES:
        await act.client.compact()
