"""The status line in words: what this session needs, what others need, and whether anything is watched at all.

It is drawn again only when something happens, so it tells clock times, never countdowns. Signals are the sidecar's;
this page chooses the one that is news in its own terminal, where a dialog is on the screen anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final, Literal, NamedTuple

from clauditor.ui.views import units
from clauditor.ui.views.quick import cells, cut, list_of, map_of, number_of, text_of
from clauditor.ui.views.statusline_news import Scene, in_words, is_estimated, price

MARGIN: Final = 4  # cells beside the line that Claude Code 2.1.330 keeps free of the COLUMNS it tells
SHORT_COLUMNS: Final = 60
_DEAR_USD: Final = 0.10  # a cold cache that costs less is not worth a sentence
_DEAR_TOKENS: Final = 50_000  # where the price is unknown
_SHOWN_NAMES: Final = 3

_OWN_SCREEN: Final = frozenset({"needs_answer"})
_OF_UPSTREAM: Final = frozenset({"retrying", "api_errors", "stalled", "slow"})

Kind = Literal["what", "context", "cache", "price", "limit", "next", "others"]
_DROPPED: Final[tuple[Kind, ...]] = ("price", "limit", "next", "others", "context", "cache")
"""What gives way in a narrow terminal, in this order; of the others their names go before their number."""


class Seen(NamedTuple):
    """What the command found out. `answer`: the sidecar's, or why there is none (`away`: nobody listens there,
    `silent`: no answer that makes sense); `proxy`: who listens where this client sends its requests (`is_routed`: to
    a proxy of this machine); `has_called`: the client says that it has called the API.
    """

    answer: Mapping[str, Any] | Literal["away", "silent"]
    proxy: Literal["ours", "foreign", "nobody"] = "ours"
    is_routed: bool = True
    has_called: bool = False


class _Said(NamedTuple):
    """`head` and `parts` make the line, `short` the one for a narrow terminal."""

    head: str
    parts: list[tuple[Kind, str]]
    short: str


def status_line(seen: Seen, *, now: float, zone: tzinfo, columns: int) -> str:
    """One line that fits a terminal of `columns` cells. Never raises on what the sidecar answered."""
    said = _said(seen, Scene(now, zone))
    room = max(columns - MARGIN, 1)
    return cut(said.short, room) if columns < SHORT_COLUMNS else _fitted(said, room)


def _said(seen: Seen, scene: Scene) -> _Said:
    if seen.is_routed and seen.proxy == "nobody":
        remedy = "in any shell: clauditor up  (or: clauditor off)"
        return _Said("clauditor DOWN, Claude cannot reach the API", [("next", remedy)], "DOWN · clauditor up")
    if seen.is_routed and seen.proxy == "foreign":
        what = "clauditor DOWN, another user's program listens on its port"
        return _Said(what, [("next", "in any shell: clauditor off")], "DOWN · clauditor off")
    answer = map_of(seen.answer)
    others, short_others = _others(answer)
    if not seen.is_routed:
        remedy = "clauditor on, from the next prompt"
        said = _Said("clauditor: this session is not seen", [("next", remedy)], "not seen · clauditor on")
    elif seen.answer == "away":
        what = "clauditor not recording (your traffic goes on)"
        said = _Said(what, [("next", "clauditor up")], "not recording · clauditor up")
    elif not answer:
        what = "clauditor does not answer (your traffic goes on)"
        said = _Said(what, [("next", "clauditor status")], "no answer · clauditor status")
    elif session := map_of(answer.get("session")):
        said = _about(session, map_of(answer.get("incident")), scene)
    elif seen.has_called:
        said = _Said("clauditor: this session is seen from its next prompt", [], "seen from the next prompt")
    else:
        said = _Said("clauditor ok", [("what", "no call yet")], "ok · no call yet")
    if not others:
        return said
    return _Said(said.head, [*said.parts, ("others", others)], f"{said.short} · {short_others}")


def _about(session: Mapping[str, Any], incident: Mapping[str, Any], scene: Scene) -> _Said:
    signal = _news(session)
    name = text_of(signal.get("name"))
    if incident and (not signal or name in _OF_UPSTREAM):
        return _incident(session, incident, scene)
    if not signal:
        return _cold(session, scene) or _healthy(session, scene)
    level = text_of(signal.get("severity"))
    what, then, short = in_words(name, signal, session, scene)
    parts: list[tuple[Kind, str]] = [("what", what), ("next", then)]
    return _Said(f"clauditor {level}", parts if then else parts[:1], f"{level} · {short}")


def _news(session: Mapping[str, Any]) -> Mapping[str, Any]:
    """The most pressing signal that its own terminal does not show anyway; empty if there is none."""
    if session.get("muted_until") is not None:
        return {}
    for signal in map(map_of, list_of(session.get("signals"))):
        if text_of(signal.get("name")) not in _OWN_SCREEN and signal.get("severity") in ("act", "watch"):
            return signal
    return {}


def _healthy(session: Mapping[str, Any], scene: Scene) -> _Said:
    parts: list[tuple[Kind, str]] = []
    context = map_of(session.get("context"))
    used, newest = number_of(context.get("used_ratio")), map_of(context.get("last_compaction"))
    if newest and newest.get("tokens_after") is None:
        parts.append(("context", "just compacted"))  # the next call tells the size
    elif used is not None:
        parts.append(("context", f"ctx {units.percent(used)}"))
    expires_at = number_of(map_of(session.get("cache")).get("expires_at"))
    if expires_at is not None:
        is_warm = expires_at > scene.now
        parts.append(("cache", f"cache to {scene.clock(expires_at)}" if is_warm else "cache cold"))
    missed = int(number_of(map_of(session.get("unobserved")).get("exchanges")) or 0)
    cost = number_of(session.get("cost_usd"))
    if cost is not None:
        is_complete = not missed and session.get("cost_complete") is not False
        shown = units.price(cost, estimated=is_estimated(session), complete=is_complete)
        gap = f" ({units.count(missed, 'call')} not recorded)" if missed else ""
        parts.append(("price", shown + gap))
    window = map_of(map_of(session.get("limits")).get("five_hour"))
    limit = number_of(window.get("used_ratio"))
    is_current = (number_of(window.get("resets_at")) or 0) > scene.now
    if session.get("billing") == "plan" and limit is not None and is_current:
        parts.append(("limit", f"5h {units.percent(limit)}"))
    short = ["ok", *(text for kind, text in parts if kind in ("context", "cache"))]
    return _Said("clauditor ok", parts, " · ".join(short))


def _cold(session: Mapping[str, Any], scene: Scene) -> _Said | None:
    """What the next message will cost, if the cache is cold and that matters."""
    cache = map_of(session.get("cache"))
    expires_at = number_of(cache.get("expires_at"))
    usd, tokens = number_of(cache.get("rebuild_cost_usd")), number_of(cache.get("rebuild_tokens"))
    if expires_at is None or expires_at > scene.now or tokens is None:
        return None
    if usd < _DEAR_USD if usd is not None else tokens < _DEAR_TOKENS:
        return None
    since, more = scene.clock(expires_at), price(usd, session)
    what = f"cache cold since {since}, next message rewrites {units.tokens(tokens)} tokens"
    return _Said(
        "clauditor",
        [("what", f"{what} ({more})" if more else what), ("next", "new task? /clear")],
        f"watch · cache cold {since}, +{more or units.tokens(tokens)}",
    )


def _incident(session: Mapping[str, Any], incident: Mapping[str, Any], scene: Scene) -> _Said:
    failing, active = (int(number_of(incident.get(key)) or 0) for key in ("failing", "active"))
    status, since = number_of(incident.get("status")), number_of(incident.get("since"))
    whom = f"{failing} of {max(active, failing)} sessions"
    at = "" if since is None else f" since {scene.clock(since)}"
    if status is None:
        what, short = f"connections to Anthropic break in {whom}{at}", f"connections break in {whom}"
    else:
        blame = "your account's rate" if status == 429 else "not your set-up"
        what, short = f"Anthropic answers {status:.0f} to {whom}{at}, {blame}", f"{status:.0f} in {whom}"
    attempt = number_of(map_of(session.get("retry")).get("attempt"))
    parts: list[tuple[Kind, str]] = [("what", what)]
    if session.get("state") == "retrying" and attempt is not None:
        parts.append(("next", f"retry {attempt:.0f}/10"))
    return _Said("clauditor", parts, short)


def _others(answer: Mapping[str, Any]) -> tuple[str, str]:
    """`2 others need you: infra, orders-api`, and `2 need you`; empty if nobody does."""
    others = map_of(answer.get("others"))
    number = int(number_of(others.get("act")) or 0)
    if number <= 0:
        return "", ""
    shown = [name for name in map(text_of, list_of(others.get("names"))) if name][:_SHOWN_NAMES]
    who = "1 other needs you" if number == 1 else f"{number} others need you"
    return f"{who}: {', '.join(shown)}" if shown else who, f"{number} need{'s' if number == 1 else ''} you"


# -- fitting -----------------------------------------------------------------------------------------


def _fitted(said: _Said, room: int) -> str:
    """Everything that has room; see _DROPPED."""
    parts = said.parts
    for kind in _DROPPED:
        if cells(_joined(said.head, parts)) <= room:
            break
        if kind == "others":  # first without their names
            parts = [(one, text.partition(":")[0] if one == kind else text) for one, text in parts]
            if cells(_joined(said.head, parts)) <= room:
                break
        parts = [part for part in parts if part[0] != kind]
    return cut(_joined(said.head, parts), room)


def _joined(head: str, parts: list[tuple[Kind, str]]) -> str:
    return " · ".join([head, *(text for _, text in parts)])
