"""Through the real Envoy: a gateway's own model has a window as soon as a list of models passed."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from clauditor.demo import ClaudeCodeClient, Profile, Reply
from clauditor.demo.ledger import Tokens
from clauditor.demo.request import Request
from support.stack import RunningStack, watched_vendor
from support.waiting import until

MODEL = "house-model-2"
LIST = b'{"data":[{"type":"model","id":"house-model-2","max_input_tokens":131072,"max_tokens":8192}]}'


def listing(request: Request) -> Reply | None:
    """What the gateway says of its models; everything else is answered as ever."""
    return (
        Reply(body=LIST, content_type="application/json", encoding="gzip")
        if request.kind == "models"
        else None
    )


def context_after(stack: RunningStack, session_id: str, turns: int) -> dict[str, Any]:
    shot = stack.session_when(session_id, lambda seen: seen["turns"] == turns and seen["state"] == "waiting")
    context: dict[str, Any] = shot["context"]
    return context


@pytest.mark.timeout(180)
async def test_a_model_that_only_the_gateway_knows_gets_its_window(tmp_path: Path) -> None:
    with watched_vendor(tmp_path, seed=5) as (vendor, stack):
        vendor.reply_with(listing)
        url = stack.proxy_url
        async with ClaudeCodeClient(
            url, session_id=str(uuid.uuid4()), profile=Profile(model=MODEL)
        ) as client:
            replies = [Reply.text("done", usage=Tokens(input=65_536, output=5)) for _ in range(3)]
            vendor.script(client.session_id, *replies)
            await client.prompt("first")
            before = context_after(stack, client.session_id, 1)
            assert (before["tokens"], before["window"], before["compact_at_tokens"]) == (65_536, None, None)

            own = {"x-claude-code-session-id": "somebody", "accept-encoding": "gzip"}
            async with httpx.AsyncClient(trust_env=False, headers=own) as http:
                answer = await http.get(f"{url}/v1/models?limit=1000")
            assert (answer.content, answer.headers["content-encoding"]) == (LIST, "gzip")

            await client.prompt("second")
            told = context_after(stack, client.session_id, 2)
            assert (told["window"], told["used_ratio"]) == (131_072, 0.5)
            assert told["compact_at_tokens"] == 131_072 - 8_192 - 13_000
            assert set(stack.sessions()) == {client.session_id}

            victim = int(stack.status["sidecar"]["pid"])
            os.kill(victim, signal.SIGKILL)
            until(lambda: stack.status["sidecar"]["pid"] not in (None, victim), "a new sidecar")
            kept = stack.sessions()[client.session_id]["context"]
            assert (kept["window"], kept["used_ratio"]) == (131_072, 0.5)
            await client.prompt("third")
            after = context_after(stack, client.session_id, 3)
            assert (after["window"], after["compact_at_tokens"]) == (131_072, told["compact_at_tokens"])
