"""Runs a program without a shell, bounded in time, and ends it with everything it started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress


class Program:
    """One run at a time; `close`, from another thread, ends it and every later one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def run(
        self, command: Sequence[str], *, environ: Mapping[str, str], timeout_seconds: float, text: bytes = b""
    ) -> int:
        """Give it `text` on its standard input, discard its output, and return its exit code.

        Raises OSError if it cannot be started, TimeoutError if it was ended because it took too long.
        """
        with self._lock:
            if self._is_closed:
                raise TimeoutError
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(environ),
                cwd="/",
                start_new_session=True,
            )
        with self._child as child:
            try:
                child.communicate(text, timeout=timeout_seconds)
            except BaseException as error:
                _kill_group(child)  # or leaving this block would wait for it
                if isinstance(error, subprocess.TimeoutExpired):
                    raise TimeoutError from None
                raise
        return child.returncode

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._child is not None and self._child.returncode is None:
                _kill_group(self._child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
