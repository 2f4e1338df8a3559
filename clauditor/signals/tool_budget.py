"""tool_budget: more tool calls for one prompt than the user wants to allow. Off unless a limit is set."""

from __future__ import annotations

from clauditor.model.session import Session
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World


def check(session: Session, world: World) -> Finding | None:
    limit, calls = world.thresholds.budget_calls, session.prompting.tool_calls
    if not limit or calls <= limit or not words.is_busy(session, world.now):
        return None
    return Finding(
        severity="watch",
        evidence="measured",
        summary=f"{calls} tool calls for one prompt; your limit is {limit:.0f}.",
        short=f"{calls} tool calls",
        next_step="Press Esc if it has lost its way; else let it work.",
    )


SIGNAL = Signal(name="tool_budget", check=check)
