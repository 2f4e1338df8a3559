"""What of a hook's or status line's input leaves this process: names, ids and figures, never text of the user's.

Source: hooks and status line of Claude Code 2.1.330; `clauditor.wire.hooks` says what is read of it. Prompt text,
tool input and result, transcript path and directories stay here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_KEPT: Final = (
    "session_id",
    "hook_event_name",
    "agent_id",
    "prompt_id",
    "tool_name",
    "tool_use_id",
    "notification_type",
    "session_name",
)
_MOST_CHARACTERS: Final = 512  # of one of them; real ones are below 100
_MOST_USD: Final = 1e9  # also keeps what is no number out of the JSON
# A client without `notification_type` says it in these words only; nothing else of its message is sent.
_NOTICES: Final = ("your permission", "waiting for your input")


def read_input(data: bytes) -> dict[str, Any] | None:
    """The JSON object that the client wrote; None for anything else. Never raises."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def kept(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the sidecar gets to know of it, with `model` and `cost` for a status line."""
    told: dict[str, Any] = {
        name: value[:_MOST_CHARACTERS] for name in _KEPT if isinstance(value := given.get(name), str)
    }
    if told.get("hook_event_name") == "Notification" and "notification_type" not in told:
        message = given.get("message")
        words = [notice for notice in _NOTICES if isinstance(message, str) and notice in message]
        told |= {"message": words[0]} if words else {}
    if "hook_event_name" not in told:
        told["model"] = {"id": model} if isinstance(model := _member(given, "model", "id"), str) else {}
        cost = _member(given, "cost", "total_cost_usd")
        told["cost"] = (
            {"total_cost_usd": cost} if isinstance(cost, int | float) and 0 <= cost < _MOST_USD else {}
        )
    return told


def has_called(given: Mapping[str, Any]) -> bool:
    """Whether the client of this status line input has finished a call to the API since it was started."""
    spent = _member(given, "cost", "total_api_duration_ms")
    return isinstance(spent, int | float) and spent > 0


def _member(given: Mapping[str, Any], name: str, inner: str) -> object:
    value = given.get(name)
    return value.get(inner) if isinstance(value, dict) else None
