"""The sidecar's process: what it claims, the only clock, and the socket on which copies come.

The socket opens first. What needs longer (the history, the sessions of before, three quarters of the imports) comes
while copies already wait in the inbox, so that a restart misses little: `assembly` puts the rest together.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clauditor import allocator, coredumps, logs
from clauditor.config import Settings
from clauditor.edge.extproc import ExtProcServer
from clauditor.edge.inbox import Inbox
from clauditor.edge.logfile import LogFile, Position
from clauditor.errors import ClauditorError
from clauditor.proxy import locks
from clauditor.proxy.envoy import Admin
from clauditor.proxy.rundir import RunDir

_JUMP_SECONDS: Final = 2.0
# With Python's 5 ms the thread that drains waits for its turn so long that a crowd's copies are lost.
_SWITCH_SECONDS: Final = 0.0001

# Counts the time a machine sleeps, which CLOCK_MONOTONIC does not on Linux; on macOS it does.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """Unix seconds that never run backwards and never leap, unless `check` takes up a wall clock that was set."""

    def __init__(self) -> None:
        self._anchor = _wall() - _steady()

    def now(self) -> float:
        return self.of(self.steady())

    def steady(self) -> float:
        """Seconds that no clock that is set can move."""
        return _steady()

    def of(self, steady: float) -> float:
        """The Unix seconds of a moment that `steady` told, as the wall clock has it by now."""
        return self._anchor + steady

    def check(self) -> float | None:
        """Seconds by which the wall clock was set since the last check; None if it was not."""
        drift = _wall() - self.now()
        if abs(drift) <= _JUMP_SECONDS:
            return None
        self._anchor += drift
        return drift


def _steady() -> float:
    return time.clock_gettime(_STEADY)


def _wall() -> float:
    return time.time()  # noqa: TID251 - the one place


def serve(settings: Settings) -> None:
    """Run the sidecar until SIGTERM or SIGINT. Blocks.

    Raises `ClauditorError` if another sidecar serves this data directory or an address cannot be bound.
    """
    coredumps.leave_none()
    allocator.give_back()
    logs.begin(logs.SIDECAR)
    # It warns of each request that is none, which anybody may send; those are counted (edge/connections.py).
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    rundir = RunDir(settings.data_dir)
    rundir.prepare()
    sys.setswitchinterval(_SWITCH_SECONDS)
    with _sole_sidecar(rundir.sidecar_lock), _bound(settings) as listener:
        clock, inbox = Clock(), Inbox()
        log = LogFile(rundir.access_log, reopen=lambda: _reopen_logs(rundir))
        log.open(position := Position.read(rundir.access_log_position))  # as it is before the first copy
        extproc = ExtProcServer(inbox, rundir.extproc_socket, now=clock.steady)
        extproc.start()
        from clauditor.assembly import run  # noqa: PLC0415 - a quarter of a second, and copies come already

        gc.freeze()  # code stays: looking through it for cycles stopped every thread for some 50 ms each time
        with asyncio.Runner(loop_factory=logs.event_loop) as runner:
            runner.run(
                run(
                    settings,
                    rundir,
                    listener,
                    clock=clock,
                    inbox=inbox,
                    extproc=extproc,
                    log_file=log,
                    position=position,
                )
            )


def _reopen_logs(rundir: RunDir) -> bool:
    """Of an Envoy that is being replaced as well, while there is one."""
    Admin(rundir.old_admin_socket).reopen_logs()
    return Admin(rundir.admin_socket).reopen_logs()


@contextlib.contextmanager
def _sole_sidecar(path: Path) -> Iterator[None]:
    """Hold the data directory; the kernel gives it back however this process ends."""
    try:
        descriptor = locks.hold(path)
    except BlockingIOError as error:
        raise ClauditorError(
            f"Another sidecar serves {path.parent.parent}: see clauditor status, or choose another --data-dir."
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _bound(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.api_host, settings.api_port))
        except OSError as error:
            raise ClauditorError(
                f"Cannot listen on {settings.api_host}:{settings.api_port} ({error.strerror}): "
                "choose another port with --api-port."
            ) from error
        listener.listen(1024)
        yield listener
