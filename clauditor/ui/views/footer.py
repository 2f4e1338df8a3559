"""The keys, in one line and in the help page."""

from __future__ import annotations

from typing import Final

from clauditor.ui.views.columns import ViewName
from clauditor.ui.views.segments import Line, Segment, clip, line, line_width
from clauditor.ui.views.table import VIEW_SORT, SortName

HELP: Final[tuple[tuple[str, str], ...]] = (
    ("arrows, j k", "select a session; PgUp PgDn Home End go further"),
    ("Enter", "everything about it: agents, tools, calls one by one"),
    ("/", "find: state:tool project:web model:opus or any word"),
    ("Esc", "end the search, show all again"),
    ("s", "sort by attention, name, cost, context, cache, limit, age"),
    ("v", "view: attention, cost, context, cache, limit"),
    ("e", "show or fold idle, ended and scripted sessions"),
    ("y", "copy the session's id"),
    ("space", "freeze the screen, or let it go on"),
    ("q", "quit"),
)
LEGEND: Final[tuple[tuple[str, str], ...]] = (
    ("!!  !", "act now, keep an eye on it"),
    ("approve", "waits for your permission"),
    ("asks you", "waits for your answer; your turn: for your next prompt"),
    ("FOR", "how long it has been in this state"),
    ("CTX", "how full its context window is"),
    ("CACHE", "warm, time left, or cold: the next call writes it anew"),
    ("~$", "list price, for plans; $ alone: what the API bills"),
    ("≥  >=", "at least: part was not seen, or has no known price"),
)


def footer(width: int, *, view: ViewName, sort: SortName, is_unfolded: bool, found: str) -> Line:
    """The keys that work here, with what they are set to where that is not the usual."""
    keys = [
        ("Enter", "more"),
        ("/", f"find: {found}, Esc all" if found else "find"),
        ("s", f"sort: {sort}" if sort != VIEW_SORT[view] else "sort"),
        ("v", f"view: {view}" if view != "attention" else "view"),
        ("e", "fold" if is_unfolded else "unfold"),
        ("y", "copy id"),
        ("space", "freeze"),
        ("?", "help"),
        ("q", "quit"),
    ]
    # What does not fit is in the help; that and the way out always stay.
    for optional in ("space", "y", "e", ""):
        shown = line(" ", *_keys(keys))
        if line_width(shown) <= width:
            return shown
        keys = [key for key in keys if key[0] != optional]
    return clip(line(" ", *_keys(keys)), width)


def _keys(keys: list[tuple[str, str]]) -> list[Segment]:
    parts: list[Segment] = []
    for key, meaning in keys:
        parts += [Segment(key, "strong"), Segment(f" {meaning}  ", "dim")]
    return parts


def help_lines() -> list[Line]:
    """The help page: keys, then what words and signs mean."""
    lines = [line(Segment("KEYS", "head"))]
    lines += [line(Segment(f"{key:<12}", "strong"), meaning) for key, meaning in HELP]
    lines += [line(), line(Segment("WORDS", "head"))]
    lines += [line(Segment(f"{word:<12}", "strong"), meaning) for word, meaning in LEGEND]
    return lines
