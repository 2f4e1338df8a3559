"""The prompt cache call by call: how much of each prompt was read from it, how much was written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clauditor import names
from clauditor.ui.views import units
from clauditor.ui.views.cache import cache_words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.segments import Line, Segment, fit, line, tagged
from clauditor.ui.views.session import Miss, SessionView
from clauditor.ui.views.turns import TurnView

_TITLES: Final = f" {'TIME':<8} {'AGENT':<10} {'SENT':>5} {'READ':>5} {'WROTE':>5} {'HIT':>4} "
_MOST_BAR_CELLS: Final = 32
_LEAST_BAR_CELLS: Final = 8
_EVENTS: Final = {
    "hit": "read only",
    "partial": "read, and wrote what was new",
    "cold_start": "first call",
    "miss_ttl": "gone cold",
    "miss_rebuild": "rebuilt",
    "miss_thrash": "rebuilt again and again",
    "expected_rebuild": "rebuilt as expected",
    "none": "without a cache",
}


def cache_lines(turns: Sequence[TurnView], session: SessionView, scene: Scene, width: int) -> list[Line]:
    """What it did so far, and the calls, newest first."""
    events = ", ".join(
        f"{number} {_EVENTS.get(name, name.replace('_', ' '))}"
        for name, number in session.cache.events
        if number
    )
    ttl = session.cache.ttl_seconds
    lines = [
        *tagged("CACHE", cache_words(session, scene), width),
        *tagged("CALLS", events, width),
        *tagged("KEPT", f"{units.ago(ttl)} from its last use" if ttl else "", width),
    ]
    if not turns:
        return lines
    kinds = {agent.agent_id: agent.type for agent in session.agents}
    cells = min(_MOST_BAR_CELLS, width - len(_TITLES) - 1)
    lines += [line(), line(Segment(_TITLES, "head"))]
    for turn in reversed(turns):
        lines.append(_call(turn, kinds.get(turn.agent_id, turn.agent_id), scene, cells))
        miss = session.cache.last_miss
        if miss is not None and _is_of(miss, turn):
            reasons = [names.cause_name(miss.cause), miss.detail]
            lines.append(line(Segment(f"{'':>10}rebuilt: {', '.join(filter(None, reasons))}", "watch")))
    return lines


def _call(turn: TurnView, kind: str, scene: Scene, cells: int) -> Line:
    bar = (
        units.bar(turn.read_ratio, cells)
        if turn.read_ratio is not None and cells >= _LEAST_BAR_CELLS
        else ("", "")
    )
    return line(
        Segment(f" {units.clock(turn.started_at, scene.zone, seconds=True):<8} ", "dim"),
        f"{fit(kind, 10)} {units.tokens(turn.prompt_tokens):>5} {units.tokens(turn.read_tokens):>5} ",
        f"{units.tokens(turn.written_tokens):>5} {units.percent(turn.read_ratio):>4} ",
        Segment(bar[0], "good"),
        Segment(bar[1], "rule"),
    )


def _is_of(miss: Miss, turn: TurnView) -> bool:
    """Whether that call rebuilt the cache. A miss is known when its answer begins or ends."""
    if miss.at is None or turn.started_at is None or turn.ended_at is None or miss.agent_id != turn.agent_id:
        return False
    return turn.started_at <= miss.at <= turn.ended_at
