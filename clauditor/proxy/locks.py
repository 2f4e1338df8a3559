"""Lock files: one holder at a time, whom the kernel knows by pid and forgets however the holder ends.

POSIX record locks (fcntl(2), F_GETLK): who holds one can be asked, so no pid has to be written, which a full disk would
prevent. They end when their process closes any descriptor of the file; so a holder never asks about its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
from pathlib import Path
from typing import Final

from clauditor.proxy.process import Process

DARWIN: Final = sys.platform == "darwin"
FLOCK: Final = "qqihh" if DARWIN else "hhqqi"
"""`struct flock`: start, length, pid, type, whence; on Linux type, whence, start, length, pid."""


def hold(path: Path) -> int:
    """Take the lock until the returned descriptor is closed; raises BlockingIOError if another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def holder(path: Path) -> Process | None:
    """The other process that holds the lock; None if there is none, or no such file."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            question = (0, 0, 0, fcntl.F_WRLCK, 0) if DARWIN else (fcntl.F_WRLCK, 0, 0, 0, 0)
            answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(FLOCK, *question))
        finally:
            os.close(descriptor)
        fields = struct.unpack(FLOCK, answer)
        kind, pid = (fields[3], fields[2]) if DARWIN else (fields[0], fields[4])
        return None if kind == fcntl.F_UNLCK else Process.of(pid)
    return None
