"""One attempt of a pretend client: send, read the answer as the real client would, say how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass(slots=True, kw_only=True)
class Message:
    """An answer as far as it was read. `blocks` have the API's form, ready to be sent back."""

    id: str = ""
    model: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    stop_reason: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    complete: bool = False

    @property
    def text(self) -> str:
        return "".join(block["text"] for block in self.blocks if block["type"] == "text")

    @property
    def tool_uses(self) -> list[dict[str, Any]]:
        return [block for block in self.blocks if block["type"] == "tool_use"]


class StatusError(Exception):
    """The answer was an error status, or an error event in a stream (then `status` is 200)."""

    def __init__(self, status: int, error_type: str, message: str, retry_after_seconds: float | None) -> None:
        super().__init__(f"{status} {error_type}: {message}")
        self.status = status
        self.error_type = error_type
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class CutError(Exception):
    """The connection failed, or the answer broke off."""


async def attempt(http: httpx.AsyncClient, request: httpx.Request, message: Message) -> None:
    """Fills `message` while the answer arrives; raises `StatusError` or `CutError`.

    Cancelling it closes the connection, as Esc does; `message` then holds what had arrived.
    """
    try:
        response = await http.send(request, stream=True)
        try:
            await _read(response, message)
        finally:
            await response.aclose()
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise CutError(str(error)) from error
    if not message.complete:
        raise CutError("the answer broke off")


async def _read(response: httpx.Response, message: Message) -> None:
    message.request_id = response.headers.get("request-id")
    if response.status_code != 200:
        raise _status_error(response.status_code, response.headers, await response.aread())
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        _fill(message, json.loads(await response.aread()))
        return
    pieces: dict[int, list[str]] = {}
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            _apply(message, pieces, json.loads(line[5:]), response.headers)


def _apply(
    message: Message, pieces: dict[int, list[str]], event: dict[str, Any], headers: httpx.Headers
) -> None:
    match event["type"]:
        case "message_start":
            started = event["message"]
            message.id, message.model, message.usage = started["id"], started["model"], dict(started["usage"])
        case "content_block_start":
            message.blocks.append(dict(event["content_block"]))
        case "content_block_delta":
            _grow(message.blocks[event["index"]], pieces.setdefault(event["index"], []), event["delta"])
        case "content_block_stop":
            block = message.blocks[event["index"]]
            if block["type"] == "tool_use":
                block["input"] = json.loads("".join(pieces.get(event["index"], [])) or "{}")
        case "message_delta":
            message.stop_reason = event["delta"].get("stop_reason") or message.stop_reason
            message.usage.update(event["usage"])
        case "message_stop":
            message.complete = True
        case "error":
            raise _status_error(200, headers, json.dumps(event).encode())


def _grow(block: dict[str, Any], pieces: list[str], delta: dict[str, Any]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] += delta["signature"]
        case "input_json_delta":
            pieces.append(delta["partial_json"])


def _fill(message: Message, whole: dict[str, Any]) -> None:
    message.id, message.model = whole.get("id", ""), whole.get("model", "")
    message.blocks, message.stop_reason = whole.get("content", []), whole.get("stop_reason")
    message.usage, message.complete = whole.get("usage", whole), True


def _status_error(status: int, headers: httpx.Headers, body: bytes) -> StatusError:
    try:
        error = json.loads(body)["error"]
        kind, text = str(error["type"]), str(error["message"])
    except (ValueError, TypeError, KeyError):
        kind, text = "unknown", body[:200].decode(errors="replace")
    after = headers.get("retry-after")
    return StatusError(status, kind, text, float(after) if after and after.isdigit() else None)
