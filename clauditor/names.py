"""How models and tools are called where people read: short, in the words they use. A pure leaf.

Sources: the model ids of Anthropic's model pages (2026-11) and the tool names of Claude Code 2.1.330.
"""

from __future__ import annotations

import re

_MODERN_MODEL = re.compile(r"([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?:-\d{8})?(?:-latest)?")
_OLD_MODEL = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?-([a-z]+)(?:-\d{8})?(?:-latest)?")


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
