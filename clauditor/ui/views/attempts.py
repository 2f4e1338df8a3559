"""Every exchange of a session's calls: which attempt it was, how fast it answered, how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from clauditor.ui.views import units
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.segments import Line, Segment, fit, line, wrap
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.timeline import attempt_words
from clauditor.ui.views.turns import AttemptView, TurnView

_TITLES: Final = f" {'TIME':<8} {'AGENT':<10} {'TRY':>3} {'FIRST':>6} {'TOOK':>5}  "
_END_CELLS: Final = 42
_REQUEST_CELLS: Final = 28  # of an id that the vendor's support asks for


def attempt_lines(turns: Sequence[TurnView], session: SessionView, scene: Scene, width: int) -> list[Line]:
    """The newest first; above them how many failed and how."""
    kinds = {agent.agent_id: agent.type for agent in session.agents}
    attempts = [
        (kinds.get(turn.agent_id, turn.agent_id), attempt) for turn in turns for attempt in turn.attempts
    ]
    failed = Counter(attempt_words(attempt) for _, attempt in attempts if attempt.outcome != "ok")
    summary = f"{units.count(len(attempts), 'attempt')} of {units.count(len(turns), 'call')}"
    if failed:
        summary += f"; failed: {', '.join(f'{what} x{number}' for what, number in failed.most_common())}"
    else:
        summary += ", none failed"
    has_room = width >= len(_TITLES) + _END_CELLS + 1 + _REQUEST_CELLS
    titles = f"{_TITLES}{'END':<{_END_CELLS}} REQUEST" if has_room else f"{_TITLES}END"
    rows = [_attempt(kind, attempt, scene, has_room=has_room) for kind, attempt in reversed(attempts)]
    said = [line(" ", *shown) for shown in wrap(summary, max(1, width - 2))]
    return [*said, line(), line(Segment(titles, "head")), *rows]


def _attempt(kind: str, attempt: AttemptView, scene: Scene, *, has_room: bool) -> Line:
    begun = attempt.started_at
    first, took = (
        None if begun is None or at is None else at - begun
        for at in (attempt.first_token_at, attempt.ended_at)
    )
    end = attempt_words(attempt)
    return line(
        Segment(f" {units.clock(begun, scene.zone, seconds=True):<8} ", "dim"),
        f"{fit(kind, 10)} {attempt.number:>3} {units.seconds(first):>6} {units.duration(took):>5}  ",
        Segment(fit(end, _END_CELLS) if has_room else end, "plain" if attempt.outcome == "ok" else "watch"),
        Segment(f" {attempt.request_id}" if has_room and attempt.request_id else "", "dim"),
    )
