"""Tiny synthetic traffic of the Messages API, and a driver that plays it through an `Exchange`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from clauditor.model.events import AttemptFinished, Event
from clauditor.model.usage import Usage
from clauditor.wire.exchange import Exchange, Limits, Secrets

E = TypeVar("E", bound=Event)

SECRETS = Secrets(salt=b"salt" * 8, start_secret=b"start" * 8)
SESSION = "f45b919b-eefe-4be7-baa2-c67956b98562"
USER_AGENT = "claude-cli/2.1.330 (external, sdk-cli)"
HEADERS = {
    ":method": "POST",
    ":path": "/v1/messages?beta=true",
    "user-agent": USER_AGENT,
    "x-claude-code-session-id": SESSION,
}
STREAM_HEAD = {":status": "200", "content-type": "text/event-stream; charset=utf-8", "request-id": "req_1"}
JSON_HEAD = {":status": "200", "content-type": "application/json", "request-id": "req_1"}


def user(*content: Any) -> dict[str, Any]:
    """A message of blocks, or of the one string, list or nonsense given."""
    return {"role": "user", "content": _content(content)}


def assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": _content(content)}


def _content(content: tuple[Any, ...]) -> Any:
    return content[0] if len(content) == 1 and not isinstance(content[0], dict) else list(content)


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def tool_use(tool_use_id: str, name: str, **tool_input: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_use_id, "name": name, "input": tool_input}


def tool_result(tool_use_id: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": content, **more}


def request(*messages: Any, **more: Any) -> dict[str, Any]:
    """A body with the usual members; `more` replaces or adds some."""
    found = list(messages) or [user("fix the login test")]
    return {"model": "claude-opus-5-5", "messages": found, "max_tokens": 32000, "stream": True, **more}


def body(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def sse(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: ".encode() + body({"type": name, **data}) + b"\n\n"


def message_start(model: str = "claude-opus-5-5", **usage: Any) -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": []}
    return sse(
        "message_start", message={**message, "usage": {"input_tokens": 10, "output_tokens": 1, **usage}}
    )


def text_block(*parts: str, index: int = 0) -> bytes:
    deltas = (
        sse("content_block_delta", index=index, delta={"type": "text_delta", "text": part}) for part in parts
    )
    start = sse("content_block_start", index=index, content_block={"type": "text", "text": ""})
    return start + b"".join(deltas) + sse("content_block_stop", index=index)


def tool_block(tool_use_id: str, name: str, *parts: str, index: int = 1, **stop: Any) -> bytes:
    block = {"type": "tool_use", "id": tool_use_id, "name": name, "input": {}}
    deltas = (
        sse("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": part})
        for part in parts
    )
    start = sse("content_block_start", index=index, content_block=block)
    return start + b"".join(deltas) + sse("content_block_stop", index=index, **stop)


def message_delta(stop_reason: str | None = "end_turn", **usage: Any) -> bytes:
    return sse("message_delta", delta={"stop_reason": stop_reason}, usage={"output_tokens": 42, **usage})


MESSAGE_STOP = sse("message_stop")
PING = sse("ping")
ANSWER = message_start() + PING + text_block("Hel", "lo") + message_delta() + MESSAGE_STOP


class Player:
    """Plays one exchange with a fixed clock and keeps its events."""

    def __init__(self, *, limits: Limits | None = None, secrets: Secrets = SECRETS) -> None:
        self.exchange = Exchange("c1-1", secrets=secrets, limits=limits or Limits())
        self.events: list[Event] = []
        self.at = 1000.0

    def head(self, headers: dict[str, str] | None = None, *, end: bool = False) -> Player:
        pairs = list((HEADERS if headers is None else headers).items())
        self.events += self.exchange.request_headers(pairs, end=end, at=self.at)
        return self

    def send(self, data: bytes, *, end: bool = True, chunks: Sequence[int] = ()) -> Player:
        for piece, is_last in _pieces(data, chunks):
            found = self.exchange.request_body(piece, end=end and is_last, at=self.at)
            self.events += [event for event in found if event is not None]
        return self

    def ask(self, value: Any = None, headers: dict[str, str] | None = None) -> Player:
        return self.head(headers).send(body(request() if value is None else value))

    def answer_head(self, headers: dict[str, str], *, end: bool = False, local_reply: bool = False) -> Player:
        pairs = list(headers.items())
        self.events += self.exchange.response_headers(pairs, end=end, at=self.at, local_reply=local_reply)
        return self

    def answer(self, data: bytes, *, end: bool = True, chunks: Sequence[int] = ()) -> Player:
        for piece, is_last in _pieces(data, chunks):
            self.events += self.exchange.response_body(piece, end=end and is_last, at=self.at)
        return self

    def stream(self, data: bytes = ANSWER, *, end: bool = True) -> Player:
        return self.answer_head(STREAM_HEAD).answer(data, end=end)

    def progress(self) -> list[Event]:
        """As the edge asks for it, four times a second."""
        return self.exchange.progress()

    def close(self) -> Player:
        self.events += self.exchange.closed(at=self.at)
        return self

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def finished_usage(self) -> Usage:
        """The usage of the one finished attempt."""
        usage = self.one(AttemptFinished).usage
        assert usage is not None
        return usage

    def one(self, kind: type[E]) -> E:
        (event,) = self.of(kind)
        return event


def _pieces(data: bytes, sizes: Sequence[int]) -> Iterable[tuple[bytes, bool]]:
    position = 0
    for size in sizes:
        if position + size >= len(data):
            break
        yield data[position : position + size], False
        position += size
    yield data[position:], True
