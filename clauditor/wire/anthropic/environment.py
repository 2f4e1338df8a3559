"""Where a session works: project and branch, from the safeguards member or the environment text.

Source: Claude Code 2.1.330. In auto mode the body carries `safeguards` with the git state; else the
system prompt, a mid-conversation system message or a reminder tells the working directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from clauditor import text
from clauditor.wire import jsontext
from clauditor.wire.anthropic.body import ReadBody, blocks, texts

NAME_CELLS: Final = 64
_FIRST_MESSAGES: Final = 3  # reminders, then the mid-conversation system message
_SEARCHED: Final = 64 * 1024  # characters of one text; the environment section stands before that

_PATH_CHARACTERS: Final = 4096  # PATH_MAX of Linux

_DIRECTORY: Final = re.compile(r"(?:[Ww]orking directory|\bcwd): ([^\n]{1,4096})")
_BRANCH: Final = re.compile(r"(?:Current|Git) branch: ([^\n]{1,256})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """The base name of the project's directory and the git branch, both safe to show."""

    project: str | None = None
    branch: str | None = None


def workplace(body: ReadBody, system_texts: list[str]) -> Workplace:
    """What the request tells of the place; both unknown for clients that tell nothing."""
    project, branch = _from_safeguards(body)
    if project is None or branch is None:
        for value in _environment_texts(body, system_texts):
            directory = _DIRECTORY.search(value, 0, _SEARCHED) if project is None else None
            project = base_name(directory[1]) if directory else project
            named = _BRANCH.search(value, 0, _SEARCHED) if branch is None else None
            branch = text.label(named[1], NAME_CELLS) or None if named else branch
            if project is not None and branch is not None:
                break
    return Workplace(project=project, branch=branch)


def base_name(path: str) -> str | None:
    """The last part of a Unix or Windows path, cleaned and redacted; None for a root, and for what is too long for one.

    Redacted as a whole first: a key may hold a slash, and its end alone shows no shape.
    """
    if len(path) > _PATH_CHARACTERS:
        return None
    seen = text.redact(text.clean(path).rstrip("/\\"))
    return text.label(re.split(r"[/\\]", seen)[-1], NAME_CELLS) or None


def _from_safeguards(body: ReadBody) -> tuple[str | None, str | None]:
    guards = jsontext.decode_any(body.safeguards)
    for guard in guards if isinstance(guards, list) else ():
        context = jsontext.mapping(jsontext.mapping(guard).get("classifier_context"))
        git = jsontext.mapping(context.get("git_state"))
        places = (git.get("root"), git.get("cwd"), context.get("live_cwd"))
        place = next((value for value in places if isinstance(value, str) and value), None)
        branch = git.get("branch")
        if place or branch:
            return (
                base_name(place) if place else None,
                text.label(branch, NAME_CELLS) or None if isinstance(branch, str) else None,
            )
    return None, None


def _environment_texts(body: ReadBody, system_texts: list[str]) -> Iterator[str]:
    yield from system_texts
    for message in body.messages[:_FIRST_MESSAGES]:
        for value in texts(blocks(message.content)):
            if message.role == "system" or value.lstrip().startswith("<system-reminder>"):
                yield value
