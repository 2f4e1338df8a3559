"""What a session's dials show: context fill, prompt cache, speed. Each is fed by finished calls.

Sources: the client's own compaction formula and its cache ledger (Claude Code 2.1.330): a cache entry
lives 5 minutes or 1 hour from its last use, and the countdown starts when the response starts.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Final

from clauditor.model.cache import FIVE_MINUTES, ONE_HOUR, rewriting_usd
from clauditor.model.models import ModelLimits, compact_at, context_window
from clauditor.model.prices import PriceBook
from clauditor.model.usage import Usage

_KEPT_GROWTHS: Final = 8
_KEPT_RATIOS: Final = 32
_KEPT_COMPACTIONS: Final = 8
_LEARNING_SHARE: Final = 0.8
_PACE_SLICE: Final = 300.0
_PACE_SLICES: Final = 12  # an hour
_KEPT_SPEEDS: Final = 20
_FEW_SPEEDS: Final = 5  # fewer say nothing of what is usual
_FASTEST: Final = 2000.0  # tokens a second; above it the answer came in one heap, which tells no speed


@dataclass(slots=True, kw_only=True)
class Compaction:
    """The conversation was summarised: its size in tokens before, and after (None until the next call), and how
    many calls of the main thread came since.
    """

    at: float
    trigger: str | None
    tokens_before: int
    tokens_after: int | None = None
    calls_since: int = 0


@dataclass(slots=True, kw_only=True)
class ContextGauge:
    """Fill of the main thread's context window, in tokens. `learned_compact_at`: where it was seen to compact;
    `told`: what a list of models said of `model` last.
    """

    tokens: int = 0
    model: str | None = None
    long_context: bool = False
    largest_prompt: int = 0
    growths: list[int] = field(default_factory=list)
    history: list[float] = field(default_factory=list)
    compactions: list[Compaction] = field(default_factory=list)
    learned_compact_at: int | None = None
    told: ModelLimits | None = None

    def compact(self, at: float, trigger: str | None) -> None:
        """The client summarised the conversation. One that it began by itself shows where it does so."""
        limit = self.compact_at_tokens
        if trigger != "manual" and self.tokens and limit is not None and self._is_near(limit):
            self.learned_compact_at = self.tokens
        self.compactions.append(Compaction(at=at, trigger=trigger, tokens_before=self.tokens))
        del self.compactions[:-_KEPT_COMPACTIONS]

    def _is_near(self, limit: int) -> bool:
        """Far below, it was no matter of room: the person, or another window than the model's."""
        return _LEARNING_SHARE * limit <= self.tokens <= limit

    def see(self, tokens: int, model: str, *, long_context: bool, told: ModelLimits | None = None) -> None:
        """One more call of the main thread had a prompt of `tokens`; `told` None: nothing new of its model."""
        if self.tokens and tokens > self.tokens:
            self.growths.append(tokens - self.tokens)
            del self.growths[:-_KEPT_GROWTHS]
        if model != self.model:
            self.largest_prompt, self.learned_compact_at, self.told = 0, None, None
        if self.compactions:
            newest = self.compactions[-1]
            newest.tokens_after = tokens if newest.tokens_after is None else newest.tokens_after
            newest.calls_since += 1
        self.tokens, self.model, self.long_context = tokens, model, long_context
        self.told = told or self.told
        self.largest_prompt = max(self.largest_prompt, tokens)
        if (ratio := self.used_ratio) is not None:
            self.history.append(round(ratio, 4))
            del self.history[:-_KEPT_RATIOS]

    @property
    def window(self) -> int | None:
        if self.model is None:
            return None
        return context_window(
            self.model, long_context=self.long_context, largest_prompt=self.largest_prompt, told=self.told
        )

    @property
    def used_ratio(self) -> float | None:
        return self.tokens / self.window if self.window else None

    @property
    def compact_at_tokens(self) -> int | None:
        if self.learned_compact_at is not None:
            return self.learned_compact_at
        return compact_at(self.model, self.window, told=self.told) if self.model and self.window else None

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

    def shift(self, seconds: float) -> None:
        for compaction in self.compactions:
            compaction.at += seconds


@dataclass(slots=True, kw_only=True)
class CacheGauge:
    """The main thread's prompt cache. `refreshed_at` is when its entries were last used. Where entries of both
    lifetimes were written, `ttl_seconds` is the shorter and `latest_ttl_seconds` the longer. `rewriting_usd` is
    what it would cost more to write the last prompt anew than to read it.
    """

    ttl_seconds: int | None = None
    latest_ttl_seconds: int | None = None
    rewriting_usd: float | None = None
    refreshed_at: float | None = None
    read_tokens: int = 0
    write_tokens: int = 0
    uncached_tokens: int = 0

    def refresh(self, usage: Usage, at: float, asked_ttl_seconds: int | None) -> None:
        """A response that started at `at` used the cache. With both lifetimes written, the shorter counts."""
        if usage.cache_write:
            self.latest_ttl_seconds = ONE_HOUR if usage.cache_write_1h else FIVE_MINUTES
        if usage.cache_write_5m:
            self.ttl_seconds = FIVE_MINUTES
        elif usage.cache_write_1h:
            self.ttl_seconds = ONE_HOUR
        elif self.ttl_seconds is None and usage.cache_read:
            self.ttl_seconds = asked_ttl_seconds
        if usage.cache_read or usage.cache_write:
            self.refreshed_at = at

    def price(self, usage: Usage, model: str, book: PriceBook, at: float) -> None:
        """What it would cost to write the prompt of the call with `usage` anew."""
        self.rewriting_usd = rewriting_usd(
            usage.prompt_tokens,
            of_prompt=usage.prompt_tokens,
            ttl_seconds=self.ttl_seconds,
            model=model,
            book=book,
            at=at,
            speed=usage.speed,
        )

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
    def latest_expires_at(self) -> float | None:
        """When the last of its entries goes cold, if lifetimes are mixed; None if they are not."""
        if self.refreshed_at is None or self.latest_ttl_seconds in {None, self.ttl_seconds}:
            return None
        return self.refreshed_at + (self.latest_ttl_seconds or 0)

    @property
    def hit_ratio(self) -> float | None:
        total = self.read_tokens + self.write_tokens + self.uncached_tokens
        return self.read_tokens / total if total else None

    def shift(self, seconds: float) -> None:
        if self.refreshed_at is not None:
            self.refreshed_at += seconds


@dataclass(slots=True, kw_only=True)
class PaceGauge:
    """US dollars spent in slices of five minutes of the last hour: pairs of slice number and sum."""

    slices: list[tuple[int, float]] = field(default_factory=list)

    def spend(self, usd: float | None, at: float) -> None:
        if usd is None:
            return
        number = int(at // _PACE_SLICE)
        if self.slices and self.slices[-1][0] >= number:
            self.slices[-1] = (self.slices[-1][0], self.slices[-1][1] + usd)
        else:
            self.slices.append((number, usd))
            del self.slices[: -(_PACE_SLICES + 1)]

    def trailing_hour_usd(self, now: float) -> float:
        oldest = int(now // _PACE_SLICE) - _PACE_SLICES
        return sum(usd for number, usd in self.slices if number > oldest)

    def shift(self, seconds: float) -> None:
        moved = round(seconds / _PACE_SLICE)
        self.slices = [(number + moved, usd) for number, usd in self.slices]


def writing_speed(output: int, seconds: float) -> float | None:
    """Tokens a second of an answer that took so long from its first token on; None where that tells no speed."""
    speed = output / seconds if seconds > 0 else math.inf
    return speed if 0 < speed <= _FASTEST else None


@dataclass(slots=True, kw_only=True)
class RateGauge:
    """Speed of the main thread's last finished call, and of those before it. `writing_seconds` is how long its
    answer took from the first token on.
    """

    output_tokens_per_second: float | None = None
    ttft_seconds: float | None = None
    writing_seconds: float = 0.0
    earlier_ttft: list[float] = field(default_factory=list)
    earlier_speeds: list[float] = field(default_factory=list)

    def see(self, started_at: float, first_token_at: float | None, ended_at: float, output: int) -> None:
        for known, newest in (
            (self.earlier_ttft, self.ttft_seconds),
            (self.earlier_speeds, self.output_tokens_per_second),
        ):
            if newest is not None:
                known.append(newest)
                del known[:-_KEPT_SPEEDS]
        self.ttft_seconds = None if first_token_at is None else max(0.0, first_token_at - started_at)
        self.writing_seconds = 0.0 if first_token_at is None else ended_at - first_token_at
        self.output_tokens_per_second = writing_speed(output, self.writing_seconds)

    @property
    def usual_ttft_seconds(self) -> float | None:
        """The median of the calls before the last one; None while they are few."""
        return statistics.median(self.earlier_ttft) if len(self.earlier_ttft) >= _FEW_SPEEDS else None
