"""Counts what becomes of sessions: prompts, starts and ends, signals, compactions, what was not seen."""

from __future__ import annotations

from typing import Final, get_args

from clauditor.model.events import (
    MAIN_AGENT,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Compacted,
    Event,
    GapFound,
    InputLimit,
    Malformed,
    SessionEnded,
    Severity,
    SignalRaised,
)
from clauditor.model.session import Session
from clauditor.signals.catalogue import SIGNALS
from clauditor.telemetry.calls import OWN_WORDS
from clauditor.telemetry.families import Families
from clauditor.telemetry.names import Names

SESSION_USD_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100)
SESSION_TURN_BUCKETS: Final = (1, 3, 5, 10, 20, 50, 100, 200, 500)
CONTEXT_BUCKETS: Final = (
    10_000,
    25_000,
    50_000,
    100_000,
    150_000,
    200_000,
    400_000,
    600_000,
    800_000,
    1_000_000,
)

_LIMITS: Final = frozenset(get_args(InputLimit))
_END_REASONS: Final = ("hook", "run", "age", "demo")


class SessionCounts:
    def __init__(self, families: Families) -> None:
        counter, histogram = families.counter, families.histogram
        self._end_reason, self._gap_reason, self._place = Names(8), Names(OWN_WORDS), Names(OWN_WORDS)
        self._prompts = counter("prompts", "What people typed.")
        self._started = counter("sessions_started", "Sessions whose first call was seen.")
        self._ended = counter("sessions_ended", "Sessions that ended.", "reason")
        self._usd = histogram(
            "session_cost_usd", "What a session had cost when it ended, in US dollars.", SESSION_USD_BUCKETS
        )
        self._turns = histogram(
            "session_turns", "How many calls a session had made when it ended.", SESSION_TURN_BUCKETS
        )
        self._before = histogram(
            "compaction_before_tokens", "Size of a conversation before it was summarised.", CONTEXT_BUCKETS
        )
        self._after = histogram(
            "compaction_after_tokens", "Size of its next call, after that.", CONTEXT_BUCKETS
        )
        self._raised = counter("signals_raised", "Signals that began to hold.", "signal", "severity")
        self._gaps = counter("gaps", "Exchanges of which something was not seen.", "reason")
        self._gap_bytes = counter("gap_bytes", "Bytes that passed unseen.")
        self._malformed = counter("malformed", "Input that made no sense where it was read.", "place")
        self._limits = counter("input_limits", "Exchanges that went beyond a limit of what is read.", "limit")
        for limit in get_args(InputLimit):
            self._limits.labels(limit)
        for reason in _END_REASONS:
            self._ended.labels(reason)
        for signal in SIGNALS:
            for severity in get_args(Severity):
                self._raised.labels(signal.name, severity)

    def count(self, event: Event, session: Session | None) -> None:
        match event:
            case AttemptStarted() if session is not None:
                self._started.inc(session.attempts == 1)
                self._prompts.inc(session.prompting.started_at == event.at)
            case AttemptFinished() | AttemptFailed() if session is not None:
                self._count_after(event, session)
            case Compacted() if session is not None:
                self._count_before(event, session)
            case SessionEnded() if session is not None and session.ended_at == event.at:
                self._ended.labels(self._end_reason(event.reason)).inc()
                self._turns.observe(session.turns)
                if session.bill.usd is not None:
                    self._usd.observe(session.bill.usd)
            case SignalRaised():
                self._raised.labels(event.name, event.severity).inc()
            case GapFound():
                self._gaps.labels(self._gap_reason(event.reason)).inc()
                self._gap_bytes.inc(event.unseen_bytes)
            case Malformed(where="limit") if event.reason in _LIMITS:
                self._limits.labels(event.reason).inc()
                self._malformed.labels(event.where).inc()
            case Malformed():
                self._malformed.labels(self._place(event.where)).inc()
            case _:
                pass

    def _count_before(self, event: Compacted, session: Session) -> None:
        compactions = session.context.compactions
        if event.complete and event.agent_id == MAIN_AGENT and compactions and compactions[-1].tokens_before:
            self._before.observe(compactions[-1].tokens_before)

    def _count_after(self, event: AttemptFinished | AttemptFailed, session: Session) -> None:
        compactions = session.context.compactions
        if event.agent_id != MAIN_AGENT or event.usage is None or not compactions:
            return
        newest = compactions[-1]
        if newest.calls_since == 1 and newest.tokens_after is not None:
            self._after.observe(newest.tokens_after)
