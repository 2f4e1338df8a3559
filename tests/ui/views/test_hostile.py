"""What a snapshot holds is foreign text: it never leaves its place and never breaks a screen."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clauditor.alerts.rules import AlertRules
from clauditor.text import width as cells
from clauditor.ui.top.bell import Bell
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.empty import Around
from clauditor.ui.views.groups import group_of, heading
from clauditor.ui.views.header import Spend, spend_of
from clauditor.ui.views.incident import incident_of
from clauditor.ui.views.listing import session_list
from clauditor.ui.views.presets import VIEWS
from clauditor.ui.views.screen import plain_text, screen
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.story import TABS, session_lines, tab_lines
from clauditor.ui.views.turns import Calls, side_calls, turn_views
from ui import afternoon
from ui.hostile import HOSTILE, is_harmless

SCENE = Scene(now=afternoon.NOW, zone=UTC)


def poisoned(value: Any, poison: str) -> Any:
    """The same JSON with every string replaced, names of dictionaries included where they are names."""
    match value:
        case str():
            return poison
        case dict():
            open_names = set(value) and not {"calls", "used_ratio", "tokens"} & set(value)
            return {
                (poison if open_names and key in {"Bash", "five_hour"} else key): poisoned(item, poison)
                for key, item in value.items()
            }
        case list():
            return [poisoned(item, poison) for item in value]
        case _:
            return value


def everything(shots: list[Any], turns: Any, width: int, totals: Any = None) -> str:
    sessions = [session_view(shot) for shot in shots]
    told = incident_of(totals)
    text = "".join(
        plain_text(screen(sessions, Spend(), SCENE, width, view=view, incident=told)) for view in VIEWS
    )
    text += plain_text(session_list(sessions, SCENE, width))
    calls = Calls(turns=turn_views(turns), side_calls=side_calls({"side_calls_by_name": turns}))
    for session in sessions:
        text += plain_text(session_lines(session, calls, SCENE, width))
        text += plain_text([line for tab in TABS for line in tab_lines(tab, session, calls, SCENE, width)])
    text += plain_text([heading(group_of(one, "project"), "project", [one], width) for one in sessions])
    return text


@pytest.mark.parametrize("poison", HOSTILE)
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("muted_until", [None, afternoon.NOW + 60])
def test_hostile_strings_never_reach_a_line(poison: str, width: int, muted_until: float | None) -> None:
    shots = [shot | {"muted_until": muted_until} for shot in poisoned(afternoon.with_signals()[:6], poison)]
    # States decide which sentences are said: keep them, so that every one is tried.
    for shot, kept in zip(shots, afternoon.with_signals(), strict=False):
        shot["state"], shot["waiting_for"], shot["verdict"]["level"] = (
            kept["state"],
            kept["waiting_for"],
            "act",
        )
    text = everything(shots, poisoned(afternoon.turns(), poison), width)
    for line in text.split("\n"):
        assert is_harmless(line), line
        assert cells(line) <= width


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_KEYS = sorted({key for shot in afternoon.first_release() for key in shot})
_INNER = (
    "tokens",
    "state",
    "used_ratio",
    "at",
    "cause",
    "name",
    "history",
    "expires_at",
    "running",
    "by_name",
    "level",
    "reason",
    "short",
    "severity",
    "summary",
    "since",
    "expected",
    "projected_ratio",
    "full_at",
)


@settings(max_examples=200, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from(_KEYS),
        _JSON | st.dictionaries(st.sampled_from(_INNER), _JSON, max_size=4),
        max_size=12,
    ),
    window=st.dictionaries(st.sampled_from(_INNER), _JSON, max_size=4),
    totals=_JSON
    | st.fixed_dictionaries({"incident": st.fixed_dictionaries(dict.fromkeys(afternoon.INCIDENT, _JSON))}),
    turns=_JSON,
    width=st.integers(min_value=40, max_value=220),
)
def test_any_json_makes_a_screen(
    fields: dict[str, Any], window: dict[str, Any], totals: Any, turns: Any, width: int
) -> None:
    shot = afternoon.with_signals()[0] | {"limits": {"five_hour": window}} | fields
    text = everything([shot], [turns, {"attempts": turns, "tools": turns}], width, totals)
    assert all(is_harmless(line) and cells(line) <= width for line in text.split("\n"))
    bell = Bell(AlertRules())
    bell.ring({}, afternoon.NOW)
    sound = bell.ring({"x": session_view(shot)}, afternoon.NOW + 60)
    assert is_harmless(sound.replace("\x1b]9;", "").replace("\x07", ""))


def test_spend_of_nonsense_is_unknown() -> None:
    assert spend_of({"today": [1], "week": {"cost_usd": "x"}}) == Spend()
    assert spend_of({"today": None, "week": None}) == Spend()


@pytest.mark.parametrize("poison", HOSTILE)
def test_hostile_directories_never_reach_the_empty_screen(poison: str) -> None:
    around = Around(proxy_url=poison, requests=1, unwatched=((1, poison), (2, f"/tmp/{poison}")))
    for width in (40, 80):
        for line in plain_text(screen([], Spend(), SCENE, width, around=around)).split("\n"):
            assert is_harmless(line), line
            assert cells(line) <= width
