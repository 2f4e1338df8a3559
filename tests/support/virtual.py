"""Plays in virtual time, at list prices: what the scenarios of the signals are written in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clauditor.demo import Pause, Reply, Text, ToolOutcome, ToolUse
from clauditor.demo.act import Act
from clauditor.demo.reply import Step
from clauditor.demo.virtual import Stage
from clauditor.demo.virtual import perform as _perform
from clauditor.demo.virtual.stage import Story
from clauditor.pricing import Pricing

PRICES = Pricing()


def perform(story: Story, **options: Any) -> Stage:
    """Plays a story; its own assertions speak where it goes wrong."""
    return _perform(story, book=PRICES, **options)


def at_once(*steps: Step, **fields: Any) -> Reply:
    """An answer that takes no time, so that a story's times are its own."""
    return Reply(steps=steps or (Text("done"),), **fields)


def bash(number: int = 0) -> ToolUse:
    """A command; one with another number is another call."""
    return ToolUse("Bash", {"command": f"make step-{number}"})


def one_by_one(act: Act, outcomes: Iterator[ToolOutcome] | list[ToolOutcome]) -> None:
    """Each tool call of the session gets the next of the outcomes."""
    each = iter(outcomes)

    async def run(_block: dict[str, Any]) -> ToolOutcome:
        outcome = next(each)
        await act.client.wait(outcome.seconds)
        return outcome

    act.client.run_tool = run


async def outlives_a_restart(stage: Stage, act: Act, name: str) -> None:
    """The signal holds, and goes on to hold over a restart of the sidecar, without a second edge."""
    since, edges = stage.signals(act)[name].since, len(stage.edges)
    stage.restart()
    await stage.wait(6)  # a sweep as well
    assert stage.signals(act)[name].since == since
    assert [edge for edge in stage.edges[edges:] if edge.name == name] == []


FAILED = ToolOutcome(content="Exit code 1\nno such file", is_error=True, seconds=0.5)
WORKED = ToolOutcome(content="ok", seconds=0.5)

__all__ = [
    "FAILED",
    "PRICES",
    "WORKED",
    "Pause",
    "Reply",
    "Stage",
    "Text",
    "ToolOutcome",
    "ToolUse",
    "at_once",
    "bash",
    "one_by_one",
    "outlives_a_restart",
    "perform",
]
