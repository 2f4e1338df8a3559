"""rate_limit: a window of the plan is nearly used, or will be before it resets, and this session uses it now.

Readings come with every answer; the projection goes on at the pace of the last hour, is made from no less than 15
minutes, and reaches five times as far as it was measured: nobody works through the night as through the last hour,
and where many sessions begin at once, the first minutes are no pace. Token buckets of API keys refill all the time and raise nothing.
"""

from __future__ import annotations

from typing import Final

from clauditor.model.account import WindowRecord
from clauditor.model.session import Session
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World
from clauditor.text import clean

_NAMES: Final = {"five_hour": "5h", "seven_day": "7d"}
_OVERAGE: Final = "overage"
_REACH: Final = 5.0


def check(session: Session, world: World) -> Finding | None:
    account = world.account
    if account is None or account.billing != "plan":
        return None
    if not words.is_busy(session, world.now):
        return None
    current = [
        record
        for name, record in account.windows.items()
        if name != _OVERAGE and (record.window.resets_at is None or record.window.resets_at > world.now)
    ]
    found = [one for record in current if (one := _judge(session, record, world)) is not None]
    return next((one for one in found if one.severity == "act"), found[0] if found else None)


def _judge(session: Session, record: WindowRecord, world: World) -> Finding | None:
    window = record.window
    name, used = _NAMES.get(window.name, clean(window.name, 20)), window.used_ratio or 0.0
    share = session.window_use.get(window.name)
    part = ""
    if share is not None and share.resets_at == window.resets_at and used > 0:
        part = f"; this session explains ~{min(1.0, share.ratio / used):.0%} of that"
    overage = world.account.windows.get(_OVERAGE) if world.account is not None else None
    if (
        window.status == "rejected"
        and overage is not None
        and (overage.window.status or "").startswith("allowed")
    ):
        return Finding(
            severity="act",
            evidence="measured",
            summary=f"The {name} limit is used up; calls are paid as extra usage now{part}.",
            short=f"{name} full: paid extra",
            next_step="Stop what can wait until the reset.",
        )
    if used >= world.thresholds.limit_ratio or window.status == "rejected":
        return Finding(
            severity="act",
            evidence="measured",
            summary=f"The {name} limit is {used:.0%} used{part}.",
            short=f"{name} limit {used:.0%}",
            next_step="Finish what matters; pause what can wait until the reset.",
        )
    if window.surpassed_ratio is not None or window.status == "allowed_warning":
        past = "" if window.surpassed_ratio is None else f" and past its mark of {window.surpassed_ratio:.0%}"
        return Finding(
            severity="watch",
            evidence="measured",
            summary=f"The service warns: the {name} limit is {used:.0%} used{past}{part}.",
            short=f"{name} limit {used:.0%}",
            next_step="Slow down, or move large work behind the reset.",
        )
    reach = _REACH * record.pace_seconds
    if record.full_at is not None and world.now < record.full_at <= record.at + reach:
        return Finding(
            severity="watch",
            evidence="derived",
            summary=f"The {name} limit is {used:.0%} used and will be full before its reset at this pace{part}.",
            short=f"{name} {used:.0%}, fills up",
            next_step="Slow down, or move large work behind the reset.",
        )
    return None


SIGNAL = Signal(name="rate_limit", check=check)
