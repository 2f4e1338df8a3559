"""Waiting until both programs serve, and the words for why they do not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from clauditor.errors import ClauditorError
from clauditor.proxy import ports
from clauditor.proxy.plan import Plan
from clauditor.proxy.process import PidRecord
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.running import running
from clauditor.proxy.status import Status
from clauditor.proxy.trouble import failures

ANSWER_SECONDS: Final = 2.0  # a stack that ran before may be busy for a moment, not for longer
POLL_SECONDS: Final = 0.02
FAILED_STARTS: Final = 3  # the sidecar's first may fall into the last moments of an earlier one


class ProxyFailedError(ClauditorError):
    """There is no proxy, so nothing is worth keeping."""


def until_ready(
    run: RunDir, plan: Plan, deadline: float, is_supervised: Callable[[], bool]
) -> tuple[int, int]:
    """Wait until both programs serve, or a monotonic time; returns the pids of the proxy and the sidecar.

    Raises ProxyFailedError, or ClauditorError if only the sidecar is missing, with what is known about the reason.
    """
    while True:
        proxy, sidecar = running(run, "envoy"), running(run, "sidecar")
        if (
            proxy
            and sidecar
            and _is_up(proxy, plan.envoy.fingerprint)
            and _is_up(sidecar, plan.sidecar.fingerprint)
        ):
            return proxy.process.pid, sidecar.process.pid
        if reasons := failures(run, "envoy"):
            raise ProxyFailedError(_why_no_envoy(run, plan, reasons[-1]))
        if len(failures(run, "sidecar")) >= FAILED_STARTS:
            break
        if not is_supervised():
            raise ProxyFailedError(f"The supervisor has ended; see {run.log('supervisor')}.")
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    proxy, sidecar = running(run, "envoy"), running(run, "sidecar")
    if proxy is None or not _is_up(proxy, plan.envoy.fingerprint):
        raise ProxyFailedError(f"Envoy does not answer in time; see {run.log('envoy')}.")
    if ports.accepts(plan.api_host, plan.api_port) and not (
        sidecar and ports.listens(sidecar.process.pid, plan.api_port)
    ):
        raise ClauditorError(
            f"The proxy runs, but nothing is recorded: port {plan.api_port} is used by "
            f"{ports.owner(plan.api_port)}; stop that, or: clauditor down, then up with another --api-port."
        )
    reason = (failures(run, "sidecar") or ["it does not answer"])[-1].removeprefix("clauditor: ").rstrip(".")
    raise ClauditorError(
        f"The proxy runs, but nothing is recorded: the sidecar does not start ({reason}); see {run.log('sidecar')}."
    )


def require_answers(status: Callable[[], Status]) -> None:
    """Raise ClauditorError if a program that was ready once does not answer now (stopped, or stuck)."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        found = status()
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


def _why_no_envoy(run: RunDir, plan: Plan, reason: str) -> str:
    if "Address already in use" in reason:
        return (
            f"Port {plan.port} is used by {ports.owner(plan.port)}; stop that, or: clauditor down, "
            "then up with another --port."
        )
    return f"Envoy does not start: {reason} (more in {run.log('envoy')})."


def _is_up(record: PidRecord, fingerprint: str) -> bool:
    return record.ready and record.fingerprint == fingerprint
