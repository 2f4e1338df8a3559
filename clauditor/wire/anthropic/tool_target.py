"""What a tool call is about, in one safe word: a base name, a program name, an agent's type.

Never an argument, never the value of an environment assignment, never a whole path. Tool names and
their input members: Claude Code 2.1.330. Reading a shell command is a heuristic; in doubt it says None.
"""

from __future__ import annotations

import re
from typing import Any, Final

from clauditor import text
from clauditor.wire.anthropic.environment import base_name

TARGET_CELLS: Final = 48
AGENT_TOOLS: Final = frozenset({"Agent", "Task"})

_PATHS: Final = ("file_path", "notebook_path", "path")
_COMMAND_CHARACTERS: Final = 4096
_VALUE: Final = r"(?:'[^']*'|\"(?:[^\"\\$`]|\\.)*\"|[^\s'\"`$;|&()<>\\])"  # nothing that runs or expands
_ASSIGNMENT: Final = re.compile(rf"[A-Za-z_]\w*\+?={_VALUE}*(?=[\s;&|]|$)")
_ANY_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*\+?=")
_CHANGE_DIRECTORY: Final = re.compile(rf"cd\s+{_VALUE}+\s*(?:&&|;)")
_WORD: Final = re.compile(r"([\w./+@~:-]{1,200})(?=[\s;|&()<>]|$)")
_WRAPPER: Final = re.compile(r"(?:sudo|env|time|nohup|exec|command|nice)\s+(?=[\w./~])")
_TIMEOUT: Final = re.compile(r"timeout\s+\d+(?:\.\d+)?[smhd]?\s+(?=[\w./~])")
_COMMENT: Final = re.compile(r"#[^\n]*\n")
_SEPARATORS: Final = " \t\n({!;"
_SKIPPED: Final = (_ASSIGNMENT, _CHANGE_DIRECTORY, _WRAPPER, _TIMEOUT, _COMMENT)
_NAME: Final = re.compile(r"[\w.+:-]{1,64}")


def target(tool: str, tool_input: dict[str, Any]) -> str | None:
    """The safe word for a call of the tool, or None if there is none."""
    if tool in AGENT_TOOLS:
        return _plain_name(tool_input.get("subagent_type"))
    if tool == "Skill":
        return _plain_name(tool_input.get("skill"))
    command = tool_input.get("command")
    if isinstance(command, str):
        return program(command)
    path = next((value for key in _PATHS if isinstance(value := tool_input.get(key), str)), None)
    name = base_name(path) if path else None
    return text.cut(name, TARGET_CELLS) if name else None


def program(command: str) -> str | None:
    """The base name of the program that a shell command runs first, behind `cd`, assignments and `sudo`."""
    rest = command[:_COMMAND_CHARACTERS]
    while True:
        rest = rest.lstrip(_SEPARATORS)
        skipped = next((match for pattern in _SKIPPED if (match := pattern.match(rest))), None)
        if skipped is None:
            break
        rest = rest[skipped.end() :]
    if _ANY_ASSIGNMENT.match(rest):
        return None
    word = _WORD.match(rest)
    name = base_name(word[1]) if word else None
    return text.cut(name, TARGET_CELLS) if name else None


def _plain_name(value: object) -> str | None:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return text.label(value, TARGET_CELLS) or None
    return None
