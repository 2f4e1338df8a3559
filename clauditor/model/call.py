"""What an agent has under way, and what things cost: records that `model.agent` and `model.session` change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from clauditor.model.events import LimitedBy
from clauditor.model.unkept import Unkept
from clauditor.model.usage import Usage


@dataclass(slots=True, kw_only=True)
class Tokens:
    """Running totals by class."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    thinking: int = 0

    def add(self, usage: Usage) -> None:
        self.input += usage.input
        self.output += usage.output
        self.cache_read += usage.cache_read
        self.cache_write_5m += usage.cache_write_5m
        self.cache_write_1h += usage.cache_write_1h
        self.thinking += usage.thinking
        for _, extra in usage.extra:
            self.add(extra)


@dataclass(slots=True, kw_only=True)
class Bill:
    """What something cost so far: US dollars, None while nothing could be priced."""

    usd: float | None = None
    complete: bool = True

    def add(self, usd: float | None, *, complete: bool) -> None:
        if usd is not None:
            self.usd = (self.usd or 0.0) + usd
        self.complete = self.complete and complete


@dataclass(slots=True, kw_only=True)
class Call:
    """An attempt that is under way. `turn_started_at`: the first attempt of its turn (None: not kept)."""

    exchange_id: str
    turn_id: str
    attempt: int
    model: str
    started_at: float
    turn_started_at: float | None = None
    prompt_id: str | None = None
    request_bytes: int = 0
    message_count: int = 0
    long_context: bool = False
    cache_ttl_seconds: int | None = None
    shape: Unkept = field(default_factory=Unkept, compare=False)
    speed: str | None = None
    is_stream: bool = True
    last_byte_at: float | None = None
    responded_at: float | None = None
    first_token_at: float | None = None
    status: int | None = None
    request_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Turn:
    """A call that the user would count: attempts with the same messages belong to it until one is answered."""

    turn_id: str
    messages: Unkept = field(compare=False)
    model: str
    started_at: float
    attempts: int = 1
    ended_at: float | None = None
    failed_status: int | None = None
    limited_by: LimitedBy | None = None
    will_retry: bool = False


@dataclass(slots=True, kw_only=True)
class ToolCall:
    """A tool that was asked for and whose result was not yet seen."""

    tool_use_id: str
    exchange_id: str
    name: str
    target: str | None
    called_at: float
    input_bytes: int
    message_count: int = 0
    input: Unkept = field(default_factory=Unkept, compare=False)


FallbackKind = Literal["server", "client", "speed"]


@dataclass(slots=True, kw_only=True)
class Fallback:
    """Another model (or speed) answers than was asked for: the server's doing, or the client's after failures."""

    kind: FallbackKind
    requested: str
    served: str
    since: float
