"""What the sidecar takes of the machine, as the kernel tells it.

Source: getrusage(2) for CPU time; proc(5), `statm` and `fd`, for memory and open files: Linux only, elsewhere not told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_SELF: Final = Path("/proc/self")


def cpu_seconds() -> float:
    """User and system time of this process, all threads."""
    times = os.times()
    return times.user + times.system


def resident_bytes() -> Mapping[tuple[str, ...], float]:
    """Memory held; empty where the kernel does not tell."""
    try:
        pages = int((_SELF / "statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return {}
    return {(): pages * os.sysconf("SC_PAGE_SIZE")}


def open_fds() -> Mapping[tuple[str, ...], float]:
    """Open descriptors; empty where the kernel does not tell."""
    try:
        return {(): sum(1 for _ in (_SELF / "fd").iterdir())}
    except OSError:
        return {}
