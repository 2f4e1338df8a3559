"""The vendor's answers are read by the real SDK, and its books say what was sent."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import anthropic
import httpx
import pytest

from clauditor.demo import Hold, Pause, Reply, Request, Simulator, Text, Thinking, Tokens, ToolUse

QUESTION: Any = {
    "model": "claude-opus-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}


def sdk(vendor: Simulator) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=vendor.url, api_key="sk-ant-fake-key", max_retries=0)


async def post(vendor: Simulator, body: Any = QUESTION, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(f"{vendor.url}/v1/messages", json=body, headers=headers)


async def until_idle(vendor: Simulator, count: int) -> None:
    assert await asyncio.to_thread(vendor.ledger.wait, count)


async def test_a_stream_with_every_block_is_read_by_the_sdk() -> None:
    steps = (
        Thinking("Let me look."),
        Text("Grüße, 世界"),
        ToolUse("Bash", {"command": "ls -l", "n": [1, {"a": "ü"}]}),
    )
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply(steps=steps, message_deltas=3, piece_characters=3))
        async with sdk(vendor).messages.stream(**QUESTION) as stream:
            names = [event.type async for event in stream]
            message = await stream.get_final_message()
        await until_idle(vendor, 1)
    thinking, text, tool = message.content
    assert thinking.type == "thinking"
    assert (thinking.thinking, bool(thinking.signature)) == ("Let me look.", True)
    assert text.type == "text"
    assert text.text == "Grüße, 世界"
    assert tool.type == "tool_use"
    assert tool.input == {"command": "ls -l", "n": [1, {"a": "ü"}]}
    assert (message.stop_reason, message.model) == ("tool_use", "claude-opus-5-5")
    assert names.count("message_delta") == 3
    (record,) = vendor.ledger.records
    assert record.complete
    assert record.message_id == message.id
    assert record.tool_uses == ((tool.id, "Bash"),)
    assert record.usage == Tokens(input=message.usage.input_tokens, output=message.usage.output_tokens)
    assert message.usage.output_tokens_details is not None
    assert record.thinking_tokens == message.usage.output_tokens_details.thinking_tokens > 0


async def test_an_answer_without_streaming_holds_the_same() -> None:
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply(steps=(Text("a"), ToolUse("Read", {"file_path": "/x"}))))
        message = await sdk(vendor).messages.create(**QUESTION)
        await until_idle(vendor, 1)
    assert [block.type for block in message.content] == ["text", "tool_use"]
    (record,) = vendor.ledger.records
    assert record.complete
    assert record.usage == Tokens(input=message.usage.input_tokens, output=message.usage.output_tokens)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "identity"])
async def test_compressed_streams_are_whole_and_their_wire_bytes_are_hashed(encoding: str) -> None:
    async with Simulator(encoding=encoding) as vendor, httpx.AsyncClient(trust_env=False) as http:
        request = http.build_request(
            "POST", f"{vendor.url}/v1/messages", json={**QUESTION, "stream": True},
            headers={"Accept-Encoding": "gzip, deflate, br, zstd"},
        )  # fmt: skip
        response = await http.send(request, stream=True)
        wire = b"".join([piece async for piece in response.aiter_raw()])
        await until_idle(vendor, 1)
    assert response.headers.get("content-encoding", "identity") == encoding
    (record,) = vendor.ledger.records
    assert (record.response_sha256, record.response_bytes) == (hashlib.sha256(wire).hexdigest(), len(wire))
    assert record.request_sha256 == hashlib.sha256(request.content).hexdigest()


async def test_a_coding_that_the_client_does_not_accept_is_not_used() -> None:
    async with Simulator(encoding="zstd") as vendor:
        response = await post(vendor, **{"Accept-Encoding": "gzip;q=0.5, br"})
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ],
)
async def test_errors_have_the_vendors_form(status: int, error: str) -> None:
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply.failure(status, retry_after_seconds=2))
        response = await post(vendor)
        await until_idle(vendor, 1)
    assert response.status_code == status
    assert response.json()["error"]["type"] == error
    assert response.json()["request_id"] == response.headers["request-id"]
    assert response.headers["retry-after"] == "2"
    (record,) = vendor.ledger.records
    assert (record.outcome, record.complete, record.usage) == ("error", False, None)


async def test_an_error_event_ends_a_stream_and_what_was_told_is_booked() -> None:
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply.text("half an answer", error="overloaded_error"))
        with pytest.raises(anthropic.APIStatusError):
            async with sdk(vendor).messages.stream(**QUESTION) as stream:
                await stream.get_final_message()
        await until_idle(vendor, 1)
    (record,) = vendor.ledger.records
    assert (record.outcome, record.status, record.complete) == ("stream_error", 200, False)
    assert record.usage is not None
    assert (record.usage.output, record.stop_reason) == (2, None)


@pytest.mark.parametrize("end", ["fin", "rst"])
async def test_a_cut_stops_at_the_byte_that_was_asked_for(end: Any) -> None:
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply.text("long " * 500, end=end, cut_after_bytes=1000))
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await post(vendor, {**QUESTION, "stream": True})
        await until_idle(vendor, 1)
    (record,) = vendor.ledger.records
    assert (record.outcome, record.response_bytes, record.complete) == ("cut", 1000, False)


async def test_a_silent_vendor_notices_that_the_client_leaves() -> None:
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply.text("then nothing", end="hang"))
        async with httpx.AsyncClient(trust_env=False) as http:
            request = http.build_request(
                "POST", f"{vendor.url}/v1/messages", json={**QUESTION, "stream": True}
            )
            response = await http.send(request, stream=True)
            async for line in response.aiter_lines():
                if "then nothing" in line:
                    break
            await response.aclose()
        await until_idle(vendor, 1)
    assert vendor.ledger.records[0].outcome == "aborted"


async def test_a_held_answer_waits_for_its_release() -> None:
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply(steps=(Text("one"), Hold("go"), Text("two"))))
        async with sdk(vendor).messages.stream(**QUESTION) as stream:
            async for event in stream:
                if event.type == "content_block_stop":
                    break
            assert vendor.ledger.in_flight == 1
            vendor.release("go")
            message = await stream.get_final_message()
    assert [block.text for block in message.content if block.type == "text"] == ["one", "two"]


async def test_a_pause_with_pings_sends_them() -> None:
    async with Simulator(speed=1000) as vendor:
        vendor.reply_with(lambda _request: Reply(steps=(Pause(35, pings=True), Text("late"))))
        response = await post(vendor, {**QUESTION, "stream": True})
    assert response.text.count("event: ping") == 1 + 3  # the one at the start, and one every ten seconds


async def test_a_responder_may_decline_and_sees_repeats() -> None:
    seen: list[int] = []

    def respond(request: Request) -> Reply | None:
        seen.append(request.occurrence)
        return Reply.failure(529) if request.occurrence == 0 else None

    async with Simulator() as vendor:
        vendor.reply_with(respond)
        assert (await post(vendor)).status_code == 529
        assert (await post(vendor)).status_code == 200
    assert seen == [0, 1]


async def test_what_is_no_message_call_gets_a_json_answer() -> None:
    async with Simulator() as vendor, httpx.AsyncClient(base_url=vendor.url, trust_env=False) as http:
        unknown = await http.get("/api/hello")
        models = await http.get("/v1/models?limit=1000")
        broken = await http.post("/v1/messages", content=b"{nonsense")
        wrong_method = await http.get("/v1/messages")
        count = await http.post("/v1/messages/count_tokens", json=QUESTION)
        message = await http.post("/v1/messages", json=QUESTION)
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "not_found_error")
    assert models.json()["data"][0]["max_input_tokens"] == 1_000_000
    assert (broken.status_code, wrong_method.status_code) == (400, 405)
    assert count.json() == {"input_tokens": message.json()["usage"]["input_tokens"]}


async def test_a_prompt_beyond_the_window_is_refused() -> None:
    question = {**QUESTION, "messages": [{"role": "user", "content": "[[tokens:1200000]]"}]}
    async with Simulator() as vendor:
        response = await post(vendor, question)
    assert response.status_code == 400
    assert "prompt is too long: 1200" in response.json()["error"]["message"]


async def test_the_two_families_of_limit_headers_follow_the_credential() -> None:
    async with Simulator() as vendor:
        plan = await post(vendor, authorization="Bearer sk-ant-oat01-fake")
        later = await post(vendor, {**QUESTION, "messages": [{"role": "user", "content": "[[tokens:900000]]"}]},
                           authorization="Bearer sk-ant-oat01-fake")  # fmt: skip
        await until_idle(vendor, 2)
        last = await post(vendor, authorization="Bearer sk-ant-oat01-fake")
        api = await post(vendor, **{"x-api-key": "sk-ant-fake"})
    used = [float(r.headers["anthropic-ratelimit-unified-5h-utilization"]) for r in (plan, later, last)]
    assert 0 < used[0] <= used[1] < used[2] < 1
    assert int(plan.headers["anthropic-ratelimit-unified-5h-reset"]) > 0
    assert plan.headers["anthropic-organization-id"] == api.headers["anthropic-organization-id"]
    assert api.headers["anthropic-ratelimit-input-tokens-limit"] == "2000000"
    assert "anthropic-ratelimit-unified-status" not in api.headers


async def test_directives_in_a_prompt_ask_for_tools_and_results_close_the_conversation() -> None:
    tools = [{"name": "Bash", "input_schema": {"type": "object"}}]
    text = 'Go. [[tool:Bash {"command":"echo hi"}]] [[agent: look [[tool:Read {"file_path":"/a"}]] ]] [[tool:X {bad]]'
    question = {**QUESTION, "tools": tools, "messages": [{"role": "user", "content": text}]}
    async with Simulator() as vendor:
        asked = (await post(vendor, question)).json()
        calls = [block for block in asked["content"] if block["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "hi"} for call in calls]
        turn = [{"role": "assistant", "content": asked["content"]}, {"role": "user", "content": results}]
        closed = (await post(vendor, {**question, "messages": [*question["messages"], *turn]})).json()
        without_tools = (await post(vendor, {**question, "tools": []})).json()
    assert [(call["name"], call["input"].get("prompt")) for call in calls] == [
        ("Bash", None),
        ("Agent", 'look [[tool:Read {"file_path":"/a"}]]'),
    ]
    assert asked["stop_reason"] == "tool_use"
    assert (closed["stop_reason"], without_tools["stop_reason"]) == ("end_turn", "end_turn")


async def test_a_client_in_auto_mode_gets_its_verdicts() -> None:
    question = {**QUESTION, "stream": True, "safeguards": [{"type": "dangerous_tool_use"}]}
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply.tool("Bash", {}))
        response = await post(vendor, question)
    events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    (delta,) = [event["delta"] for event in events if event["type"] == "message_delta"]
    (verdict,) = delta["safeguard_results"][0]["status"]["tool_uses"].values()
    assert verdict == {"type": "evaluated", "outcome": "not_flagged"}


async def test_raw_bodies_and_trailers_go_out_as_given() -> None:
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply(body=b"upstream connect error", status=503))
        plain = await post(vendor)
        vendor.reply_with(lambda _request: Reply.text("x", trailers=(("x-late", "1"),), chunk_bytes=7))
        streamed = await post(vendor, {**QUESTION, "stream": True})
    assert (plain.status_code, plain.text) == (503, "upstream connect error")
    assert streamed.text.endswith("\n\n")


def test_in_a_thread_it_serves_synchronous_callers() -> None:
    with Simulator() as vendor:
        vendor.script("", Reply.text("scripted"))
        client = anthropic.Anthropic(base_url=vendor.url, api_key="sk-ant-fake-key", max_retries=0)
        block = client.messages.create(**QUESTION).content[0]
        assert block.type == "text"
        assert block.text == "scripted"
        assert vendor.ledger.wait(1)
    with pytest.raises(httpx.ConnectError):
        httpx.get(vendor.url, trust_env=False)
