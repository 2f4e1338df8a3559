"""The keys, in one line and in the help page."""

from __future__ import annotations

import itertools
from typing import Final

from clauditor.ui.views.groups import GroupName
from clauditor.ui.views.presets import ViewName
from clauditor.ui.views.segments import Line, Segment, line, line_width, wrap
from clauditor.ui.views.table import VIEW_SORT, SortName

HELP: Final[tuple[tuple[str, str], ...]] = (
    ("arrows, j k", "select a session; PgUp PgDn Home End go further"),
    ("n", "next session that needs you: act first, then watch"),
    ("Enter", "everything about it: timeline, agents, tools, cache, attempts"),
    ("o", "go to its terminal, if it runs in tmux"),
    ("m", "mute it until its signals clear (an hour at most), or unmute"),
    ("/", "find by state: project: model: signal: or any word"),
    ("Esc", "end the search, show all again"),
    ("s", "sort by attention, name, cost, context, cache, limit, age"),
    ("v", "view: attention, cost, context, cache, limit"),
    ("g", "group by project, model, account or host, or not at all"),
    ("e", "show or fold idle, ended and scripted sessions"),
    ("y", "copy the session's id"),
    ("p", "its post-mortem: what went wrong and what it wasted"),
    ("space", "freeze the screen, or let it go on"),
    ("q", "quit"),
)
LEGEND: Final[tuple[tuple[str, str], ...]] = (
    ("!!  !", "act now, keep an eye on it"),
    ("approve", "waits for your ok; asks you: for your answer; your turn: for your next prompt"),
    ("approve?", "as it looks; without Clauditor's hooks nobody tells"),
    ("stuck", "no bytes arrive, or the same thing again and again"),
    ("failed", "a scripted run that ended without an answer to its last call"),
    ("muted", "asks for nothing until its signals clear; m ends it"),
    ("not heard", "its sidecar is silent; nobody knows"),
    ("FOR", "how long it has been in this state"),
    ("CTX", "how full its context window is"),
    ("CACHE", "warm, time left, or cold: the next call writes it anew"),
    ("LEFT", "calls until its client compacts the conversation, by the growth of the last ones"),
    ("MISS  ANEW$", "caches rebuilt that nobody expected; what writing the prompt anew would cost"),
    ("SHARE", "its part of what was used of the five-hour window"),
    ("SIDE", "the client's own small calls: titles, suggestions and the like"),
    ("TOK/S", "tokens a second, as its last finished call wrote them"),
    ("5h  7d", "how full your plan's five-hour and seven-day windows are, and at this pace will be"),
    ("~$", "list price, for plans; $ alone: what the API bills"),
    ("recorded", "all: totals hold every call; >=: something is missing, and why"),
    ("≥  >=", "at least: a call was seen in part, broke off, or has no known price"),
)
_WORD_CELLS: Final = 12
# What goes where the line is too long; it is in the help, and the way out always stays.
_FIRST_TO_LEAVE: Final = ("space", "y", "p", "g", "e", "s", "v", "m", "Enter")
_LAST_TO_LEAVE: Final = ("n", "o", "?", "/")


def footer(
    width: int,
    *,
    view: ViewName,
    sort: SortName,
    group: GroupName,
    is_unfolded: bool,
    is_muted: bool,
    found: str,
    is_empty: bool,
) -> Line:
    """The keys that work here, with what they are set to where that is not the usual. `is_empty`: there is no session."""
    keys = [
        ("o", "go to"),
        ("n", "next"),
        ("Enter", "more"),
        ("m", "unmute" if is_muted else "mute"),
        ("/", f"find: {found}, Esc all" if found else "find"),
        ("s", f"sort: {sort}" if sort != VIEW_SORT[view] else "sort"),
        ("v", f"view: {view}" if view != "attention" else "view"),
        ("g", "group" if group == "none" else f"by {group}"),
        ("e", "fold" if is_unfolded else "unfold"),
        ("p", "post-mortem"),
        ("y", "copy id"),
        ("space", "freeze"),
        ("?", "help"),
        ("q", "quit"),
    ]
    if is_empty:
        keys = keys[-2:]
    # What is not as usual is said for longer: it is the answer to the key.
    telling = [key for key, other in (("s", sort != VIEW_SORT[view]), ("v", view != "attention")) if other]
    for leaving in (*(key for key in _FIRST_TO_LEAVE if key not in telling), *telling, *_LAST_TO_LEAVE):
        if line_width(line(" ", *_keys(keys))) <= width:
            break
        keys = [key for key in keys if key[0] != leaving]
    return line(" ", *_keys(keys))


def _keys(keys: list[tuple[str, str]]) -> list[Segment]:
    parts: list[Segment] = []
    for key, meaning in keys:
        parts += [Segment(key, "strong"), Segment(f" {meaning}  ", "dim")]
    return parts


def help_lines(width: int) -> list[Line]:
    """The help page in `width` cells: keys, then what words mean."""
    lines = [line(Segment("KEYS", "head"))]
    for key, meaning in HELP:
        lines += _entry(key, meaning, width)
    lines += [line(), line(Segment("WORDS", "head"))]
    for word, meaning in LEGEND:
        lines += _entry(word, meaning, width)
    return lines


def _entry(word: str, meaning: str, width: int) -> list[Line]:
    """A word and what it means, wrapped beside it."""
    heads = itertools.chain([word], itertools.repeat(""))
    meanings = wrap(meaning, max(1, width - _WORD_CELLS))
    return [
        line(Segment(f"{head:<{_WORD_CELLS}}", "strong"), *rest)
        for head, rest in zip(heads, meanings, strict=False)
    ]
