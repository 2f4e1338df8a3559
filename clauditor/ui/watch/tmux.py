"""Talks to one tmux server: commands as lists of arguments, never through a shell.

Source: tmux(1), 3.2 and later (options of panes, `-e` for what is started).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clauditor.errors import ClauditorError
from clauditor.text import clean

OLDEST: Final = (3, 2)
SECONDS: Final = 5.0  # for one answer

_VERSION: Final = re.compile(r"(\d+)\.(\d+)")
_SHOWN_CELLS: Final = 80


class TmuxRefusedError(Exception):
    """tmux did not do it: what was asked for is gone, or there is no room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmux:
    """A server by its socket (`-S` and a path, or `-L` and a name)."""

    server: tuple[str, ...]

    def run(self, *commands: Sequence[str]) -> str:
        """Run commands one after the other; what they printed. Raises TmuxRefusedError at the first that fails."""
        arguments: list[str] = []
        for command in commands:
            arguments += [";", *map(_argument, command)] if arguments else map(_argument, command)
        try:
            done = subprocess.run(
                self.command(*arguments),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=SECONDS,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise TmuxRefusedError(str(error)) from error
        if done.returncode != 0:
            raise TmuxRefusedError(clean(done.stderr, _SHOWN_CELLS))
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        return ["tmux", "-u", *self.server, *arguments]


def require_tmux() -> None:
    """Raises ClauditorError, naming the remedy, where there is no tmux, or one that is too old."""
    if shutil.which("tmux") is None:
        raise ClauditorError("There is no tmux here; install it, or use clauditor top, which needs none.")
    try:
        done = subprocess.run(["tmux", "-V"], capture_output=True, text=True, check=False, timeout=SECONDS)
        said = done.stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise ClauditorError("tmux cannot be run; see: tmux -V") from error
    if is_too_old(said):
        wanted = ".".join(map(str, OLDEST))
        raise ClauditorError(
            f"watch --tmux needs tmux {wanted} or later, this is {clean(said, _SHOWN_CELLS)}; "
            "update it, or use clauditor top."
        )


def is_too_old(version: str) -> bool:
    """Whether what `tmux -V` says is older than needed; `tmux master` is not."""
    found = _VERSION.search(version)
    return found is not None and (int(found[1]), int(found[2])) < OLDEST


def _argument(text: str) -> str:
    """An argument as tmux takes it: a `;` at its end would begin another command."""
    return f"{text[:-1]}\\;" if text.endswith(";") else text
