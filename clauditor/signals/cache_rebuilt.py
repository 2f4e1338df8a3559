"""cache_rebuilt: the newest call wrote again what it could have read from the prompt cache.

Rule and causes: `model.cache` (the client's own ledger, Claude Code 2.1.330). Holds until the chain's next call,
or until the session rests.
"""

from __future__ import annotations

from typing import Final

from clauditor.model.cache import CacheMiss
from clauditor.model.session import Session
from clauditor.names import culprit
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World
from clauditor.text import clean

_CULPRIT_CELLS: Final = 80
CAUSES: Final = {
    "ttl_expired_5m": (
        "5 minutes passed",
        "Answer within five minutes, or let Claude Code cache for an hour.",
    ),
    "ttl_expired_1h": ("an hour passed", "After a long pause a fresh session (/clear) may cost less."),
    "model_changed": ("the model changed", "Change the model at the start of a task, or after /clear."),
    "speed_changed": ("the speed changed", "Change the speed at the start of a task, or after /clear."),
    "tools_changed": ("the tools changed", "Connect MCP servers before the session starts, and leave them."),
    "system_changed": (
        "the system prompt changed",
        "Change CLAUDE.md, output style and settings between sessions.",
    ),
    "messages_changed": (
        "earlier messages changed",
        "Rewinding, and hooks that rewrite what was said, cost the cache after that point.",
    ),
    "betas_changed": ("beta features changed", "Change features between sessions."),
    "effort_changed": ("the effort changed", "Change /effort at the start of a task, or after /clear."),
    "thinking_changed": ("thinking changed", "Switch thinking at the start of a task, or after /clear."),
    "likely_server_side": ("likely on the server's side", "Nothing on your side changed; nothing to do."),
    "unknown": ("cause unknown", "Clauditor was started anew before this call and could not compare."),
}


def check(session: Session, world: World) -> Finding | None:
    for agent in words.awake(session, world.now):
        miss = agent.cache.missed
        if miss is None:
            continue
        cause, step = CAUSES.get(miss.cause, CAUSES["unknown"])
        lost = f"{words.tokens(miss.lost_tokens)} tokens written again"
        price = f", {words.usd(session, miss.cost_usd)} more" if miss.cost_usd is not None else ""
        detail = f" ({clean(culprit(miss.cause, miss.detail), _CULPRIT_CELLS)})" if miss.detail else ""
        return Finding(
            severity="watch" if _matters(miss, world) else "notice",
            evidence="heuristic" if miss.cause == "likely_server_side" else "derived",
            summary=f"The prompt cache was rebuilt, {lost}{price}: {cause}{detail}{words.of_agent(agent)}.",
            short=f"rebuilt {'+' + words.usd(session, miss.cost_usd) if miss.cost_usd else lost}",
            next_step=step,
            agent_id=agent.agent_id,
        )
    return None


def _matters(miss: CacheMiss, world: World) -> bool:
    if miss.cost_usd is None:
        return miss.lost_tokens >= world.thresholds.rebuilt_tokens
    return miss.cost_usd >= world.thresholds.rebuilt_usd


SIGNAL = Signal(name="cache_rebuilt", check=check)
