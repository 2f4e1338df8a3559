"""The sidecar restarts in the middle of ten sessions: same ids, same totals, and what was raised is raised."""

from __future__ import annotations

from typing import Any

import pytest

from clauditor.demo.act import Act
from clauditor.demo.stories import STORIES
from support.virtual import Stage, perform

FOLDED = (
    "prompts",
    "turns",
    "attempts",
    "tokens",
    "cost_usd",
    "side_calls",
    "context",
    "tools",
    "failed_attempts",
)
UNDER_WAY = {"stalled", "retrying"}  # hang on a call that was under way, of which nothing is known any more


def totals(stage: Stage, act: Act) -> dict[str, Any]:
    shot = stage.shot(act)
    return {name: shot[name] for name in FOLDED}


@pytest.mark.parametrize("seconds", [10.0, 75.0, 140.0, 260.0])
def test_ten_sessions_go_on_where_they_were(seconds: float) -> None:
    async def story(stage: Stage) -> None:
        acts = [stage.act(one.profile) for one in (*STORIES, *STORIES[:2])]
        for act, one in zip(acts, (*STORIES, *STORIES[:2]), strict=True):
            stage.begin(one.play(act))
        await stage.wait(seconds)
        before = {act.client.session_id: totals(stage, act) for act in acts}
        raised = {act.client.session_id: {**stage.signals(act)} for act in acts}
        edges = len(stage.edges)
        stage.restart()
        assert {act.client.session_id: totals(stage, act) for act in acts} == before
        for act in acts:
            kept = {name: one for name, one in raised[act.client.session_id].items() if name not in UNDER_WAY}
            now = stage.signals(act)
            assert {name: now[name].since for name in kept} == {name: one.since for name, one in kept.items()}
        assert {edge.name for edge in stage.edges[edges:]} <= {*UNDER_WAY, "unobserved"}
        await stage.wait(400)
        assert len(stage.hub.sessions) == 10

    stage = perform(story)
    assert stage.hub.errors == {}
