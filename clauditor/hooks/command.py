"""`clauditor hook`: what Claude Code runs at seven events, asynchronously. Silent, soon over, always successful.

A hook that fails or prints would show in somebody's conversation, and exit code 2 would stop their prompt.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from clauditor.hooks.heal import heal
from clauditor.hooks.patience import ASK_SECONDS, WHOLE_SECONDS, at_most, stretched
from clauditor.hooks.place import Place, find_place
from clauditor.hooks.post import HOOKS_PATH, post, target
from clauditor.hooks.terminal import terminal
from clauditor.hooks.told import kept, read_input

EVENTS: Final = (
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PermissionRequest",
    "Notification",
    "Stop",
    "PostToolUse",
)
"""What `clauditor install` asks Claude Code to tell; a slower hook or another event would be felt."""

_HEALING: Final = frozenset({"SessionStart", "UserPromptSubmit"})
_OPTIONS: Final = ("data-dir", "config", "url")


def main(arguments: Sequence[str]) -> None:
    """Read one hook input from stdin and hand it on. Never raises, prints nothing, ends in time (`patience`)."""
    with contextlib.suppress(Exception):
        options, _ = read_options(arguments, _OPTIONS)
        with at_most(stretched(WHOLE_SECONDS)):
            given = read_input(sys.stdin.buffer.read())
            place = find_place(options, os.environ)
        if given is not None:
            _deliver(kept(given), place, options.get("url"))


def _deliver(told: Mapping[str, Any], place: Place, url: str | None) -> None:
    if told.get("hook_event_name") in _HEALING:
        with contextlib.suppress(OSError):  # a disk that is full is no reason to say nothing
            heal(place, os.environ, time.time())  # noqa: TID251 - compared with a file's own time
    if (to := target(place, url)) is not None:
        run_id = os.environ.get("CLAUDITOR_RUN_ID")
        body = {"hook": told, "terminal": terminal(os.environ), "run_id": run_id}
        post(to, HOOKS_PATH, body, time.monotonic() + stretched(ASK_SECONDS))


def read_options(arguments: Sequence[str], known: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """`--name value` and `--name=value` by name (`data_dir`), and the arguments that are none of `known`."""
    options: dict[str, str] = {}
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        name, separator, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name in known:
            options[name.replace("-", "_")] = value if separator else next(words, "")
        else:
            rest.append(word)
    return options, rest
