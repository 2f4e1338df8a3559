"""In which terminal the client runs: its tmux pane and its tty, so that a screen can lead there.

A hook's own descriptors are sockets, and it has no controlling terminal (Claude Code 2.1.330 starts it in a session
of its own); so the tty is asked of the client, whose pid is in CLAUDE_PID, or else of the processes above us.
Source: proc(5), `/proc/<pid>/stat`, fields 4 (parent) and 7 (tty_nr); Linux's devices.txt, majors 4 and 136.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final

_MOST_PARENTS: Final = 8
_PTS_MAJORS: Final = range(136, 144)
_PS_SECONDS: Final = 0.1


def terminal(environ: Mapping[str, str]) -> dict[str, str]:
    """`tmux_pane` and `tty`, as far as they are known. Never raises."""
    found = {"tmux_pane": environ.get("TMUX_PANE", ""), "tty": _tty(environ) or ""}
    return {name: value for name, value in found.items() if value}


def _tty(environ: Mapping[str, str]) -> str | None:
    given = environ.get("CLAUDE_PID", "")
    pid = int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else os.getppid()
    if sys.platform != "linux":
        return tty_by_ps(pid)
    for _ in range(_MOST_PARENTS):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow to load
                fields = file.read().rpartition(b")")[2].split()  # the name before it may hold anything
            pid, device = int(fields[1]), int(fields[4])
        except (OSError, ValueError, IndexError):
            return None
        if device:
            return device_name(device)
        if pid <= 1:
            return None
    return None


def device_name(device: int) -> str | None:
    """`/dev/pts/3` for a terminal's device number; None for one that is no terminal we know."""
    major, minor = (device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    if major in _PTS_MAJORS:
        return f"/dev/pts/{(major - _PTS_MAJORS.start) * 256 + minor}"
    return f"/dev/tty{minor}" if major == 4 and 0 < minor < 64 else None


def tty_by_ps(pid: int) -> str | None:
    """The same where there is no /proc (macOS)."""
    import subprocess  # noqa: PLC0415 - 5 ms

    try:
        done = subprocess.run(
            ["ps", "-o", "tty=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PS_SECONDS,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    name = done.stdout.strip()
    return f"/dev/{name}" if name.startswith(("pts/", "tty")) else None
