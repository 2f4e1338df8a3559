"""Whole screens as they were looked at and found good.

Changed on purpose? `CLAUDITOR_WRITE_GOLDEN=1 python -m pytest tests/ui/views/test_golden.py`, then look at
every difference before it is kept.
"""

from __future__ import annotations

import os
from datetime import UTC
from pathlib import Path

import pytest

from clauditor.text import width as cells
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import VIEWS, ViewName
from clauditor.ui.views.header import Spend
from clauditor.ui.views.listing import session_list
from clauditor.ui.views.screen import plain_text, screen
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.timeline import session_lines
from clauditor.ui.views.turns import Calls, turn_views
from ui import afternoon

GOLDEN = Path(__file__).parents[1] / "golden"
SCENE = Scene(now=afternoon.NOW, zone=UTC)
SPEND = Spend(today_usd=38.4)
STORIES = {"first": afternoon.first_release, "signals": afternoon.with_signals}


def check(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("CLAUDITOR_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("story", sorted(STORIES))
def test_screen_of_an_afternoon(story: str, width: int) -> None:
    sessions = [session_view(shot) for shot in STORIES[story]()]
    text = plain_text(screen(sessions, SPEND, SCENE, width))
    assert max(map(cells, text.splitlines())) <= width
    check(f"{story}-{width}", text)


def test_screen_of_an_afternoon_fits_24_lines_of_80_cells() -> None:
    for story in STORIES.values():
        text = plain_text(screen([session_view(shot) for shot in story()], SPEND, SCENE, 80))
        assert len(text.splitlines()) <= 24


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_columns(view: ViewName) -> None:
    sessions = [session_view(shot) for shot in afternoon.with_signals()]
    check(f"view-{view}-80", plain_text(screen(sessions, SPEND, SCENE, 80, view=view)))


def test_screen_of_an_api_account_shows_dollars_without_tilde() -> None:
    shots = [shot | {"billing": "api", "limits": {}} for shot in afternoon.first_release()]
    text = plain_text(
        screen(
            [session_view(shot) for shot in shots],
            Spend(today_usd=38.4, week_usd=171.2),
            Scene(now=afternoon.NOW, zone=UTC, all_estimated=False),
            80,
        )
    )
    assert "~$" not in text
    check("api-80", text)


def test_screen_without_a_session_names_what_to_do() -> None:
    check("empty-80", plain_text(screen([], Spend(), SCENE, 80, proxy_url="http://127.0.0.1:10000")))


def test_story_of_one_session() -> None:
    session = session_view(afternoon.with_signals()[0])
    calls = Calls(turns=turn_views(afternoon.turns()))
    check("story-100", plain_text(session_lines(session, calls, SCENE, 100)))


def test_list_of_sessions_has_no_labels() -> None:
    sessions = [session_view(shot) for shot in afternoon.first_release()[:8]]
    text = plain_text(session_list(sessions, SCENE, 80))
    assert "fix login test" not in text
    check("list-80", text)
