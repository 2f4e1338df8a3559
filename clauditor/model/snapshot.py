"""A session as the world sees it: the JSON of the API, `top --json` and every screen.

The keys are a contract (docs/api.md): they only grow. Unknown values are None, never 0. Times are Unix
seconds. `label`, `limits` and `muted_until` are not the session's own and are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from clauditor.model.agent import IDLE_SECONDS, Agent, State, Turn, WaitingFor
from clauditor.model.events import LimitWindow
from clauditor.model.session import Session

Snapshot = dict[str, Any]

# Who needs a person comes first, then who works, then who rests. Signals will add to it.
_ATTENTION: Final[dict[State, int]] = {
    "stalled": 800,
    "retrying": 500,
    "tool": 300,
    "streaming": 300,
    "thinking": 300,
    "waiting": 200,
    "idle": 50,
    "ended": 0,
}
_ATTENTION_DIALOG: Final = 900
_WORKING: Final = frozenset({"thinking", "streaming", "tool", "retrying"})


def session_state(session: Session, now: float) -> tuple[State, WaitingFor | None, float]:
    """What a session does, for what it waits, and since when.

    The main thread speaks for the session. Where it only waits for a prompt, agents at work make that a
    wait for the background; a session without a main thread is as the agent that came last to work.
    """
    if session.ended_at is not None:
        return "ended", None, session.ended_at
    others = [agent.state_of(now) for agent in session.agents.values() if not agent.is_main]
    at_work = [state for state in others if state[0] in _WORKING]
    main = session.main
    if main is None:
        if at_work:
            return max(at_work, key=lambda state: state[2])
        if now - session.last_activity_at >= IDLE_SECONDS:
            return "idle", None, session.last_activity_at + IDLE_SECONDS
        return "waiting", None, session.last_activity_at
    state, waiting_for, since = main.state_of(now)
    if at_work and (state == "idle" or waiting_for == "prompt"):
        return "waiting", "background", min(start for _, _, start in at_work)
    return state, waiting_for, since


def session_snapshot(
    session: Session,
    now: float,
    *,
    label: str | None = None,
    limits: Mapping[str, LimitWindow] | None = None,
) -> Snapshot:
    """The snapshot of one session at `now`."""
    state, waiting_for, since = session_state(session, now)
    main = session.main or next(iter(session.agents.values()), None)
    turn = main.turn if main is not None and state == "retrying" else None
    context, cache = session.context, session.cache
    return {
        "session_id": session.session_id,
        "identity": session.identity,
        "client": session.client,
        "entrypoint": session.entrypoint,
        "label": label,
        "project": session.project,
        "branch": session.branch,
        "verdict": None,
        "attention": _ATTENTION_DIALOG if waiting_for in {"approval", "question"} else _ATTENTION[state],
        "muted_until": None,
        "state": state,
        "waiting_for": waiting_for,
        "state_since": since,
        "retry": None if turn is None or main is None else _retry(main, turn),
        "started_at": session.started_at,
        "last_activity_at": session.last_activity_at,
        "ended_at": session.ended_at,
        "model": {
            "requested": main.requested if main else None,
            "served": main.served if main else None,
        },
        "prompts": session.prompts,
        "turns": session.turns,
        "attempts": session.attempts,
        "failed_attempts": session.failed_attempts,
        "side_calls": sum(session.side_calls.values()),
        "tokens": asdict(session.tokens),
        "rate": asdict(session.rate),
        "stop_reason": session.stop_reason,
        "cost_usd": session.bill.usd,
        "cost_complete": session.bill.complete,
        "account": session.account,
        "billing": session.billing,
        "context": {
            "tokens": context.tokens or None,
            "window": context.window,
            "used_ratio": context.used_ratio if context.tokens else None,
            "compact_at_tokens": context.compact_at_tokens,
            "turns_to_compact": context.turns_to_compact,
            "compactions": session.compactions,
            "history": list(context.history),
        },
        "cache": {
            "state": None if cache.expires_at is None else "warm" if now < cache.expires_at else "cold",
            "ttl_seconds": cache.ttl_seconds,
            "expires_at": cache.expires_at,
            "hit_ratio": cache.hit_ratio,
            "misses": None,
            "rebuild_tokens": None,
            "rebuild_cost_usd": None,
            "last_miss": None,
        },
        "tools": {
            "calls": sum(tally.calls for tally in session.tools.values()),
            "failures": sum(tally.failures for tally in session.tools.values()),
            "running": [
                {
                    "name": tool.name,
                    "since": tool.called_at,
                    "target": tool.target,
                    "agent_id": agent.agent_id,
                }
                for agent in session.agents.values()
                for tool in agent.running.values()
            ],
            "by_name": {name: asdict(tally) for name, tally in session.tools.items()},
        },
        "limits": {name: _limit(window) for name, window in (limits or {}).items()},
        "agents": [_agent(agent, now) for agent in session.agents.values()],
        "signals": [],
        "unobserved": {"exchanges": session.unobserved_exchanges, "bytes": session.unobserved_bytes},
    }


def _retry(agent: Agent, turn: Turn) -> dict[str, Any]:
    """The attempt that is under way or waited for, and how the one before it ended."""
    is_waiting = not any(call.turn_id == turn.turn_id for call in agent.open.values())
    return {"attempt": turn.attempts + is_waiting, "status": turn.failed_status}


def _limit(window: LimitWindow) -> dict[str, Any]:
    return {
        "used_ratio": window.used_ratio,
        "resets_at": window.resets_at,
        "status": window.status,
        "session_share": None,
    }


def _agent(agent: Agent, now: float) -> dict[str, Any]:
    state, waiting_for, since = agent.state_of(now)
    return {
        "agent_id": agent.agent_id,
        "type": agent.type,
        "parent_agent_id": agent.parent_agent_id,
        "spawned_by": agent.spawning_tool_use_id,
        "state": state,
        "waiting_for": waiting_for,
        "state_since": since,
        "started_at": agent.started_at,
        "model": {"requested": agent.requested, "served": agent.served},
        "turns": agent.turns,
        "attempts": agent.attempts,
        "failed_attempts": agent.failed_attempts,
        "tokens": asdict(agent.tokens),
        "cost_usd": agent.bill.usd,
        "cost_complete": agent.bill.complete,
    }
