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
from typing import Final

from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.proxy import ports
from clauditor.proxy.envoy import Admin
from clauditor.proxy.plan import Plan
from clauditor.proxy.prepare import SIDECAR, Prepared, differing_choice, prepare
from clauditor.proxy.process import PidRecord, Process
from clauditor.proxy.reach import Check, Reach
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.running import Name, running
from clauditor.proxy.status import Status, look, proxy_is_ours
from clauditor.proxy.supervisor import (
    Supervisor,
    background_environment,
    end_draining,
    log_to_stderr,
    stop_on_signals,
)
from clauditor.proxy.upstream import Upstream

START_SECONDS: Final = 15.0
ANSWER_SECONDS: Final = 2.0  # a stack that ran before may be busy for a moment, not for longer
STOP_SECONDS: Final = 8.0  # for the supervisor, which ends the other two
END_SECONDS: Final = 3.0
POLL_SECONDS: Final = 0.02
FAILED_STARTS: Final = 3  # the sidecar's first may fall into the last moments of an earlier one
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

    def start(self, *, timeout_seconds: float = START_SECONDS, check_upstream: bool = False) -> Started:
        """Start what does not run; returns when the proxy accepts and the sidecar is healthy.

        A second call finds the stack running and changes nothing. Raises ClauditorError with the reason and a
        remedy. A sidecar that does not start leaves the proxy running, because sessions may depend on it. On
        KeyboardInterrupt, what this call started is stopped again.
        """
        self.run.prepare()
        with self._alone():
            if (plan := self._running_plan()) is not None:
                started = self._wait(plan, timeout_seconds, self._is_supervised, already=True)
                self._require_answers()
                return started
            kept = any(self._record(name) for name in CHILDREN)
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
            except KeyboardInterrupt:
                if not kept:  # else sessions may depend on what an earlier start left running
                    if young := Process.of(child.pid):  # it may have left its name nowhere yet
                        young.end(STOP_SECONDS)
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
        """How many client connections the proxy holds now."""
        return Admin(self.run.admin_socket).open_connections() or 0

    def _prepare(self) -> Prepared:
        self.run.stopped.unlink(missing_ok=True)
        for name in CHILDREN:
            if (
                record := self._record(name)
            ) is not None:  # an earlier supervisor's word; this one says it anew
                self.run.write(self.run.pid_file(name), dataclasses.replace(record, ready=False).text())
        return prepare(
            self._settings, self.run, environ=self._environ, sidecar=self._sidecar, owner=self._owner
        )

    def _check(self, prepared: Prepared) -> Check:
        return Check(Upstream.of(prepared.settings.upstream), self.run.upstream_ca, prepared.proxy)

    def _record(self, name: Name) -> PidRecord | None:
        return running(self.run, name)

    def _is_supervised(self) -> bool:
        return self._record("supervisor") is not None

    def _running_plan(self) -> Plan | None:
        """The plan that a supervisor works on now; raises ClauditorError if this command line asks for another."""
        self.refuse_other_choices()
        return Plan.read(self.run.plan) if self._is_supervised() else None

    def refuse_other_choices(self) -> None:
        """Raise ClauditorError if a supervisor works on another plan than this command line asks for."""
        plan = Plan.read(self.run.plan) if self._is_supervised() else None
        if plan is not None and (option := differing_choice(self._settings, plan)):
            raise ClauditorError(
                f"Clauditor already runs here with another {option}; to change it: clauditor down, then up again."
            )

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
        sidecar = self._record("sidecar")
        if ports.accepts(plan.api_host, plan.api_port) and not (
            sidecar and ports.listens(sidecar.process.pid, plan.api_port)
        ):
            raise ClauditorError(
                f"The proxy runs, but nothing is recorded: port {plan.api_port} is used by "
                f"{ports.owner(plan.api_port)}; stop that, or: clauditor down, then up with another --api-port."
            )
        reason = (
            (self._failures("sidecar") or ["it does not answer"])[-1].removeprefix("clauditor: ").rstrip(".")
        )
        raise ClauditorError(
            f"The proxy runs, but nothing is recorded: the sidecar does not start ({reason}); "
            f"see {self.run.log('sidecar')}."
        )

    def _require_answers(self) -> None:
        """Raise ClauditorError if a program that was ready once does not answer now (stopped, or stuck)."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            found = self.status()
            stuck = [
                (name, part.pid)
                for name, part in (("proxy", found.proxy), ("sidecar", found.sidecar))
                if part.state == "unhealthy"
            ]
            if not stuck:
                return
            if time.monotonic() > deadline:
                (name, pid) = stuck[0]
                raise ClauditorError(
                    f"The {name} runs (pid {pid}), but does not answer; end it, and it is started again at once: "
                    f"kill -9 {pid}"
                )
            time.sleep(POLL_SECONDS)

    def _failures(self, name: str) -> list[str]:
        try:
            return self.run.failure_file(name).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

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
