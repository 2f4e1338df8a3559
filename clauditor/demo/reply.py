"""What the pretend vendor is told to answer, as values short enough to stand on one line of a test.

Reply.text("Hello")                                   a short answer
Reply(steps=(Thinking("hm"), Text("Look"), ToolUse("Bash", {"command": "ls"})))
Reply.failure(529)                                    an HTTP error
Reply.text("par", end="rst", cut_after_bytes=400)     a reset in the middle of the stream
Reply.text("par", error="overloaded_error")           an SSE error event after a 200
Reply(steps=(Text("a"), Hold("go"), Text("b")))       waits until `simulator.release("go")`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from clauditor.demo.ledger import Tokens

End = Literal["complete", "fin", "rst", "hang"]
Restates = Literal["all", "totals", "output", "zeros"]

ERROR_TYPES: Final = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        405: "invalid_request_error",
        413: "request_too_large",
        429: "rate_limit_error",
        500: "api_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
"""HTTP status to error type, as the vendor pairs them."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text block."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A thinking block, closed with a signature."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call. Without `id` it gets one that follows from the request."""

    name: str
    input: Mapping[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ServerToolUse:
    """A call of a tool that the vendor runs itself; its result is a `Whole`."""

    name: str
    input: Mapping[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A block that comes in one piece, without deltas: a server tool's result, or of a type that nobody knows."""

    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing for some seconds of the play (scaled by the speed); with `pings`, one every ten seconds."""

    seconds: float
    pings: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing until `Simulator.release(name)`."""

    name: str


Block = Text | Thinking | ToolUse | ServerToolUse | Whole
Step = Block | Pause | Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer.

    What happens, in order: `first_token_seconds`, head, the `steps`, `message_deltas` cumulative counts,
    the stop. With `status` 200 and an `error` the stream ends in an error event after the steps. With
    another `end` than "complete" the connection is closed (`fin`), reset (`rst`) or left silent (`hang`)
    after the steps, or as soon as `cut_after_bytes` of the body are on the wire (0: before the head).

    `model` serves in place of the requested one. `usage` and `extra_usage` replace and extend what the
    request itself would count; `iterations` are told with the final counts. `restates` says what of the prompt's
    counts each `message_delta` repeats: all, only the totals (no split of cache writes), only the output, or
    zeros. `encoding` is used when the client accepts it. `body` replaces the whole
    answer by raw bytes of `content_type`. `chunk_bytes` writes pieces of at most that size. Seconds are
    of the play (scaled by the speed); `tokens_per_second` None sends at once.
    """

    steps: tuple[Step, ...] = ()
    stop_reason: str | None = None
    stop_details: Mapping[str, Any] | None = None
    model: str | None = None
    usage: Tokens | None = None
    extra_usage: Mapping[str, Any] | None = None
    iterations: tuple[Mapping[str, Any], ...] = ()
    message_deltas: int = 1
    restates: Restates = "all"
    first_token_seconds: float = 0.0
    tokens_per_second: float | None = None
    piece_characters: int = 40
    encoding: str | None = None
    chunk_bytes: int | None = None
    status: int = 200
    error: str | None = None
    message: str = "The pretend vendor was told to fail."
    retry_after_seconds: float | None = None
    headers: tuple[tuple[str, str], ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    end: End = "complete"
    cut_after_bytes: int | None = None
    body: bytes | None = None
    content_type: str = "text/plain"

    @classmethod
    def text(cls, text: str, **fields: Any) -> Reply:
        """One text block; `fields` as above."""
        return cls(steps=(Text(text),), **fields)

    @classmethod
    def tool(cls, name: str, arguments: Mapping[str, Any], **fields: Any) -> Reply:
        """One tool call; `fields` as above."""
        return cls(steps=(ToolUse(name, arguments),), **fields)

    @classmethod
    def failure(
        cls, status: int, message: str = "The pretend vendor was told to fail.", **fields: Any
    ) -> Reply:
        """An HTTP error with the error type that belongs to the status."""
        return cls(status=status, error=ERROR_TYPES.get(status, "api_error"), message=message, **fields)

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(step for step in self.steps if not isinstance(step, Pause | Hold))

    @property
    def final_stop_reason(self) -> str:
        """The given stop reason, else the one that follows from the blocks."""
        if self.stop_reason is not None:
            return self.stop_reason
        return "tool_use" if any(isinstance(block, ToolUse) for block in self.blocks) else "end_turn"
