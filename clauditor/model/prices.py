"""Usage to US dollars, by list price.

Rules: Anthropic's pricing page and Claude Code's own cost function (2026-11). Cache reads and writes have
rates of their own (never a factor of the input rate); a long prompt moves the whole request to another
tier; `inference_geo: us` costs a tenth more on tokens; web searches are paid a piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from clauditor.model.models import canonical
from clauditor.model.usage import Usage

_US_ONLY_FACTOR: Final = 1.1
_PER_MILLION: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """US dollars a million tokens."""

    input: float
    output: float
    cache_read: float
    cache_write_5m: float
    cache_write_1h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """Rates of one model. `tiers`: (prompt tokens, rates) in rising order; the last one that the prompt
    is *larger* than prices the whole request. `web_search` is US dollars a search.
    """

    base: Rates
    tiers: Sequence[tuple[int, Rates]] = ()
    web_search: float = 0.0

    def rates(self, prompt_tokens: int) -> Rates:
        chosen = self.base
        for start, rates in self.tiers:
            if prompt_tokens > start:
                chosen = rates
        return chosen


class PriceBook(Protocol):
    """Where price lists come from; owned here, implemented at the rim (`clauditor.pricing`)."""

    def price_list(self, model: str, *, speed: str | None, batch: bool, at: float) -> PriceList | None:
        """The price list in force at `at` (Unix seconds); None: no known price. Does not block."""
        ...


@dataclass(frozen=True, slots=True)
class Cost:
    """`usd` is None when nothing could be priced; `complete` says that everything was."""

    usd: float | None
    complete: bool


def cost(usage: Usage, model: str, book: PriceBook, at: float) -> Cost:
    """List price of one call. `model` is the one that served it; each of its runs has a tier of its own."""
    parts = [_own_cost(usage, model, book, at)]
    parts.extend(_own_cost(extra, extra_model, book, at) for extra_model, extra in usage.extra)
    priced = [part for part in parts if part is not None]
    return Cost(sum(priced) if priced else None, len(priced) == len(parts))


def _own_cost(usage: Usage, model: str, book: PriceBook, at: float) -> float | None:
    batch = usage.service_tier == "batch"
    prices = book.price_list(canonical(model), speed=usage.speed, batch=batch, at=at)
    if prices is None:
        return None
    tokens_usd = sum(_tokens_cost(part, prices) for part in usage.runs or (usage,))
    if usage.geography == "us":
        tokens_usd *= _US_ONLY_FACTOR
    return tokens_usd + usage.web_searches * prices.web_search


def _tokens_cost(usage: Usage, prices: PriceList) -> float:
    rates = prices.rates(usage.input + usage.cache_read + usage.cache_write)
    return _PER_MILLION * (
        usage.input * rates.input
        + usage.output * rates.output
        + usage.cache_read * rates.cache_read
        + usage.cache_write_5m * rates.cache_write_5m
        + usage.cache_write_1h * rates.cache_write_1h
    )
