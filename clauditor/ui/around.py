"""Looks around on this machine for a screen without sessions: the proxy, and clients that do not go through it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from clauditor.config import Settings
from clauditor.proxy.envoy import STAT_PREFIX, Admin
from clauditor.proxy.stack import Stack
from clauditor.proxy.unwatched import unwatched
from clauditor.ui.views.empty import Around

_REQUESTS: Final = f"http.{STAT_PREFIX}.downstream_rq_total"


def look_around(settings: Settings) -> Around:
    """Takes some milliseconds, and a second at most where something hangs; never raises on what is not there."""
    stack = Stack(settings)
    proxy = stack.status().proxy
    proxy_url = proxy.url if proxy.state == "running" else None
    requests = (
        None if proxy_url is None else Admin(stack.run.admin_socket).figures([_REQUESTS]).get(_REQUESTS)
    )
    return Around(
        proxy_url=proxy_url,
        requests=requests,
        unwatched=tuple((found.pid, _short(found.directory)) for found in unwatched(proxy_url)),
    )


def _short(directory: Path | None) -> str:
    """A directory as people write it."""
    if directory is None:
        return ""
    home = Path.home()
    return f"~/{directory.relative_to(home)}" if directory.is_relative_to(home) else str(directory)
