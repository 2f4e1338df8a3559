"""The way to the upstream: one TLS handshake, without a request and without a credential."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from clauditor.config import ANTHROPIC, PARSERS, Settings
from clauditor.proxy.reach import Check
from clauditor.proxy.running import running
from clauditor.proxy.upstream import Upstream, proxy_address, trusted_certificates
from clauditor.setup.doctor.facts import Way
from clauditor.setup.doctor.look.scene import Scene

_KEPT = ("upstream_ca", "upstream_proxy")


def look(scene: Scene) -> Way:
    """At most two seconds. Raises ClauditorError for certificates or a proxy that cannot be used."""
    settings = _as_running(scene)
    proxy = proxy_address(settings, scene.environ)
    with _certificates(settings, scene) as trusted:
        reach = Check(Upstream.of(settings.upstream), trusted, proxy).result()
    return Way(
        upstream=settings.upstream,
        is_anthropic=settings.upstream == ANTHROPIC,
        asked_by=_who(scene),
        proxy=f"{proxy[0]}:{proxy[1]}" if proxy else None,
        is_reached=reach.ok,
        text=reach.text,
    )


def _as_running(scene: Scene) -> Settings:
    """The settings of the stack that runs, where one does; else those of the next start."""
    plan, settings = scene.plan, scene.settings
    if plan is None or not _runs(scene):
        return settings
    kept = {name: PARSERS[name](plan.choices[name]) for name in _KEPT if name in plan.choices}
    return replace(settings, upstream=plan.upstream, **kept)


@contextmanager
def _certificates(settings: Settings, scene: Scene) -> Iterator[Path]:
    """A file with those that count: what the running Envoy was given, else those that a start would take."""
    if _runs(scene) and scene.run.upstream_ca.exists():
        yield scene.run.upstream_ca
        return
    text = trusted_certificates(settings, scene.environ) if Upstream.of(settings.upstream).tls else ""
    descriptor, name = tempfile.mkstemp(prefix="clauditor-ca-")  # the data directory is left alone
    path = Path(name)
    atexit.register(path.unlink, missing_ok=True)  # this thread may be left behind, its file not
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _runs(scene: Scene) -> bool:
    return running(scene.run, "envoy") is not None


def _who(scene: Scene) -> str | None:
    if scene.plan is not None and "upstream" in scene.plan.choices:
        return "whoever ran clauditor up"
    match scene.settings.origins.get("upstream"):
        case "flag":
            return "this command line"
        case "environment":
            return "CLAUDITOR_UPSTREAM"
        case "file":
            return str(scene.settings.config_file)
        case None:
            return None
