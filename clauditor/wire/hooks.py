"""What the client itself tells, read: one hook input or status line input of Claude Code becomes events.

Source: hooks and status line of Claude Code 2.1.330, the JSON object that such a command gets on its stdin. Only
the members named here are ever decoded: prompt text, tool input and result, transcript path and working
directory do not even become objects.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, get_args

import msgspec

from clauditor import text
from clauditor.model.events import MAIN_AGENT, Event, HookName, HookSeen, LabelFound, SessionEnded
from clauditor.wire import jsontext
from clauditor.wire.identity import identifier

LABEL_CELLS: Final = 80
_TOOL_NAME_CELLS: Final = 128

_HOOKS: Final[dict[object, HookName]] = {name: name for name in get_args(HookName) if name != "StatusLine"}
_RUN: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # a UUID of our own `run`
_PANE: Final = re.compile(r"%[0-9]{1,9}")
_TTY: Final = re.compile(r"/dev/(?:pts/[0-9]{1,9}|tty[A-Za-z0-9]{1,12})")
# Clients without `notification_type` say it in these words only.
_NOTICES: Final = (("your permission", "permission_prompt"), ("waiting for your input", "idle_prompt"))


class _Posted(msgspec.Struct):
    """What our own hook command sends: the client's object, and beside it what only the command's environment knows."""

    hook: msgspec.Raw = msgspec.Raw()
    terminal: Any = None
    run_id: Any = None


class _Told(msgspec.Struct):
    """The members of the client's object that are read at all."""

    session_id: Any = None
    hook_event_name: Any = None
    agent_id: Any = None
    prompt_id: Any = None
    tool_name: Any = None
    tool_use_id: Any = None
    notification_type: Any = None
    message: Any = None
    session_name: Any = None
    model: Any = None
    context_window: Any = None
    cost: Any = None


_POSTED: Final = msgspec.json.Decoder(_Posted)
_TOLD: Final = msgspec.json.Decoder(_Told)


def read_hook(data: bytes, *, at: float) -> list[Event] | None:
    """The events of one post: `{"hook": <the client's object>, "terminal": {"tmux_pane", "tty"}, "run_id"}`, or
    the client's object by itself.

    A `HookSeen` comes first, unless the hook is none that is understood or names no session: then the list is
    empty. `SessionEnded` follows a SessionEnd of any reason: after `/clear` the process goes on under another id.
    `LabelFound` is the session's name in the client. None if the data is no JSON object. Never raises.
    """
    posted = jsontext.decode(_POSTED, data)
    if posted is None:
        return None
    told = jsontext.decode(_TOLD, posted.hook if memoryview(posted.hook).nbytes else data)
    if told is None:
        return None
    session_id, hook = identifier(told.session_id), _hook(told)
    if session_id is None or hook is None:
        return []
    terminal = jsontext.mapping(posted.terminal)
    events: list[Event] = [
        HookSeen(
            at=at,
            session_id=session_id,
            agent_id=identifier(told.agent_id) or MAIN_AGENT,
            hook=hook,
            tool_name=_tool_name(told.tool_name),
            tool_use_id=identifier(told.tool_use_id),
            prompt_id=identifier(told.prompt_id),
            notice=_notice(told) if hook == "Notification" else None,
            pane=_matching(_PANE, terminal.get("tmux_pane")),
            tty=_matching(_TTY, terminal.get("tty")),
            run_id=_matching(_RUN, posted.run_id),
            client_cost_usd=_dollars(jsontext.mapping(told.cost).get("total_cost_usd")),
        )
    ]
    if hook == "SessionEnd":
        events.append(SessionEnded(at=at, session_id=session_id, reason="hook"))
    if isinstance(told.session_name, str) and (label := text.label(told.session_name, LABEL_CELLS)):
        events.append(LabelFound(at=at, session_id=session_id, label=label, is_name=True))
    return events


def _hook(told: _Told) -> HookName | None:
    if isinstance(told.hook_event_name, str):
        return _HOOKS.get(told.hook_event_name)
    is_status_line = any(isinstance(part, dict) for part in (told.model, told.context_window, told.cost))
    return "StatusLine" if told.hook_event_name is None and is_status_line else None


def _notice(told: _Told) -> str | None:
    if (kind := identifier(told.notification_type)) is not None:
        return kind
    message = told.message if isinstance(told.message, str) else ""
    return next((kind for words, kind in _NOTICES if words in message), None)


def _tool_name(value: object) -> str | None:
    return text.clean(value, _TOOL_NAME_CELLS) or None if isinstance(value, str) else None


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _dollars(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    return None
