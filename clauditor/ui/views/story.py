"""Everything about one session, as one page or as tabs: overview, timeline, agents, tools, cache, attempts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, get_args

from clauditor.ui.views import units
from clauditor.ui.views.agents import agent_lines
from clauditor.ui.views.attempts import attempt_lines
from clauditor.ui.views.cache_calls import cache_lines
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.detail import detail, title
from clauditor.ui.views.segments import KEEP, Line, Segment, clip, line, tagged
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.timeline import call_lines
from clauditor.ui.views.tools import tool_lines
from clauditor.ui.views.turns import Calls, SideCalls

TabName = Literal["overview", "timeline", "agents", "tools", "cache", "attempts"]
TABS: Final[tuple[TabName, ...]] = get_args(TabName)

_UNREAD: Final = line(Segment(" The calls of this session could not be read.", "dim"))
_NONE: Final = line(Segment(" No finished call yet.", "dim"))


def tab_bar(chosen: TabName, width: int) -> Line:
    """`[1 overview]  2 timeline  3 agents ...`; in a narrow terminal only the chosen one has its name."""
    for is_short in (False, True):
        parts: list[Segment] = []
        for number, tab in enumerate(TABS, 1):
            name = f"{number} {tab}" if tab == chosen or not is_short else str(number)
            shown = f"[{name}]" if tab == chosen else f" {name} "
            parts.append(Segment(shown, "strong" if tab == chosen else "dim"))
        if sum(len(part.text) for part in parts) <= width:
            break
    return clip(tuple(parts), width)


def tab_lines(
    tab: TabName, session: SessionView, calls: Calls | None, scene: Scene, width: int
) -> list[Line]:
    """What a tab shows below the session's title; `calls` is None where they could not be read."""
    turns = calls.turns if calls is not None else ()
    lines: list[Line]
    match tab:
        case "overview":
            lines = _overview(session, calls, scene, width)
        case "timeline":
            lines = call_lines(turns, session, scene) if turns else []
        case "agents":
            lines = agent_lines(session)
        case "tools":
            lines = tool_lines(turns, session, scene)
        case "cache":
            lines = cache_lines(turns, session, scene, width)
        case "attempts":
            lines = attempt_lines(turns, session, scene, width) if turns else []
    if tab != "agents" and not turns:
        lines += [*([line()] if lines else []), _UNREAD if calls is None else _NONE]
    return [clip(shown, width) for shown in lines]


def session_lines(session: SessionView, calls: Calls | None, scene: Scene, width: int) -> list[Line]:
    """The whole story on one page; `calls` is None where they could not be read."""
    lines = [title(session, scene, width), *_overview(session, calls, scene, width)]
    if len(session.agents) > 1:
        lines += [line(), *agent_lines(session)]
    if session.tools_by_name:
        lines += [line(), *_tool_counts(session, width)]
    lines.append(line())
    if calls is None:
        lines.append(_UNREAD)
    elif not calls.turns:
        lines.append(_NONE)
    else:
        lines += call_lines(calls.turns, session, scene)
    return [clip(shown, width) for shown in lines]


def _overview(session: SessionView, calls: Calls | None, scene: Scene, width: int) -> list[Line]:
    lines = detail(session, scene, width, turns=calls.turns if calls is not None else ())
    for tag, text in more_facts(session, calls, scene):
        lines += tagged(tag, text, width)
    return lines


def more_facts(session: SessionView, calls: Calls | None, scene: Scene) -> list[tuple[str, str]]:
    """What the overview tells after the pane's facts: tag and text (empty: nothing to tell)."""
    return [
        ("SIDE", "" if calls is None else _side_calls(calls.side_calls, session)),
        ("TIME", _times(session, scene)),
        ("ID", _identity(session)),
    ]


def _side_calls(side_calls: Sequence[SideCalls], session: SessionView) -> str:
    parts = []
    for side in side_calls:
        cost = units.price(side.cost_usd, estimated=session.estimated, complete=side.cost_complete)
        parts.append(
            f"{side.name.replace('_', ' ')} {side.calls}" + ("" if side.cost_usd is None else f" ({cost})")
        )
    return ", ".join(parts)


def _times(session: SessionView, scene: Scene) -> str:
    parts = [
        f"{word} {units.moment(at, scene.now, scene.zone)}"
        for word, at in (
            ("began", session.started_at),
            ("last", session.last_activity_at),
            ("ended", session.ended_at),
        )
        if at is not None
    ]
    if session.ttft_seconds is not None:
        parts.append(f"first token after {session.ttft_seconds:.1f} s")
    if session.tokens_per_second is not None:
        parts.append(f"{session.tokens_per_second:.0f} tokens/s")
    return ", ".join(parts)


def _identity(session: SessionView) -> str:
    parts = [session.shown_id, session.client or "", session.entrypoint or ""]
    if session.identity == "derived":
        parts.append("identity derived from its first message")
    if session.account:
        parts.append(f"account {session.account}")
    parts += [part for part in (session.tty, session.pane and f"tmux pane {session.pane}") if part]
    return ", ".join(part for part in parts if part)


def _tool_counts(session: SessionView, width: int) -> list[Line]:
    shown = ", ".join(
        f"{tool.name}{KEEP}{tool.calls}" + (f"{KEEP}({tool.failures}{KEEP}failed)" if tool.failures else "")
        for tool in session.tools_by_name
    )
    return tagged("TOOLS", shown, width)
