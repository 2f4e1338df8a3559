"""Processes that may outlive whoever started them: who they are, whether they run, how to wait for and end them.

A pid alone says nothing: it is reused, a zombie still answers `kill(pid, 0)`, and an adopted process is nobody's
child to wait for. So a process is known by pid and start time (proc(5), field 22; elsewhere `ps -o lstart`), and
where Linux offers a pidfd, it is opened first and signalled or waited for through that (pidfd_open(2)).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LINUX: Final = sys.platform == "linux"
PROBE_SECONDS: Final = (
    0.35  # how long a healthy program may take to answer; `status` asks two within a second
)
POLL_SECONDS: Final = 0.2  # without a pidfd, an end is noticed this late


@dataclass(frozen=True, slots=True)
class Process:
    """One process, distinguishable from a later one with the same pid."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this pid now, or None if there is none that still runs."""
        started = _start_of_running(pid)
        return None if started is None else cls(pid, started)

    @classmethod
    def current(cls) -> Process:
        return cls(os.getpid(), _start_of_running(os.getpid()) or "")

    def is_running(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return _start_of_running(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process and to no other; nothing happens if it has ended."""
        with self._pidfd() as descriptor, contextlib.suppress(ProcessLookupError):
            if not self.is_running():
                return
            if descriptor is not None:
                signal.pidfd_send_signal(descriptor, number)
            else:
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended, at most this long; returns whether it has."""
        deadline = time.monotonic() + seconds
        with self._pidfd() as descriptor:
            # Of a process with threads the first may be gone (a zombie) while the others still hold its locks.
            if descriptor is not None and _state_and_start(self.pid)[1] == self.started:
                poll = select.poll()  # not select(): descriptors may pass 1023
                poll.register(descriptor, select.POLLIN)
                poll.poll(max(0.0, seconds) * 1000)
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        return not self.is_running()

    def end(self, grace_seconds: float) -> bool:
        """SIGTERM, then SIGKILL after the grace; returns whether the process has ended."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # one that was stopped (Ctrl-Z, SIGSTOP) takes no other signal
        if self.wait(grace_seconds):
            return True
        self.signal(signal.SIGKILL)
        return self.wait(2.0)

    @contextlib.contextmanager
    def _pidfd(self) -> Iterator[int | None]:
        """A descriptor that stays with one process, or None where there is none."""
        descriptor = None
        if LINUX:
            with contextlib.suppress(OSError):  # ended, or a kernel without pidfd
                descriptor = os.pidfd_open(self.pid)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class PidRecord:
    """A pid file: which process, what it was started as, and whether it was ready once."""

    process: Process
    fingerprint: str
    ready: bool

    def text(self) -> str:
        ready = "ready" if self.ready else "starting"
        return f"{self.process.pid}\n{self.process.started}\n{self.fingerprint}\n{ready}\n"

    @classmethod
    def read(cls, path: Path) -> PidRecord | None:
        """The record in a file, if it is whole and its process still runs."""
        try:
            pid, started, fingerprint, state = path.read_text(encoding="utf-8").splitlines()
            record = cls(process=Process(int(pid), started), fingerprint=fingerprint, ready=state == "ready")
        except (OSError, ValueError):
            return None
        return record if record.process.is_running() else None


def command_name(pid: int) -> str | None:
    """The short name of a process, if it can be read."""
    if LINUX:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
        return None
    name = _ps(pid, "comm")
    return Path(name).name if name else None


def _start_of_running(pid: int) -> str | None:
    """When the process with this pid started (in the system's own notation); None if none runs or it is a zombie."""
    state, started = _state_and_start(pid)
    return None if state[0] in "ZX" else started


def _state_and_start(pid: int) -> tuple[str, str]:
    """The state letter of the process with this pid, and when it started; `X` if there is none."""
    if LINUX:
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "X", ""
        state, *fields = text.rpartition(")")[2].split()  # the name before it may hold anything
        return state, fields[18]
    state, _, started = (_ps(pid, "stat,lstart") or "X").partition(" ")
    return state, started.strip()


def _ps(pid: int, columns: str) -> str | None:
    options = [f"-o{column}=" for column in columns.split(",")]
    found = subprocess.run(
        ["ps", *options, "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5
    )
    return found.stdout.strip() or None
