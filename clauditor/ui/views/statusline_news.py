"""What a signal says in the status line: with the clock times and the culprit, and with the one step to take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final, NamedTuple

from clauditor.ui.views import units
from clauditor.ui.views.quick import map_of, number_of, text_of

_WINDOWS: Final = {"5h": "five_hour", "7d": "seven_day"}


class Scene(NamedTuple):
    """Now (Unix seconds), and the zone of the person's clock."""

    now: float
    zone: tzinfo

    def clock(self, at: float) -> str:
        return units.moment(at, self.now, self.zone)


def in_words(
    name: str, signal: Mapping[str, Any], session: Mapping[str, Any], scene: Scene
) -> tuple[str, str, str]:
    """What the signal `name` says, the step to take (or empty), and the first in few words.

    The sidecar leaves clock times to screens. A signal that needs none is told in the sidecar's own sentences.
    """
    what, then = _sentence(signal.get("summary")), _first_step(signal.get("next_step"))
    short = text_of(signal.get("short")) or what
    context, cache = map_of(session.get("context")), map_of(session.get("cache"))
    since = number_of(signal.get("since"))
    match name:
        case "context_pressure" if (used := number_of(context.get("used_ratio"))) is not None:
            what = f"context {units.percent(used)}, {_compacts(number_of(context.get('turns_to_compact')))}"
            then = "finish this step, then /compact"
        case "cache_expiring" if (at := number_of(cache.get("expires_at"))) is not None:
            more, then = price(number_of(cache.get("rebuild_cost_usd")), session), ""
            costs = f"costs {more} more" if more else "writes it again"
            what = f"cache goes cold at {scene.clock(at)}, then the next message {costs}"
            short = f"cache cold {scene.clock(at)}{more and f', +{more}'}"
        case "cache_rebuilt" if miss := map_of(cache.get("last_miss")):
            at, worth = number_of(miss.get("at")), price(number_of(miss.get("cost_usd")), session)
            when = "" if at is None else f" at {scene.clock(at)}"
            what = f"cache rebuilt{when}{worth and f' ({worth})'}: {_cause(miss)}"
            then = ""
        case "model_fallback" if "/model" in then and since is not None:
            what, then = f"{_lower(what).replace('; ', ', ')}, since {scene.clock(since)}", "/model"
        case "rate_limit" if window := _window(limit := short.partition(" ")[0], session):
            what, then = _used(limit, window, scene), _share(window)
        case "tool_loop":
            what = what.replace("times the same call with the same result", "same calls, same result")
            then = "Esc and redirect"
    return what, then, short


def _compacts(calls: float | None) -> str:
    if calls is None:
        return "compacts soon"
    return f"compacts in ~{units.count(int(calls), 'call')}" if calls >= 1 else "compacts now"


def _cause(miss: Mapping[str, Any]) -> str:
    """Why a cache was rebuilt, with the culprit: `tools changed, +jira.search`."""
    from clauditor import names  # noqa: PLC0415 - its patterns take a moment, and this is rare

    cause, detail = text_of(miss.get("cause")), text_of(miss.get("detail"))
    return ", ".join(part for part in (names.cause_name(cause), names.culprit(cause, detail)) if part)


def _window(name: str, session: Mapping[str, Any]) -> Mapping[str, Any]:
    """The window that `5h limit 91%` is about."""
    return map_of(map_of(session.get("limits")).get(_WINDOWS.get(name, name)))


def _used(name: str, window: Mapping[str, Any], scene: Scene) -> str:
    """`5h limit 91%, full ~14:50, back 15:10`."""
    full_at, resets_at = number_of(window.get("full_at")), number_of(window.get("resets_at"))
    full = f", full ~{scene.clock(full_at)}" if full_at is not None and full_at > scene.now else ""
    back = "" if resets_at is None else f", back {scene.clock(resets_at)}"
    return f"{name} limit {units.percent(number_of(window.get('used_ratio')))}{full}{back}"


def _share(window: Mapping[str, Any]) -> str:
    share = number_of(window.get("session_share"))
    return f"this session ~{units.percent(share)} of your use" if share else ""


def _sentence(value: object) -> str:
    return text_of(value).removesuffix(".")


def _first_step(value: object) -> str:
    """The first of the steps: a status line has room for one."""
    return _sentence(text_of(value).partition("; ")[0])


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def price(usd: float | None, session: Mapping[str, Any]) -> str:
    """`~$2.26`; empty if it is not known."""
    return "" if usd is None else units.price(usd, estimated=is_estimated(session))


def is_estimated(session: Mapping[str, Any]) -> bool:
    """Whether its money is a list price rather than a bill."""
    return session.get("billing") != "api"
