"""What a session did last, from its newest calls: `14:28 prompt 3, Read x3, 14:29 Edit login_test.py, Bash asks`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.segments import KEEP
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.turns import ToolView, TurnView

TURNS: Final = 12  # as many as are ever looked at
_SHOWN_PARTS: Final = 5
_MAIN: Final = "main"


def recent_words(session: SessionView, turns: Sequence[TurnView], scene: Scene) -> str:
    """The newest doings of its main thread, oldest first, each after the minute it was begun in. Empty: none known."""
    parts: list[tuple[str, str]] = []
    newest = [turn for turn in turns if turn.agent_id == _MAIN][-TURNS:]
    prompts = list(dict.fromkeys(turn.prompt_id for turn in newest if turn.prompt_id))
    before: str | None = None
    for turn in newest:
        at = units.moment(turn.started_at, scene.now, scene.zone)
        if turn.prompt_id is not None and turn.prompt_id != before:
            before = turn.prompt_id
            number = (session.prompts or 0) - len(prompts) + prompts.index(turn.prompt_id) + 1
            parts.append((at, f"prompt{KEEP}{number}" if number > 0 else "a prompt"))
        if turn.outcome not in {"ok", "unknown"}:
            parts.append((at, words.outcome_word(turn.outcome)))
        parts += [(at, doing) for doing in _tools(turn.tools, session)]
        if turn.stop_reason == "end_turn":
            parts.append((at, "answers"))
    shown = parts[-_SHOWN_PARTS:]
    texts = [
        f"{at}{KEEP}{', '.join(_counted(doing for _, doing in same))}"
        for at, same in groupby(shown, key=lambda part: part[0])
    ]
    return ", ".join(texts)


def _counted(doings: Iterable[str]) -> Iterator[str]:
    """The same several times in a row only once: `answers x2`."""
    for doing, again in groupby(doings):
        number = len(list(again))
        yield f"{doing}{KEEP}x{number}" if number > 1 else doing


def _tools(tools: Sequence[ToolView], session: SessionView) -> list[str]:
    """`Read x3`, `Edit login_test.py`, `Bash asks`."""
    doings = []
    for name, group in groupby(tools, key=lambda tool: tool.name):
        same = list(group)
        text = f"{name}{KEEP}x{len(same)}" if len(same) > 1 else name
        if len(same) == 1 and same[0].target:
            text += f"{KEEP}{same[0].target}"
        if any(tool.has_failed for tool in same):
            text += f"{KEEP}{words.tool_outcome(next(tool.outcome for tool in same if tool.has_failed))}"
        elif same[-1].outcome is None and session.waiting_for in {"approval", "question"}:
            text += f"{KEEP}asks"
        elif same[-1].outcome is None and session.state == "tool":
            text += f"{KEEP}runs"
        doings.append(text)
    return doings
