"""Keeps one program running: adopts it, starts it, notices its end, starts it again.

A program that was ready once is started again at once, however often it ends; only starts that end before they
are ready are slowed down, so that a broken installation does not burn the machine.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO, Final

from clauditor.proxy import trouble
from clauditor.proxy.plan import Job
from clauditor.proxy.process import PidRecord, Process
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.running import running
from clauditor.text import clean

log = logging.getLogger(__name__)

FIRST_DELAY_SECONDS: Final = 0.25
LONGEST_DELAY_SECONDS: Final = 30.0
READY_POLL_SECONDS: Final = 0.02
SLOW_POLL_SECONDS: Final = 0.5  # once a start has taken longer than any healthy one
SLOW_AFTER_SECONDS: Final = 15.0
ADOPTION_SECONDS: Final = 2.0  # how long a running program may take to show that it is well
RECORD_AGAIN_SECONDS: Final = 1.0  # how soon a pid file that could not be written is tried again
A_LONG_TIME_SECONDS: Final = 3600.0
TAIL_BYTES: Final = 4096
LOG_PREFIX: Final = re.compile(r"^(\[[^\]]*\] ?)+")

Replace = Callable[[Process], Callable[[], None]]
"""Makes room for a new program; what it returns is called once the new one is ready."""


class Keeper:
    """One program's life, in a thread of its own."""

    def __init__(
        self,
        job: Job,
        run: RunDir,
        *,
        environ: Mapping[str, str],
        is_ready: Callable[[Process], bool],
        replace: Replace,
        grace_seconds: float,
        own_logs: tuple[str, ...] = (),
        when_ready: Callable[[], None] | None = None,
    ) -> None:
        """`own_logs`: what the program itself writes in `run/`, by name; a long one is put aside before a start. With
        its own name among them, its output goes to memory: it is read where a start fails, and is gone with the program.

        `when_ready` is called once, when the program is ready for the first time.
        """
        self._job = job
        self._run = run
        self._environ = environ
        self._is_ready = is_ready
        self._replace = replace
        self._grace_seconds = grace_seconds
        self._own_logs = own_logs
        self._when_ready = when_ready
        self._stopping = threading.Event()
        self._starting = threading.Lock()  # no start may slip past a stop
        self._process: Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=job.name, daemon=True)

    def start(self) -> None:
        """Begin to keep the program running; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the program for good; returns when it is gone."""
        self._stopping.set()
        with self._starting:
            process = self._process
        if process is not None and not process.end(self._grace_seconds):
            log.error("%s (pid %d) cannot be ended", self._job.name, process.pid)
        self._thread.join(timeout=A_LONG_TIME_SECONDS)
        self._run.forget(self._job.name)

    def _keep(self) -> None:
        delay = FIRST_DELAY_SECONDS
        adopted = self._adopt()
        while not self._stopping.is_set():
            if (adopted or self._launch()) and self._watch():
                delay = FIRST_DELAY_SECONDS
            elif not self._stopping.wait(delay):
                delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            adopted = False

    def _adopt(self) -> bool:
        """Take over what an earlier supervisor left running, if it is the same and well; else make room."""
        record = running(self._run, self._job.name)
        if record is None:
            return False
        deadline = time.monotonic() + ADOPTION_SECONDS
        while record.fingerprint == self._job.fingerprint and record.process.is_running():
            if self._is_ready(record.process):
                log.info("adopting %s (pid %d)", self._job.name, record.process.pid)
                self._process = record.process
                return True
            if time.monotonic() > deadline:
                break
            time.sleep(READY_POLL_SECONDS)
        log.info("replacing %s (pid %d)", self._job.name, record.process.pid)
        self._when_ready = self._replace(record.process)
        return False

    def _launch(self) -> bool:
        """Start the program; False if it could not be started or was gone at once."""
        with self._starting:
            if self._stopping.is_set():
                return False
            try:
                for name in self._own_logs:
                    self._run.put_aside_if_long(name)
                if self._job.name in self._own_logs:
                    self._output = _in_memory()
                self._child = self._run.spawn(
                    self._job.name,
                    self._job.command,
                    self._environ,
                    output_to=None if self._output is None else self._output.fileno(),
                )
            except OSError as error:
                self._start_failed(f"{self._job.command[0]}: {error.strerror}")
                return False
            self._process = Process.of(self._child.pid)
        log.info("started %s (pid %d)", self._job.name, self._child.pid)
        if self._process is None:
            self._child.wait()
            self._start_failed(self._last_words())
            return False
        return True

    def _watch(self) -> bool:
        """Wait until the program has ended; returns whether it was ready before that."""
        process = self._process
        assert process is not None  # noqa: S101 - adopted or launched just before
        self._record(process, ready=False)
        began = time.monotonic()
        while not self._is_ready(process):
            slow = time.monotonic() - began > SLOW_AFTER_SECONDS
            if process.wait(SLOW_POLL_SECONDS if slow else READY_POLL_SECONDS):
                self._start_failed(self._last_words())
                return False
        written = self._record(process, ready=True)
        log.info("%s (pid %d) is ready", self._job.name, process.pid)
        if self._output is not None:
            self._output.close()  # what it says from now on nobody asks for
        with contextlib.suppress(OSError):  # a read-only disk must not stop the supervision
            self._run.failure_file(self._job.name).unlink(missing_ok=True)
        if self._when_ready is not None:
            self._when_ready()
            self._when_ready = None
        while not process.wait(A_LONG_TIME_SECONDS if written else RECORD_AGAIN_SECONDS):
            written = written or self._record(process, ready=True)
        code = None if self._child is None or self._child.pid != process.pid else self._child.wait()
        if not self._stopping.is_set():
            trouble.ended(self._run, self._job.name, code)
        log.log(
            logging.INFO if self._stopping.is_set() else logging.WARNING,
            "%s (pid %d) has ended%s",
            self._job.name,
            process.pid,
            "" if code is None else f", code {code}",
        )
        return True

    def _record(self, process: Process, *, ready: bool) -> bool:
        """Write the pid file; whether that went well."""
        record = PidRecord(process=process, fingerprint=self._job.fingerprint, ready=ready)
        try:
            self._run.write(self._run.pid_file(self._job.name), record.text())
        except OSError as error:  # a full disk must not stop the supervision
            log.warning("cannot write the pid file of %s: %s", self._job.name, error.strerror)
            return False
        return True

    def _start_failed(self, reason: str) -> None:
        """Tell whoever waits for the start: each failed start adds a line."""
        if self._child is not None:
            self._child.poll()
        if self._stopping.is_set():
            return
        log.warning("%s ended before it was ready: %s", self._job.name, reason)
        trouble.start_failed(self._run, self._job.name, reason)

    def _last_words(self) -> str:
        """The last line that a program said which ended before it served anybody; all of it is in its log then."""
        with contextlib.suppress(OSError, ValueError):
            if self._output is not None:
                _append(self._run.open_log(self._job.name), _tail(self._output))
            with self._run.log(self._job.name).open("rb") as file:
                lines = [line for line in _tail(file).decode(errors="replace").splitlines() if line.strip()]
            grave = [line for line in lines if "[critical]" in line or "[error]" in line]  # Envoy's own words
            if lines:
                # Without Envoy's time, thread and level, and without its whole configuration at the end.
                words = LOG_PREFIX.sub("", clean((grave or lines)[-1]))
                return words.partition(" initializing config ")[0]
        return "it says nothing"


def _in_memory() -> IO[bytes]:
    """A file that only who holds it can read; on Linux it is never on a disk."""
    create = getattr(os, "memfd_create", None)
    return tempfile.TemporaryFile() if create is None else os.fdopen(create("output"), "w+b")


def _append(descriptor: int, said: bytes) -> None:
    with os.fdopen(descriptor, "ab") as file:
        file.write(said)


def _tail(file: IO[bytes]) -> bytes:
    """The end of a file that others write to; it leaves their place in it where it is."""
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), TAIL_BYTES, max(0, size - TAIL_BYTES))
