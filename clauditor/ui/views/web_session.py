"""One session as JSON for the web page: the pane's facts, the tabs of the terminal's screen, and curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from clauditor.ui.views import words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.detail import facts
from clauditor.ui.views.segments import KEEP, Role
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.story import TabName, more_facts, tab_lines
from clauditor.ui.views.turns import Calls, TurnView

_WIDTH: Final = 132  # cells of a tab's lines: the page scrolls them where it has less
_BLOCKS: Final = "▁▂▃▄▅▆▇█ "
_MAX_POINTS: Final = 1000


def session_json(session: SessionView, calls: Calls | None, tab: TabName, scene: Scene) -> dict[str, Any]:
    """What the page shows of one session; `calls` is None where they could not be read.

    `facts`: tag, text, role; `lines`: those of a tab other than the overview, as they stand in the terminal.
    """
    place = session.tty.removeprefix("/dev/") if session.tty else session.shown_id[:8]
    about = ", ".join(part for part in (session.branch, session.model, place) if part)
    shown: dict[str, Any] = {
        "id": session.session_id,
        "name": words.full_name(session),
        "about": about,
        "level": words.level(session),
        "muted": session.is_muted,
        "can_mute": session.is_muted or words.level(session) != "ok",
        "tab": tab,
        "facts": [],
        "lines": [],
        "curves": None,
    }
    if tab == "overview":
        turns = calls.turns if calls is not None else ()
        told: list[tuple[str, str, Role]] = [
            *facts(session, scene, turns=turns),
            *((tag, text, "plain") for tag, text in more_facts(session, calls, scene)),
        ]
        shown["facts"] = [[tag, _text(tag, text), role] for tag, text, role in told if text]
        shown["curves"] = _curves(turns, session)
    else:
        lines = tab_lines(tab, session, calls, scene, _WIDTH)
        shown["lines"] = [[[part.text, part.role] for part in line] for line in lines]
    return shown


def _text(tag: str, text: str) -> str:
    """A fact's text; the page draws the curve that the terminal makes of blocks."""
    shown = text.replace(KEEP, " ")
    return shown.lstrip(_BLOCKS) if tag == "CTX" else shown


def _curves(turns: Sequence[TurnView], session: SessionView) -> dict[str, Any] | None:
    """Context of the main thread and the cost of all calls so far, at the end of each; None for less than two."""
    at: list[float] = []
    context: list[int | None] = []
    cost: list[float] = []
    spent = 0.0
    for turn in turns[-_MAX_POINTS:]:
        spent += turn.cost_usd or 0.0
        ended_at = turn.ended_at or turn.started_at
        if ended_at is None:
            continue
        at.append(max(ended_at, at[-1]) if at else ended_at)
        context.append(turn.prompt_tokens if turn.agent_id == "main" else None)
        cost.append(round(spent, 6))
    if len(at) < 2:
        return None
    return {
        "at": at,
        "context": context,
        "cost": cost,
        "compact_at": session.context.compact_at_tokens,
        "estimated": session.estimated,
    }
