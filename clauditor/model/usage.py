"""Token counts of one answer and the rules that merge what a stream says of them.

Source: Anthropic Messages API, `Usage` and `MessageDeltaUsage` (python SDK 2.12.0, 2026-11). The
counters of `message_delta` are cumulative: the last one wins, they are never summed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeVar

_T = TypeVar("_T")

TOKEN_CLASSES: Final = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one model call, and what decides their price.

    `thinking` is part of `output`. `extra` holds what is billed on top by another model (an advisor,
    a server-side fallback): pairs of canonical model id and its own usage. `context_tokens` is the
    prompt size of the last message iteration when that differs from the sum (None: the sum). `runs` are the
    model runs that add up to the counts, where there were several: each has a long-prompt price of its own.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    thinking: int = 0
    web_searches: int = 0
    speed: str | None = None
    geography: str | None = None
    service_tier: str | None = None
    context_tokens: int | None = None
    extra: tuple[tuple[str, Usage], ...] = ()
    runs: tuple[Usage, ...] = ()

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt: what was read, written to the cache and sent uncached."""
        if self.context_tokens is not None:
            return self.context_tokens
        return self.input + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Iteration:
    """One model run inside an answer. `kind`: message, compaction, advisor_message or fallback_message."""

    kind: str
    model: str | None = None
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0

    @property
    def prompt_tokens(self) -> int:
        return self.input + self.cache_read + self.cache_write

    def usage(self) -> Usage:
        write_1h = min(self.cache_write_1h, self.cache_write)
        return Usage(
            input=self.input,
            output=self.output,
            cache_read=self.cache_read,
            cache_write_5m=self.cache_write - write_1h,
            cache_write_1h=write_1h,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """What one message of a stream says about usage; None where it says nothing.

    `cache_write` is the total; `cache_write_1h` the part of it with the long lifetime.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    thinking: int | None = None
    web_searches: int | None = None
    speed: str | None = None
    geography: str | None = None
    service_tier: str | None = None
    iterations: tuple[Iteration, ...] | None = None

    @property
    def fallback_model(self) -> str | None:
        """The model that a server-side fallback served the answer with (None: there was no fallback)."""
        return next((i.model for i in reversed(self.iterations or ()) if i.kind == "fallback_message"), None)

    def merged(self, later: UsageReport) -> UsageReport:
        """What is known after a later, cumulative report.

        A later prompt counter counts if it is above zero (some servers restate zeros), after a fallback
        always. A report that splits the cache writes replaces the split; one that restates only their
        total keeps the known one-hour part.
        """
        is_fallback = any(i.kind == "fallback_message" for i in later.iterations or ())

        def prompt(known: int | None, said: int | None) -> int | None:
            return said if said is not None and (said > 0 or is_fallback or known is None) else known

        replaces_split = later.cache_write_1h is not None and bool(is_fallback or later.cache_write)

        def latest(known: _T | None, said: _T | None) -> _T | None:
            return known if said is None else said

        return UsageReport(
            input=prompt(self.input, later.input),
            output=latest(self.output, later.output),
            cache_read=prompt(self.cache_read, later.cache_read),
            cache_write=prompt(self.cache_write, later.cache_write),
            cache_write_1h=later.cache_write_1h if replaces_split else self.cache_write_1h,
            thinking=latest(self.thinking, later.thinking),
            web_searches=latest(self.web_searches, later.web_searches),
            speed=latest(self.speed, later.speed),
            geography=latest(self.geography, later.geography),
            service_tier=latest(self.service_tier, later.service_tier),
            iterations=latest(self.iterations, later.iterations),
        )

    def usage(self, requested_model: str) -> Usage:
        """The counts of the answer, ready to be priced.

        The one-hour part never exceeds the total. Advisor and compaction runs are not in the totals:
        they are added as `extra`, compaction at the requested model. After a server-side fallback the
        runs that served are what counts; the declined one is not charged.
        """
        write = self.cache_write or 0
        write_1h = min(self.cache_write_1h or 0, write)
        counts = Usage(
            input=self.input or 0,
            output=self.output or 0,
            cache_read=self.cache_read or 0,
            cache_write_5m=write - write_1h,
            cache_write_1h=write_1h,
        )
        extra = [
            (i.model or requested_model, i.usage())
            for i in self.iterations or ()
            if i.kind in ("advisor_message", "compaction")
        ]
        served = [i for i in self.iterations or () if i.kind == "fallback_message"]
        if served:
            counts = served[-1].usage()
            extra += [(i.model or requested_model, i.usage()) for i in served[:-1]]
        messages = [i for i in self.iterations or () if i.kind in ("message", "fallback_message")]
        return replace(
            counts,
            thinking=min(self.thinking or 0, counts.output),
            web_searches=self.web_searches or 0,
            speed=self.speed,
            geography=self.geography,
            service_tier=self.service_tier,
            context_tokens=messages[-1].prompt_tokens if messages else None,
            extra=tuple(extra),
            runs=_runs([i.usage() for i in messages], counts),
        )


def _runs(runs: list[Usage], whole: Usage) -> tuple[Usage, ...]:
    """The runs, if they are several and add up to the whole: else nothing is known of its parts."""
    adds_up = all(sum(getattr(run, name) for run in runs) == getattr(whole, name) for name in TOKEN_CLASSES)
    return tuple(runs) if len(runs) > 1 and adds_up else ()
