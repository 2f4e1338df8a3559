"""A `Reply` becomes what goes over the wire: server-sent events in the vendor's order, or one JSON body.

Source: Anthropic Messages API, streaming (python SDK 2.12.0, 2026-11). Counts in `message_delta` are
cumulative, so several of them repeat themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from clauditor.demo.counting import count_text
from clauditor.demo.ledger import Tokens
from clauditor.demo.reply import ERROR_TYPES, Block, Hold, Pause, Reply, Text, Thinking, ToolUse
from clauditor.demo.request import Request
from clauditor.demo.seeded import stable_id

PING_SECONDS: Final = 10.0
_STARTED_OUTPUT_TOKENS: Final = 2
_STATUS_OF: Final = {name: status for status, name in ERROR_TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One step of an answer: wait, then send. `told` and the rest say what the client knows once the
    bytes are out.
    """

    data: bytes = b""
    wait_seconds: float = 0.0
    hold: str | None = None
    told: Tokens | None = None
    stop_reason: str | None = None
    tool_uses: tuple[tuple[str, str], ...] = ()
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply with everything that follows from the request: ids, model, counts."""

    reply: Reply
    tool_ids: Mapping[int, str]
    message_id: str
    model: str
    tokens: Tokens
    thinking_tokens: int
    safeguards: bool

    @property
    def stop_details(self) -> dict[str, Any] | None:
        return None if self.reply.stop_details is None else dict(self.reply.stop_details)


def prepare(reply: Reply, request: Request, prompt: Tokens, seed: int) -> Answer:
    """Fills in what the reply leaves open. `prompt` is the prompt side of the counts."""
    origin = (seed, request.session_id, request.agent_id, request.body_sha256, request.occurrence)
    ids = {
        i: block.id or stable_id("toolu_", *origin, i)
        for i, block in enumerate(reply.blocks)
        if isinstance(block, ToolUse)
    }
    thinking = sum(_tokens(block, seed) for block in reply.blocks if isinstance(block, Thinking))
    output = max(1, sum(_tokens(block, seed) for block in reply.blocks))
    tokens = reply.usage or replace(prompt, output=output)
    return Answer(
        reply=reply,
        tool_ids=ids,
        message_id=stable_id("msg_", *origin),
        model=reply.model or request.model,
        tokens=tokens,
        thinking_tokens=min(thinking, tokens.output),
        safeguards=bool(request.json.get("safeguards")),
    )


def stream_parts(answer: Answer, seed: int) -> Iterator[Part]:
    """The answer as server-sent events, each with the wait before it (seconds of the play)."""
    reply = answer.reply
    started = replace(answer.tokens, output=min(_STARTED_OUTPUT_TOKENS, answer.tokens.output))
    message = {**_message(answer, started, 0), "content": [], "stop_reason": None, "stop_details": None}
    yield Part(
        data=_event("message_start", {"message": message}),
        wait_seconds=reply.first_token_seconds,
        told=started,
    )
    yield Part(data=_event("ping", {}))
    index = 0
    for step in reply.steps:
        if isinstance(step, Hold):
            yield Part(hold=step.name)
        elif isinstance(step, Pause):
            yield from _pause(step)
        else:
            yield from _block_parts(answer, index, step, seed)
            index += 1
    if reply.error is not None:
        yield Part(data=_event("error", error_body(reply)), last=True)
    elif reply.end == "complete" or reply.cut_after_bytes is not None:
        yield from _closing_parts(answer)


def json_part(answer: Answer) -> Part:
    """The answer as one JSON message (the request did not ask for a stream), after all of its waits."""
    message = _message(answer, answer.tokens, answer.thinking_tokens)
    blocks = list(enumerate(answer.reply.blocks))
    message["content"] = [_whole_block(answer, i, block) for i, block in blocks]
    pace = answer.reply.tokens_per_second
    pauses = sum(step.seconds for step in answer.reply.steps if isinstance(step, Pause))
    return Part(
        data=dump({**message, **_safeguard_results(answer)}),
        wait_seconds=pauses + (answer.tokens.output / pace if pace else 0.0),
        told=answer.tokens,
        stop_reason=answer.reply.final_stop_reason,
        tool_uses=tuple((answer.tool_ids[i], b.name) for i, b in blocks if isinstance(b, ToolUse)),
        last=True,
    )


def error_body(reply: Reply, request_id: str | None = None) -> dict[str, Any]:
    """An error as the vendor words it, in a body or in an event."""
    body: dict[str, Any] = {"type": "error", "error": {"type": reply.error, "message": reply.message}}
    return body if request_id is None else {**body, "request_id": request_id}


def error_status(reply: Reply) -> int:
    """The status of an answer that is an error and not a stream."""
    return _STATUS_OF.get(reply.error or "", 500) if reply.status == 200 else reply.status


def dump(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def _closing_parts(answer: Answer) -> Iterator[Part]:
    count = max(1, answer.reply.message_deltas)
    for number in range(1, count + 1):
        output = answer.tokens.output * number // count
        told = replace(answer.tokens, output=output)
        stop_reason = answer.reply.final_stop_reason if number == count else None
        delta = {
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "stop_details": answer.stop_details if stop_reason else None,
            **(_safeguard_results(answer) if stop_reason else {}),
        }
        usage = _usage(answer, told, min(answer.thinking_tokens, output))
        yield Part(
            data=_event("message_delta", {"delta": delta, "usage": usage}), told=told, stop_reason=stop_reason
        )
    yield Part(data=_event("message_stop", {}), last=True)


def _block_parts(answer: Answer, index: int, block: Block, seed: int) -> Iterator[Part]:
    yield Part(
        data=_event(
            "content_block_start", {"index": index, "content_block": _empty_block(answer, index, block)}
        )
    )
    pace = answer.reply.tokens_per_second
    for piece in _pieces(block, answer.reply.piece_characters):
        wait = _tokens_of(piece, seed) / pace if pace else 0.0
        yield Part(
            data=_event("content_block_delta", {"index": index, "delta": _delta(block, piece)}),
            wait_seconds=wait,
        )
    if isinstance(block, Thinking):
        signature = {
            "type": "signature_delta",
            "signature": stable_id("Er", answer.message_id, index, length=40),
        }
        yield Part(data=_event("content_block_delta", {"index": index, "delta": signature}))
    tool_uses = ((answer.tool_ids[index], block.name),) if isinstance(block, ToolUse) else ()
    yield Part(data=_event("content_block_stop", {"index": index}), tool_uses=tool_uses)


def _pause(pause: Pause) -> Iterator[Part]:
    left = pause.seconds
    while pause.pings and left > PING_SECONDS:
        left -= PING_SECONDS
        yield Part(data=_event("ping", {}), wait_seconds=PING_SECONDS)
    yield Part(wait_seconds=left)


def _message(answer: Answer, tokens: Tokens, thinking_tokens: int) -> dict[str, Any]:
    return {
        "id": answer.message_id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": answer.reply.final_stop_reason,
        "stop_sequence": None,
        "stop_details": answer.stop_details,
        "usage": _usage(answer, tokens, thinking_tokens),
    }


def _usage(answer: Answer, tokens: Tokens, thinking_tokens: int) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "input_tokens": tokens.input,
        "cache_creation_input_tokens": tokens.cache_write_5m + tokens.cache_write_1h,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write_5m,
            "ephemeral_1h_input_tokens": tokens.cache_write_1h,
        },
        "output_tokens": tokens.output,
        "service_tier": "standard",
        "inference_geo": "global",
    }
    if thinking_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": thinking_tokens}
    return {**usage, **(answer.reply.extra_usage or {})}


def _safeguard_results(answer: Answer) -> dict[str, Any]:
    """The verdict that a client in auto mode waits for before it runs a tool."""
    if not answer.safeguards:
        return {}
    verdicts = {
        tool_id: {"type": "evaluated", "outcome": "not_flagged"} for tool_id in answer.tool_ids.values()
    }
    status = {"type": "available", "tool_uses": verdicts}
    return {"safeguard_results": [{"type": "dangerous_tool_use", "status": status}]}


def _empty_block(answer: Answer, index: int, block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return {"type": "text", "text": ""}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolUse():
            return {"type": "tool_use", "id": answer.tool_ids[index], "name": block.name, "input": {}}


def _whole_block(answer: Answer, index: int, block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return {"type": "text", "text": block.text}
        case Thinking():
            signature = stable_id("Er", answer.message_id, index, length=40)
            return {"type": "thinking", "thinking": block.text, "signature": signature}
        case ToolUse():
            return {**_empty_block(answer, index, block), "input": dict(block.input)}


def _pieces(block: Block, characters: int) -> Iterator[str]:
    content = _content(block)
    if isinstance(block, ToolUse):
        yield ""  # the vendor opens every tool input with an empty piece
    for start in range(0, len(content), characters):
        yield content[start : start + characters]


def _delta(block: Block, piece: str) -> dict[str, Any]:
    match block:
        case Text():
            return {"type": "text_delta", "text": piece}
        case Thinking():
            return {"type": "thinking_delta", "thinking": piece}
        case ToolUse():
            return {"type": "input_json_delta", "partial_json": piece}


def _content(block: Block) -> str:
    match block:
        case Text() | Thinking():
            return block.text
        case ToolUse():
            return json.dumps(dict(block.input), ensure_ascii=False)


def _tokens(block: Block, seed: int) -> int:
    return _tokens_of(_content(block), seed)


def _tokens_of(content: str, seed: int) -> int:
    return count_text(content, seed)


def _event(name: str, fields: Mapping[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), dump({"type": name, **fields}))
