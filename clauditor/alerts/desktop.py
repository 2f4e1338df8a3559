"""Alerts on the desktop: notify-send (Linux, libnotify) or osascript (macOS), started without a shell.

Titles and bodies are arguments, never part of a script; see `alert.harmless` for what a desktop reads in them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from clauditor.alerts.alert import Toast, harmless
from clauditor.alerts.delivery import GoneError
from clauditor.alerts.program import Program
from clauditor.errors import ClauditorError

TIMEOUT_SECONDS: Final = 5.0

# The title begins with our name, so neither argument can be taken for an option.
_APPLE_SCRIPT: Final = (
    *("-e", "on run argv"),
    *("-e", "display notification (item 2 of argv) with title (item 1 of argv)"),
    *("-e", "end run"),
)
_SESSION_VARIABLES: Final = ("DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY", "DISPLAY")


class Desktop:
    """Shows toasts. `platform` is as in `sys.platform`."""

    name = "desktop"

    def __init__(self, environ: Mapping[str, str] = os.environ, *, platform: str = sys.platform) -> None:
        self._environ = environ
        self._program_name = "osascript" if platform == "darwin" else "notify-send"
        self._program = Program()

    def obstacle(self) -> str | None:
        """Why nothing can be shown here, with the remedy; None if it can."""
        if self._path() is None:
            remedy = " (Debian, Ubuntu: libnotify-bin; elsewhere: libnotify)"
            return f"{self._program_name} was not found; install it{remedy if self._is_notify_send else ''}."
        if self._is_notify_send and not self._has_session():
            return (
                "There is no desktop session here (no session bus, no display); use a webhook or a command."
            )
        return None

    def deliver(self, what: Toast) -> None:
        program = self._path()
        if program is None:
            raise GoneError(self.obstacle() or f"{self._program_name} was not found.")
        toast = harmless(what)
        options = ("--app-name=Clauditor", "--") if self._is_notify_send else _APPLE_SCRIPT
        command = [program, *options, toast.title, toast.body]
        try:
            code = self._program.run(command, environ=self._environ, timeout_seconds=TIMEOUT_SECONDS)
        except TimeoutError:
            raise ClauditorError(
                f"{self._program_name} took longer than {TIMEOUT_SECONDS:g} s; is a notification service running?"
            ) from None
        except OSError as error:
            raise ClauditorError(f"{program} cannot be started: {error.strerror}.") from error
        if code != 0:
            raise ClauditorError(
                f"{self._program_name} ended with code {code}; is a notification service running?"
            )

    def close(self) -> None:
        self._program.close()

    @property
    def _is_notify_send(self) -> bool:
        return self._program_name == "notify-send"

    def _path(self) -> str | None:
        return shutil.which(self._program_name, path=self._environ.get("PATH", os.defpath))

    def _has_session(self) -> bool:
        if any(self._environ.get(name) for name in _SESSION_VARIABLES):
            return True
        runtime = self._environ.get("XDG_RUNTIME_DIR")
        return bool(runtime) and Path(runtime or "", "bus").exists()
