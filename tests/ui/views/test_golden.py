"""Whole screens as they were looked at and found good.

Changed on purpose? `CLAUDITOR_WRITE_GOLDEN=1 python -m pytest tests/ui/views/test_golden.py`, then look at
every difference before it is kept.
"""

from __future__ import annotations

from datetime import UTC

import pytest

from clauditor.text import width as cells
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.header import Spend
from clauditor.ui.views.listing import session_list
from clauditor.ui.views.presets import VIEWS, ViewName
from clauditor.ui.views.screen import plain_text, screen
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.story import session_lines
from clauditor.ui.views.turns import Calls, turn_views
from ui import afternoon
from ui.golden_text import check

SCENE = Scene(now=afternoon.NOW, zone=UTC)
SPEND = Spend(today_usd=38.4)
STORIES = {"first": afternoon.first_release, "signals": afternoon.with_signals}


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
            Spend(today_usd=38.4, hour_usd=6.1, week_usd=171.2),
            Scene(now=afternoon.NOW, zone=UTC, all_estimated=False),
            80,
        )
    )
    assert "~$" not in text
    check("api-80", text)


def test_screen_without_a_session_names_what_to_do() -> None:
    check("empty-80", plain_text(screen([], Spend(), SCENE, 80, around=afternoon.AROUND)))


def test_story_of_one_session() -> None:
    session = session_view(afternoon.with_signals()[0])
    calls = Calls(turns=turn_views(afternoon.turns()))
    check("story-100", plain_text(session_lines(session, calls, SCENE, 100)))


def test_list_of_sessions_has_no_labels() -> None:
    sessions = [session_view(shot) for shot in afternoon.first_release()[:8]]
    text = plain_text(session_list(sessions, SCENE, 80))
    assert "fix login test" not in text
    check("list-80", text)
