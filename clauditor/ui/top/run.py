"""Starts the live screen on a running sidecar, and leaves the terminal as it was however it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Final

from clauditor.client import connect
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.ui.clock import local_zone, now
from clauditor.ui.top.app import TopApp
from clauditor.ui.top.bell import Bell

_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)


def run_top(
    settings: Settings,
    url: str | None = None,
    *,
    proxy_url: str | None = None,
    rings: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Show the screen until the person quits, a signal comes, or `should_stop` says so (asked 4 times a second).

    `proxy_url` is named on the empty screen; `rings`: whether the terminal tells of new signals. Raises
    ClauditorError when the sidecar does not answer at the start; a connection lost later heals by itself.
    """
    sidecar = connect(settings, url)
    sidecar.summary()
    bell = Bell(settings.alerts) if rings else None
    app = TopApp(sidecar, clock=now, zone=local_zone, proxy_url=proxy_url, bell=bell, should_stop=should_stop)
    before = {ending: signal.getsignal(ending) for ending in _ENDINGS}
    try:
        asyncio.run(_run(app))
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
    if app.return_code:
        raise ClauditorError("The screen broke off; clauditor top --once shows the same without it.")


async def _run(app: TopApp) -> None:
    for ending in _ENDINGS:
        asyncio.get_running_loop().add_signal_handler(ending, app.exit)
    await app.run_async()
