"""Rate-limit headers of the pretend vendor: a plan's two windows, or an API account's token buckets.

Source: headers as the vendor sends them (2026-11): unified windows for subscriptions, RFC 3339 token
buckets for API keys. Use only rises, and stops short of a refusal: a play that wants one scripts it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

from clauditor.demo.ledger import Tokens
from clauditor.demo.request import Request
from clauditor.demo.seeded import dice

Billing = Literal["plan", "api"]
FIVE_HOURS_SECONDS: Final = 18_000
SEVEN_DAYS_SECONDS: Final = 604_800
_HIGHEST_RATIO: Final = 0.99
_WARNING_RATIO: Final = 0.9
_FIVE_HOUR_BUDGET: Final = 150_000_000
"""Weighted tokens of one five-hour window: with eight busy sessions it fills over hours, not minutes."""
_BUCKETS: Final = (
    ("requests", 4_000),
    ("tokens", 2_400_000),
    ("input-tokens", 2_000_000),
    ("output-tokens", 400_000),
)


class Limits:
    """What the accounts have used so far; `now` is wall time in Unix seconds."""

    def __init__(self, seed: int, billing: Billing | None, started_at: float) -> None:
        chance = dice(seed, "limits")
        self._billing = billing
        self._five_hour = 0.35 + chance.random() * 0.2
        self._seven_day = 0.2 + chance.random() * 0.2
        self._five_hour_resets = int(started_at) + chance.randint(50, 170) * 60
        self._seven_day_resets = int(started_at) + chance.randint(30, 130) * 3600
        self._bucket_used = 0

    def billing(self, request: Request) -> Billing:
        """Which family an answer carries: as configured, else by the kind of credential."""
        if self._billing is not None:
            return self._billing
        bearer = request.header("authorization") or ""
        return "plan" if bearer.startswith("Bearer sk-ant-oat") else "api"

    def spend(self, tokens: Tokens) -> None:
        """Counts an answer, weighted roughly as the price list weighs its classes."""
        weighted = (
            tokens.input
            + tokens.output * 5
            + tokens.cache_read * 0.05
            + tokens.cache_write_5m * 1.25
            + tokens.cache_write_1h * 2
        )
        self._five_hour = min(_HIGHEST_RATIO, self._five_hour + weighted / _FIVE_HOUR_BUDGET)
        self._seven_day = min(_HIGHEST_RATIO, self._seven_day + weighted / _FIVE_HOUR_BUDGET / 12)
        self._bucket_used += tokens.input + tokens.output + tokens.cache_write_5m + tokens.cache_write_1h

    def headers(self, request: Request, now: float) -> tuple[tuple[str, str], ...]:
        """The headers of one answer."""
        return self._plan(now) if self.billing(request) == "plan" else self._api(now)

    def _plan(self, now: float) -> tuple[tuple[str, str], ...]:
        if now >= self._five_hour_resets:
            self._five_hour, self._five_hour_resets = 0.0, int(now) + FIVE_HOURS_SECONDS
        if now >= self._seven_day_resets:
            self._seven_day, self._seven_day_resets = 0.0, int(now) + SEVEN_DAYS_SECONDS
        windows = (
            ("5h", self._five_hour, self._five_hour_resets),
            ("7d", self._seven_day, self._seven_day_resets),
        )
        told = [("status", _status(self._five_hour)), ("reset", str(self._five_hour_resets))]
        told.append(("representative-claim", "five_hour"))
        for name, used, resets_at in windows:
            told += [(f"{name}-status", _status(used)), (f"{name}-reset", str(resets_at))]
            told.append((f"{name}-utilization", f"{used:.4f}"))
            if used >= _WARNING_RATIO:
                told.append((f"{name}-surpassed-threshold", str(_WARNING_RATIO)))
        told += [("fallback-percentage", "0.5"), ("overage-status", "rejected")]
        told.append(("overage-disabled-reason", "overage_not_provisioned"))
        return tuple((f"anthropic-ratelimit-unified-{name}", value) for name, value in told)

    def _api(self, now: float) -> tuple[tuple[str, str], ...]:
        reset = datetime.fromtimestamp(int(now) + 1, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        headers: list[tuple[str, str]] = []
        for name, limit in _BUCKETS:
            remaining = (
                limit - 1 if name == "requests" else (limit - self._bucket_used % limit) // 1000 * 1000
            )
            prefix = f"anthropic-ratelimit-{name}"
            headers += [
                (f"{prefix}-limit", str(limit)),
                (f"{prefix}-remaining", str(remaining)),
                (f"{prefix}-reset", reset),
            ]
        return tuple(headers)


def _status(used_ratio: float) -> str:
    return "allowed_warning" if used_ratio >= _WARNING_RATIO else "allowed"
