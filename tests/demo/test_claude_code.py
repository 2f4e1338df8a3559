"""The pretend client behaves on the wire as the real one was seen to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from clauditor.demo import (
    ClaudeCodeClient,
    GaveUpError,
    Hold,
    Profile,
    Record,
    Reply,
    Request,
    Simulator,
    Text,
    ToolOutcome,
    ToolUse,
)

SPEED = 200.0
EPHEMERAL = {"type": "ephemeral"}


def client(vendor: Simulator, **fields: Any) -> ClaudeCodeClient:
    return ClaudeCodeClient(vendor.url, speed=SPEED, seed=3, **fields)


def keep_bodies(vendor: Simulator) -> list[dict[str, Any]]:
    """Every JSON body that arrives from now on; the answers stay what they would be."""
    seen: list[dict[str, Any]] = []

    def respond(request: Request) -> Reply | None:
        seen.append(request.json)
        return None

    vendor.reply_with(respond)
    return seen


async def booked(vendor: Simulator, session: ClaudeCodeClient, count: int) -> tuple[Record, ...]:
    assert await asyncio.to_thread(vendor.ledger.wait, count)
    return vendor.ledger.of(session.session_id)


async def test_the_head_has_the_documented_form() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        await session.prompt("hello")
        (record,) = await booked(vendor, session, 1)
    names = [name for name, _ in record.request_headers if name != "Host"]  # h11 moves Host to the front
    assert names == [
        "Accept", "Content-Type", "User-Agent", "X-Claude-Code-Session-Id", "X-Stainless-Arch",
        "X-Stainless-Lang", "X-Stainless-OS", "X-Stainless-Package-Version", "X-Stainless-Retry-Count",
        "X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Timeout", "anthropic-beta",
        "anthropic-dangerous-direct-browser-access", "anthropic-version", "x-api-key", "x-app",
        "x-claude-code-request-class", "x-claude-1p-request-class", "x-claude-code-prompt-id",
        "Connection", "Accept-Encoding", "Content-Length",
    ]  # fmt: skip
    assert record.header("User-Agent") == "claude-cli/2.1.330 (external, cli)"
    assert record.header("X-Claude-Code-Session-Id") == session.session_id == record.session_id
    assert record.header("x-claude-code-request-class") == "main"
    assert record.header("accept-encoding") == "gzip, deflate, br, zstd"


async def test_without_hints_only_the_free_headers_are_sent() -> None:
    async with Simulator() as vendor, client(vendor, profile=Profile(hints=False)) as session:
        await session.prompt("hello")
        (record,) = await booked(vendor, session, 1)
    names = {name.lower() for name, _ in record.request_headers if name.lower().startswith("x-claude")}
    assert names == {"x-claude-code-session-id"}


async def test_the_body_has_the_documented_form() -> None:
    async with Simulator() as vendor, client(vendor, profile=Profile(branch="fix")) as session:
        bodies = keep_bodies(vendor)
        await session.prompt("hello")
    (body,) = bodies
    assert list(body) == [
        "model", "messages", "system", "tools", "metadata", "max_tokens", "thinking", "context_management",
        "safeguards", "output_config", "stream",
    ]  # fmt: skip
    assert json.loads(body["metadata"]["user_id"])["session_id"] == session.session_id
    billing, identity, prompt = body["system"]
    assert billing["text"].startswith("x-anthropic-billing-header: cc_version=2.1.330.")
    assert "cache_control" not in billing
    assert identity["text"] == "You are Claude Code, Anthropic's official CLI for Claude."
    assert identity["cache_control"] == prompt["cache_control"] == EPHEMERAL
    user, environment = body["messages"]
    assert user["content"][0]["text"].startswith("<system-reminder>")
    assert user["content"][1] == {"type": "text", "text": "hello"}
    assert environment["role"] == "system"
    assert " - Primary working directory: /home/demo/src/webshop\n" in environment["content"][-1]["text"]
    assert environment["content"][-1]["cache_control"] == EPHEMERAL
    assert body["safeguards"][0]["classifier_context"]["git_state"]["branch"] == "fix"
    assert {"Agent", "Bash", "Edit", "Read", "Write"} <= {tool["name"] for tool in body["tools"]}


async def test_a_plan_user_sends_a_bearer_token_and_asks_for_an_hour_on_the_main_thread_only() -> None:
    profile = Profile(oauth_token="sk-ant-oat01-fake", cache_ttl="1h")
    async with Simulator() as vendor, client(vendor, profile=profile) as session:
        vendor.script(session.session_id, Reply.tool("Agent", {"prompt": "look", "subagent_type": "Explore"}))
        await session.prompt("go")
        main, agent, last = await booked(vendor, session, 3)
    assert main.header("authorization") == "Bearer sk-ant-oat01-fake"
    assert main.header("x-api-key") is None
    assert main.usage is not None
    assert agent.usage is not None
    assert (main.usage.cache_write_1h > 0, main.usage.cache_write_5m) == (True, 0)
    assert (agent.usage.cache_write_1h, agent.usage.cache_write_5m > 0) == (0, True)
    assert last.usage is not None
    assert last.usage.cache_read == main.usage.cache_write_1h


async def test_tool_results_come_back_in_order_with_their_durations() -> None:
    async def run(block: dict[str, Any]) -> ToolOutcome:
        bad = block["name"] == "Bash"
        return ToolOutcome(content=f"{block['name']} ran", is_error=True if bad else None, seconds=0.5)

    async with Simulator() as vendor, client(vendor, run_tool=run) as session:
        bodies = keep_bodies(vendor)
        calls = (ToolUse("Bash", {"command": "false"}), ToolUse("Read", {"file_path": "/a"}))
        vendor.script(session.session_id, Reply(steps=(Text("now"), *calls)))
        answer = await session.prompt("go")
        first, second = await booked(vendor, session, 2)
    assert answer.complete
    results = bodies[1]["messages"][-1]["content"]
    assert [result["tool_use_id"] for result in results] == [tool_id for tool_id, _ in first.tool_uses]
    assert [result.get("is_error") for result in results] == [True, None]
    assert results[-1]["cache_control"] == EPHEMERAL
    assert second.header("x-claude-code-prev-tool-durations") == "Bash=500;Read=500"
    assert second.header("x-claude-code-prompt-id") == first.header("x-claude-code-prompt-id")


async def test_an_earlier_message_of_one_text_is_sent_as_a_plain_string() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        bodies = keep_bodies(vendor)
        for text in ("one", "two", "three"):
            await session.prompt(text)
        last = (await booked(vendor, session, 3))[-1]
    contents = [message["content"] for message in bodies[-1]["messages"] if message["role"] == "user"]
    assert contents[1] == "two"
    assert contents[2] == [{"type": "text", "text": "three", "cache_control": EPHEMERAL}]
    assert last.usage is not None
    assert last.usage.cache_read > 0


async def test_agents_carry_their_own_id_and_nested_ones_their_parents() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        calls = [ToolUse("Agent", {"prompt": p, "subagent_type": "Explore"}) for p in ("left", "right")]
        vendor.script(session.session_id, Reply(steps=tuple(calls)))
        vendor.script(session.session_id, Reply.tool("Agent", {"prompt": "deep"}), agent="left")
        await session.prompt("go")
        seen = await booked(vendor, session, 6)
    agents = {record.agent_id: record for record in seen if record.kind == "subagent"}
    parents = {key: record.header("x-claude-code-parent-agent-id") for key, record in agents.items()}
    assert len(agents) == 3
    assert sorted(parent or "" for parent in parents.values()).count("") == 2
    assert {parent for parent in parents.values() if parent} <= set(agents)
    assert all(key.startswith("a") and len(key) == 17 for key in agents)


async def test_a_background_agent_wakes_the_main_thread() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        bodies = keep_bodies(vendor)
        call = ToolUse("Agent", {"prompt": "watch", "run_in_background": True})
        vendor.script(session.session_id, Reply(steps=(call,)))
        await session.prompt("go")
        await session.wake()
        await booked(vendor, session, 4)
    assert "<task-notification>" in json.dumps(bodies[-1]["messages"][-1])


@pytest.mark.parametrize("accident", [429, 500, 503, 529, "fin", "rst"])
async def test_it_tries_again_with_an_identical_body(accident: Any) -> None:
    failure = Reply.failure(accident) if isinstance(accident, int) else Reply.text("par", end=accident)
    async with Simulator() as vendor, client(vendor) as session:
        vendor.script(session.session_id, failure, Reply.text("there"))
        answer = await session.prompt("go")
        first, second = await booked(vendor, session, 2)
    assert answer.text == "there"
    assert first.request_sha256 == second.request_sha256
    assert second.header("X-Stainless-Retry-Count") == "0"


async def test_an_error_event_is_followed_by_the_same_call_without_streaming() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        vendor.script(session.session_id, Reply.text("par", error="api_error"), Reply.text("whole"))
        answer = await session.prompt("go")
        first, second = await booked(vendor, session, 2)
    assert answer.text == "whole"
    assert (first.stream, second.stream) == (True, False)
    assert second.header("X-Stainless-Timeout") == "300"


async def test_three_overloads_end_it_or_change_the_model() -> None:
    busy = Reply.failure(529)
    async with Simulator() as vendor:
        async with client(vendor) as session:
            vendor.script(session.session_id, busy, busy, busy)
            with pytest.raises(GaveUpError):
                await session.prompt("go")
        profile = Profile(cwd="/home/demo/src/other", fallback_model="claude-sonnet-5-5")
        async with client(vendor, profile=profile) as session:
            vendor.script(session.session_id, busy, busy, busy)
            answer = await session.prompt("go")
            seen = await booked(vendor, session, 7)
    assert answer.model == "claude-sonnet-5-5"
    assert [record.requested_model for record in seen] == ["claude-opus-5-5"] * 3 + ["claude-sonnet-5-5"]


async def test_a_long_retry_after_ends_it_at_once() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        vendor.script(session.session_id, Reply.failure(429, retry_after_seconds=3600))
        with pytest.raises(GaveUpError):
            await session.prompt("go")
        assert len(await booked(vendor, session, 1)) == 1


async def test_escape_closes_the_answer_and_keeps_the_partial_text() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        bodies = keep_bodies(vendor)
        vendor.script(session.session_id, Reply(steps=(Text("half a sentence"), Hold("never"))))
        typing = asyncio.create_task(session.prompt("go"))
        async with asyncio.timeout(10):
            while "half a sentence" not in session.arrived:  # noqa: ASYNC110 - the client has no event for it
                await asyncio.sleep(0.005)
        session.interrupt()
        interrupted = await typing
        await session.prompt("go on")
        first, _ = await booked(vendor, session, 2)
    assert not interrupted.complete
    assert first.outcome == "aborted"
    last = json.dumps(bodies[-1]["messages"])
    assert "half a sentence" in last
    assert "[Request interrupted by user]" in last


async def test_compaction_marks_the_last_answer_and_collapses_the_history() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        bodies = keep_bodies(vendor)
        for text in ("one", "two", "three"):
            await session.prompt(text)
        await session.compact()
        await session.prompt("after")
        seen = await booked(vendor, session, 5)
    compaction, after = bodies[3], bodies[4]
    assert seen[3].kind == "compaction"
    assert seen[3].header("x-claude-code-compaction") == "manual"
    assert compaction["messages"][-1]["content"][0]["text"].startswith("CRITICAL: Respond with TEXT ONLY.")
    assert "cache_control" not in json.dumps(compaction["messages"][-1])
    assert compaction["messages"][-2]["content"][-1]["cache_control"] == EPHEMERAL
    assert len(after["messages"]) < len(compaction["messages"])
    assert "This session is being continued from a previous conversation" in json.dumps(after["messages"][0])


async def test_a_full_window_is_compacted_by_itself() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        session.remember("start", "much [[tokens:600000]]")
        session.remember("more", "still more [[tokens:420000]]")
        answer = await session.prompt("and now")
        seen = await booked(vendor, session, 3)
    assert answer.complete
    assert [(record.kind, record.status) for record in seen] == [
        ("main", 400),
        ("compaction", 200),
        ("main", 200),
    ]
    assert seen[2].header("x-claude-code-context-compacted") == "auto"


async def test_side_calls_are_marked_as_such() -> None:
    async with Simulator() as vendor, client(vendor) as session:
        await session.prompt("hello")
        await session.suggest()
        title = await session.title("hello")
        counts = await session.count_tokens(5)
        seen = await booked(vendor, session, 8)
    assert [record.kind for record in seen[:3]] == ["main", "suggestion", "title"]
    assert [record.kind for record in seen[3:]] == ["count_tokens"] * 5
    assert seen[1].header("x-claude-code-request-class") == "side_reply"
    assert seen[2].header("x-claude-code-request-class") == "auxiliary"
    assert json.loads(title.text) == {"title": "pretend"}
    assert all(count > 0 for count in counts)
    assert all(record.header("X-Stainless-Timeout") is None for record in seen[3:])
