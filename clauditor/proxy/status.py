"""The stack as it is now, from files and short probes; needs nothing to run and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clauditor import __version__
from clauditor.config import Settings
from clauditor.proxy import ports
from clauditor.proxy.envoy import Admin
from clauditor.proxy.plan import Plan, is_healthy, url
from clauditor.proxy.prepare import HOST
from clauditor.proxy.process import PidRecord
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.running import running
from clauditor.proxy.trouble import trouble

State = Literal["starting", "running", "unhealthy", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of the two programs, as it is now."""

    url: str
    pid: int | None
    state: State
    trouble: str | None = None
    """What a person should know of a program that does not start or does not stay, in one sentence."""


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


def look(run: RunDir, settings: Settings) -> Status:
    """What runs now, within a second also if it hangs."""
    plan = Plan.read(run.plan)
    supervised = running(run, "supervisor") is not None
    proxy, sidecar = running(run, "envoy"), running(run, "sidecar")
    host, port = (plan.host, plan.port) if plan else (HOST, settings.port)
    api = (plan.api_host, plan.api_port) if plan else (settings.api_host, settings.api_port)
    answers = sidecar is not None and is_healthy(*api) and ports.listens(sidecar.process.pid, api[1])
    return Status(
        proxy=Part(
            url=url(host, port),
            pid=proxy.process.pid if proxy else None,
            state=_state(proxy, supervised, proxy is not None and proxy_is_ours(run)),
            trouble=trouble(run, "envoy"),
        ),
        sidecar=Part(
            url=url(*api),
            pid=sidecar.process.pid if sidecar else None,
            state=_state(sidecar, supervised, answers),
            trouble=trouble(run, "sidecar"),
        ),
        upstream=plan.upstream if plan and (proxy or sidecar or supervised) else settings.upstream,
        data_dir=settings.data_dir,
        version=__version__,
        envoy_version=plan.envoy_version if plan else None,
    )


def proxy_is_ours(run: RunDir) -> bool:
    """Whether the proxy answers, and it is our own Envoy that listens, not whoever took its port."""
    plan = Plan.read(run.plan)
    return (
        plan is not None
        and Admin(run.admin_socket).is_ready()
        and ports.is_ours(plan.port)
        and ports.accepts(plan.host, plan.port)
    )


def _state(record: PidRecord | None, supervised: bool, answers: bool) -> State:
    if record is None:
        return "starting" if supervised else "stopped"
    if answers:
        return "running"
    return "unhealthy" if record.ready else "starting"
