"""What every part of a post-mortem is told with: its zone, its money, the words for calls, causes and classes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final

from clauditor import names
from clauditor.ui.views import units
from clauditor.ui.views.fields import UNNAMED, float_of, int_of, list_of, map_of, text_of
from clauditor.ui.views.segments import Role

MARKS: Final[Mapping[str, tuple[str, Role]]] = {"act": ("!!", "act"), "watch": ("!", "watch")}
_CLASSES: Final[Mapping[str, str]] = {
    "cache_rebuilds": "cache written again",
    "broken_answers": "answers that broke off",
    "interrupted_answers": "answers interrupted",
    "repeated_failing_tools": "same failure again",
}


class Reading:
    """The report with what every part needs of it: the zone, how money is meant, and the day times are told from."""

    def __init__(self, answer: Mapping[str, Any], zone: tzinfo) -> None:
        self.answer = answer
        self.session = map_of(answer.get("session"))
        self.zone = zone
        self.is_estimated = self.session.get("billing") != "api"
        self.at_least = answer.get("at_least") is not False
        generated_at = float_of(answer.get("generated_at")) or 0.0
        ended_at = float_of(self.session.get("ended_at"))
        self.until = generated_at if ended_at is None else ended_at

    def when(self, at: Any) -> str:
        """A time of day; with its day where that is another than the session's last."""
        return units.moment(float_of(at), self.until, self.zone)

    def usd(self, value: Any, *, is_total: bool = False) -> str:
        complete = not (is_total and self.at_least)
        return units.price(float_of(value), estimated=self.is_estimated, complete=complete)

    def rows(self, name: str) -> list[Mapping[str, Any]]:
        return list_of(self.answer.get(name))


def call_words(turn: Any) -> str:
    number = int_of(turn)
    return "" if number is None else f"call {number}"


def class_words(name: Any) -> str:
    known = text_of(name) or UNNAMED
    return _CLASSES.get(known, known.replace("_", " "))


def cause_words(rebuild: Mapping[str, Any], reading: Reading, *, with_loss: bool = True) -> str:
    """Why the cache was lost, and what that cost: `tools changed (+jira.search), 88k tokens, ~$0.42`."""
    cause = text_of(rebuild.get("name")) or text_of(rebuild.get("cause")) or "unknown"
    detail = names.culprit(cause, text_of(rebuild.get("text")) or text_of(rebuild.get("detail")) or "")
    idle = float_of(rebuild.get("seconds")) or float_of(rebuild.get("idle_seconds"))
    parts = [names.cause_name(cause) + (f" ({detail.rstrip('.')})" if detail else "")]
    if cause.startswith("ttl_expired") and idle:
        parts = [f"nothing was sent for {units.ago(idle)}"]
    if with_loss and int_of(rebuild.get("tokens")):
        parts.append(f"{units.tokens(int_of(rebuild.get('tokens')))} tokens")
    if with_loss and float_of(rebuild.get("cost_usd")):
        parts.append(reading.usd(rebuild.get("cost_usd")))
    return ", ".join(parts)
