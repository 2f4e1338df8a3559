"""cache_thrash: the prompt cache is rebuilt call after call, and time does not explain it."""

from __future__ import annotations

from clauditor.model.session import Session
from clauditor.signals import words
from clauditor.signals.cache_rebuilt import CAUSES
from clauditor.signals.finding import Finding, Signal, World


def check(session: Session, world: World) -> Finding | None:
    for agent in words.awake(session, world.now):
        miss, number = agent.cache.missed, agent.cache.in_a_row
        if miss is None or number < world.thresholds.thrash_rebuilds:
            continue
        cause, step = CAUSES.get(miss.cause, CAUSES["unknown"])
        price = f", the last {words.usd(session, miss.cost_usd)} more" if miss.cost_usd is not None else ""
        return Finding(
            severity="act",
            evidence="derived",
            summary=f"The prompt cache was rebuilt {number} calls in a row{price}: {cause}{words.of_agent(agent)}.",
            short=f"cache rebuilt x{number}",
            next_step=step,
            agent_id=agent.agent_id,
        )
    return None


SIGNAL = Signal(name="cache_thrash", check=check)
