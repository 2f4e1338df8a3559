"""Every signal, the most pressing first: of one severity, the earlier in this list leads."""

from __future__ import annotations

from typing import Final

from clauditor.model.session import Session
from clauditor.signals import (
    api_errors,
    cache_expiring,
    cache_rebuilt,
    cache_thrash,
    compaction_loop,
    context_pressure,
    cost_pace,
    model_fallback,
    needs_answer,
    rate_limit,
    refused,
    retrying,
    slow,
    stalled,
    tool_budget,
    tool_failures,
    tool_loop,
    truncated,
    unobserved,
)
from clauditor.signals.finding import Finding, Signal, World
from clauditor.signals.thresholds import Thresholds

SIGNALS: Final[tuple[Signal, ...]] = (
    needs_answer.SIGNAL,
    stalled.SIGNAL,
    tool_loop.SIGNAL,
    compaction_loop.SIGNAL,
    cache_thrash.SIGNAL,
    rate_limit.SIGNAL,
    refused.SIGNAL,
    truncated.SIGNAL,
    context_pressure.SIGNAL,
    cache_expiring.SIGNAL,
    model_fallback.SIGNAL,
    tool_failures.SIGNAL,
    cache_rebuilt.SIGNAL,
    api_errors.SIGNAL,
    retrying.SIGNAL,
    cost_pace.SIGNAL,
    tool_budget.SIGNAL,
    slow.SIGNAL,
    unobserved.SIGNAL,
)
RANKS: Final = {signal.name: rank for rank, signal in enumerate(SIGNALS)}


def due(session: Session, thresholds: Thresholds) -> list[float]:
    """Points in time at which a signal may change by time alone; some may have passed."""
    return [at for signal in SIGNALS for at in signal.due(session, thresholds)]


__all__ = ["RANKS", "SIGNALS", "Finding", "Signal", "World", "due"]
