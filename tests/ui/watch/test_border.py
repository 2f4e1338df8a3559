"""What stands in a pane's border: plain text in which tmux finds nothing to do."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.text import width
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.watch.border import over_border, overview_border, session_border, shown_by_tmux
from ui import afternoon
from ui.hostile import HOSTILE, is_harmless

SCENE = Scene(now=afternoon.NOW, zone=UTC)


def border(cells: int = 200, *, colours: bool = False, **fields: Any) -> str:
    shot = afternoon.snapshot("5f0c2a11", project="webshop", label="fix login test") | fields
    return session_border(session_view(shot), SCENE, cells, colours=colours)


def test_a_border_says_whose_pane_it_is_and_what_goes_on() -> None:
    assert border(state_since=afternoon.NOW - 60) == (
        " webshop: fix login test, your turn since 14:31:08, ctx 12%, ~$2.31 "
    )


def test_what_comes_and_goes_has_no_clock_so_that_the_border_stays_calm() -> None:
    assert (
        border(state="streaming", waiting_for=None) == " webshop: fix login test, writing, ctx 12%, ~$2.31 "
    )


def test_trouble_has_a_sign_a_reason_and_a_colour_unless_there_are_none() -> None:
    asks = afternoon.judged(afternoon.signal("needs_answer", "act", "It asks.", "needs your ok", "Answer."))
    assert border(**asks).startswith(" !! webshop: fix login test, ")
    assert ", It asks" in border(**asks) or ", needs your ok" in border(**asks)
    assert border(colours=True, **asks) == "#[fg=red]" + border(**asks)


def test_an_end_and_the_overview() -> None:
    session = session_view(afternoon.snapshot("a", project="webshop", label="fix login test"))
    assert over_border(session, afternoon.NOW, SCENE, 80) == " webshop: fix login test, ended 14:32 "
    assert overview_border(0, 80) == " clauditor: all sessions; q ends this window "
    assert "3 sessions without a pane" in overview_border(3, 80)


@given(text=st.text(max_size=60) | st.sampled_from(HOSTILE), cells=st.integers(1, 90))
def test_tmux_finds_no_format_no_style_and_no_control_character(text: str, cells: int) -> None:
    shown = shown_by_tmux(f"#(touch x) #{{pid}} #[fg=red] {text}", cells)
    assert is_harmless(shown)
    assert "#" not in shown.replace("##", "")
    assert width(shown.replace("##", "#")) <= max(cells, 3)
    assert not shown.endswith(";")


@pytest.mark.parametrize("poison", HOSTILE)
def test_hostile_names_stay_in_their_border(poison: str) -> None:
    shown = border(60, label=poison, project=poison)
    assert is_harmless(shown)
    assert width(shown.replace("##", "#")) <= 60
