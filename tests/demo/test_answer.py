"""What the pretend vendor can answer beyond text and tools, and what its books say of it."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import anthropic
import brotli
import httpx
import pytest
import zstandard

from clauditor.demo import Record, Reply, ServerToolUse, Simulator, Text, Tokens, Whole
from clauditor.demo.reply import Restates

QUESTION: Any = {
    "model": "claude-opus-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}
HOUR = Tokens(input=5, output=40, cache_read=7, cache_write_5m=3, cache_write_1h=9)


async def answered(reply: Reply, body: bytes | None = None, **headers: str) -> tuple[Record, list[Any]]:
    """The record of one streamed answer, and its events."""
    content = json.dumps({**QUESTION, "stream": True}).encode() if body is None else body
    async with Simulator() as vendor, httpx.AsyncClient(trust_env=False) as http:
        vendor.reply_with(lambda _request: reply)
        received = b""
        try:
            async with http.stream(
                "POST", f"{vendor.url}/v1/messages", content=content, headers=headers
            ) as answer:
                async for piece in answer.aiter_bytes():
                    received += piece
        except httpx.RemoteProtocolError:
            pass  # the vendor was told to break off
        assert await asyncio.to_thread(vendor.ledger.wait, 1)
        (record,) = vendor.ledger.records
    lines = [line for line in received.split(b"\n\n") if line.startswith(b"event: ")]
    return record, [json.loads(line.partition(b"data: ")[2]) for line in lines if line.endswith(b"}")]


async def test_the_sdk_reads_a_server_tool_and_its_result() -> None:
    found = Whole({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []})
    steps = (ServerToolUse("web_search", {"query": "rivers"}, id="srvtoolu_1"), found, Text("The Danube."))
    async with Simulator() as vendor:
        vendor.reply_with(lambda _request: Reply(steps=steps))
        client = anthropic.AsyncAnthropic(base_url=vendor.url, api_key="sk-ant-fake-key", max_retries=0)
        async with client, client.messages.stream(**QUESTION) as stream:
            streamed = await stream.get_final_message()
            whole = await client.messages.create(**QUESTION)
        (record, _) = vendor.ledger.records
    message: Any
    for message in (streamed, whole):
        use, result, text = message.content
        assert [block.type for block in message.content] == [
            "server_tool_use",
            "web_search_tool_result",
            "text",
        ]
        assert (use.id, use.name, use.input) == ("srvtoolu_1", "web_search", {"query": "rivers"})
        assert (result.content, text.text) == ([], "The Danube.")
        assert message.stop_reason == "end_turn"
    assert record.tool_uses == ()  # nothing that the client would have to run


@pytest.mark.parametrize(
    ("restates", "counts"),
    [
        ("all", {"input_tokens": 5, "cache_creation_input_tokens": 12, "cache_read_input_tokens": 7}),
        ("totals", {"input_tokens": 5, "cache_creation_input_tokens": 12, "cache_read_input_tokens": 7}),
        ("zeros", {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}),
        ("output", {}),
    ],
)
async def test_a_delta_repeats_what_the_reply_says(restates: Restates, counts: dict[str, int]) -> None:
    record, events = await answered(Reply.text("a", usage=HOUR, restates=restates, message_deltas=2))
    deltas = [event["usage"] for event in events if event["type"] == "message_delta"]
    assert [delta["output_tokens"] for delta in deltas] == [20, 40]
    for delta in deltas:
        assert {
            name: delta[name] for name in delta if name.endswith("_input_tokens") or name == "input_tokens"
        } == counts
        assert ("cache_creation" in delta) == (restates == "all")
    assert record.usage == HOUR


async def test_what_runs_beside_the_answer_is_billed_beside_it() -> None:
    run = {
        "input_tokens": 20,
        "output_tokens": 4,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 6,
    }
    runs = (
        {**run, "type": "message"},
        {**run, "type": "compaction"},
        {
            **run,
            "type": "advisor_message",
            "model": "claude-fable-5-2",
            "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 2},
        },
    )
    record, events = await answered(Reply.text("a", usage=HOUR, iterations=runs, message_deltas=2))
    told = [event["usage"].get("iterations") for event in events if event["type"] == "message_delta"]
    assert told == [None, list(runs)]
    compaction = Tokens(input=20, output=4, cache_write_5m=6)
    advisor = Tokens(input=20, output=4, cache_write_5m=4, cache_write_1h=2)
    assert record.usage == HOUR
    assert record.beside == (("claude-opus-5-5", compaction), ("claude-fable-5-2", advisor))
    assert record.billed == HOUR + compaction + advisor


async def test_what_was_wholly_sent_before_a_cut_is_told() -> None:
    _, events = await answered(Reply.text("a", usage=HOUR))
    start = (
        b"event: message_start\ndata: "
        + json.dumps(events[0], separators=(",", ":"), ensure_ascii=False).encode()
        + b"\n\n"
    )
    for cut, told in ((len(start) - 1, None), (len(start), 2)):
        record, _ = await answered(Reply.text("a", usage=HOUR, cut_after_bytes=cut, end="fin"))
        assert record.outcome == "cut"
        assert (record.usage and record.usage.output) == told


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
    ],
)
async def test_compressed_requests_are_read_and_damaged_ones_refused(
    name: str, encode: Callable[[bytes], bytes]
) -> None:
    body = encode(json.dumps({**QUESTION, "model": "claude-haiku-5-5"}).encode())
    read, _ = await answered(Reply.text("a"), body, **{"content-encoding": name})
    assert read.requested_model == "claude-haiku-5-5"
    assert read.request_bytes == len(body)
    async with Simulator() as vendor, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{vendor.url}/v1/messages", content=b"\xff" + body[1:], headers={"content-encoding": name}
        )
    assert answer.status_code == 400
