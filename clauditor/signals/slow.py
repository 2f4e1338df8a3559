"""slow: the last call was far slower than this session's own earlier ones. Off by default; a rule of thumb.

What took less than some seconds is never slow, however quick the earlier calls were.
"""

from __future__ import annotations

import statistics
from typing import Final

from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.signals.finding import Finding, Signal, World

_MIN_EARLIER: Final = 5


def check(session: Session, world: World) -> Finding | None:
    factor, rate = world.thresholds.slow_factor, session.rate
    if not factor or session_state(session, world.now).state in {"idle", "ended"}:
        return None
    ttft, speed = rate.ttft_seconds, rate.output_tokens_per_second
    if ttft is not None and len(rate.earlier_ttft) >= _MIN_EARLIER:
        usual = statistics.median(rate.earlier_ttft)
        if ttft >= world.thresholds.slow_seconds and ttft >= factor * usual:
            return _finding(
                f"The first token took {ttft:.0f} s; {usual:.1f} s is usual here.", "slow to begin"
            )
    is_long = rate.writing_seconds >= world.thresholds.slow_seconds
    if speed is not None and is_long and len(rate.earlier_speeds) >= _MIN_EARLIER:
        usual = statistics.median(rate.earlier_speeds)
        if speed * factor <= usual:
            return _finding(
                f"It writes {speed:.0f} tokens a second; {usual:.0f} is usual here.", "writes slowly"
            )
    return None


def _finding(summary: str, short: str) -> Finding:
    return Finding(
        severity="notice",
        evidence="heuristic",
        summary=summary,
        short=short,
        next_step="Nothing to do; if all sessions are slow, the service is.",
    )


SIGNAL = Signal(name="slow", check=check)
