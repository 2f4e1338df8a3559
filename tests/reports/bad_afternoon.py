"""One session that went wrong in known ways, as the HTTP API tells it: 16 calls, three prompts, two agents.

Call 7 lost the cache to a changed tool, calls 9 to 12 ran the same failing command, an attempt of call 11 broke off
after it was paid, and call 14 came 42 minutes later, to a cold cache.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 15, 20, 0, tzinfo=UTC).timestamp()
STARTED_AT = NOW - 6000
SESSION_ID = "0be1d7c4-5c1e-4a9f-9d3a-3f1f6a2b7c10"
OPUS = "claude-opus-5-5"
READ_USD, WRITE_USD, OUT_USD = 0.5e-6, 6.25e-6, 25e-6
TOOLS_LOST, TTL_LOST = 60_000, 91_000
REBUILD_USD = WRITE_USD - READ_USD

Json = dict[str, Any]


def tokens(read: int, written: int, output: int) -> Json:
    return {
        "input": 12,
        "output": output,
        "cache_read": read,
        "cache_write_5m": written,
        "cache_write_1h": 0,
        "thinking": 0,
    }


def cost(usage: Json) -> float:
    read, written, output = usage["cache_read"], usage["cache_write_5m"], usage["output"]
    return float(read * READ_USD + written * WRITE_USD + output * OUT_USD)


def attempt(number: int, at: float, usage: Json | None, **fields: Any) -> Json:
    return {
        "attempt": number,
        "started_at": at,
        "ended_at": at + 20,
        "outcome": "ok",
        "status": 200,
        "error_type": None,
        "tokens": usage,
        "cost_usd": None if usage is None else cost(usage),
        **fields,
    }


def tool(name: str, target: str | None, at: float, **fields: Any) -> Json:
    return {
        "tool_use_id": f"toolu_{at}",
        "name": name,
        "target": target,
        "called_at": at,
        "returned_at": at + 3,
        "outcome": "ok",
        "duration_seconds": 0.3,
        "waited_seconds": None,
        "input_bytes": 80,
        "result_bytes": 900,
        **fields,
    }


def turn(
    at: float,
    prompt: int,
    usage: Json,
    tools: tuple[Json, ...] = (),
    *,
    agent: str = "main",
    earlier: tuple[Json, ...] = (),
) -> Json:
    attempts = [*earlier, attempt(len(earlier) + 1, at + 30 * len(earlier), usage)]
    paid = [each for each in attempts if each["tokens"] is not None]
    return {
        "turn_id": f"1-{at}",
        "agent_id": agent,
        "prompt_id": f"prompt-{prompt}",
        "started_at": at,
        "ended_at": attempts[-1]["ended_at"],
        "outcome": "ok",
        "stop_reason": "tool_use" if tools else "end_turn",
        "model": {"requested": OPUS, "served": OPUS},
        "tokens": {name: sum(each["tokens"][name] for each in paid) for name in usage},
        "cost_usd": sum(each["cost_usd"] for each in paid),
        "cost_complete": True,
        "attempts": attempts,
        "tools": list(tools),
    }


def turns() -> list[Json]:
    def alembic(at: float) -> Json:
        return tool("Bash", "alembic", at, outcome="error", duration_seconds=14.0, waited_seconds=1.0)

    t = STARTED_AT
    broken = attempt(1, t + 1500, tokens(80_000, 1_000, 300), outcome="stream", error_type="api_error")
    refused = attempt(1, t + 1230, None, outcome="http", status=529, error_type="overloaded_error")
    return [
        turn(t + 5, 1, tokens(0, 21_000, 300), (tool("Read", "models.py", t + 26),)),
        turn(
            t + 40,
            1,
            tokens(21_000, 9_000, 400),
            (tool("Read", "env.py", t + 62), tool("Grep", None, t + 62)),
        ),
        turn(
            t + 80, 1, tokens(30_000, 8_000, 900), (tool("Agent", "Explore", t + 101, duration_seconds=95.0),)
        ),
        turn(t + 110, 1, tokens(0, 14_000, 700), (tool("Grep", None, t + 131),), agent="a1"),
        turn(t + 140, 1, tokens(14_000, 5_000, 1200), agent="a1"),
        turn(t + 220, 1, tokens(38_000, 12_000, 2100)),
        turn(t + 420, 2, tokens(0, 64_000, 800), (tool("Edit", "models.py", t + 441),)),
        turn(t + 480, 2, tokens(64_000, 6_000, 900), (tool("Write", "0042_orders.py", t + 501),)),
        turn(t + 1100, 2, tokens(70_000, 3_000, 500), (alembic(t + 1121),)),
        turn(t + 1230, 2, tokens(73_000, 3_000, 600), (alembic(t + 1281),), earlier=(refused,)),
        turn(t + 1500, 2, tokens(81_000, 4_000, 600), (alembic(t + 1551),), earlier=(broken,)),
        turn(t + 1600, 2, tokens(85_000, 3_000, 600), (alembic(t + 1621),)),
        turn(t + 1700, 2, tokens(88_000, 3_000, 1900)),
        turn(t + 4260, 3, tokens(0, 96_000, 700), (tool("Edit", "env.py", t + 4281),)),
        turn(
            t + 4320,
            3,
            tokens(96_000, 4_000, 400),
            (tool("Bash", "alembic", t + 4341, duration_seconds=31.0, waited_seconds=388.0),),
        ),
        turn(t + 4780, 3, tokens(100_000, 2_000, 1500)),
    ]


def signal(name: str, severity: str, evidence: str, summary: str, at: float, until: float | None) -> Json:
    return {
        "name": name,
        "severity": severity,
        "evidence": evidence,
        "summary": summary,
        "raised_at": STARTED_AT + at,
        "cleared_at": None if until is None else STARTED_AT + until,
        "agent_id": "main",
    }


def signals() -> list[Json]:
    return [
        signal(
            "cache_rebuilt",
            "watch",
            "derived",
            "The prompt cache was rebuilt, 50k tokens written again, ~$0.29 more: the tools changed (+jira.search).",
            440,
            500,
        ),
        signal(
            "tool_loop",
            "act",
            "measured",
            "Bash (alembic): 4 times the same call with the same result.",
            1640,
            1720,
        ),
        signal("needs_answer", "act", "measured", "Claude asks for your ok to run Bash.", 1121, 1125),
        signal("needs_answer", "act", "measured", "Claude asks for your ok to run Bash.", 4341, 4729),
        signal(
            "api_errors",
            "watch",
            "measured",
            "2 attempts failed in the last 5 min, mostly: 529 overloaded.",
            1520,
            1700,
        ),
    ]


def snapshot(**fields: Any) -> Json:
    """The session while it still runs; `fields` replace whole keys."""
    calls = turns()
    attempts = [each for call in calls for each in call["attempts"] if each["tokens"] is not None]
    main = [call for call in calls if call["agent_id"] == "main"]
    return {
        "session_id": SESSION_ID,
        "identity": "header",
        "client": "claude-cli/2.1.330",
        "entrypoint": "cli",
        "label": "migrate db: never to be in a report",
        "project": "orders-api",
        "branch": "main",
        "state": "waiting",
        "waiting_for": "prompt",
        "started_at": STARTED_AT,
        "last_activity_at": STARTED_AT + 4800,
        "ended_at": None,
        "model": {"requested": OPUS, "served": OPUS},
        "prompts": 3,
        "turns": len(calls),
        "attempts": len(attempts) + 1,
        "failed_attempts": 2,
        "side_calls": 3,
        "tokens": {name: sum(each["tokens"][name] for each in attempts) for name in tokens(0, 0, 0)},
        "stop_reason": "end_turn",
        "cost_usd": sum(each["cost_usd"] for each in attempts) + 0.02,
        "cost_complete": True,
        "billing": "plan",
        "context": {"tokens": 102_012, "window": 1_000_000, "compactions": 0, "last_compaction": None},
        "cache": {
            "state": "cold",
            "ttl_seconds": 300,
            "expires_at": STARTED_AT + 5100,
            "hit_ratio": 0.81,
            "misses": 2,
            "rebuild_tokens": 102_012,
            "rebuild_cost_usd": 102_012 * REBUILD_USD,
            "lost_tokens": 50_012 + 91_012,
            "lost_cost_usd": (50_012 + 91_012) * REBUILD_USD,
            "events": {"cold_start": 2, "partial": 13, "miss_ttl": 1, "miss_rebuild": 1},
            "last_miss": {
                "cause": "ttl_expired_5m",
                "detail": None,
                "stable_tokens": 91_012,
                "lost_tokens": 91_012,
                "cost_usd": 91_012 * REBUILD_USD,
                "at": STARTED_AT + 4280,
                "agent_id": "main",
                "expected": False,
            },
        },
        "tools": {
            "calls": 13,
            "failures": 4,
            "running": [],
            "by_name": {
                "Bash": {"calls": 5, "failures": 4},
                "Read": {"calls": 2, "failures": 0},
                "Grep": {"calls": 2, "failures": 0},
                "Edit": {"calls": 2, "failures": 0},
                "Write": {"calls": 1, "failures": 0},
                "Agent": {"calls": 1, "failures": 0},
            },
        },
        "limits": {
            "five_hour": {
                "used_ratio": 0.57,
                "resets_at": NOW + 2272,
                "projected_ratio": 0.7,
                "session_share": 0.12,
            },
            "seven_day": {"used_ratio": 0.31, "resets_at": NOW + 66_472, "session_share": None},
        },
        "agents": [
            {
                "agent_id": "main",
                "type": "main",
                "parent_agent_id": None,
                "state": "waiting",
                "model": {"requested": OPUS, "served": OPUS},
                "turns": len(main),
                "failed_attempts": 2,
                "tokens": {"output": sum(call["tokens"]["output"] for call in main)},
                "cost_usd": sum(call["cost_usd"] for call in main),
                "cost_complete": True,
            },
            {
                "agent_id": "a1",
                "type": "Explore",
                "parent_agent_id": "main",
                "state": "ended",
                "model": {"requested": OPUS, "served": OPUS},
                "turns": 2,
                "failed_attempts": 0,
                "tokens": {"output": 1900},
                "cost_usd": sum(call["cost_usd"] for call in calls if call["agent_id"] == "a1"),
                "cost_complete": True,
            },
        ],
        "signals": [],
        "unobserved": {"exchanges": 0, "bytes": 0},
        **fields,
    }


def side_calls() -> list[Json]:
    usage = tokens(0, 0, 60)
    return [{"name": "title", "calls": 3, "tokens": usage, "cost_usd": 0.02, "cost_complete": True}]
