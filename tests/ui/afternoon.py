"""Realistic session snapshots: the rows of a busy afternoon, as the HTTP API sends them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from clauditor.ui.views.empty import Around

Snapshot = dict[str, Any]

# A Sunday afternoon; every time below is relative to it.
NOW = datetime(2026, 11, 22, 14, 32, 8, tzinfo=UTC).timestamp()
OPUS = "claude-opus-5-5"
SONNET = "claude-sonnet-5-5"
WINDOW = 1_000_000
COMPACT_AT = 967_000


def limits(
    five_hour: float = 0.57,
    seven_day: float = 0.31,
    share: float | None = None,
    projected: tuple[float | None, float | None] = (None, None),
) -> Snapshot:
    """The plan's two windows; `projected` is where their pace leads by the reset."""
    return {
        "five_hour": {
            "used_ratio": five_hour,
            "resets_at": NOW + 2272,
            "status": "allowed",
            "projected_ratio": projected[0],
            "full_at": None,
            "session_share": share,
        },
        "seven_day": {
            "used_ratio": seven_day,
            "resets_at": NOW + 66_472,
            "status": "allowed",
            "projected_ratio": projected[1],
            "full_at": None,
            "session_share": None,
        },
    }


def agent(agent_id: str = "main", kind: str | None = None, **fields: Any) -> Snapshot:
    is_main = agent_id == "main"
    return {
        "agent_id": agent_id,
        "type": kind or ("main" if is_main else "general-purpose"),
        "parent_agent_id": None if is_main else "main",
        "spawned_by": None,
        "state": "waiting" if is_main else "ended",
        "waiting_for": "prompt" if is_main else None,
        "state_since": NOW - 60,
        "started_at": NOW - 1800,
        "model": {"requested": OPUS, "served": OPUS},
        "turns": 4,
        "attempts": 4,
        "failed_attempts": 0,
        "tokens": {"input": 10, "output": 900, "cache_read": 100_000},
        "cost_usd": 0.3,
        "cost_complete": True,
        **fields,
    }


def snapshot(session_id: str, **fields: Any) -> Snapshot:
    """A session that waits for its next prompt; `fields` replace whole keys."""
    return {
        "session_id": session_id,
        "identity": "header",
        "client": "claude-cli/2.1.330",
        "entrypoint": "cli",
        "label": None,
        "project": None,
        "branch": "main",
        "verdict": None,
        "attention": 200,
        "muted_until": None,
        "state": "waiting",
        "waiting_for": "prompt",
        "state_since": NOW - 60,
        "state_evidence": "measured",
        "state_source": "traffic",
        "retry": None,
        "started_at": NOW - 3600,
        "last_activity_at": NOW - 60,
        "ended_at": None,
        "model": {"requested": OPUS, "served": OPUS},
        "prompts": 3,
        "turns": 12,
        "attempts": 12,
        "failed_attempts": 0,
        "side_calls": 4,
        "tokens": {
            "input": 1200,
            "output": 8100,
            "cache_read": 1_210_000,
            "cache_write_5m": 118_000,
            "cache_write_1h": 0,
            "thinking": 2000,
        },
        "rate": {"output_tokens_per_second": 61.0, "ttft_seconds": 1.1, "usual_ttft_seconds": 1.0},
        "stop_reason": "end_turn",
        "cost_usd": 2.31,
        "cost_complete": True,
        "account": "b2f1c0",
        "billing": "plan",
        "context": context(0.12),
        "cache": cache(NOW + 168),
        "tools": tools(Bash=(12, 2), Read=(6, 0), Edit=(2, 0)),
        "limits": limits(),
        "agents": [agent(cost_usd=(fields.get("cost_usd") or 2.31) - 0.12)],
        "signals": [],
        "unobserved": {"exchanges": 0, "bytes": 0},
        **fields,
    }


def context(used: float, *, left: int | None = None, compactions: int = 0) -> Snapshot:
    steps = [round(used * part / 8, 4) for part in range(1, 9)]
    return {
        "tokens": int(used * WINDOW),
        "window": WINDOW,
        "used_ratio": used,
        "compact_at_tokens": COMPACT_AT,
        "turns_to_compact": left,
        "compactions": compactions,
        "last_compaction": None,
        "compact_at_learned": False,
        "history": steps,
    }


def cache(expires_at: float, **fields: Any) -> Snapshot:
    return {
        "state": "warm" if expires_at > NOW else "cold",
        "ttl_seconds": 300,
        "expires_at": expires_at,
        "latest_expires_at": None,
        "hit_ratio": 0.94,
        "misses": None,
        "rebuild_tokens": None,
        "rebuild_cost_usd": None,
        "lost_tokens": None,
        "lost_cost_usd": None,
        "last_miss": None,
        "events": {"cold_start": 1, "hit": 10, "miss_rebuild": 1},
        **fields,
    }


def tools(*running: Snapshot, **by_name: tuple[int, int]) -> Snapshot:
    return {
        "calls": sum(calls for calls, _ in by_name.values()),
        "failures": sum(failures for _, failures in by_name.values()),
        "running": list(running),
        "by_name": {name: {"calls": calls, "failures": failed} for name, (calls, failed) in by_name.items()},
    }


def running(name: str, seconds: float, target: str | None = None) -> Snapshot:
    return {"name": name, "since": NOW - seconds, "target": target, "agent_id": "main"}


def verdict(level: str, reason: str, next_step: str = "", since: float = NOW - 60) -> Snapshot:
    """A verdict whose sentence is as short as its few words."""
    return {
        "level": level,
        "signal": "needs_answer",
        "reason": reason,
        "short": reason,
        "next_step": next_step,
        "since": since,
    }


def signal(name: str, severity: str, summary: str, short: str, next_step: str, **fields: Any) -> Snapshot:
    return {
        "name": name,
        "severity": severity,
        "summary": summary,
        "short": short,
        "evidence": "measured",
        "since": NOW - 60,
        "next_step": next_step,
        "agent_id": "main",
        **fields,
    }


def judged(leading: Snapshot, *others: Snapshot) -> Snapshot:
    """Verdict and signals of a session in which these hold, the leading one first."""
    told = {
        "signal": "name",
        "reason": "summary",
        "short": "short",
        "next_step": "next_step",
        "since": "since",
    }
    return {
        "verdict": {"level": leading["severity"]} | {key: leading[name] for key, name in told.items()},
        "signals": [leading, *others],
    }


def first_release() -> list[Snapshot]:
    """An afternoon that nothing is said about: no verdict, no misses, no shares; plain facts only."""
    return [
        snapshot(
            "5f0c2a11-aaaa",
            project="webshop",
            label="fix login test",
            state="waiting",
            waiting_for="approval",
            state_since=NOW - 130,
            attention=900,
            tools=tools(running("ExitPlanMode", 130), Bash=(12, 2), Read=(6, 0), Edit=(2, 0)),
            last_activity_at=NOW - 130,
            agents=[
                agent(turns=9, cost_usd=1.62, state="waiting", waiting_for="approval"),
                agent("a1", "Explore", cost_usd=0.3),
                agent("a2", "Explore", cost_usd=0.27),
            ],
        ),
        snapshot(
            "77aa0b32-bbbb",
            project="infra",
            label="drift check",
            state="retrying",
            waiting_for=None,
            state_since=NOW - 42,
            attention=500,
            retry={"attempt": 4, "status": 529},
            failed_attempts=3,
            cost_usd=4.07,
            context=context(0.28),
            cache=cache(NOW + 110),
            last_activity_at=NOW - 12,
        ),
        snapshot(
            "0be1d7c4-cccc",
            project="orders-api",
            label="migrate db",
            state="tool",
            waiting_for=None,
            state_since=NOW - 8,
            attention=300,
            started_at=NOW - 7200,
            tools=tools(running("Bash", 8, "alembic"), Bash=(31, 6), Read=(11, 0)),
            cost_usd=3.9,
            context=context(0.19),
            cache=cache(NOW + 250),
            last_activity_at=NOW - 8,
        ),
        snapshot(
            "e21f9a00-dddd",
            project="docs",
            label="rewrite README",
            state="streaming",
            waiting_for=None,
            state_since=NOW - 31,
            attention=300,
            started_at=NOW - 5400,
            cost_usd=14.2,
            cost_complete=False,
            context=context(0.93, left=4, compactions=1),
            cache=cache(NOW + 260),
            last_activity_at=NOW,
            unobserved={"exchanges": 2, "bytes": 12_288},
        ),
        snapshot(
            "9c3d51e8-ffff",
            project="mobile",
            label="push tokens",
            state="thinking",
            waiting_for=None,
            state_since=NOW - 6,
            attention=300,
            started_at=NOW - 900,
            model={"requested": OPUS, "served": SONNET},
            cost_usd=0.98,
            context=context(0.09),
            cache=cache(NOW + 290),
            last_activity_at=NOW - 6,
        ),
        snapshot(
            "c40b88d1-eeee",
            project="etl",
            label="nightly backfill",
            state_since=NOW - 248,
            cost_usd=6.71,
            context=context(0.47),
            cache=cache(NOW + 52),
            last_activity_at=NOW - 248,
        ),
        *resting(3),
        *scripts(24),
    ]


def resting(number: int) -> list[Snapshot]:
    return [
        snapshot(
            f"idle{index}",
            project="old",
            label=f"chore {index}",
            state="idle",
            waiting_for=None,
            attention=50,
            state_since=NOW - 1000,
            last_activity_at=NOW - 2000,
            cache=cache(NOW - 1600),
        )
        for index in range(number)
    ]


def scripts(number: int) -> list[Snapshot]:
    return [
        snapshot(
            f"script{index}",
            project="ci",
            entrypoint="sdk-cli",
            state="ended",
            waiting_for=None,
            attention=0,
            cost_usd=0.0345,
            ended_at=NOW - 600,
            state_since=NOW - 600,
        )
        for index in range(number)
    ]


def with_signals() -> list[Snapshot]:
    """The same afternoon with the sidecar's verdicts, causes and shares: three to act on, three to watch."""
    sessions = {shot["session_id"]: shot for shot in first_release()}
    for shot in sessions.values():
        shot["verdict"] = {"level": "ok"} | dict.fromkeys(("signal", "reason", "short", "next_step", "since"))
    sessions["5f0c2a11-aaaa"] |= {
        "attention": 900,
        "state_source": "hook",
        "terminal": {"pane": "%7", "tty": "/dev/pts/7"},
        "tools": tools(running("Bash", 130, "pytest"), Bash=(12, 2), Read=(6, 0), Edit=(2, 0)),
        "limits": pace(0.09),
        "cache": cache(
            NOW + 168,
            misses=1,
            rebuild_tokens=120_000,
            rebuild_cost_usd=0.57,
            lost_tokens=88_000,
            lost_cost_usd=0.42,
            last_miss=miss("tools_changed", "+mcp__jira__search"),
        ),
    } | judged(
        signal(
            "needs_answer",
            "act",
            "Claude asks for your ok to run Bash (pytest).",
            "needs your ok: Bash",
            "Answer in its terminal.",
            since=NOW - 125,
        )
    )
    sessions["77aa0b32-bbbb"] |= {
        "state": "stalled",
        "retry": None,
        "state_since": NOW - 70,
        "last_activity_at": NOW - 190,
        "attention": 899,
        "limits": pace(0.14),
    } | judged(
        signal(
            "stalled",
            "act",
            "The answer stopped in the middle: no byte for more than 3 min.",
            "no bytes mid-answer",
            "Press Esc in its terminal and send it again; the client itself gives up after 5 minutes.",
            since=NOW - 70,
        )
    )
    sessions["0be1d7c4-cccc"] |= {"attention": 898, "limits": pace(0.12)} | judged(
        signal(
            "tool_loop",
            "act",
            "Bash (alembic): 6 times the same call with the same result.",
            "loop: same call x6",
            "Press Esc in its terminal and tell it what to do instead.",
        ),
        signal(
            "tool_failures",
            "watch",
            "The last 6 tool calls failed, the newest in Bash.",
            "6 tools failed",
            "Look at the errors; a word from you may save it many calls.",
        ),
    )
    sessions["e21f9a00-dddd"] |= {
        "attention": 592,
        "cost_complete": True,
        "unobserved": {"exchanges": 0, "bytes": 0},
        "limits": pace(0.4),
    } | judged(
        signal(
            "context_pressure",
            "watch",
            "Context holds 930k tokens; the client compacts at 967k, in about 4 calls.",
            "compacts ~4 calls",
            "Finish this step, then /compact with what must stay; a new task is better after /clear.",
            evidence="derived",
        )
    )
    sessions["c40b88d1-eeee"] |= {
        "attention": 591,
        "limits": pace(0.2),
        "cache": cache(NOW + 52, rebuild_tokens=470_000, rebuild_cost_usd=2.26),
    } | judged(
        signal(
            "cache_expiring",
            "watch",
            "The prompt cache goes cold soon; then the next message writes 470k tokens again, ~$2.26 more.",
            "goes cold: +$2.26",
            "Send the next prompt before that; a new task costs less after /clear.",
            evidence="derived",
            since=NOW - 8,
        )
    )
    sessions["9c3d51e8-ffff"] |= {"attention": 590, "limits": pace(0.03)} | judged(
        signal(
            "model_fallback",
            "watch",
            "Answered by sonnet-5.5; you asked for opus-5.5.",
            "sonnet, asked opus",
            "/model opus asks for it again; check the answers since then.",
        )
    )
    return list(sessions.values())


def many(number: int) -> list[Snapshot]:
    """The same afternoon with as many sessions, most of them at work."""
    known = with_signals()
    states = ("thinking", "streaming", "tool", "waiting")
    more = [
        snapshot(
            f"{index:08x}-many",
            project=f"service-{index % 17}",
            label=f"task {index}",
            state=states[index % len(states)],
            waiting_for="prompt" if index % len(states) == 3 else None,
            state_since=NOW - index % 90,
            last_activity_at=NOW - index % 9,
            attention=300 - index % 7,
            started_at=NOW - 60 * index,
            cost_usd=round(index * 0.137 % 9, 2),
            context=context(index % 89 / 100),
            cache=cache(NOW + index % 280),
        )
        for index in range(number - len(known))
    ]
    return [*known, *more]


def pace(share: float) -> Snapshot:
    return limits(share=share, projected=(0.88, 0.44))


def miss(cause: str, detail: str | None = None, **fields: Any) -> Snapshot:
    return {
        "cause": cause,
        "detail": detail,
        "stable_tokens": 12_000,
        "lost_tokens": 88_000,
        "cost_usd": 0.42,
        "at": NOW - 660,
        "agent_id": "main",
        "expected": False,
        **fields,
    }


AROUND = Around(
    proxy_url="http://127.0.0.1:10000",
    requests=0,
    unwatched=((4121, "~/src/webshop"), (5233, "~/src/infra")),
)

INCIDENT: Snapshot = {"status": 529, "failing": 4, "active": 6, "since": NOW - 188}


def turns() -> list[Snapshot]:
    """The calls of one session as the API tells them: two prompts, a helper, a retried call."""
    return [
        turn(-900, prompt="p1", out=420, tools=[tool("Read", "login.py"), tool("Read", "test_login.py")]),
        turn(-840, prompt="p1", agent="a1", out=1900, tools=[tool("Grep", None)]),
        turn(-700, prompt="p1", out=2100, stop="end_turn"),
        turn(
            -300,
            prompt="p2",
            out=800,
            tools=[tool("Bash", "pytest", outcome="error", seconds=12.4)],
            attempts=[
                attempt(1, -330, outcome="http", status=529, error="overloaded_error"),
                attempt(2, -320, outcome="stream", error="api_error"),
                attempt(3, -300),
            ],
        ),
        turn(-140, prompt="p2", out=310, tools=[tool("ExitPlanMode", None, outcome=None)]),
    ]


def attempt(
    number: int, at: float, *, outcome: str = "ok", status: int | None = 200, error: str | None = None
) -> Snapshot:
    return {
        "attempt": number,
        "started_at": NOW + at,
        "first_token_at": NOW + at + 1,
        "ended_at": NOW + at + 9,
        "outcome": outcome,
        "status": status,
        "error_type": error,
        "request_id": f"req_011CU{number}{int(-at):05}aBcDeFgHiJkL",
    }


def tool(name: str, target: str | None, *, outcome: str | None = "ok", seconds: float = 0.2) -> Snapshot:
    return {
        "name": name,
        "target": target,
        "called_at": NOW - 140,
        "outcome": outcome,
        "duration_seconds": seconds,
        "waited_seconds": 31.0 if outcome == "error" else None,
    }


def turn(
    at: float,
    *,
    prompt: str,
    out: int,
    agent: str = "main",
    stop: str = "tool_use",
    tools: list[Snapshot] | None = None,
    attempts: list[Snapshot] | None = None,
) -> Snapshot:
    return {
        "turn_id": f"1-{at}",
        "agent_id": agent,
        "prompt_id": prompt,
        "started_at": NOW + at,
        "ended_at": NOW + at + 9,
        "outcome": "ok",
        "stop_reason": stop,
        "model": {"requested": OPUS, "served": OPUS},
        "tokens": {
            "input": 12,
            "output": out,
            "cache_read": 110_000,
            "cache_write_5m": 7900,
            "cache_write_1h": 0,
        },
        "cost_usd": 0.0912,
        "cost_complete": True,
        "attempts": attempts or [attempt(1, at)],
        "tools": tools or [],
    }
