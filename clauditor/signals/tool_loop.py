"""tool_loop: the same call with the same result again and again, for one prompt."""

from __future__ import annotations

from clauditor.model.session import Session
from clauditor.names import tool_name
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World
from clauditor.text import clean


def check(session: Session, world: World) -> Finding | None:
    for agent in words.at_work(session, world.now):
        loop = agent.record.loop
        if loop is None or loop.count < world.thresholds.loop_calls:
            continue
        name = clean(tool_name(loop.name), 40)
        what = f"{name} ({clean(loop.target, 40)})" if loop.target else name
        return Finding(
            severity="act",
            evidence="measured",
            summary=f"{what}: {loop.count} times the same call with the same result{words.of_agent(agent)}.",
            short=f"loop: same call x{loop.count}",
            next_step="Press Esc in its terminal and tell it what to do instead.",
            agent_id=agent.agent_id,
        )
    return None


SIGNAL = Signal(name="tool_loop", check=check)
