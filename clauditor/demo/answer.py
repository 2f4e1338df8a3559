"""A `Reply` becomes what goes over the wire: server-sent events in the vendor's order, or one JSON body.

Source: Anthropic Messages API, streaming (python SDK 2.12.0, 2026-11). Counts in `message_delta` are
cumulative, so several of them repeat themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from clauditor.demo.blocks import begun, block_id, deltas, tokens_of, whole
from clauditor.demo.counting import count_text
from clauditor.demo.ledger import Tokens
from clauditor.demo.reply import ERROR_TYPES, Block, Hold, Pause, Reply, Thinking, ToolUse
from clauditor.demo.request import Request
from clauditor.demo.seeded import stable_id

PING_SECONDS: Final = 10.0
_STARTED_OUTPUT_TOKENS: Final = 2
_STATUS_OF: Final = {name: status for status, name in ERROR_TYPES.items()}
_BESIDE_THE_TOTALS: Final = ("advisor_message", "compaction")
_IN_A_DELTA: Final = (
    "server_tool_use",
    "fallback_credit",
)  # the rest of `extra_usage` is told at the start only


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One step of an answer: wait, then send. `told` and the rest say what the client knows once the
    bytes are out.
    """

    data: bytes = b""
    wait_seconds: float = 0.0
    hold: str | None = None
    told: Tokens | None = None
    beside: tuple[tuple[str, Tokens], ...] = ()
    stop_reason: str | None = None
    tool_uses: tuple[tuple[str, str], ...] = ()
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply with everything that follows from the request: ids, model, counts."""

    reply: Reply
    block_ids: tuple[str, ...]
    message_id: str
    model: str
    tokens: Tokens
    thinking_tokens: int
    safeguards: bool

    @property
    def tool_ids(self) -> list[str]:
        """Of the tools that the client is to run."""
        blocks = zip(self.reply.blocks, self.block_ids, strict=True)
        return [own_id for block, own_id in blocks if isinstance(block, ToolUse)]

    @property
    def beside(self) -> tuple[tuple[str, Tokens], ...]:
        """What the answer's model runs cost beyond its totals: model, and tokens of its own."""
        runs = [run for run in self.reply.iterations if run["type"] in _BESIDE_THE_TOTALS]
        return tuple((str(run.get("model") or self.model), _tokens_of_run(run)) for run in runs)

    @property
    def stop_details(self) -> dict[str, Any] | None:
        return None if self.reply.stop_details is None else dict(self.reply.stop_details)


def prepare(reply: Reply, request: Request, prompt: Tokens, seed: int) -> Answer:
    """Fills in what the reply leaves open. `prompt` is the prompt side of the counts."""
    origin = (seed, request.session_id, request.agent_id, request.body_sha256, request.occurrence)
    thinking = sum(tokens_of(block, seed) for block in reply.blocks if isinstance(block, Thinking))
    output = max(1, sum(tokens_of(block, seed) for block in reply.blocks))
    counted = reply.usage or replace(prompt, output=output)
    message_id = stable_id("msg_", *origin)
    return Answer(
        reply=reply,
        block_ids=tuple(block_id(block, origin, message_id, i) for i, block in enumerate(reply.blocks)),
        message_id=message_id,
        model=reply.model or request.model,
        tokens=counted,
        thinking_tokens=min(thinking, counted.output),
        safeguards=bool(request.json.get("safeguards")),
    )


def stream_parts(answer: Answer, seed: int) -> Iterator[Part]:
    """The answer as server-sent events, each with the wait before it (seconds of the play)."""
    reply = answer.reply
    started = replace(answer.tokens, output=min(_STARTED_OUTPUT_TOKENS, answer.tokens.output))
    message = {**_message(answer, started, 0), "content": [], "stop_reason": None, "stop_details": None}
    yield Part(
        data=_event("message_start", {"message": message}),
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
    blocks = list(zip(answer.reply.blocks, answer.block_ids, strict=True))
    message["content"] = [whole(block, own_id) for block, own_id in blocks]
    message["usage"] |= _runs(answer)
    pace = answer.reply.tokens_per_second
    pauses = sum(step.seconds for step in answer.reply.steps if isinstance(step, Pause))
    return Part(
        data=dump({**message, **_safeguard_results(answer)}),
        wait_seconds=pauses + (answer.tokens.output / pace if pace else 0.0),
        told=answer.tokens,
        beside=answer.beside,
        stop_reason=answer.reply.final_stop_reason,
        tool_uses=tuple((own_id, block.name) for block, own_id in blocks if isinstance(block, ToolUse)),
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
        usage = _restated(answer, _usage(answer, told, min(answer.thinking_tokens, output)))
        if stop_reason:
            usage |= _runs(answer)
        yield Part(
            data=_event("message_delta", {"delta": delta, "usage": usage}),
            told=told,
            beside=answer.beside if stop_reason else (),
            stop_reason=stop_reason,
        )
    yield Part(data=_event("message_stop", {}), last=True)


def _block_parts(answer: Answer, index: int, block: Block, seed: int) -> Iterator[Part]:
    own_id = answer.block_ids[index]
    start = {"index": index, "content_block": begun(block, own_id)}
    yield Part(data=_event("content_block_start", start))
    pace = answer.reply.tokens_per_second
    for piece, delta in deltas(block, own_id, answer.reply.piece_characters):
        wait = count_text(piece, seed) / pace if pace and piece else 0.0
        yield Part(
            data=_event("content_block_delta", {"index": index, "delta": delta}),
            wait_seconds=wait,
        )
    tool_uses = ((own_id, block.name),) if isinstance(block, ToolUse) else ()
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


def _restated(answer: Answer, usage: dict[str, Any]) -> dict[str, Any]:
    """What a `message_delta` repeats of the counts, as the reply says."""
    if answer.reply.restates == "all":
        return usage
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    kept: dict[str, Any] = {
        name: usage[name] for name in ("output_tokens", "output_tokens_details") if name in usage
    }
    kept |= {name: usage[name] for name in _IN_A_DELTA if name in usage}
    if answer.reply.restates == "totals":
        kept |= {name: usage[name] for name in names}
    elif answer.reply.restates == "zeros":
        kept |= dict.fromkeys(names, 0)
    return kept


def _runs(answer: Answer) -> dict[str, Any]:
    return {"iterations": [dict(run) for run in answer.reply.iterations]} if answer.reply.iterations else {}


def _tokens_of_run(run: Mapping[str, Any]) -> Tokens:
    split = run.get("cache_creation") or {}
    hour = int(split.get("ephemeral_1h_input_tokens") or 0)
    return Tokens(
        input=int(run["input_tokens"]),
        output=int(run["output_tokens"]),
        cache_read=int(run["cache_read_input_tokens"]),
        cache_write_5m=int(run["cache_creation_input_tokens"]) - hour,
        cache_write_1h=hour,
    )


def _safeguard_results(answer: Answer) -> dict[str, Any]:
    """The verdict that a client in auto mode waits for before it runs a tool."""
    if not answer.safeguards:
        return {}
    verdicts = {tool_id: {"type": "evaluated", "outcome": "not_flagged"} for tool_id in answer.tool_ids}
    status = {"type": "available", "tool_uses": verdicts}
    return {"safeguard_results": [{"type": "dangerous_tool_use", "status": status}]}


def _event(name: str, fields: Mapping[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), dump({"type": name, **fields}))
