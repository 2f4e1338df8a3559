"""A session as the world sees it: the JSON of the API, `top --json` and every screen.

The keys are a contract (docs/api.md): they only grow. Unknown values are None, never 0. Times are Unix
seconds. `label` and `limits` are not the session's own and are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from clauditor.model.account import WindowRecord
from clauditor.model.agent import Agent
from clauditor.model.cache import CacheMiss
from clauditor.model.call import Turn
from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.model.verdict import Raised, attention, in_order, verdict

Snapshot = dict[str, Any]


def session_snapshot(
    session: Session,
    now: float,
    *,
    label: str | None = None,
    limits: Mapping[str, WindowRecord] | None = None,
) -> Snapshot:
    """The snapshot of one session at `now`."""
    state, waiting_for, since, evidence, source = session_state(session, now)
    is_muted = session.muted_until is not None and now < session.muted_until
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
        "verdict": asdict(verdict(session.signals.values())),
        "attention": attention(session.signals.values(), state, waiting_for, is_muted=is_muted),
        "muted_until": session.muted_until if is_muted else None,
        "state": state,
        "waiting_for": waiting_for,
        "state_since": since,
        "state_evidence": evidence,
        "state_source": source,
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
        "side_calls": session.asides.count,
        "tokens": asdict(session.tokens),
        "rate": {
            "output_tokens_per_second": session.rate.output_tokens_per_second,
            "ttft_seconds": session.rate.ttft_seconds,
            "usual_ttft_seconds": session.rate.usual_ttft_seconds,
        },
        "stop_reason": session.stop_reason,
        "is_answered": None if main is None or main.open else main.has_answer,
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
            "last_compaction": asdict(context.compactions[-1]) if context.compactions else None,
            "compact_at_learned": context.learned_compact_at is not None,
            "history": list(context.history),
        },
        "cache": {
            "state": None if cache.expires_at is None else "warm" if now < cache.expires_at else "cold",
            "ttl_seconds": cache.ttl_seconds,
            "expires_at": cache.expires_at,
            "hit_ratio": cache.hit_ratio,
            "latest_expires_at": cache.latest_expires_at,
            "misses": session.cache_tally.misses,
            "rebuild_tokens": context.tokens if cache.refreshed_at is not None else None,
            "rebuild_cost_usd": cache.rewriting_usd if cache.refreshed_at is not None else None,
            "lost_tokens": session.cache_tally.lost_tokens,
            "lost_cost_usd": session.cache_tally.lost_usd,
            "last_miss": _miss(session.cache_tally.last_miss),
            "events": dict(session.cache_tally.events),
        },
        "tools": {
            "calls": session.tools.calls,
            "failures": session.tools.failures,
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
            "by_name": {name: asdict(tally) for name, tally in session.tools.by_name.items()},
        },
        "limits": {name: _limit(session, record) for name, record in (limits or {}).items()},
        "agents": [_agent(agent, now) for agent in session.agents.values()],
        "signals": [_signal(signal) for signal in in_order(session.signals.values())],
        "terminal": {"pane": session.told.pane, "tty": session.told.tty},
        "client_cost_usd": session.told.client_cost_usd,
        "unobserved": {"exchanges": session.unobserved_exchanges, "bytes": session.unobserved_bytes},
    }


def _retry(agent: Agent, turn: Turn) -> dict[str, Any]:
    """The attempt that is under way or waited for, and how the one before it ended."""
    is_waiting = not any(call.turn_id == turn.turn_id for call in agent.open.values())
    return {
        "attempt": turn.attempts + is_waiting,
        "status": turn.failed_status,
        "limited_by": turn.limited_by,
    }


def _limit(session: Session, record: WindowRecord) -> dict[str, Any]:
    """`session_share`: what part of the window's use this session explains, an estimate."""
    window, own = record.window, session.window_use.get(record.window.name)
    is_current = own is not None and own.resets_at == window.resets_at
    return {
        "used_ratio": window.used_ratio,
        "resets_at": window.resets_at,
        "status": window.status,
        "projected_ratio": record.projected_ratio,
        "full_at": record.full_at,
        "session_share": min(1.0, own.ratio / window.used_ratio)
        if own and is_current and window.used_ratio
        else None,
    }


def _miss(miss: CacheMiss | None) -> dict[str, Any] | None:
    if miss is None:
        return None
    return {
        "cause": miss.cause,
        "detail": miss.detail or None,
        "stable_tokens": miss.stable_tokens,
        "lost_tokens": miss.lost_tokens,
        "cost_usd": miss.cost_usd,
        "at": miss.at,
        "agent_id": miss.agent_id,
        "expected": miss.expected,
    }


def _signal(signal: Raised) -> dict[str, Any]:
    return {
        "name": signal.name,
        "severity": signal.severity,
        "summary": signal.summary,
        "short": signal.short,
        "evidence": signal.evidence,
        "since": signal.since,
        "next_step": signal.next_step,
        "agent_id": signal.agent_id,
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
