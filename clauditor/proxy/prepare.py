"""From settings to a plan: finds Envoy, chooses the ports, writes Envoy's configuration. Starts nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from clauditor import __version__
from clauditor.config import PARSERS, Settings, require_upstream_consent
from clauditor.errors import ClauditorError
from clauditor.proxy import ports
from clauditor.proxy.bootstrap import render
from clauditor.proxy.client_env import LOOPBACK, settings_base_url
from clauditor.proxy.clusters import ProxyConfig
from clauditor.proxy.envoy import Envoy, find_envoy
from clauditor.proxy.plan import Job, Plan, fingerprint
from clauditor.proxy.process import LINUX, Process
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.running import Name, running
from clauditor.proxy.supervisor import background_environment, draining
from clauditor.proxy.upstream import Upstream, proxy_address, trusted_certificates

HOST: Final = "127.0.0.1"
SIDECAR: Final = (
    sys.executable,
    "-P",
    "-m",
    "clauditor",
    "serve",
)  # -P: never import from the current directory
CHOICES: Final = ("port", "api_port", "upstream", "upstream_ca", "upstream_proxy", "envoy")
"""What a person chooses about the stack as a whole; kept beside the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything that a start needs."""

    plan: Plan
    settings: Settings
    proxy: tuple[str, int] | None
    """The company proxy on the way to the upstream."""
    notes: tuple[str, ...]
    """What a person should know, such as a port that was taken instead of the usual one."""


def prepare(
    settings: Settings,
    run: RunDir,
    *,
    environ: Mapping[str, str],
    sidecar: Sequence[str] = SIDECAR,
    owner: Process | None = None,
) -> Prepared:
    """Check everything that can be checked beforehand and write the plan.

    Raises ClauditorError, with nothing started, for no Envoy, a busy port that was asked for, an upstream nobody
    consented to, or certificates and proxies that cannot be used.
    """
    kept = Plan.read(run.plan)
    programs: tuple[Name, ...] = ("envoy", "sidecar")
    held = {name for name in programs if running(run, name)}
    if draining(run) is not None:
        held.add("envoy")
    if kept is not None and held:
        settings = _as_running(settings, kept)
    require_upstream_consent(settings)
    if settings.port == settings.api_port != 0:
        raise ClauditorError(
            f"Proxy and sidecar cannot share port {settings.port}; change --port or --api-port."
        )
    envoy = find_envoy(settings.envoy)
    kept_port, kept_api_port = (kept.port, kept.api_port) if kept else (None, None)
    port, port_note = _choose_port(
        settings,
        "port",
        HOST,
        kept=kept_port,
        held="envoy" in held,
        taken=settings.api_port,
        pointed_at=_port_in_settings(environ),
    )
    api_port, api_note = _choose_port(
        settings, "api_port", settings.api_host, kept=kept_api_port, held="sidecar" in held, taken=port
    )
    proxy = proxy_address(settings, environ)
    plan = Plan(
        version=__version__,
        envoy_version=envoy.version,
        host=HOST,
        port=port,
        api_host=settings.api_host,
        api_port=api_port,
        upstream=settings.upstream,
        choices={name: _plain(getattr(settings, name)) for name in CHOICES if settings.asked_for(name)},
        envoy=_envoy_job(settings, run, envoy=envoy, port=port, proxy=proxy, environ=environ),
        sidecar=_sidecar_job(settings, sidecar, port, api_port, environ),
        owner=owner,
    )
    run.write(run.plan, plan.text())
    return Prepared(
        plan=plan, settings=settings, proxy=proxy, notes=tuple(note for note in (port_note, api_note) if note)
    )


def differing_choice(settings: Settings, plan: Plan) -> str | None:
    """The first option on this command line that a running stack was not started with."""
    actual: dict[str, str | int] = {"upstream": plan.upstream}
    actual.update(plan.choices)
    actual.update(port=plan.port, api_port=plan.api_port)
    for name in CHOICES:
        asked = _plain(getattr(settings, name)) if settings.flagged(name) else None
        if asked not in (None, 0, actual.get(name)):
            return "--" + name.replace("_", "-")
    return None


def difference(settings: Settings, plan: Plan) -> str | None:
    """In what a start by this command line would differ from the running stack: an option, or the version."""
    return differing_choice(settings, plan) or (None if plan.version == __version__ else "version")


def _as_running(settings: Settings, kept: Plan) -> Settings:
    """While something of an earlier start still serves sessions, what is not asked for now stays as it is there."""
    names = [name for name in ("upstream", "upstream_ca", "upstream_proxy", "envoy") if name in kept.choices]
    values = {name: PARSERS[name](kept.choices[name]) for name in names if not settings.asked_for(name)}
    origins = dict(settings.origins)
    origins.update(dict.fromkeys(values, "flag"))  # consent was given at that start
    return dataclasses.replace(settings, **values, origins=origins)


def _choose_port(
    settings: Settings,
    name: str,
    host: str,
    *,
    kept: int | None,
    held: bool,
    taken: int,
    pointed_at: int | None = None,
) -> tuple[int, str | None]:
    """The port to use and what to say about it.

    One that was asked for, or an error; else the last one, so that open sessions find it again; else the usual one;
    else the next that is free. `held`: our own program still listens on the kept one. A port that Claude Code's own
    settings point at is not left for another one: every session on the machine would go on to knock there.
    """
    wanted: int = getattr(settings, name)
    option = "--" + name.replace("_", "-")
    if settings.asked_for(name) and wanted:
        if (held and wanted == kept) or ports.is_free(host, wanted):
            return wanted, None
        raise ClauditorError(
            f"Port {wanted} is used by {ports.owner(wanted)}; stop it, or choose another one with {option}."
        )
    busy = None
    if kept and kept != taken:
        if held or ports.is_free(host, kept):
            said = f"Port {kept} is the one of last time; {option} takes another."
            return kept, None if kept == wanted else said
        busy = kept
    if not wanted:
        return ports.any_free(host), None
    if wanted == taken or not ports.is_free(host, wanted):
        busy = busy or wanted
    if busy is None:
        return wanted, None
    free = (
        wanted
        if wanted not in (taken, busy) and ports.is_free(host, wanted)
        else ports.next_free(host, wanted, taken)
    )
    used = f"Port {busy} is used by {ports.owner(busy)}"
    if busy == pointed_at:
        raise ClauditorError(
            f"{used}; your settings point there. Stop it, or: clauditor up {option} {free} && clauditor install"
        )
    return free, f"{used}. Taking {free}."


def _port_in_settings(environ: Mapping[str, str]) -> int | None:
    """The port of this machine that Claude Code's user settings send every session to, if they do."""
    address = settings_base_url(environ, Path.home())
    with contextlib.suppress(ValueError):
        parts = urlsplit(address or "")
        return parts.port if parts.hostname in LOOPBACK else None
    return None


def _envoy_job(
    settings: Settings,
    run: RunDir,
    *,
    envoy: Envoy,
    port: int,
    proxy: tuple[str, int] | None,
    environ: Mapping[str, str],
) -> Job:
    upstream = Upstream.of(settings.upstream)
    certificates = trusted_certificates(settings, environ) if upstream.tls else ""
    config = render(
        ProxyConfig(
            host=HOST,
            port=port,
            upstream=upstream,
            upstream_ca=run.upstream_ca,
            upstream_proxy=proxy,
            extproc_socket=run.extproc_socket,
            admin_socket=run.admin_socket,
            access_log=run.access_log,
            linux=LINUX,
        )
    )
    run.write(run.upstream_ca, certificates)
    run.write(run.envoy_config, config)
    command = envoy.command(run.envoy_config, run.log("envoy"))
    return Job(
        name="envoy", command=command, fingerprint=fingerprint(*command, envoy.version, config, certificates)
    )


def _sidecar_job(
    settings: Settings, program: Sequence[str], port: int, api_port: int, environ: Mapping[str, str]
) -> Job:
    command = [
        *program,
        "--data-dir",
        str(settings.data_dir),
        "--port",
        str(port),
        "--api-port",
        str(api_port),
    ]
    if settings.asked_for("config"):
        command += ["--config", str(settings.config_file)]
    if settings.flagged("api_host"):
        command += ["--api-host", settings.api_host]
    if settings.flagged("token_file"):
        command += ["--token-file", str(settings.token_file)]
    if settings.flagged("allowed_host"):
        command += [part for name in settings.allowed_hosts for part in ("--allowed-host", name)]
    inherited = [f"{name}={value}" for name, value in sorted(background_environment(environ).items())]
    config = ""
    if settings.config_file is not None and settings.config_file.is_file():
        config = settings.config_file.read_text(encoding="utf-8")
    return Job(
        name="sidecar",
        command=tuple(command),
        fingerprint=fingerprint(
            *command, __version__, config, *(v for v in inherited if v.startswith("CLAUDITOR_"))
        ),
    )


def _plain(value: object) -> str | int:
    return value if isinstance(value, int) else str(value)
