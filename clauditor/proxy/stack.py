"""The whole stack of one data directory: start it, look at it, stop it.

`up`, `run`, `down`, `status` and the demo all come through here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from clauditor import __version__
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.proxy import ports
from clauditor.proxy.envoy import Admin
from clauditor.proxy.plan import Plan, is_healthy, url
from clauditor.proxy.prepare import HOST, SIDECAR, Prepared, differing_choice, prepare
from clauditor.proxy.process import PidRecord, Process
from clauditor.proxy.reach import Check, Reach
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.supervisor import (
    Supervisor,
    background_environment,
    clear_sockets,
    end_draining,
    log_to_stderr,
    stop_on_signals,
)
from clauditor.proxy.upstream import Upstream

START_SECONDS: Final = 15.0
STOP_SECONDS: Final = 8.0
POLL_SECONDS: Final = 0.02
FAILED_STARTS: Final = 3  # the sidecar's first may fall into the last moments of an earlier one
SUPERVISOR: Final = (sys.executable, "-P", "-m", "clauditor.proxy.supervisor")

State = Literal["starting", "running", "unhealthy", "stopped"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of the two programs, as it is now."""

    url: str
    pid: int | None
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The stack as it is now."""

    proxy: Part
    sidecar: Part
    upstream: str
    data_dir: Path
    version: str
    envoy_version: str | None

    @property
    def anything_runs(self) -> bool:
        return self.proxy.state != "stopped" or self.sidecar.state != "stopped"


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

    def start(self, *, timeout_seconds: float = START_SECONDS, check_upstream: bool = False) -> Started:
        """Start what does not run; returns when the proxy accepts and the sidecar is healthy.

        A second call finds the stack running and changes nothing. Raises ClauditorError with the reason and a
        remedy. A sidecar that does not start leaves the proxy running, because sessions may depend on it.
        """
        self.run.prepare()
        with self._alone():
            if (plan := self._running_plan()) is not None:
                return self._wait(plan, timeout_seconds, self._is_supervised, already=True)
            prepared = self._prepare()
            check = self._check(prepared) if check_upstream else None
            command = (*SUPERVISOR, str(self._settings.data_dir))
            child = self.run.spawn("supervisor", command, background_environment(self._environ))
            try:
                return self._wait(
                    prepared.plan,
                    timeout_seconds,
                    lambda: child.poll() is None,
                    notes=prepared.notes,
                    check=check,
                )
            except _ProxyFailedError:
                self._end_everything()
                raise

    def run_in_foreground(self, ready: Callable[[Started], None]) -> None:
        """The same with the supervisor in this process, until SIGTERM, SIGINT or SIGHUP stops everything."""
        self.run.prepare()
        os.umask(0o077)
        with self._alone():
            if self._running_plan() is not None:
                raise ClauditorError("Clauditor already runs here; stop it first: clauditor down.")
            prepared = self._prepare()
            log_to_stderr()
            supervisor = Supervisor(prepared.plan, self.run, self._environ)
            stop_on_signals(supervisor)
            check = self._check(prepared)
            supervisor.start()
            try:
                started = self._wait(
                    prepared.plan,
                    START_SECONDS,
                    lambda: not supervisor.is_stopping,
                    notes=prepared.notes,
                    check=check,
                )
            except ClauditorError:
                supervisor.stop()
                raise
        ready(started)
        supervisor.run_until_stopped()

    def stop(self) -> tuple[str, ...]:
        """Stop the sidecar, Envoy and the supervisor; returns the names of what ran.

        Raises ClauditorError if something cannot be ended.
        """
        if not self.run.path.is_dir():
            return ()
        with self._alone():
            names = tuple(name for name in ("sidecar", "envoy", "supervisor") if self._record(name))
            self._end_everything()
            return names

    def status(self) -> Status:
        """What runs now, from files and short probes; needs nothing to run and changes nothing."""
        plan = Plan.read(self.run.plan)
        supervised = self._is_supervised()
        proxy, sidecar = self._record("envoy"), self._record("sidecar")
        host, port = (plan.host, plan.port) if plan else (HOST, self._settings.port)
        api = (plan.api_host, plan.api_port) if plan else (self._settings.api_host, self._settings.api_port)
        return Status(
            proxy=Part(
                url=url(host, port),
                pid=proxy.process.pid if proxy else None,
                state=_state(proxy, supervised, proxy is not None and self.proxy_is_ours()),
            ),
            sidecar=Part(
                url=url(*api),
                pid=sidecar.process.pid if sidecar else None,
                state=_state(sidecar, supervised, sidecar is not None and is_healthy(*api)),
            ),
            upstream=plan.upstream if plan and (proxy or sidecar or supervised) else self._settings.upstream,
            data_dir=self._settings.data_dir,
            version=__version__,
            envoy_version=plan.envoy_version if plan else None,
        )

    def serves(self) -> bool:
        """Whether the proxy answers and somebody keeps it running; the sidecar may be away for a moment."""
        return self._is_supervised() and self.proxy_is_ours()

    def proxy_is_ours(self) -> bool:
        """Whether the proxy answers, and it is our own Envoy that listens, not whoever took its port."""
        plan = Plan.read(self.run.plan)
        return (
            plan is not None
            and Admin(self.run.admin_socket).is_ready()
            and ports.is_ours(plan.port)
            and ports.accepts(plan.host, plan.port)
        )

    def open_connections(self) -> int:
        """How many client connections the proxy holds now."""
        return Admin(self.run.admin_socket).open_connections() or 0

    def _prepare(self) -> Prepared:
        for name in ("envoy", "sidecar"):
            if (
                record := self._record(name)
            ) is not None:  # an earlier supervisor's word; this one shall say it anew
                self.run.write(self.run.pid_file(name), dataclasses.replace(record, ready=False).text())
        return prepare(
            self._settings, self.run, environ=self._environ, sidecar=self._sidecar, owner=self._owner
        )

    def _check(self, prepared: Prepared) -> Check:
        return Check(Upstream.of(prepared.settings.upstream), self.run.upstream_ca, prepared.proxy)

    def _record(self, name: str) -> PidRecord | None:
        return PidRecord.read(self.run.pid_file(name))

    def _is_supervised(self) -> bool:
        return self._record("supervisor") is not None

    def _running_plan(self) -> Plan | None:
        """The plan that a supervisor works on now; raises ClauditorError if this command line asks for another."""
        plan = Plan.read(self.run.plan) if self._is_supervised() else None
        if plan is not None and (option := differing_choice(self._settings, plan)):
            raise ClauditorError(
                f"Clauditor already runs here with another {option}; to change it: clauditor down, then up again."
            )
        return plan

    def _wait(
        self,
        plan: Plan,
        timeout_seconds: float,
        is_supervised: Callable[[], bool],
        *,
        already: bool = False,
        notes: tuple[str, ...] = (),
        check: Check | None = None,
    ) -> Started:
        """Wait until both programs serve; raises ClauditorError with what is known about why they do not."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            proxy, sidecar = self._record("envoy"), self._record("sidecar")
            if _is_up(proxy, plan.envoy.fingerprint) and _is_up(sidecar, plan.sidecar.fingerprint):
                assert proxy is not None and sidecar is not None  # noqa: S101, PT018 - _is_up said so
                return Started(
                    plan=plan,
                    already=already,
                    proxy_pid=proxy.process.pid,
                    sidecar_pid=sidecar.process.pid,
                    notes=notes,
                    reach=check.result() if check else None,
                )
            if failures := self._failures("envoy"):
                raise _ProxyFailedError(
                    f"Envoy does not start: {failures[-1]} (more in {self.run.log('envoy')})."
                )
            if len(failures := self._failures("sidecar")) >= FAILED_STARTS:
                break
            if not is_supervised():
                raise _ProxyFailedError(f"The supervisor has ended; see {self.run.log('supervisor')}.")
            time.sleep(POLL_SECONDS)
        if not _is_up(self._record("envoy"), plan.envoy.fingerprint):
            raise _ProxyFailedError(f"Envoy does not answer in time; see {self.run.log('envoy')}.")
        reason = (
            (self._failures("sidecar") or ["it does not answer"])[-1].removeprefix("clauditor: ").rstrip(".")
        )
        raise ClauditorError(
            f"The proxy runs, but nothing is recorded: the sidecar does not start ({reason}); "
            f"see {self.run.log('sidecar')}."
        )

    def _failures(self, name: str) -> list[str]:
        try:
            return self.run.failure_file(name).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def _end_everything(self) -> None:
        for name, seconds in (("supervisor", STOP_SECONDS), ("sidecar", 3.0), ("envoy", 2.0)):
            record = self._record(name)
            if record is not None and not record.process.end(seconds):
                raise ClauditorError(
                    f"The {name} (pid {record.process.pid}) cannot be ended; end it by hand."
                )
            self.run.forget(name)
        end_draining(self.run)
        clear_sockets(self.run)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else starts or stops this stack meanwhile."""
        lock = os.open(self.run.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + START_SECONDS
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


class _ProxyFailedError(ClauditorError):
    """There is no proxy, so nothing is worth keeping."""


def _is_up(record: PidRecord | None, fingerprint: str) -> bool:
    return record is not None and record.ready and record.fingerprint == fingerprint


def _state(record: PidRecord | None, supervised: bool, answers: bool) -> State:
    if record is None:
        return "starting" if supervised else "stopped"
    if answers:
        return "running"
    return "unhealthy" if record.ready else "starting"
