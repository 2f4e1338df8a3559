"""Through the real Envoy: what clients send and get, against what Clauditor says of it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest

from clauditor.demo import ClaudeCodeClient, Hold, Pause, Profile, Reply, Simulator, Text, Thinking, ToolUse
from clauditor.demo.ledger import Record, Tokens
from support.stack import RunningStack, watched_vendor
from support.waiting import until

pytestmark = pytest.mark.timeout(180)

Pair = tuple[Simulator, RunningStack]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with watched_vendor(tmp_path_factory.mktemp("stack"), seed=3, encoding="auto") as both:
        yield both


def truth(records: list[Record]) -> dict[str, int]:
    """The vendor's own five totals."""
    total = sum((record.usage for record in records if record.usage is not None), Tokens())
    return {
        name: getattr(total, name)
        for name in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    }


def five(shot: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in shot["tokens"].items() if name != "thinking"}


def of_session(vendor: Simulator, session_id: str) -> list[Record]:
    return [record for record in vendor.ledger.records if record.session_id == session_id]


def recorded(vendor: Simulator, session_id: str) -> list[Record] | None:
    """What the vendor wrote down of a session; it does so after its client has read the last byte."""
    return of_session(vendor, session_id) or None


async def test_a_scripted_claude_code_session_is_told_exactly(pair: Pair) -> None:
    vendor, stack = pair
    async with ClaudeCodeClient(
        stack.proxy_url, session_id=str(uuid.uuid4()), profile=Profile(cwd="/home/demo/src/webshop")
    ) as client:
        vendor.script(
            client.session_id,
            Reply.failure(529),
            Reply(steps=(Thinking("let me see"), ToolUse("Bash", {"command": "pytest -q tests"}))),
            Reply(steps=(ToolUse("Agent", {"prompt": "look around", "description": "look"}),)),
            Reply.text("All done."),
        )
        await client.prompt("fix the login test")
        await client.title("fix the login test")
        await client.count_tokens(3)
        records = of_session(vendor, client.session_id)
        shot = stack.session_when(
            client.session_id, lambda seen: seen["side_calls"] >= 4 and seen["state"] == "waiting"
        )
    assert shot["identity"] == "header"
    assert shot["label"] == "fix the login test"
    assert shot["project"] == "webshop"
    assert five(shot) == truth(records)
    turns = [record for record in records if record.kind in {"main", "subagent"}]
    assert shot["attempts"] == len(turns)
    assert shot["failed_attempts"] == sum(not record.complete for record in turns) == 1
    assert shot["turns"] == len(turns) - 1
    assert shot["prompts"] == 1
    assert shot["tools"]["by_name"] == {
        "Bash": {"calls": 1, "failures": 0},
        "Agent": {"calls": 1, "failures": 0},
    }
    agents = {agent["agent_id"]: agent for agent in shot["agents"]}
    assert set(agents) == {record.agent_id for record in turns}
    assert all(agent["parent_agent_id"] == "main" for name, agent in agents.items() if name != "main")
    assert shot["cost_complete"]
    assert shot["cost_usd"] > 0


def test_the_anthropic_sdk_is_seen_as_a_derived_session(pair: Pair) -> None:
    vendor, stack = pair
    client = anthropic.Anthropic(base_url=stack.proxy_url, api_key="sk-ant-fake", max_retries=0)
    before = len(vendor.ledger.records)
    messages: list[Any] = [{"role": "user", "content": "name three rivers"}]
    for follow_up in ("and three lakes", "thank you"):
        answer = client.messages.create(model="claude-opus-5-5", max_tokens=500, messages=messages)
        messages += [
            {"role": "assistant", "content": [block.model_dump() for block in answer.content]},
            {"role": "user", "content": follow_up},
        ]
    with client.messages.stream(model="claude-opus-5-5", max_tokens=500, messages=messages) as stream:
        stream.get_final_message()
    records = list(vendor.ledger.records)[before:]

    def found() -> dict[str, Any] | None:
        shots = [shot for shot in stack.sessions().values() if shot["identity"] == "derived"]
        return (
            shots[0]
            if len(shots) == 1 and shots[0]["turns"] == 3 and shots[0]["state"] == "waiting"
            else None
        )

    shot = until(found, "one derived session with three turns")
    assert five(shot) == truth(records)
    assert shot["label"] == "name three rivers"
    client.close()


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd", "deflate"])
def test_bodies_are_byte_identical_and_counted_in_every_encoding(pair: Pair, encoding: str) -> None:
    vendor, stack = pair
    session_id = f"0000{len(encoding)}000-aaaa-4bbb-8ccc-{hashlib.sha256(encoding.encode()).hexdigest()[:12]}"
    vendor.script(session_id, Reply(steps=(Thinking("hm"), Text("words " * 200)), encoding=encoding))
    body = (
        b'{ "model":"claude-sonnet-5-5",  "max_tokens":64,"stream":true,'
        b'"messages":[{"role":"user","content":"caf\\u00e9 \xc3\xa9"}]}'
    )
    with (
        httpx.Client(trust_env=False) as client,
        client.stream(
            "POST",
            f"{stack.proxy_url}/v1/messages?beta=true",
            content=body,
            headers={
                "content-type": "application/json",
                "accept-encoding": encoding,
                "x-api-key": "sk-ant-fake",
                "x-claude-code-session-id": session_id,
            },
        ) as response,
    ):
        received = b"".join(response.iter_raw())
    (record,) = until(lambda: of_session(vendor, session_id) or None, "the vendor's record")
    assert record.encoding == encoding
    assert record.request_sha256 == hashlib.sha256(body).hexdigest()
    assert record.response_sha256 == hashlib.sha256(received).hexdigest()
    shot = stack.session_when(session_id, lambda seen: seen["state"] == "waiting")
    assert five(shot) == truth([record])


def is_new(sidecar: dict[str, Any], victim: int) -> bool:
    return sidecar["state"] == "running" and sidecar["pid"] not in (None, victim)


def is_stored(stack: RunningStack, session_id: str) -> bool:
    """Whether a session has reached the disk: what a SIGKILL may cost is a batch of 250 ms."""
    with contextlib.closing(sqlite3.connect(f"file:{stack.data_dir}/clauditor.db?mode=ro", uri=True)) as db:
        return bool(db.execute("SELECT 1 FROM sessions WHERE session_id = ?", (session_id,)).fetchall())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_sidecar_that_dies_or_freezes_mid_stream_is_not_noticed(
    tmp_path: Path, number: signal.Signals
) -> None:
    with watched_vendor(tmp_path, seed=4) as (vendor, stack):
        url, victim = stack.proxy_url, int(stack.status["sidecar"]["pid"])
        answers: dict[str, tuple[int, str]] = {}

        def ask(name: str) -> None:
            with (
                httpx.Client(trust_env=False, timeout=30) as client,
                client.stream(
                    "POST",
                    f"{url}/v1/messages",
                    json={
                        "model": "claude-opus-5-5",
                        "max_tokens": 9,
                        "stream": True,
                        "messages": [{"role": "user", "content": name}],
                    },
                    headers={"x-claude-code-session-id": name, "x-api-key": "k"},
                ) as response,
            ):
                answers[name] = (
                    response.status_code,
                    hashlib.sha256(b"".join(response.iter_raw())).hexdigest(),
                )

        vendor.script("during", Reply(steps=(Text("a" * 4000), Hold("go"), Text("b" * 400_000))))
        vendor.script("after", Reply.text("after"))
        ask("before")
        streaming = threading.Thread(target=ask, args=("during",))
        streaming.start()
        stack.session_when("during", lambda seen: seen["state"] == "streaming")
        until(lambda: is_stored(stack, "before") and is_stored(stack, "during"), "both sessions on disk")
        os.kill(victim, number)
        try:
            vendor.release("go")
            ask("after")
            streaming.join(30)
        finally:
            if number == signal.SIGSTOP:
                os.kill(victim, signal.SIGCONT)
        assert set(answers) == {"before", "during", "after"}
        for name, (status, digest) in answers.items():
            (record,) = until(partial(recorded, vendor, name), "the vendor's own record")
            assert (status, digest) == (200, record.response_sha256), name
        if number == signal.SIGKILL:
            # What passes before it serves again is a gap, told as one (test_gaps).
            until(lambda: is_new(stack.status["sidecar"], victim), "a new sidecar that serves")
        ask("later")
        shot = stack.session_when("later", lambda seen: seen["state"] == "waiting" and seen["attempts"] > 0)
        assert five(shot) == truth(of_session(vendor, "later"))
        kept = stack.sessions()["before"]
        assert five(kept) == truth(of_session(vendor, "before"))
        during = stack.sessions()["during"]
        if number == signal.SIGKILL:
            assert during["unobserved"]["exchanges"] == 1
            assert not during["cost_complete"]


async def test_an_interrupted_answer_keeps_what_was_counted(pair: Pair) -> None:
    vendor, stack = pair
    async with ClaudeCodeClient(stack.proxy_url, session_id=str(uuid.uuid4())) as client:
        vendor.script(client.session_id, Reply(steps=(Text("word " * 50), Pause(30))))
        asking = asyncio.create_task(client.prompt("tell me a story"))
        await asyncio.to_thread(
            stack.session_when, client.session_id, lambda seen: seen["state"] == "streaming"
        )
        client.interrupt()
        await asking
        shot = await asyncio.to_thread(
            stack.session_when, client.session_id, lambda seen: seen["failed_attempts"] == 1
        )
    assert shot["waiting_for"] == "prompt"
    assert not shot["cost_complete"]
    assert shot["tokens"]["cache_write_5m"] + shot["tokens"]["input"] + shot["tokens"]["cache_read"] > 0


def test_what_is_not_a_model_call_passes_and_makes_no_session(pair: Pair) -> None:
    _, stack = pair
    before = set(stack.sessions())
    with httpx.Client(trust_env=False, base_url=stack.proxy_url) as client:
        assert client.get("/v1/models", headers={"x-api-key": "k"}).status_code == 200
        assert (
            client.post("/v1/messages", content=b"{not json", headers={"x-api-key": "k"}).status_code == 400
        )
        assert client.request("DELETE", "/anything").status_code in {404, 405}
    assert set(stack.sessions()) == before
