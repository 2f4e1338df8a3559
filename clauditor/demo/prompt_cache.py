"""The pretend vendor's prompt cache: prefixes of one model, each with a lifetime since its last use.

Source: the vendor's prompt caching page (2026-11): a lookup checks each breakpoint and the 20 blocks
before it; a hit renews what it read; writes are made at breakpoints; what follows the last breakpoint is
plain input; a prompt below the model's minimum is not cached. Where both lifetimes are asked for, all up
to the last one-hour breakpoint is written for an hour and the rest for five minutes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clauditor.demo.counting import Prefix
from clauditor.demo.ledger import Tokens

LOOK_BACK_BLOCKS: Final = 20
ENTRY_LIMIT: Final = 20_000
HOUR_SECONDS: Final = 3600
_DEFAULT_MINIMUM: Final = 1024
_MINIMUM_TOKENS: Final = {
    "claude-opus-5-5": 512,
    "claude-opus-5": 512,
    "claude-sonnet-5-5": 512,
    "claude-haiku-5-5": 512,
    "claude-fable-5-2": 512,
    "claude-opus-4-5-20251101": 4096,
    "claude-haiku-4-5-20251001": 4096,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePlan:
    """What one request reads and writes. `used` are the keys to renew, `written` the keys to store."""

    prompt: Tokens
    used: tuple[tuple[str, bytes], ...]
    written: tuple[tuple[str, bytes, int], ...]


@dataclass(slots=True)
class _Entry:
    ttl_seconds: int
    expires_at: float


class PromptCache:
    """Entries by model and prefix key; `now` is the vendor's clock in seconds."""

    def __init__(self, limit: int = ENTRY_LIMIT) -> None:
        self._entries: OrderedDict[tuple[str, bytes], _Entry] = OrderedDict()
        self._limit = limit
        self.evicted = 0

    def plan(self, model: str, prompt: Sequence[Prefix], now: float) -> CachePlan:
        """Splits the prompt into read, written and plain tokens, without changing the cache."""
        total = prompt[-1].tokens if prompt else 0
        minimum = _MINIMUM_TOKENS.get(model, _DEFAULT_MINIMUM)
        marks = [i for i, prefix in enumerate(prompt) if prefix.ttl_seconds and prefix.tokens >= minimum]
        if not marks:
            return CachePlan(prompt=Tokens(input=total), used=(), written=())
        hit = self._longest_hit(model, prompt, marks, now)
        read = prompt[hit].tokens if hit >= 0 else 0
        fresh = [i for i in marks if i > hit]
        hours = [i for i in fresh if prompt[i].ttl_seconds == HOUR_SECONDS]
        hour_end = prompt[hours[-1]].tokens if hours else read
        end = prompt[fresh[-1]].tokens if fresh else read
        used = [*(i for i in marks if i < hit), *([hit] if hit >= 0 else [])]
        return CachePlan(
            prompt=Tokens(
                input=total - end,
                cache_read=read,
                cache_write_1h=hour_end - read,
                cache_write_5m=end - hour_end,
            ),
            used=tuple((model, prompt[i].key) for i in used),
            written=tuple((model, prompt[i].key, prompt[i].ttl_seconds or 0) for i in fresh),
        )

    def commit(self, plan: CachePlan, now: float) -> None:
        """The answer began: renews what was read and stores what was written."""
        for used in plan.used:
            if (entry := self._entries.get(used)) is not None and entry.expires_at > now:
                entry.expires_at = now + entry.ttl_seconds
                self._entries.move_to_end(used)
        for model, key, ttl_seconds in plan.written:
            self._entries[model, key] = _Entry(ttl_seconds, now + ttl_seconds)
            self._entries.move_to_end((model, key))
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)
            self.evicted += 1

    def _longest_hit(self, model: str, prompt: Sequence[Prefix], marks: list[int], now: float) -> int:
        for mark in reversed(marks):
            for i in range(mark, max(-1, mark - LOOK_BACK_BLOCKS - 1), -1):
                entry = self._entries.get((model, prompt[i].key))
                if entry is not None and entry.expires_at > now:
                    return i
        return -1
