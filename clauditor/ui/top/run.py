"""Starts the live screen on a running sidecar, and leaves the terminal as it was however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Final

from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.ui.around import look_around
from clauditor.ui.clock import local_zone, now
from clauditor.ui.sidecars import connect_all, first_answers, local_name
from clauditor.ui.top.app import TopApp
from clauditor.ui.top.bell import Bell
from clauditor.ui.top.memory import FILE_NAME
from clauditor.ui.top.output import driver_for
from clauditor.ui.top.terminals import LocalTerminals
from clauditor.ui.views.empty import Around

_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)
_LAST_WORDS_SECONDS: Final = 2.0


def run_top(
    settings: Settings,
    urls: Sequence[str] = (),
    *,
    rings: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Show the screen until the person quits, a signal comes, or `should_stop` says so (asked 4 times a second).

    `urls` of the sidecars to ask (none: the one that runs here); `rings`: whether the terminal tells of new signals.
    Raises ClauditorError when none of them answers at the start; a connection lost later heals by itself.
    """
    sidecars = connect_all(settings, urls)
    first_answers(sidecars)
    app = TopApp(
        sidecars,
        clock=now,
        zone=local_zone,
        columns=settings.top.columns,
        bell=Bell(settings.alerts) if rings else None,
        terminals=LocalTerminals(os.environ, here=local_name(settings, urls)),
        memory=settings.data_dir / FILE_NAME,
        look_around=lambda: look_around(settings) if not urls else Around(),
        should_stop=should_stop,
        driver=driver_for(sys.__stderr__),
    )
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
        asyncio.get_running_loop().add_signal_handler(ending, _end, app, ending)
    await app.run_async()


def _end(app: TopApp, ending: signal.Signals) -> None:
    """Leave. Textual waits for ever to say its last words to a terminal that is gone, so that is bounded."""
    last_words = threading.Timer(_LAST_WORDS_SECONDS, os._exit, (128 + ending,))
    last_words.daemon = True
    last_words.start()
    app.exit()
