"""context_pressure: the client will soon compact the conversation by itself. No disaster, so never more than watch.

The compaction point is the client's own formula (Claude Code 2.1.330), or where this session was seen to compact;
calls left are the room divided by the median of the last growths. While there is much room they are no news: files
that are read at the beginning of a task fill it fast, and then it fills slowly.
"""

from __future__ import annotations

from typing import Final

from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World

_MIN_GROWTHS: Final = 3  # of two, one large file would be half of the median


def check(session: Session, world: World) -> Finding | None:
    context, limits = session.context, world.thresholds
    limit, left = context.compact_at_tokens, context.turns_to_compact
    if limit is None or not context.tokens or session_state(session, world.now).state in {"idle", "ended"}:
        return None
    if context.compactions and context.compactions[-1].tokens_after is None:
        return None  # just compacted: the next call tells how much is left
    is_near = (limit - context.tokens) <= limits.compact_ratio * limit
    is_steep = (
        left is not None
        and left <= limits.compact_calls
        and len(context.growths) >= _MIN_GROWTHS
        and context.tokens >= limits.compact_from_ratio * limit
    )
    if not is_near and not is_steep:
        return None
    soon = "now" if left == 0 else f"in about {words.count(left, 'call')}" if left is not None else "soon"
    return Finding(
        severity="watch",
        evidence="derived",
        summary=f"Context holds {words.tokens(context.tokens)} tokens; the client compacts at "
        f"{words.tokens(limit)}, {soon}.",
        short="compacts now"
        if left == 0
        else f"compacts ~{words.count(left, 'call')}"
        if left
        else "compacts soon",
        next_step="Finish this step, then /compact with what must stay; a new task is better after /clear.",
    )


SIGNAL = Signal(name="context_pressure", check=check)
