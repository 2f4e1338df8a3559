"""News laid out as lines: clock, sign, session, words, wrapped beside their column. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.news import News, counted, signal_sign, signal_text
from clauditor.ui.views.segments import EMPTY, Line, Segment, clip, fit, line, line_width, wrap
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.state import state_sentence

_NAME_CELLS: Final = 26
_WIDE_NAME_CELLS: Final = 32  # where nothing limits a line
_MIN_TEXT_CELLS: Final = 24  # for less than that, the columns before it give way
_MAX_TEXT_CELLS: Final = 110  # longer lines are hard to read, however wide the screen
_EVERYBODY: Final = "all sessions"


def news_lines(news: News, zone: tzinfo, width: int | None, *, named: bool) -> list[Line]:
    """The lines of one piece of news, none wider than `width` cells (None: one line, as long as it is).

    `named`: each line says whose it is. On a narrow screen the name moves into the text, then the clock goes.
    """
    clock = Segment(f"{units.clock(news.at, zone, seconds=True):<8} ", "dim")
    sign = Segment(f"{news.sign} ", news.role)
    if width is None:
        name = _name(news, _WIDE_NAME_CELLS) if named else EMPTY
        return [line(clock, sign, *name, Segment(news.text, news.role))]
    name = _name(news, min(_NAME_CELLS, width * 2 // 7)) if named else EMPTY
    heads = [line(clock, sign, *name), line(clock, sign), line(sign)]
    head = next((one for one in heads if width - line_width(one) >= _MIN_TEXT_CELLS), heads[-1])
    text = news.text if head is heads[0] or not named else f"{_full_name(news)}: {news.text}"
    room = max(1, min(width - line_width(head), _MAX_TEXT_CELLS))
    indent = " " * line_width(head)
    wrapped = wrap(text, room, news.role)
    lines = [line(*(indent if number else head), *one) for number, one in enumerate(wrapped)]
    return [clip(one, width) for one in lines]


def opening(sessions: Iterable[SessionView], scene: Scene, *, signals_only: bool) -> Iterator[News]:
    """How things stand when the watching begins: what each session does, and the signals that hold."""
    awake = [session for session in sessions if session.state not in words.FOLDED]
    for session in sorted(awake, key=lambda one: (one.attention, one.session_id)):
        if not signals_only:
            so_far = counted(session)
            text = state_sentence(session, scene) + (f" ({so_far})" if so_far else "")
            yield _now(session, session.state_since, f"now: {text}")
        for signal in session.signals:
            sign, role = signal_sign("" if session.is_muted else signal.severity)
            text = signal_text(signal.summary or signal.name.replace("_", " "), signal.next_step)
            yield News(
                at=signal.since,
                session=session,
                session_id=session.session_id,
                text=text,
                role=role,
                sign=sign,
                is_signal=True,
            )


def day_line(day: str) -> Line:
    """Stands between the lines of two days."""
    return line(Segment(f"── {day} ──", "rule"))


def _now(session: SessionView, at: float | None, text: str) -> News:
    return News(at=at, session=session, session_id=session.session_id, text=text, role="dim")


def _name(news: News, cells: int) -> Line:
    """The session's name in a column of `cells` cells, and a blank."""
    if news.session is None:
        return line(Segment(fit(_full_name(news), cells), "dim"), " ")
    project, label = words.name_cells(news.session, cells)
    head = f"{project} " if project else ""
    return line(Segment(head, "strong"), fit(label, cells - line_width(line(head))), " ")


def _full_name(news: News) -> str:
    return words.full_name(news.session) if news.session is not None else _EVERYBODY
