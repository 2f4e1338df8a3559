"""Which of the three programs run here: by their pid files, and where one was lost, by what the kernel knows."""

from __future__ import annotations

from typing import Literal, assert_never

from clauditor.proxy import locks
from clauditor.proxy.envoy import Admin
from clauditor.proxy.process import PidRecord
from clauditor.proxy.rundir import RunDir

Name = Literal["supervisor", "sidecar", "envoy"]


def running(run: RunDir, name: Name) -> PidRecord | None:
    """The program that runs under this name; without a pid file its fingerprint is empty and it never was ready."""
    record = PidRecord.read(run.pid_file(name))
    if record is not None:
        return record
    match name:
        case "supervisor":
            process = locks.holder(run.supervisor_lock)
        case "sidecar":
            process = locks.holder(run.sidecar_lock)
        case "envoy":
            process = Admin(run.admin_socket).process()
        case _:
            assert_never(name)
    return None if process is None else PidRecord(process=process, fingerprint="", ready=False)
