"""The supervisor: keeps Envoy and the sidecar running until it is told to stop.

Three crash domains: each program has its own session, so killing any of the three leaves the others alone. A new
supervisor adopts what a killed one left behind. Envoy of another configuration is replaced without dropping a
request: both listen on the port for a moment (SO_REUSEPORT), then the old one drains and goes.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

from clauditor import coredumps, logs
from clauditor.errors import ClauditorError
from clauditor.proxy import locks, ports
from clauditor.proxy.envoy import DRAIN_SECONDS, Admin
from clauditor.proxy.keeper import Keeper
from clauditor.proxy.plan import Plan, is_healthy
from clauditor.proxy.process import PidRecord, Process
from clauditor.proxy.rundir import RunDir

log = logging.getLogger(__name__)

SIDECAR_GRACE_SECONDS: Final = 3.0  # it promises to end within 2 s
ENVOY_GRACE_SECONDS: Final = 2.0
DRAIN_LIMIT_SECONDS: Final = 3600.0  # a request that runs longer than this on an old Envoy is cut
OWNER_POLL_SECONDS: Final = 1.0
KEPT_VARIABLES: Final = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"),  # desktop alerts
    }
)
KEPT_PREFIXES: Final = ("CLAUDITOR_", "LC_", "XDG_", "PYTHON")


def background_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What the programs that stay running get to know: no key or token from the shell that started them."""
    return {
        name: value
        for name, value in environ.items()
        if (name in KEPT_VARIABLES or name.startswith(KEPT_PREFIXES)) and name != "CLAUDITOR_RUN_ID"
    }


class Supervisor:
    """Keeps one plan's programs running, for as long as it lives."""

    def __init__(self, plan: Plan, run: RunDir, environ: Mapping[str, str]) -> None:
        self._plan = plan
        self._run = run
        self._stopping = threading.Event()
        self._lock = -1
        self._envoy = Keeper(
            plan.envoy,
            run,
            environ=background_environment(environ),
            is_ready=self._proxy_is_ready,
            replace=self._replace_envoy,
            grace_seconds=ENVOY_GRACE_SECONDS,
            own_logs=("access", "envoy"),
            when_ready=self._drain_on,
        )
        self._sidecar = Keeper(
            plan.sidecar,
            run,
            environ=background_environment(environ),
            is_ready=self._sidecar_is_ready,
            replace=_end_first,
            grace_seconds=SIDECAR_GRACE_SECONDS,
        )

    def start(self) -> None:
        """Start or adopt the programs; returns at once.

        Raises ClauditorError if another supervisor is at work, or if the stack was stopped before this one began.
        """
        try:
            self._lock = locks.hold(self._run.supervisor_lock)
        except BlockingIOError as error:
            raise ClauditorError("Another supervisor already runs here; see clauditor status.") from error
        if self._run.stopped.exists():  # a stop looks for the lock's holder after it has left this mark
            os.close(self._lock)
            raise ClauditorError("Clauditor was stopped meanwhile; to start it: clauditor up.")
        record = PidRecord(process=Process.current(), fingerprint=self._plan.version, ready=True)
        self._run.write(self._run.pid_file("supervisor"), record.text())
        _set_limits()
        log.info(
            "supervising %s -> %s, sidecar %s", self._plan.proxy_url, self._plan.upstream, self._plan.api_url
        )
        self._envoy.start()
        self._sidecar.start()

    def run_until_stopped(self, ending: Callable[[], None] = lambda: None) -> None:
        """Wait for `request_stop` or the owner's end, call `ending`, then stop everything."""
        owner = self._plan.owner
        while not self._stopping.wait(OWNER_POLL_SECONDS if owner else None):
            if owner and not owner.is_running():
                log.info("the process that started this stack has ended")
                break
        try:
            ending()
        finally:
            self.stop()

    def request_stop(self) -> None:
        """Make `run_until_stopped` return; safe in a signal handler."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Stop the sidecar, then Envoy, so that what still arrives is recorded; returns when both are gone."""
        log.info("stopping")
        self._sidecar.stop()
        self._envoy.stop()
        end_draining(self._run)
        self._run.clear_sockets()
        self._run.forget("supervisor")
        os.close(self._lock)

    def _sidecar_is_ready(self, process: Process) -> bool:
        """Whether this very process serves: another program on its port may answer as well."""
        plan = self._plan
        return is_healthy(plan.api_host, plan.api_port) and ports.listens(process.pid, plan.api_port)

    def _proxy_is_ready(self, _process: Process) -> bool:
        return Admin(self._run.admin_socket).is_ready() and ports.accepts(self._plan.host, self._plan.port)

    def _replace_envoy(self, old: Process) -> Callable[[], None]:
        """Leave the old Envoy listening until the new one is ready; without open connections it just goes.

        Its admin socket and pid file get other names first: a new Envoy takes the path over.
        """
        if not Admin(self._run.admin_socket).open_connections():
            old.end(ENVOY_GRACE_SECONDS)
            return self._drain_on
        end_draining(self._run)  # only one at a time: a third generation waits for nobody
        self._run.admin_socket.replace(self._run.old_admin_socket)
        pid_file = self._run.pid_file("envoy")
        if PidRecord.read(pid_file) is None:  # it was lost
            self._run.write(pid_file, PidRecord(process=old, fingerprint="", ready=True).text())
        pid_file.replace(self._run.pid_file("envoy.draining"))
        return self._drain_on

    def _drain_on(self) -> None:
        """Let an Envoy that is replaced go when its requests have ended, also one that an earlier supervisor replaced."""
        if (old := draining(self._run)) is not None:
            threading.Thread(target=_drain, args=(self._run, old), name="drain", daemon=True).start()


def draining(run: RunDir) -> Process | None:
    """The Envoy that is being replaced and still serves what it had begun."""
    record = PidRecord.read(run.pid_file("envoy.draining"))
    return None if record is None else record.process


def end_draining(run: RunDir) -> None:
    """End an Envoy that is still being replaced."""
    if (old := draining(run)) is not None:
        old.end(ENVOY_GRACE_SECONDS)
    run.old_admin_socket.unlink(missing_ok=True)
    run.forget("envoy.draining")


def main(data_dir: str) -> None:
    """The detached supervisor of a data directory: reads its plan and works until SIGTERM."""
    run = RunDir(Path(data_dir))
    os.umask(0o077)
    log_to_stderr()
    plan = Plan.read(run.plan)
    if plan is None:
        raise ClauditorError(f"{run.plan} cannot be read; start with clauditor up.")
    supervisor = Supervisor(plan, run, os.environ)
    stop_on_signals(supervisor)
    supervisor.start()
    supervisor.run_until_stopped()


def log_to_stderr() -> None:
    logs.begin(logs.SUPERVISOR)


def stop_on_signals(supervisor: Supervisor) -> None:
    """SIGTERM, SIGINT and a closing terminal stop everything."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.request_stop()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)


def _drain(run: RunDir, old: Process) -> None:
    """Ask the old Envoy's clients to leave, wait for its requests to end, then end it."""
    admin = Admin(run.old_admin_socket)
    log.info("draining the old Envoy (pid %d)", old.pid)
    admin.drain()
    deadline = time.monotonic() + DRAIN_LIMIT_SECONDS
    old.wait(DRAIN_SECONDS + 1.0)  # it listens until then
    while admin.open_requests() and time.monotonic() < deadline:
        old.wait(1.0)
    end_draining(run)
    log.info("the old Envoy (pid %d) is gone", old.pid)


def _end_first(old: Process) -> Callable[[], None]:
    old.end(SIDECAR_GRACE_SECONDS)
    return _nothing


def _nothing() -> None:
    """There is nothing left to do once the new program is ready."""


def _set_limits() -> None:
    """For all three programs: every stream takes descriptors, so use what the system allows; and no core dump, which
    would put the prompts and keys of the moment on the disk.
    """
    coredumps.leave_none()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:  # macOS refuses "unlimited" as a soft limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main(sys.argv[1])
