"""What a session's dials show: context fill, prompt cache, speed. Each is fed by finished calls.

Sources: the client's own compaction formula and its cache ledger (Claude Code 2.1.330): a cache entry
lives 5 minutes or 1 hour from its last use, and the countdown starts when the response starts.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Final

from clauditor.model.models import compact_at, context_window
from clauditor.model.usage import Usage

FIVE_MINUTES: Final = 300
ONE_HOUR: Final = 3600

_KEPT_GROWTHS: Final = 8
_KEPT_RATIOS: Final = 32
_FASTEST: Final = 2000.0  # tokens a second; above it the answer came in one heap, which tells no speed


@dataclass(slots=True, kw_only=True)
class ContextGauge:
    """Fill of the main thread's context window, in tokens."""

    tokens: int = 0
    model: str | None = None
    long_context: bool = False
    largest_prompt: int = 0
    growths: list[int] = field(default_factory=list)
    history: list[float] = field(default_factory=list)

    def see(self, tokens: int, model: str, *, long_context: bool) -> None:
        """One more call of the main thread had a prompt of `tokens`."""
        if self.tokens and tokens > self.tokens:
            self.growths.append(tokens - self.tokens)
            del self.growths[:-_KEPT_GROWTHS]
        if model != self.model:
            self.largest_prompt = 0
        self.tokens, self.model, self.long_context = tokens, model, long_context
        self.largest_prompt = max(self.largest_prompt, tokens)
        if (ratio := self.used_ratio) is not None:
            self.history.append(round(ratio, 4))
            del self.history[:-_KEPT_RATIOS]

    @property
    def window(self) -> int | None:
        if self.model is None:
            return None
        return context_window(self.model, long_context=self.long_context, largest_prompt=self.largest_prompt)

    @property
    def used_ratio(self) -> float | None:
        return self.tokens / self.window if self.window else None

    @property
    def compact_at_tokens(self) -> int | None:
        return compact_at(self.model, self.window) if self.model and self.window else None

    @property
    def turns_to_compact(self) -> int | None:
        """Calls until the client compacts, by the median of the last growths; None under two of them."""
        limit = self.compact_at_tokens
        if limit is None:
            return None
        if self.tokens >= limit:
            return 0
        if len(self.growths) < 2:
            return None
        return max(1, math.ceil((limit - self.tokens) / statistics.median(self.growths)))


@dataclass(slots=True, kw_only=True)
class CacheGauge:
    """The main thread's prompt cache. `refreshed_at` is when its entries were last used."""

    ttl_seconds: int | None = None
    refreshed_at: float | None = None
    read_tokens: int = 0
    write_tokens: int = 0
    uncached_tokens: int = 0

    def refresh(self, usage: Usage, at: float, asked_ttl_seconds: int | None) -> None:
        """A response that started at `at` used the cache. With both lifetimes written, the shorter counts."""
        if usage.cache_write_5m:
            self.ttl_seconds = FIVE_MINUTES
        elif usage.cache_write_1h:
            self.ttl_seconds = ONE_HOUR
        elif self.ttl_seconds is None and usage.cache_read:
            self.ttl_seconds = asked_ttl_seconds
        if usage.cache_read or usage.cache_write:
            self.refreshed_at = at

    def count(self, usage: Usage) -> None:
        self.read_tokens += usage.cache_read
        self.write_tokens += usage.cache_write
        self.uncached_tokens += usage.input

    @property
    def expires_at(self) -> float | None:
        if self.refreshed_at is None or self.ttl_seconds is None:
            return None
        return self.refreshed_at + self.ttl_seconds

    @property
    def hit_ratio(self) -> float | None:
        total = self.read_tokens + self.write_tokens + self.uncached_tokens
        return self.read_tokens / total if total else None

    def shift(self, seconds: float) -> None:
        if self.refreshed_at is not None:
            self.refreshed_at += seconds


@dataclass(slots=True, kw_only=True)
class RateGauge:
    """Speed of the main thread's last finished call."""

    output_tokens_per_second: float | None = None
    ttft_seconds: float | None = None

    def see(self, started_at: float, first_token_at: float | None, ended_at: float, output: int) -> None:
        self.ttft_seconds = None if first_token_at is None else max(0.0, first_token_at - started_at)
        spent = 0.0 if first_token_at is None else ended_at - first_token_at
        speed = output / spent if spent > 0 else math.inf
        self.output_tokens_per_second = speed if 0 < speed <= _FASTEST else None
