"""PURE. What is ours in Claude Code's settings: how it gets in, how it is known again, how it gets out.

Source: settings of Claude Code (code.claude.com/docs/en/settings, hooks, statusline; 2026-11) and what its version
2.1.330 was seen to do with them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from clauditor.hooks.command import EVENTS
from clauditor.setup.json_text import MISSING, Step, drop, get, parse, put

BASE_URL: Final = ("env", "ANTHROPIC_BASE_URL")
STATUS_LINE: Final = ("statusLine",)
PROGRAM: Final = "clauditor"
_LOOPBACK: Final = ("http://127.0.0.1:", "http://localhost:", "http://[::1]:")
_LONGEST_START: Final = 8  # words: an interpreter, its options, the module's name
_HINTS: Final = "CLAUDE_CODE_GATEWAY_HINT_HEADERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to stand in the settings. `hook` and `status_line` are shell commands, `env` is by name."""

    env: Mapping[str, str]
    hook: str
    status_line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of an earlier `install`: the variables it wrote, every URL of ours, and the text before it."""

    env: Mapping[str, str]
    urls: frozenset[str]
    original: str


def with_ours(text: str, wanted: Wanted) -> str:
    """A text without anything of ours, with all that is wanted; the user's own hooks and status line stay.

    `text` has passed `settings_problem`.
    """
    for name, value in wanted.env.items():
        if get(parse(text), ("env", name)) != value:
            text = put(text, ("env", name), value)
    command = status_line_command(parse(text), wanted.status_line)
    if command is not None:
        if get(parse(text), STATUS_LINE) is MISSING:
            text = put(text, STATUS_LINE, {"type": "command", "command": command})
        else:
            text = put(text, (*STATUS_LINE, "command"), command)
    for event in EVENTS:
        entry = {"hooks": [hook_entry(wanted.hook)]}
        groups = get(parse(text), ("hooks", event))
        text = put(text, ("hooks", event, 0 if groups is MISSING else len(groups)), entry)
    return text


def without_ours(
    text: str, known: Known | None, *, urls: frozenset[str] = frozenset()
) -> tuple[str, tuple[str, ...]]:
    """A text without anything of ours, and the names of what was taken out or put back to what it was.

    Without `known` (its record was lost) ours is what can be told by itself: our commands, `urls`, and beside our
    commands any loopback base URL. What somebody has changed since is theirs and stays.
    """
    names: list[str] = []
    settings = parse(text)
    has_commands = any(True for _ in _our_hooks(settings)) or _our_status_line(settings) is not None
    original = parse(known.original) if known else {}
    for variable in _our_variables(settings, known, urls, has_commands=has_commands):
        before = get(original, variable)
        text = drop(text, variable) if before is MISSING else put(text, variable, before)
        names.append(".".join(variable))
    if (own := _our_status_line(settings)) is not None:
        text = put(text, (*STATUS_LINE, "command"), own[0]) if own[0] is not None else drop(text, STATUS_LINE)
        names.append(STATUS_LINE[0])
    for path in _our_hooks(settings):  # from the last to the first, so that positions stay right
        text = drop(text, path)
        names.append(f"hooks.{path[1]}")
    return _without_empty(text, settings, original, known), tuple(dict.fromkeys(names))


def hook_entry(command: str) -> dict[str, Any]:
    """One command hook that the client does not wait for."""
    return {"type": "command", "command": command, "async": True}


def status_line_command(settings: Any, ours: str) -> str | None:
    """Our status line command, around the one that these settings name; None if theirs is of a kind we do not know."""
    there = get(settings, STATUS_LINE)
    if there is MISSING:
        return ours
    command = get(there, ("command",))
    if get(there, ("type",)) != "command" or not isinstance(command, str):
        return None
    return f"{ours} --wrap {shlex.quote(command)}" if command.strip() else ours


def settings_problem(settings: Any) -> str | None:
    """Why nothing can be written into these settings, as the end of a sentence; None if it can."""
    for path, kind, word in (
        (("env",), dict, "an object"),
        (("hooks",), dict, "an object"),
        (STATUS_LINE, dict, "an object"),
        *((("hooks", event), list, "a list") for event in EVENTS),
    ):
        there = get(settings, path)
        if there is not MISSING and not isinstance(there, kind):
            return f"{'.'.join(path)} in it is not {word}"
    return None


def is_our_command(command: Any, name: str) -> bool:
    """Whether a shell command runs this command of ours, however it was installed."""
    return _arguments(command, name) is not None


def _arguments(command: Any, name: str) -> list[str] | None:
    """What follows `clauditor NAME` in a shell command; None if it runs something else."""
    if not isinstance(command, str):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if words and PurePath(words[0]).name == PROGRAM:
        words = words[1:]
    elif PROGRAM in words[:_LONGEST_START] and "python" in PurePath(words[0]).name:
        start = words.index(PROGRAM)
        is_module = words[start - 1] == "-m" and all(word.startswith("-") for word in words[1:start])
        words = words[start + 1 :] if is_module else []
    else:
        return None
    return words[1:] if words[:1] == [name] else None


def _our_variables(
    settings: Any, known: Known | None, urls: frozenset[str], *, has_commands: bool
) -> Iterator[tuple[str, str]]:
    url = get(settings, BASE_URL)
    if isinstance(url, str) and (
        url in (known.urls if known else urls)
        or (known is None and has_commands and url.lower().startswith(_LOOPBACK))
    ):
        yield BASE_URL
    written = dict(known.env) if known else {_HINTS: "1"} if has_commands else {}
    for name, value in written.items():
        if name != BASE_URL[1] and get(settings, ("env", name)) == value:
            yield ("env", name)


def _our_status_line(settings: Any) -> tuple[str | None] | None:
    """The command that ours was put around, in a tuple (None: there was none); None if the line is not ours."""
    arguments = _arguments(get(settings, (*STATUS_LINE, "command")), "statusline")
    if arguments is None:
        return None
    if "--wrap" in arguments[:-1]:
        return (arguments[arguments.index("--wrap") + 1],)
    return (next((word.removeprefix("--wrap=") for word in arguments if word.startswith("--wrap=")), None),)


def _our_hooks(settings: Any) -> Iterator[tuple[Step, ...]]:
    """Paths of our hooks, those of one event from the last to the first; a group that is only ours as a whole."""
    hooks = get(settings, ("hooks",))
    for event, groups in hooks.items() if isinstance(hooks, dict) else ():
        if not isinstance(groups, list):
            continue
        for index in reversed(range(len(groups))):
            entries = get(groups, (index, "hooks"))
            if not isinstance(entries, list):
                continue
            ours = [
                at for at, entry in enumerate(entries) if is_our_command(get(entry, ("command",)), "hook")
            ]
            if ours and len(ours) == len(entries):
                yield ("hooks", event, index)
            else:
                yield from (("hooks", event, index, "hooks", at) for at in reversed(ours))


def _without_empty(text: str, before: Any, original: Any, known: Known | None) -> str:
    """Without objects and lists that only we had filled; one that was there empty before `install` stays."""
    after = parse(text)
    hooks = get(after, ("hooks",))
    events: Sequence[str] = list(hooks) if isinstance(hooks, dict) else []
    for path in (*(("hooks", event) for event in events), ("hooks",), ("env",)):
        is_emptied = get(parse(text), path) in ({}, []) and get(before, path) not in ({}, [])
        was_there = known is not None and get(original, path) is not MISSING
        if is_emptied and not was_there:
            text = drop(text, path)
    return text
