"""The shell commands that Claude Code is told to run: our own program, by its absolute path, safe to quote."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from clauditor.config import Settings
from clauditor.hooks.place import find_place
from clauditor.setup.own import Wanted

_SAFELY: Final = "-P"  # a project's own files are never imported,
_ALONE: Final = "-E"  # nor what its PYTHONPATH names


def wanted(settings: Settings, variables: Mapping[str, str]) -> Wanted:
    """Everything that is to stand in the settings, for the stack of these settings."""
    return Wanted(env=variables, hook=command("hook", settings), status_line=command("statusline", settings))


def command(name: str, settings: Settings) -> str:
    """The shell command for `clauditor NAME`; it finds this data directory in whatever environment it is run."""
    alone = (
        () if os.environ.get("PYTHONPATH") else (_ALONE,)
    )  # with it, we may ourselves have been found by it
    words = [sys.executable, _SAFELY, *alone, "-m", "clauditor", name]
    if settings.flagged("config") and settings.config_file is not None:
        words.append(f"--config={settings.config_file}")
    if not _is_found_anyway(settings.data_dir):
        words.append(f"--data-dir={settings.data_dir}")
    return shlex.join(words)


def _is_found_anyway(data_dir: Path) -> bool:
    """Whether a shell that knows nothing of this one's variables would come to the same directory."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("CLAUDITOR_", "XDG_"))
    }
    return find_place({}, environ).data_dir == str(data_dir)
