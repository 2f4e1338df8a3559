"""What a person chose about alerts: what rings, and which ways it takes. Plain values with their defaults.

They are read from `[alerts]` of config.toml at every start of every command, so this imports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

Least = Literal["off", "notice", "watch", "act"]
"""From which severity on a signal rings."""

SIGNALS: Final[Mapping[str, Least]] = MappingProxyType(
    {
        "needs_answer": "act",  # a dialog; that an answer is complete is no hurry
        "stalled": "watch",
        "tool_loop": "watch",
        "compaction_loop": "off",
        "cache_thrash": "off",
        "rate_limit": "act",
        "refused": "off",
        "truncated": "off",
        "context_pressure": "off",
        "cache_expiring": "off",
        "model_fallback": "watch",
        "tool_failures": "off",
        "cache_rebuilt": "off",
        "api_errors": "off",
        "retrying": "off",
        "cost_pace": "off",
        "tool_budget": "off",
        "slow": "off",
        "unobserved": "off",
    }
)
"""Every signal, and what holds for it unless the file says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """`desktop` None: where there is a desktop to show it on. `command` is a program and its arguments.

    `answer_seconds`: how long a question must stay open. `toast_seconds`: the time between two desktop
    alerts. `clear_seconds`: how long a signal must be clear before it may ring again.
    """

    desktop: bool | None = None
    webhook: str | None = None
    webhook_labels: bool = False
    command: tuple[str, ...] = ()
    answer_seconds: float = 10.0
    toast_seconds: float = 30.0
    clear_seconds: float = 30.0
    signals: Mapping[str, Least] = field(default_factory=lambda: SIGNALS)

    def ringing(self, changes: Mapping[str, Least]) -> AlertRules:
        """The same with other severities for some signals."""
        return replace(self, signals=MappingProxyType({**self.signals, **changes}))
