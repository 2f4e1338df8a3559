"""The whole demo, minutes of eight sessions in virtual time, told as lines: complete, true to the money, and calm."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import pairwise
from typing import Any

import pytest

from clauditor.demo.play import repeat
from clauditor.demo.stories import STORIES
from clauditor.demo.virtual import Stage
from clauditor.edge import feed
from clauditor.edge.encoding import to_json
from clauditor.model.events import Event
from clauditor.model.facts import Fact
from clauditor.model.session import Session
from clauditor.text import width as cells
from clauditor.ui.watch.moments import Moments
from clauditor.ui.watch.output import JsonLines, TextLines
from support.virtual import perform

PLAY_SECONDS = 300.0
WIDTH = 110


class Flushed:
    """A sink that tells what the live stream would tell: four times a second the events, then the snapshots."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, dict[str, Any]]] = []
        self._changed: dict[str, None] = {}
        self._events: list[Event] = []

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        if event.session_id:
            self._changed[event.session_id] = None
        if not isinstance(event, feed._UNSENT):
            self._events.append(event)

    async def run(self, stage: Stage) -> None:
        self._snapshot(stage, full=True)
        while True:
            await stage.wait(feed.MOMENT_SECONDS)
            self.frames += [("event", json.loads(feed._event_json(event))) for event in self._events]
            self._events.clear()
            self._snapshot(stage, full=False)

    def _snapshot(self, stage: Stage, *, full: bool) -> None:
        shots = [stage.hub.snapshot(key, stage.now()) for key in self._changed]
        self._changed.clear()
        told = {"sessions": shots, "removed": [], "totals": stage.hub.totals(stage.now()), "full": full}
        self.frames.append(("snapshot", json.loads(to_json(told))))


@pytest.fixture(scope="module")
def played() -> tuple[Stage, Flushed]:
    flushed = Flushed()

    async def play(stage: Stage) -> None:
        stage.begin(flushed.run(stage))
        for story in STORIES:
            stage.begin(repeat(story, stage.act(story.profile, hooks=True), once=False))
        await stage.wait(PLAY_SECONDS)

    return perform(play, seed=1, billing="plan", sinks=(flushed,)), flushed


@pytest.fixture(scope="module")
def text(played: tuple[Stage, Flushed]) -> list[str]:
    out = io.StringIO()
    output = TextLines(out, width=lambda: None, zone=lambda _: UTC)
    for moment in _moments(played[1]):
        output.tell(moment)
    return out.getvalue().splitlines()


def _moments(flushed: Flushed) -> Iterator[Any]:
    moments = Moments()
    for name, data in flushed.frames:
        yield from moments.take(name, data)


def test_each_kind_of_thing_is_told(text: list[str]) -> None:
    for words in (
        "new session: claude-cli/",
        "prompt 1 to opus-5.5",
        "answer in ",
        "; your turn",
        "Bash (pytest) starts",
        "Bash (make) failed after ",
        "asks for your ok: Bash",
        "answered after ",
        "call failed: 529 overloaded",
        "tries again, attempt 2",
        "by sonnet-5.5, asked opus-5.5",
        "agent Explore ",
        " begins",
        " is done: ",
        "The prompt cache was rebuilt",
        "times the same call with the same result",
        " Next: ",
        "over after ",
    ):
        assert any(words in line for line in text), words


def test_every_prompt_agent_and_tool_is_told_once(text: list[str], played: tuple[Stage, Flushed]) -> None:
    stage, flushed = played
    prompts = sum(session.prompts for session in stage.hub.sessions.values())
    assert len([line for line in text if " prompt " in line and " to " in line]) == prompts
    for line, times in Counter(line for line in text if "agent" in line and line.endswith("begins")).items():
        assert times == 1, line
    called = {
        data["tool_use_id"]
        for name, data in flushed.frames
        if data.get("type") == "ToolCalled" and data["name"] == "Bash"
    }
    returned = {data["tool_use_id"] for _, data in flushed.frames if data.get("type") == "ToolReturned"}
    ends = (" done in ", " failed after ", " was refused by you after ", " timed out after ")
    told = [line for line in text if " Bash (" in line and any(end in line for end in ends)]
    assert len(told) == len(called & returned)


def test_the_costs_of_the_answers_are_the_sessions_costs(played: tuple[Stage, Flushed]) -> None:
    stage, flushed = played
    out = io.StringIO()
    output = JsonLines(out)
    for moment in _moments(flushed):
        output.tell(moment)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    answers = [event for event in told if event["type"] == "AttemptFinished"]
    assert all(event["cost_usd"] is not None for event in answers)
    for session in stage.hub.sessions.values():
        costs = sum(event["cost_usd"] for event in answers if event["session_id"] == session.session_id)
        # A call that broke off cost something too, which no answer tells.
        broken = any(agent.failed_attempts for agent in session.agents.values())
        agents = sum(agent.bill.usd or 0.0 for agent in session.agents.values())
        assert costs == pytest.approx(agents) or (broken and costs <= agents)


def test_lines_are_in_order_and_keep_to_the_width(played: tuple[Stage, Flushed]) -> None:
    out = io.StringIO()
    output = TextLines(out, width=lambda: WIDTH, zone=lambda _: UTC)
    for moment in _moments(played[1]):
        output.tell(moment)
    lines = out.getvalue().splitlines()
    assert max(map(cells, lines)) <= WIDTH
    clocks = [line[:8] for line in lines if line[:2].isdigit()]
    late = [second for first, second in pairwise(clocks) if second < first]
    assert len(late) <= len(clocks) // 50  # of one flush the sessions are told one after the other
