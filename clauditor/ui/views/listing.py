"""The list of sessions, live and past: what `clauditor sessions` prints. It shows no labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clauditor.ui.views import cells, units, words
from clauditor.ui.views.cells import Scene, text_cell
from clauditor.ui.views.columns import Column, arrange, row, titles
from clauditor.ui.views.presets import MONEY
from clauditor.ui.views.segments import Line
from clauditor.ui.views.session import SessionView

COLUMNS: Final = (
    Column(title="ID", width=8, cell=text_cell(lambda s, _: s.shown_id[:8])),
    Column(
        title="LAST",
        width=10,
        cell=text_cell(lambda s, scene: units.moment(s.last_activity_at, scene.now, scene.zone)),
        go=3,
    ),
    Column(title="STATE", width=9, cell=text_cell(lambda s, _: words.state_word(s), cells.state_role)),
    Column(
        title="PROJECT", width=14, cell=text_cell(lambda s, _: s.project or units.UNKNOWN), narrow=10, wide=32
    ),
    Column(
        title="BRANCH",
        width=11,
        cell=text_cell(lambda s, _: s.branch or units.UNKNOWN),
        narrow=8,
        wide=40,
        go=2,
    ),
    Column(title="MODEL", width=10, cell=text_cell(lambda s, _: s.model or units.UNKNOWN), go=1),
    Column(
        title="CALLS",
        width=5,
        cell=text_cell(lambda s, _: units.whole(s.turns), align="right"),
        align="right",
        go=4,
    ),
    MONEY,
)


def session_list(sessions: Sequence[SessionView], scene: Scene, width: int) -> list[Line]:
    """The sessions in the order they came, under their titles."""
    plan = arrange(COLUMNS, width)
    return [titles(plan, scene), *(row(session, plan, scene) for session in sessions)]
