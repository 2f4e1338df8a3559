"""What stands in the border of a pane: whose it is, what it does, why it matters. Pure.

tmux reads `#` in such a text as the beginning of a format or a style, so every `#` of it is doubled; what is left is
cleaned text. Clock times rather than countdowns: a border is drawn anew only when something happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clauditor.text import clean, cut
from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.news import price
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.state import since_words

_STYLES: Final[Mapping[str, str]] = {"act": "#[fg=red]", "watch": "#[fg=yellow]"}
_CHANGING: Final = words.WORKING  # states that come and go too fast for a clock beside them
_WHY_CELLS: Final = 40


def session_border(session: SessionView, scene: Scene, cells: int, *, colours: bool) -> str:
    """The border of a session's pane, in at most `cells` cells; a value that tmux shows as it is."""
    state = words.state_word(session)
    if session.state not in _CHANGING:
        state += since_words(session.state_since, scene)
    parts = [f"{words.sign(session).strip()} {words.full_name(session)}".strip(), state]
    if words.level(session) != "ok" and (why := words.why(session, scene.now, _WHY_CELLS)):
        parts.append(cut(why, _WHY_CELLS))
    if session.context.used_ratio is not None:
        parts.append(f"ctx {units.percent(session.context.used_ratio)}")
    if session.cost_usd is not None:
        parts.append(price(session.cost_usd, session, complete=session.cost_complete))
    style = _STYLES.get(words.level(session), "") if colours else ""
    return style + shown_by_tmux(", ".join(parts), cells)


def over_border(session: SessionView | None, over_at: float, scene: Scene, cells: int) -> str:
    """The border of a pane whose session is over."""
    name = words.full_name(session) if session is not None else "session"
    return shown_by_tmux(f"{name}, ended {units.clock(over_at, scene.zone)}", cells)


def overview_border(left_out: int, cells: int) -> str:
    more = "" if not left_out else f", {units.count(left_out, 'session')} without a pane"
    return shown_by_tmux(f"clauditor: all sessions{more}; q ends this window", cells)


def shown_by_tmux(text: str, cells: int) -> str:
    """A text as a value of a tmux option that is shown letter by letter, a blank on both sides."""
    return f" {cut(clean(text), max(1, cells - 2)).replace('#', '##')} "
