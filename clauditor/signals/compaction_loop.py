"""compaction_loop: the conversation is full again a few calls after it was compacted.

Compactions that the person asked for do not count. Without hint headers a request does not say who did; then it
was the client if the conversation was about as full as the client lets it become.
"""

from __future__ import annotations

from typing import Final

from clauditor.model.gauges import Compaction
from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World

_FULL: Final = 0.8  # of the compaction point, which is an estimate itself


def check(session: Session, world: World) -> Finding | None:
    most = world.thresholds.compaction_loop_calls
    automatic = [one for one in session.context.compactions if _is_automatic(session, one)]
    if len(automatic) < 2 or session_state(session, world.now).state in {"idle", "ended"}:
        return None
    before, newest = automatic[-2:]
    if before.calls_since > most or newest.calls_since > most:
        return None
    size = newest.tokens_after
    return Finding(
        severity="act",
        evidence="measured" if before.trigger and newest.trigger else "derived",
        summary=f"Compacted twice within {words.count(max(1, before.calls_since), 'call')}"
        f"{f'; {words.tokens(size)} tokens were left each time' if size else ''}.",
        short="compacts in a loop",
        next_step="Something large is read again each time: press Esc and start afresh with /clear and a short brief.",
    )


def _is_automatic(session: Session, compaction: Compaction) -> bool:
    if compaction.trigger is not None:
        return compaction.trigger == "auto"
    limit = session.context.compact_at_tokens
    return limit is not None and compaction.tokens_before >= _FULL * limit


SIGNAL = Signal(name="compaction_loop", check=check)
