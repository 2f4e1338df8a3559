"""The live table and its headline as JSON for the web page: the order, words and meanings of the terminal's screen.

A piece of text is `[text, role]`. One that time alone changes is `["", role, "since" | "until", at]`: a span from a
point in time on, or up to it, that the page shows as `units.duration` does. `["", role, "trend", [ratios]]` is a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import Column
from clauditor.ui.views.empty import Around, empty
from clauditor.ui.views.find import Query, nothing_found
from clauditor.ui.views.header import Spend, kinds, spend_line, trouble_words, upstream_health
from clauditor.ui.views.incident import Incident, incident_words
from clauditor.ui.views.limits import plan_windows, window_name, window_role, window_words
from clauditor.ui.views.presets import ViewName, layout
from clauditor.ui.views.recorded import recorded
from clauditor.ui.views.segments import Line
from clauditor.ui.views.session import SessionView, Window
from clauditor.ui.views.table import Folding, SortName, fold, fold_line
from clauditor.ui.views.units import UNKNOWN

Part = list[Any]
Json = dict[str, Any]

_SCREEN: Final = 400  # cells: a page has every column, and its style sheet hides those there is no room for
_TEXT_CELLS: Final = 72  # of a cell that may be long
_REASON_CELLS: Final = 40  # a longer reason is told in few words; the session's facts have the sentence
_TREND_CALLS: Final = 24
_LEAST: Final = {"SESSION": 21, "WHY": 22, "CTX": 11}  # CTX has a curve beside its share
_COMFORT: Final = {"SESSION": 26, "WHY": 42, "CTX": 11}
_QUIET: Final = "no bytes "
_SURE_SECONDS: Final = 60.0  # words with a clock time change at midnight: within a minute that shows
_TOGETHER_SECONDS: Final = 5.0  # that is looked at for many rows at once
_MOMENT: Final = 0.05  # a row is made anew just after the point at which its words change


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a reader chose to see, as the keys `v`, `s`, `/` and `e` do."""

    view: ViewName
    sort: SortName
    query: Query
    unfold: bool


def parts(shown: Line) -> list[Part]:
    """A line as pieces of text with their meaning, without the blanks that only fill cells."""
    pieces = [[segment.text, segment.role] for segment in shown]
    while pieces and not (text := pieces[-1][0].rstrip(" ")):
        pieces.pop()
    if pieces:
        pieces[-1][0] = text
        pieces[0][0] = pieces[0][0].lstrip(" ")
    return [piece for piece in pieces if piece[0]]


def columns_of(view: ViewName, sessions: Sequence[SessionView]) -> tuple[Column, ...]:
    """The columns of a view that have something to say of these sessions."""
    return tuple(column for column, _ in layout(view, _SCREEN, sessions))


def columns_json(columns: Sequence[Column], scene: Scene) -> list[Json]:
    """Titles, cells (from `least` to `most`), and which go where there is no room: those with a `from_width` that
    it is less than, or while others have less than their `comfort`; then by `go` (0: never).
    """
    return [
        {
            "title": "~$" if column.title == "$" and scene.all_estimated else column.title,
            "align": column.align,
            "least": max(column.least, _LEAST.get(column.title, 0)),
            "comfort": max(column.width, _COMFORT.get(column.title, 0)),
            "most": max(min(column.most, _TEXT_CELLS), _LEAST.get(column.title, 0)),
            "from_width": column.from_width,
            "go": column.go,
        }
        for column in columns
    ]


def row_json(session: SessionView, columns: Sequence[Column], scene: Scene) -> Json:
    """One session: its level, its name for people, and a cell for each column."""
    return {
        "id": session.session_id,
        "level": words.level(session),
        "tone": words.urgency(session),
        "muted": session.is_muted,
        "name": words.full_name(session),
        "cells": [_cell(column, session, scene) for column in columns],
    }


def changes_at(session: SessionView, now: float) -> float:
    """When the words of its row will next change by time alone (Unix seconds)."""
    points = [(now + _SURE_SECONDS) // _TOGETHER_SECONDS * _TOGETHER_SECONDS]
    if session.state in {"thinking", "streaming"} and session.last_activity_at is not None:
        points.append(session.last_activity_at + words.QUIET_SECONDS + _MOMENT)
    if (expires_at := session.cache.expires_at) is not None:
        points += [expires_at + _MOMENT, expires_at - words.COUNTDOWN_SECONDS + _MOMENT]
    return min(point for point in points if point > now)


def order_json(sessions: Sequence[SessionView], choices: Choices, scene: Scene) -> tuple[Json, Folding]:
    """Ids of the rows from top to bottom, the line for those that are folded, and what to say where there is none."""
    found = [session for session in sessions if choices.query.matches(session)]
    unfold = choices.unfold or bool(choices.query)
    folding = fold(found, unfold=unfold, sort=choices.sort, now=scene.now)
    nothing = nothing_found(choices.query) if sessions and not found else []
    said = {
        "ids": [session.session_id for session in folding.rows],
        "folded": parts(fold_line(folding, scene)),
        "nothing": [parts(line) for line in nothing],
    }
    return said, folding


def header_json(
    sessions: Sequence[SessionView],
    spend: Spend,
    scene: Scene,
    incident: Incident | None,
    around: Around | None = None,
) -> Json:
    """Who needs what, what it cost, how full the limits are, and whether all was recorded; `around` where no session is."""
    groups = kinds(sessions)
    billed = spend_line(spend) if any(session.billing == "api" for session in sessions) else ()
    is_estimated = spend.today_usd is not None and any(session.estimated for session in sessions)
    today = units.price(spend.today_usd, estimated=True, complete=spend.complete)
    upstream = upstream_health(sessions, scene, has_incident=incident is not None)
    whole = recorded(sessions, today_complete=spend.complete, room=_SCREEN)
    return {
        "live": sum(number for number, _ in groups),
        "needs": sum(number for number, part in groups if part.role == "act"),
        "counts": [[part.text, part.role] for _, part in groups],
        "incident": "" if incident is None else " ".join(incident_words(incident, scene)).rstrip(),
        "today": f"today {today}" if is_estimated else "",
        "billed": parts(billed),
        "upstream": [parts(line) for line in upstream if line],
        "trouble": trouble_words(spend),
        "recorded": parts(whole) if sessions else [],
        "limits": limits_json(plan_windows(sessions), scene),
        "empty": [] if sessions else [parts(line) for line in empty(around or Around(), _SCREEN)],
    }


def limits_json(accounts: Sequence[tuple[str, Sequence[Window]]], scene: Scene) -> list[Json]:
    """A gauge for each window of each account."""
    several = len(accounts) > 1
    return [
        {
            "account": account[:12] if several else "",
            "name": window_name(window),
            "used": window.used_ratio,
            "projected": window.projected_ratio,
            "role": window_role(window),
            "words": window_words(window, scene),
        }
        for account, windows in accounts
        for window in windows
    ]


def _cell(column: Column, session: SessionView, scene: Scene) -> list[Part]:
    shown = parts(
        column.cell(session, scene, min(column.most, _REASON_CELLS if column.title == "WHY" else _TEXT_CELLS))
    )
    role = shown[0][1] if shown else "plain"
    match column.title:
        case "FOR" if session.state_since is not None:
            return [["", role, "since", session.state_since]]
        case "CACHE" if _counts_down(words.cache_cell(session, scene.now)):
            return [["", role, "until", session.cache.expires_at]]
        case "WHY" if shown and shown[0][0].startswith(_QUIET) and not session.is_muted:
            if words.quiet_seconds(session, scene.now) is not None and words.level(session) == "ok":
                return [[_QUIET, role], ["", role, "since", session.last_activity_at]]
        case "CTX":
            return [*shown, *_trend(session, role)]
        case "TREND":
            return _trend(session, "accent")
    return shown


def _counts_down(cell: str) -> bool:
    return cell not in {"warm", "cold", UNKNOWN}


def _trend(session: SessionView, role: str) -> list[Part]:
    ratios = [round(ratio, 3) for ratio in session.context.history[-_TREND_CALLS:]]
    return [["", role, "trend", ratios]] if len(ratios) > 1 else []
