"""How models, tools and causes are called where people read: short, in the words they use. A pure leaf.

Sources: the model ids of Anthropic's model pages (2026-11) and the tool names of Claude Code 2.1.330.
"""

from __future__ import annotations

import re
from typing import Final

_MODERN_MODEL = re.compile(r"([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?:-\d{8})?(?:-latest)?")
_OLD_MODEL = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?-([a-z]+)(?:-\d{8})?(?:-latest)?")
_CAUSES: Final = {
    "cold_start": "first call",
    "ttl_expired_5m": "5 min passed",
    "ttl_expired_1h": "1 h passed",
    "system_changed": "system prompt changed",
    "likely_server_side": "likely on the server's side",
    "unknown": "cause unknown",
}


def model_name(model: str) -> str:
    """A model id in the words people use: `claude-opus-5-5-20260901` is `opus-5.5`."""
    short = model.removeprefix("claude-")
    if match := _MODERN_MODEL.fullmatch(short):
        family, major, minor = match.groups()
    elif match := _OLD_MODEL.fullmatch(short):
        major, minor, family = match.groups()
    else:
        return short
    return f"{family}-{major}.{minor}" if minor else f"{family}-{major}"


def tool_name(tool: str) -> str:
    """A tool's name for people: `mcp__jira__search` is `jira.search`."""
    return tool.removeprefix("mcp__").replace("__", ".", 1) if tool.startswith("mcp__") else tool


def cause_name(cause: str) -> str:
    """Why the prompt cache was missed; a cause we do not know is shown as it came."""
    return _CAUSES.get(cause, cause.replace("_", " "))


def culprit(cause: str, detail: str) -> str:
    """What exactly changed, by the names people use: `+jira.search, -Read`, `opus-5.5 to sonnet-5.5`."""
    match cause:
        case "tools_changed":
            return ", ".join(part[:1] + tool_name(part[1:]) for part in detail.split(", "))
        case "model_changed":
            return " to ".join(model_name(part) for part in detail.split(" to "))
        case _:
            return detail
