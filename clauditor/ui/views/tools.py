"""The tools of a session: how often, how long, how many failed; and their newest calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.segments import Line, Role, Segment, fit, line
from clauditor.ui.views.session import SessionView, ToolCount
from clauditor.ui.views.turns import ToolView, TurnView

_NAME_CELLS: Final = 26
_COUNT_TITLES: Final = (
    f" {'TOOL':<{_NAME_CELLS}} {'CALLS':>5} {'FAIL':>4} {'TOOK':>6} {'LONGEST':>7} {'WAITED':>7}"
)
_CALL_TITLES: Final = f" {'TIME':<8} {'TOOL':<{_NAME_CELLS}} {'TOOK':>6}  {'END':<9} ON WHAT"


def tool_lines(turns: Sequence[TurnView], session: SessionView, scene: Scene) -> list[Line]:
    """A line for each tool, the most called first; then the calls, the newest first.

    Counts are of the whole session, times of the calls that are listed; WAITED is for the person's ok.
    """
    calls = [tool for turn in turns for tool in turn.tools]
    lines = [line(Segment(_COUNT_TITLES, "head"))]
    lines += [
        _count(count, [tool for tool in calls if tool.name == count.name]) for count in session.tools_by_name
    ]
    if calls:
        lines += [line(), line(Segment(_CALL_TITLES, "head"))]
        # Agents call side by side, so the turns' order is not that of their tools.
        calls.sort(key=lambda tool: tool.called_at or 0.0)
        lines += [_call(tool, scene) for tool in reversed(calls)]
    return lines


def _count(count: ToolCount, calls: Sequence[ToolView]) -> Line:
    took = [tool.seconds for tool in calls if tool.seconds is not None]
    waited = [tool.waited_seconds for tool in calls if tool.waited_seconds is not None]
    role: Role = "watch" if count.failures else "plain"
    return line(
        f" {fit(count.name, _NAME_CELLS)} {count.calls:>5} ",
        Segment(f"{count.failures or '':>4}", role),
        f" {units.seconds(sum(took) if took else None):>6} {units.seconds(max(took, default=None)):>7}",
        Segment(f" {units.seconds(sum(waited) if waited else None):>7}", "dim"),
    )


def _call(tool: ToolView, scene: Scene) -> Line:
    return line(
        Segment(f" {units.clock(tool.called_at, scene.zone, seconds=True):<8} ", "dim"),
        f"{fit(tool.name, _NAME_CELLS)} {units.seconds(tool.seconds):>6}  ",
        Segment(f"{fit(words.tool_outcome(tool.outcome), 9)} ", "watch" if tool.has_failed else "dim"),
        tool.target,
    )
