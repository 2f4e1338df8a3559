"""What a bench asks of the pretend vendor, in a header of each request, and what both sides make of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

HEADER: Final = "x-bench"
MODEL: Final = "claude-opus-5-5"
STAMP_DIGITS: Final = 20
_STAMP_AT: Final = b'"text":"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One answer. `name` is its message's id after `msg_`, and finds it in the vendor's book and in the history.

    `events` text deltas of `text_bytes` follow each other `gap_seconds` apart, by the clock and not by the last one.
    A held stream waits after the first delta until the vendor is told to go on. `tools`: id, name and command.
    """

    name: str
    events: int = 2
    gap_seconds: float = 0.0
    text_bytes: int = 40
    is_held: bool = False
    is_streamed: bool = True
    tools: tuple[tuple[str, str, str], ...] = ()
    input: int = 3
    output: int = 9
    cache_read: int = 0
    cache_write: int = 0

    def header(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def of(cls, header: str) -> Plan:
        fields = json.loads(header)
        return cls(**fields | {"tools": tuple(tuple(tool) for tool in fields["tools"])})

    def opening(self) -> bytes:
        """The events before the first delta."""
        usage = self._usage(1)
        message = {
            "id": f"msg_{self.name}",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [],
        }
        block = {"type": "text", "text": ""}
        return event({"type": "message_start", "message": message | {"usage": usage}}) + event(
            {"type": "content_block_start", "index": 0, "content_block": block}
        )

    def delta(self, stamp_ns: int) -> bytes:
        """A delta that says when it was sent (Unix nanoseconds)."""
        return (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            b'"delta":{"type":"text_delta","text":"%020d %s"}}\n\n' % (stamp_ns, b"x" * self.text_bytes)
        )

    def closing(self) -> bytes:
        """The events after the last delta."""
        parts = [event({"type": "content_block_stop", "index": 0})]
        for index, (tool_id, name, command) in enumerate(self.tools, 1):
            block = {"type": "tool_use", "id": tool_id, "name": name, "input": {}}
            words = json.dumps({"command": command, "description": "x" * 240})
            delta = {"type": "input_json_delta", "partial_json": words}
            parts += [
                event({"type": "content_block_start", "index": index, "content_block": block}),
                event({"type": "content_block_delta", "index": index, "delta": delta}),
                event({"type": "content_block_stop", "index": index}),
            ]
        ended = {"stop_reason": "tool_use" if self.tools else "end_turn", "stop_sequence": None}
        parts += [
            event({"type": "message_delta", "delta": ended, "usage": self._usage(self.output)}),
            event({"type": "message_stop"}),
        ]
        return b"".join(parts)

    def whole(self) -> bytes:
        """The answer as one JSON object."""
        content = [{"type": "text", "text": "x" * self.text_bytes}]
        fixed = {"type": "message", "role": "assistant", "model": MODEL, "stop_reason": "end_turn"}
        body = {"id": f"msg_{self.name}", "content": content, "usage": self._usage(self.output)}
        return json.dumps(fixed | body).encode()

    def _usage(self, output: int) -> dict[str, Any]:
        return {
            "input_tokens": self.input,
            "output_tokens": output,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation_input_tokens": self.cache_write,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_write,
                "ephemeral_1h_input_tokens": 0,
            },
            "service_tier": "standard",
        }


def event(body: dict[str, Any]) -> bytes:
    """One server-sent event, as the vendor writes it."""
    return f"event: {body['type']}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


def stamps(data: bytes) -> Iterator[int]:
    """When the deltas in `data` were sent (Unix nanoseconds); `data` begins and ends between two events."""
    at = 0
    while (at := data.find(_STAMP_AT, at)) >= 0:
        at += len(_STAMP_AT)
        if (digits := data[at : at + STAMP_DIGITS]).isdigit():
            yield int(digits)


def request_body(
    size: int = 200, *, tools: Sequence[str] = (), system: str = "You are asked by a bench."
) -> bytes:
    """A call of about `size` bytes that brings a result for each of the tools."""
    results = [{"type": "tool_result", "tool_use_id": tool, "content": "x" * 100} for tool in tools]
    text = {"type": "text", "text": "x" * max(1, size - 300)}
    return json.dumps(
        {
            "model": MODEL,
            "max_tokens": 64_000,
            "stream": True,
            "system": system,
            "messages": [{"role": "user", "content": [*results, text]}],
        }
    ).encode()
