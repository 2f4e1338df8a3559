"""The prompt cache of an agent, call by call: what was kept, what was lost, why, and what that cost.

Rule: Claude Code's own ledger (2.1.330), for each agent and model in the order of requests. Of the smaller of
two successive prompts at least 95 % should be read from the cache; where that misses by 2,000 tokens or more
the cache was rebuilt. A lost token costs the difference between the rates of writing and reading it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from clauditor.model.cache_cause import CacheCause, divergence
from clauditor.model.call import Call
from clauditor.model.events import AttemptFailed, AttemptFinished
from clauditor.model.models import canonical
from clauditor.model.prices import PriceBook
from clauditor.model.request_shape import RequestShape
from clauditor.model.unkept import Unkept
from clauditor.model.usage import Usage

FIVE_MINUTES: Final = 300
ONE_HOUR: Final = 3600

_KEPT_SHARE: Final = 0.95
_MIN_LOST_TOKENS: Final = 2000
_THRASH_AFTER: Final = 3  # rebuilds in a row that nothing explains away
_MAX_CHAINS: Final = 4  # models one agent goes back and forth between

CacheEvent = Literal[
    "none", "cold_start", "hit", "partial", "miss_ttl", "miss_rebuild", "miss_thrash", "expected_rebuild"
]
_DIAGNOSED: Final[dict[str, CacheCause]] = {
    "model_changed": "model_changed",
    "system_changed": "system_changed",
    "tools_changed": "tools_changed",
    "messages_changed": "messages_changed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheMiss:
    """A prefix that was written again. `stable_tokens`: of the earlier prompt, an estimate of what had not
    changed (None: unknown); `lost_tokens`: what could have been read and was not; `cost_usd`: what that cost
    more than reading (None: no price). `expected`: a compaction or the clearing of old results explains it.
    """

    event: CacheEvent
    cause: CacheCause
    detail: str
    stable_tokens: int | None
    lost_tokens: int
    cost_usd: float | None
    at: float
    agent_id: str
    expected: bool = False


@dataclass(slots=True, kw_only=True)
class CacheChain:
    """The newest call of one agent to one model, which the next one is compared with."""

    model: str
    prompt_tokens: int
    is_cached: bool
    used_at: float
    ttl_seconds: int
    shape: Unkept = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A call that ended: `model` is the canonical id of the one that served it."""

    model: str
    call: Call
    end: AttemptFinished | AttemptFailed
    usage: Usage


@dataclass(slots=True, kw_only=True)
class CacheLedger:
    """One agent's chains. `missed` is what its newest call lost unexpectedly, `in_a_row` how many calls in a
    row lost something for no reason that time explains.
    """

    chains: dict[str, CacheChain] = field(default_factory=dict)
    newest: str | None = None
    is_expected: bool = False
    in_a_row: int = 0
    missed: CacheMiss | None = None

    def announce(self) -> None:
        """The conversation was rewritten on purpose: the next rebuild is no accident."""
        self.is_expected = True

    def see(
        self, call: Call, end: AttemptFinished | AttemptFailed, usage: Usage, book: PriceBook
    ) -> tuple[CacheEvent, CacheMiss | None]:
        """One more call of this agent ended with `usage`; what its cache did."""
        model = canonical(end.model or call.model)
        own = self.chains.get(model)
        before = own or (self.chains.get(self.newest) if self.newest is not None else None)
        context_edited = isinstance(end, AttemptFinished) and end.context_edited
        seen = _Seen(model=model, call=call, end=end, usage=usage)
        event, miss = self._judge(seen, before, book, is_expected=self.is_expected or context_edited)
        if miss is None or miss.expected or miss.event == "miss_ttl":
            self.in_a_row = 0
        else:
            self.in_a_row += 1
        self.missed = miss if miss is not None and not miss.expected else None
        self.is_expected = context_edited
        if own is None and len(self.chains) >= _MAX_CHAINS:
            del self.chains[min(self.chains.values(), key=lambda chain: chain.used_at).model]
        self.chains[model] = CacheChain(
            model=model,
            prompt_tokens=usage.prompt_tokens,
            is_cached=bool(usage.cache_read or usage.cache_write),
            used_at=end.at,
            ttl_seconds=_lifetime(usage, own.ttl_seconds if own else call.cache_ttl_seconds),
            shape=call.shape,
        )
        self.newest = model
        return event, miss

    def _judge(
        self, seen: _Seen, before: CacheChain | None, book: PriceBook, *, is_expected: bool
    ) -> tuple[CacheEvent, CacheMiss | None]:
        usage = seen.usage
        is_cached = bool(usage.cache_read or usage.cache_write)
        if before is None or not before.is_cached:
            return ("cold_start" if is_cached else "none"), None
        expected_tokens = min(before.prompt_tokens, usage.prompt_tokens)
        lost = expected_tokens - usage.cache_read
        if usage.cache_read >= _KEPT_SHARE * expected_tokens or lost < _MIN_LOST_TOKENS:
            if not is_cached:
                return "none", None
            return ("partial" if usage.cache_write else "hit"), None
        cause, detail, stable_ratio = _cause(seen, before, is_expected=is_expected)
        is_expected = is_expected and cause == "compaction"
        event: CacheEvent = "miss_rebuild"
        if is_expected:
            event = "expected_rebuild"
        elif cause in {"ttl_expired_5m", "ttl_expired_1h"}:
            event = "miss_ttl"
        elif self.in_a_row + 1 >= _THRASH_AFTER:
            event = "miss_thrash"
        return event, CacheMiss(
            event=event,
            cause=cause,
            detail=detail,
            stable_tokens=None if stable_ratio is None else round(stable_ratio * before.prompt_tokens),
            lost_tokens=lost,
            cost_usd=_lost_usd(lost, seen, book),
            at=seen.end.at,
            agent_id=seen.end.agent_id,
            expected=is_expected,
        )

    def shift(self, seconds: float) -> None:
        for chain in self.chains.values():
            chain.used_at += seconds


@dataclass(slots=True, kw_only=True)
class CacheTally:
    """What all agents of a session lost: `events` counts calls by what their cache did."""

    events: dict[str, int] = field(default_factory=dict)
    lost_tokens: int = 0
    lost_usd: float | None = None
    last_miss: CacheMiss | None = None

    @property
    def misses(self) -> int:
        """Rebuilds that nobody expected."""
        return sum(self.events.get(name, 0) for name in ("miss_ttl", "miss_rebuild", "miss_thrash"))

    def add(self, event: CacheEvent, miss: CacheMiss | None) -> None:
        self.events[event] = self.events.get(event, 0) + 1
        if miss is None:
            return
        self.last_miss = miss
        if not miss.expected:
            self.lost_tokens += miss.lost_tokens
            if miss.cost_usd is not None:
                self.lost_usd = (self.lost_usd or 0.0) + miss.cost_usd


def rewriting_usd(
    tokens: int,
    *,
    of_prompt: int,
    ttl_seconds: int | None,
    model: str,
    book: PriceBook,
    at: float,
    speed: str | None = None,
) -> float | None:
    """What it costs more to write `tokens` of a prompt to the cache than to read them; None without a price."""
    prices = book.price_list(canonical(model), speed=speed, batch=False, at=at)
    if prices is None:
        return None
    rates = prices.rates(of_prompt)
    write = rates.cache_write_1h if ttl_seconds == ONE_HOUR else rates.cache_write_5m
    return tokens * max(0.0, write - rates.cache_read) * 1e-6


def _cause(seen: _Seen, before: CacheChain, *, is_expected: bool) -> tuple[CacheCause, str, float | None]:
    """Cause, its detail and the share that was stable: what was seen to change comes before a guess."""
    has_expired = seen.call.started_at - before.used_at > before.ttl_seconds
    if is_expected and not has_expired:
        return "compaction", "", None
    if before.model != seen.model:
        return "model_changed", f"{before.model} to {seen.model}", 0.0
    shapes: tuple[RequestShape | None, RequestShape | None] = (before.shape.value, seen.call.shape.value)
    earlier, later = shapes
    found = divergence(earlier, later) if earlier is not None and later is not None else None
    if found is not None:
        return found.cause, found.detail, found.stable_ratio
    reason = seen.end.cache_miss_reason if isinstance(seen.end, AttemptFinished) else None
    if (diagnosed := _DIAGNOSED.get(reason or "")) is not None:
        return diagnosed, "as the server says", None
    if has_expired:
        return ("ttl_expired_1h" if before.ttl_seconds == ONE_HOUR else "ttl_expired_5m"), "", 1.0
    if earlier is None or later is None:
        return "unknown", "", None
    return "likely_server_side", "", 1.0


def _lost_usd(lost: int, seen: _Seen, book: PriceBook) -> float | None:
    usage = seen.usage
    return rewriting_usd(
        lost,
        of_prompt=usage.prompt_tokens,
        ttl_seconds=ONE_HOUR if usage.cache_write_1h > usage.cache_write_5m else FIVE_MINUTES,
        model=seen.model,
        book=book,
        at=seen.end.at,
        speed=usage.speed,
    )


def _lifetime(usage: Usage, known: int | None) -> int:
    """How long an entry lives: as the newest writing answer said; until one did, as it was asked for."""
    if usage.cache_write_1h:
        return ONE_HOUR
    return FIVE_MINUTES if usage.cache_write_5m else known or FIVE_MINUTES
