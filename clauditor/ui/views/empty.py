"""What a screen says when no session was seen yet: what to do, and what goes on beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clauditor.text import clean
from clauditor.ui.views.segments import KEEP, Line, Segment, line, wrap
from clauditor.ui.views.units import count

_SHOWN_PROCESSES: Final = 4
_DIRECTORY_CELLS: Final = 40
_STEPS: Final = (
    ("clauditor install", "all sessions, also those already open"),
    ("clauditor run claude", "only this one, no file is changed"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What goes on beside the sidecar: where its proxy listens (None: it does not, or not here), how many requests
    came since it was started, and Claude Code processes that do not go through it, each with its directory.
    """

    proxy_url: str | None = None
    requests: int | None = None
    unwatched: tuple[tuple[int, str], ...] = ()


def empty(around: Around, width: int) -> list[Line]:
    """The way to a first session."""
    lines = [line(" No session seen yet. Send a prompt in any Claude Code after one of:")]
    for command, what in _STEPS:
        lines.append(line("   ", Segment(f"{command:<22} ", "strong"), Segment(what, "dim")))
    if around.proxy_url is not None:
        so_far = "" if around.requests is None else f", {count(around.requests, 'request')} so far"
        lines.append(line(Segment(f" Listening on {clean(around.proxy_url)}{so_far}.", "dim")))
    if around.unwatched:
        wrapped = wrap(_unwatched(around.unwatched), max(1, width - 2), "watch")
        lines += [line(" ", *shown) for shown in wrapped]
    return lines


def _unwatched(processes: Sequence[tuple[int, str]]) -> str:
    """`2 Claude Code processes run without Clauditor: 4121 ~/src/webshop, 5233 ~/src/infra`."""
    one = len(processes) == 1
    shown = [
        f"{pid}{KEEP}{clean(directory, _DIRECTORY_CELLS)}".rstrip(KEEP)
        for pid, directory in processes[:_SHOWN_PROCESSES]
    ]
    more = len(processes) - len(shown)
    names = ", ".join(shown) + (f" and {more} more" if more else "")
    return f"{count(len(processes), 'Claude Code process', 'Claude Code processes')} {'runs' if one else 'run'} without Clauditor: {names}"
