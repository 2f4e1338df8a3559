"""No core dump of a program that has prompts and keys in its memory.

Sources: setrlimit(2), RLIMIT_CORE; core(5): a limit of 0 holds for files, while a program that `core_pattern` pipes to is
started all the same and gets what /proc/PID/coredump_filter lets through, which with 0 is no memory at all. Both are
inherited by what is started, and kept by execve. (PR_SET_DUMPABLE is not: it ends with execve, and hides /proc/PID from
our own look at who listens where.)
"""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path


def leave_none() -> None:
    """For this process and all that it starts from now on."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a kernel without core dumps, or without /proc
            Path("/proc/self/coredump_filter").write_text("0", encoding="ascii")
