"""A sidecar that is killed in the middle of ten sessions takes up where it was: ids, totals, raised signals."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import uuid
from functools import partial
from pathlib import Path
from typing import Any

from clauditor.demo import ClaudeCodeClient, Profile, Reply
from support.stack import RunningStack, watched_vendor
from support.waiting import until

SESSIONS = 10
# Every kind of answer leaves a signal that holds until the next one.
ENDINGS: dict[str, dict[str, Any]] = {
    "refused": {"stop_reason": "refusal"},
    "truncated": {"stop_reason": "model_context_window_exceeded"},
    "model_fallback": {"model": "claude-sonnet-5-5"},
}


def totals(shot: dict[str, Any]) -> dict[str, Any]:
    names = ("tokens", "cost_usd", "prompts", "turns", "attempts", "failed_attempts", "side_calls", "tools")
    kept = {name: shot[name] for name in (*names, "identity", "project", "branch", "started_at")}
    agents = {agent["agent_id"]: (agent["turns"], agent["tokens"]) for agent in shot["agents"]}
    cache = {name: shot["cache"][name] for name in ("misses", "lost_tokens", "events")}
    return kept | {"agents": agents, "cache": cache, "compactions": shot["context"]["compactions"]}


def raised(shot: dict[str, Any]) -> dict[str, float]:
    return {one["name"]: one["since"] for one in shot["signals"]}


def has_answered_both(shot: dict[str, Any]) -> bool:
    """Seen through the second prompt: the state alone may still be the one that the first one left."""
    return shot["prompts"] == 2 and shot["state"] in {"waiting", "idle"}


def has_more_turns(stack: RunningStack, before: dict[str, Any]) -> bool:
    return bool(stack.sessions()[before["session_id"]]["turns"] > before["turns"])


def stored_turns(stack: RunningStack) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{stack.data_dir}/clauditor.db?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM calls").fetchone()[0])


async def test_ten_sessions_go_on_after_the_sidecar_was_killed(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stage:
        vendor, stack = stage.enter_context(watched_vendor(tmp_path, seed=7))
        clients = []
        endings = [*ENDINGS, *[""] * (SESSIONS - len(ENDINGS))]
        for number, ending in enumerate(endings):
            client = await stage.enter_async_context(
                ClaudeCodeClient(
                    stack.proxy_url,
                    session_id=str(uuid.uuid4()),
                    profile=Profile(cwd=f"/home/demo/src/project-{number}"),
                )
            )
            clients.append(client)
            vendor.script(
                client.session_id,
                Reply.tool("Bash", {"command": "make"}),
                Reply.text("done"),
                Reply.text("more", **ENDINGS.get(ending, {})),
            )
            await client.prompt("fix it")
            with contextlib.suppress(Exception):  # a refusal is retried and given up by the client
                await client.prompt("go on")
        ids = [client.session_id for client in clients]
        for session_id in ids:
            stack.session_when(session_id, has_answered_both)
        before = stack.sessions()
        for session_id, ending in zip(ids, endings, strict=True):
            if ending:
                assert ending in raised(before[session_id]), before[session_id]["signals"]
        calls = sum(before[session_id]["attempts"] for session_id in ids)
        until(lambda: stored_turns(stack) >= calls, "every call on disk")

        victim = int(stack.status["sidecar"]["pid"])
        os.kill(victim, signal.SIGKILL)
        until(lambda: stack.status["sidecar"]["pid"] not in (None, victim), "a new sidecar")
        after = stack.sessions()
        assert set(ids) <= set(after)
        for session_id in ids:
            assert totals(after[session_id]) == totals(before[session_id])
        for session_id, ending in zip(ids, endings, strict=True):
            if ending:
                assert raised(after[session_id])[ending] == raised(before[session_id])[ending]

        for client in clients:
            vendor.script(client.session_id, Reply.text("after the restart"))
            await client.prompt("and now?")
        for session_id in ids:
            until(partial(has_more_turns, stack, before[session_id]), "one more call")
            assert stack.sessions()[session_id]["prompts"] == before[session_id]["prompts"] + 1
            assert [record.complete for record in vendor.ledger.records if record.session_id == session_id][
                -1
            ]
