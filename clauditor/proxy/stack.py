"""The whole stack of one data directory: start it, look at it, stop it.

`up`, `run`, `down`, `status` and the demo all come through here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.proxy.envoy import Admin
from clauditor.proxy.plan import Plan
from clauditor.proxy.prepare import SIDECAR, Prepared, difference, differing_choice, prepare
from clauditor.proxy.process import PidRecord, Process
from clauditor.proxy.reach import Check, Reach
from clauditor.proxy.ready import ProxyFailedError, require_answers, until_ready
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.running import Name, running
from clauditor.proxy.status import Status, look, proxy_is_ours
from clauditor.proxy.supervisor import (
    Supervisor,
    background_environment,
    draining,
    end_draining,
    log_to_stderr,
    stop_on_signals,
)
from clauditor.proxy.upstream import Upstream

log = logging.getLogger(__name__)

START_SECONDS: Final = 15.0
STOP_SECONDS: Final = 8.0  # for the supervisor, which ends the other two
END_SECONDS: Final = 3.0
POLL_SECONDS: Final = 0.02
CHILDREN: Final[tuple[Name, ...]] = ("envoy", "sidecar")
PROGRAMS: Final[tuple[Name, ...]] = ("supervisor", "sidecar", "envoy")  # in the order in which they are ended
SUPERVISOR: Final = (sys.executable, "-P", "-m", "clauditor.proxy.supervisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A stack that serves."""

    plan: Plan
    already: bool
    """It ran before; nothing was changed."""
    proxy_pid: int
    sidecar_pid: int
    notes: tuple[str, ...] = ()
    """What a person should know, such as a port that was taken instead of the usual one."""
    reach: Reach | None = None
    """What became of the handshake with the upstream; None if it was not tried."""


class Stack:
    """Everything that runs for one data directory.

    `sidecar` is the command that `--data-dir` and the ports are added to. With `ends_with_caller` the stack stops by
    itself when the process that called `start` has ended, however it ended.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environ: Mapping[str, str] = os.environ,
        sidecar: Sequence[str] = SIDECAR,
        ends_with_caller: bool = False,
    ) -> None:
        self.run = RunDir(settings.data_dir)
        self._settings = settings
        self._environ = environ
        self._sidecar = sidecar
        self._owner = Process.current() if ends_with_caller else None

    def start(
        self,
        *,
        timeout_seconds: float = START_SECONDS,
        check_upstream: bool = False,
        may_replace: bool = False,
    ) -> Started:
        """Start what does not run; returns when the proxy accepts and the sidecar is healthy.

        A second call finds the stack running and changes nothing. One with other options is refused, or `may_replace`
        what runs: answers under way end on the old proxy. Raises ClauditorError with the reason and a remedy. Whatever
        fails, a proxy that sessions depend on stays. On KeyboardInterrupt, what this call started is stopped again.
        """
        deadline = time.monotonic() + timeout_seconds
        self.run.prepare()
        with self._alone(deadline):
            plan = self._supervised_plan()
            other = difference(self._settings, plan) if plan else None
            # Sessions find the proxy by its port: while one is connected, that stays.
            is_bound = other == "--port" and self.open_connections() > 0
            if plan is not None and (other is None or is_bound or not may_replace):
                return self._find_running(plan, deadline)
            kept = self._has_proxy()
            prepared = self._prepare()
            check = self._check(prepared) if check_upstream else None
            command = (*SUPERVISOR, str(self._settings.data_dir))
            child = self.run.spawn("supervisor", command, background_environment(self._environ))
            try:
                # One that an interrupted start left behind may have been quicker; then it does the work.
                pids = until_ready(
                    self.run, prepared.plan, deadline, lambda: child.poll() is None or self._is_supervised()
                )
            except ProxyFailedError:
                if not kept:
                    self._end_everything()
                raise
            except KeyboardInterrupt:
                if not kept:
                    if young := Process.of(child.pid):  # it may have left its name nowhere yet
                        young.end(STOP_SECONDS)
                    self._end_everything()
                raise
        notes = (f"Replaces the one with another {other}; answers under way end there.",) if other else ()
        return _started(prepared, pids, check, *notes)

    def run_in_foreground(
        self,
        ready: Callable[[Started], None],
        *,
        ending: Callable[[], None] = lambda: None,
        take_over: bool = False,
    ) -> None:
        """The same with the supervisor in this process, until SIGTERM, SIGINT or SIGHUP stops everything.

        A stack that runs already is only told to `ready`, unless this process is to `take_over` from its supervisor.
        `ending` is called before anything is stopped.
        """
        self.run.prepare()
        os.umask(0o077)
        started: Started | None = None
        deadline = time.monotonic() + START_SECONDS
        with self._alone(deadline):
            plan = self._supervised_plan()
            if plan is not None and not take_over:
                ready(self._find_running(plan, deadline))
                return
            kept = self._has_proxy()
            prepared = self._prepare()
            log_to_stderr()
            supervisor = Supervisor(prepared.plan, self.run, self._environ)
            stop_on_signals(supervisor)
            check = self._check(prepared)
            supervisor.start()
            try:
                pids = until_ready(self.run, prepared.plan, deadline, lambda: not supervisor.is_stopping)
                started = _started(prepared, pids, check)
            except ClauditorError as error:
                if isinstance(error, ProxyFailedError) and not kept:
                    supervisor.stop()
                    raise
                log.error("%s", error)  # noqa: TRY400 - words for a person; it is tried on
        if started is not None:
            ready(started)
        supervisor.run_until_stopped(ending)

    def stop(self) -> tuple[str, ...]:
        """Stop the sidecar, Envoy and the supervisor; returns the names of what ran.

        Raises ClauditorError if something cannot be ended.
        """
        if not self.run.path.is_dir():
            return ()
        with self._alone(time.monotonic() + START_SECONDS):
            names = tuple(name for name in PROGRAMS if self._record(name))
            with contextlib.suppress(OSError):  # a full disk must not keep anything running
                self.run.write(self.run.stopped, "")
            self._end_everything()
            return names

    def status(self) -> Status:
        """What runs now, from files and short probes; needs nothing to run and changes nothing."""
        return look(self.run, self._settings)

    def serves(self) -> bool:
        """Whether the proxy answers and somebody keeps it running; the sidecar may be away for a moment."""
        return self._is_supervised() and self.proxy_is_ours()

    def proxy_is_ours(self) -> bool:
        """Whether the proxy answers, and it is our own Envoy that listens, not whoever took its port."""
        return proxy_is_ours(self.run)

    def open_connections(self) -> int:
        """How many client connections the proxy holds now, one that is being replaced included."""
        sockets = (self.run.admin_socket, self.run.old_admin_socket)
        return sum(Admin(socket).open_connections() or 0 for socket in sockets)

    def _find_running(self, plan: Plan, deadline: float) -> Started:
        """What a start finds that has nothing to do; raises ClauditorError if it is not what was asked for, or ill."""
        self.refuse_other_choices()
        pids = until_ready(self.run, plan, deadline, self._is_supervised)
        require_answers(self.status)
        return Started(plan=plan, already=True, proxy_pid=pids[0], sidecar_pid=pids[1])

    def _prepare(self) -> Prepared:
        """Write the plan, and make room for its supervisor; nothing has changed if that raises ClauditorError."""
        prepared = prepare(
            self._settings, self.run, environ=self._environ, sidecar=self._sidecar, owner=self._owner
        )
        self._dismiss_supervisor()
        self.run.stopped.unlink(missing_ok=True)
        for name in CHILDREN:
            self.run.failure_file(name).unlink(missing_ok=True)
            self.run.ended_file(name).unlink(missing_ok=True)
            # What an earlier supervisor has said of a running program, this one says anew.
            if (record := self._record(name)) is not None:
                self.run.write(self.run.pid_file(name), dataclasses.replace(record, ready=False).text())
        return prepared

    def _check(self, prepared: Prepared) -> Check:
        return Check(Upstream.of(prepared.settings.upstream), self.run.upstream_ca, prepared.proxy)

    def _record(self, name: Name) -> PidRecord | None:
        return running(self.run, name)

    def _is_supervised(self) -> bool:
        return self._record("supervisor") is not None

    def _has_proxy(self) -> bool:
        """Whether sessions may depend on something that an earlier start left running."""
        return self._record("envoy") is not None or draining(self.run) is not None

    def _supervised_plan(self) -> Plan | None:
        """The plan that a supervisor works on now."""
        return Plan.read(self.run.plan) if self._is_supervised() else None

    def refuse_other_choices(self) -> None:
        """Raise ClauditorError if a supervisor works on another plan than this command line asks for."""
        plan = self._supervised_plan()
        if plan is not None and (option := differing_choice(self._settings, plan)):
            way = "clauditor down, then up again" if option == "--port" else f"clauditor up {option} VALUE"
            raise ClauditorError(f"Clauditor already runs here with another {option}; to change that: {way}.")

    def _dismiss_supervisor(self) -> None:
        """End a supervisor and leave what it kept running to be adopted; SIGTERM would stop that as well."""
        if (record := self._record("supervisor")) is not None:
            record.process.signal(signal.SIGKILL)
            record.process.wait(END_SECONDS)

    def _end_everything(self) -> None:
        """End all three, also those whose pid file was lost; raises ClauditorError if one is left."""
        for name in PROGRAMS:
            if (record := self._record(name)) is not None:
                record.process.end(STOP_SECONDS if name == "supervisor" else END_SECONDS)
            self.run.forget(name)
        for name in PROGRAMS:
            if (record := self._record(name)) is not None:
                raise ClauditorError(
                    f"The {name} (pid {record.process.pid}) cannot be ended; end it by hand."
                )
        end_draining(self.run)
        self.run.clear_sockets()

    @contextlib.contextmanager
    def _alone(self, deadline: float) -> Iterator[None]:
        """Nobody else starts or stops this stack meanwhile; raises ClauditorError if somebody does for too long."""
        lock = os.open(self.run.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise ClauditorError(
                            "Another clauditor command is starting or stopping this stack; try again."
                        ) from error
                    time.sleep(POLL_SECONDS)
            yield
        finally:
            os.close(lock)


def _started(prepared: Prepared, pids: tuple[int, int], check: Check | None, *notes: str) -> Started:
    return Started(
        plan=prepared.plan,
        already=False,
        proxy_pid=pids[0],
        sidecar_pid=pids[1],
        notes=(*prepared.notes, *notes),
        reach=check.result() if check else None,
    )
