"""Rate limits as the headers of an answer tell them: windows of a plan, token buckets of an API key.

Sources: API page "Rate limits" (2026) for `anthropic-ratelimit-*`, `-priority-*` and `-fast-*`; Claude
Code 2.1.330 for `anthropic-ratelimit-unified-*`. Windows are found by pattern, so that new ones show.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from clauditor.model.events import LimitedBy, LimitsSeen, LimitWindow
from clauditor.wire.identity import Origin, identifier

MAX_WINDOWS: Final = 32

_UNIFIED: Final = "anthropic-ratelimit-unified-"
_UNIFIED_WINDOW: Final = re.compile(
    rf"{_UNIFIED}([a-z0-9_]{{1,40}})-(utilization|reset|status|surpassed-threshold)"
)
_NO_WINDOWS: Final = frozenset({"slow", "grace", "fallback"})  # states of the limiter, with suffixes alike
_NAMES: Final = {"5h": "five_hour", "7d": "seven_day", "7d_oi": "seven_day_overage_included"}
_BUCKET: Final = re.compile(
    r"anthropic-(?:ratelimit-(requests|(?:input-|output-)?tokens)|((?:priority|fast)-(?:input|output)-tokens))"
    r"-(limit|remaining|reset)"
)


def limits_seen(
    headers: dict[str, str], *, account: str | None, origin: Origin, at: float
) -> LimitsSeen | None:
    """The windows that the answer's headers name, or None if they name none.

    `used_ratio` is 0..1 and may exceed 1; `resets_at` is in Unix seconds.
    """
    plan = _plan_windows(headers)
    windows = (plan + _bucket_windows(headers))[:MAX_WINDOWS]
    if not windows:
        return None
    return LimitsSeen(
        at=at,
        account=account or "unknown",
        billing="plan" if plan else "api",
        windows=tuple(windows),
        **origin,
    )


def limited_by(headers: dict[str, str], status: int) -> LimitedBy | None:
    """Whose limit refused a call: a plan's answer always carries its own status, a token bucket's never does."""
    if status != 429:
        return None
    return "plan" if headers.get(_UNIFIED + "status") else "service"


def _plan_windows(headers: dict[str, str]) -> list[LimitWindow]:
    found: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        match = _UNIFIED_WINDOW.fullmatch(name)
        if match and match[1] not in _NO_WINDOWS:
            found.setdefault(_NAMES.get(match[1], match[1]), {})[match[2]] = value
    status, reset = headers.get(_UNIFIED + "status"), headers.get(_UNIFIED + "reset")
    if status:
        # The answer as a whole was judged by one window; that one may have no headers of its own.
        claim = identifier(headers.get(_UNIFIED + "representative-claim")) or "unified"
        window = found.setdefault(claim, {})
        window.setdefault("status", status)
        if reset:
            window.setdefault("reset", reset)
    return [
        LimitWindow(
            name=name,
            used_ratio=_number(parts.get("utilization"), 1e6),
            resets_at=_number(parts.get("reset"), 1e11),
            status=identifier(parts.get("status")),
            surpassed_ratio=_number(parts.get("surpassed-threshold"), 1e6),
        )
        for name, parts in found.items()
    ]


def _bucket_windows(headers: dict[str, str]) -> list[LimitWindow]:
    found: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        match = _BUCKET.fullmatch(name)
        if match:
            found.setdefault((match[1] or match[2]).replace("-", "_"), {})[match[3]] = value
    windows = []
    for name, parts in found.items():
        limit, remaining = _number(parts.get("limit"), 1e15), _number(parts.get("remaining"), 1e15)
        ratio = max(0.0, 1 - remaining / limit) if limit and remaining is not None else None
        windows.append(LimitWindow(name=name, used_ratio=ratio, resets_at=_moment(parts.get("reset"))))
    return windows


def _number(value: str | None, most: float) -> float | None:
    try:
        number = float(value) if value is not None and len(value) < 32 else -1.0
    except ValueError:
        return None
    return number if 0 <= number <= most else None


def _moment(value: str | None) -> float | None:
    try:
        moment = datetime.fromisoformat(value) if value else None
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
