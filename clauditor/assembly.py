"""Puts the parts of the sidecar together and runs them on one event loop.

A part that fails is logged, counted and started again. SIGTERM and SIGINT end it within two seconds, subscribers or
not; a loop that has stopped turning is ended by the watchdog.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from clauditor import __version__, readings
from clauditor.alerts.sink import Alerts
from clauditor.config import Settings
from clauditor.edge.accesslog import AccessLog
from clauditor.edge.api import build_app
from clauditor.edge.envoy_stats import EnvoyStats
from clauditor.edge.extproc import ExtProcServer
from clauditor.edge.feed import Feed
from clauditor.edge.following import FollowedToken
from clauditor.edge.hooks import Hooks
from clauditor.edge.inbox import Inbox
from clauditor.edge.inspector import Inspector
from clauditor.edge.joining import Joining
from clauditor.edge.logfile import LogFile, Position
from clauditor.edge.server import ApiServer
from clauditor.hub import Hub
from clauditor.model.events import ClockJumped, Event
from clauditor.model.facts import Fact
from clauditor.model.privacy import without_names
from clauditor.model.session import Session
from clauditor.pricing import Pricing, load_user_prices
from clauditor.proxy.envoy import Admin
from clauditor.proxy.rundir import RunDir
from clauditor.store.exchanges import exchanges_since
from clauditor.store.retention import Retention
from clauditor.store.store import Store
from clauditor.telemetry.metrics import Metrics
from clauditor.ui.views.empty import Around
from clauditor.watchdog import Watchdog
from clauditor.wire.exchange import Exchange
from clauditor.wire.identity import Secrets

log = logging.getLogger(__name__)

_FLUSH_SECONDS: Final = 0.25
_TICK_SECONDS: Final = 1.0
_RESTART_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 1.2  # what uvicorn's bounded wait takes, and a little
_BEHIND_SECONDS: Final = 1.0
_SALT_BYTES: Final = 32


class Clock(Protocol):
    """Unix seconds that never run backwards; `check` tells by how many the wall clock was set, `of` is of a moment
    that was noted before.
    """

    def now(self) -> float: ...
    def of(self, steady: float) -> float: ...
    def check(self) -> float | None: ...


async def run(
    settings: Settings,
    rundir: RunDir,
    listener: socket.socket,
    *,
    clock: Clock,
    inbox: Inbox,
    extproc: ExtProcServer,
    log_file: LogFile,
    position: Position | None,
) -> None:
    """Serve until SIGTERM or SIGINT. `extproc` fills the inbox already; `log_file` was opened at `position`."""
    stop = _stop_asked()
    prices = Pricing(load_user_prices(settings.data_dir / "prices.toml"))
    warming_up = asyncio.create_task(asyncio.to_thread(prices.warm_up, clock.now()), name="prices")
    store = Store(settings.data_dir / "clauditor.db", _retention(settings))
    metrics = Metrics(version=__version__)
    feed = Feed()
    alerts = Alerts(settings.alerts)
    joining: Joining[Exchange] = Joining()
    changes = _Changes()
    hub = Hub(
        book=prices,
        sinks=(store.sink, metrics, feed, alerts, joining, changes),
        revive=store.load_session,
        labels="off" if settings.privacy == "strict" else settings.labels,
        thresholds=settings.signals,
    )
    publish = _Publisher(hub, settings)
    hooks = Hooks(publish=publish, live=hub.sessions)
    inspector = Inspector(
        inbox,
        publish=publish,
        now=clock.now,
        wall=clock.of,
        secrets=Secrets(salt=_salt(settings.data_dir / "salt"), start_secret=secrets.token_bytes(32)),
        joining=joining,
    )
    access_log = AccessLog(
        log_file,
        joining,
        position=position,
        earlier=lambda since: exchanges_since(store.writer, since),
        settle=inspector.settle,
        keep=lambda text: rundir.write(rundir.access_log_position, text),
        now=clock.now,
        is_behind=lambda: inspector.lag_seconds > _BEHIND_SECONDS,
    )
    readings.of_edge(metrics, extproc, inbox, inspector)
    readings.of_envoy(metrics, access_log, joining, EnvoyStats(Admin(rundir.admin_socket).figures))
    readings.of_sessions(metrics, hub, hooks, clock.now)
    readings.of_limits(metrics, hub.accounts, clock.now)
    readings.of_process(metrics, clock.now())
    app = build_app(
        hub=hub,
        store=store,
        feed=feed,
        metrics=metrics,
        hooks=hooks,
        token=FollowedToken(
            settings.token_file or settings.data_dir / "token", is_ours=settings.token_file is None
        ),
        allowed_hosts=settings.allowed_hosts,
        now=clock.now,
        version=__version__,
        forget_log=access_log.forget,
        around=lambda: _look_around(settings),
    )
    api = ApiServer(app, clock.now())
    readings.of_sinks(metrics, store, feed, alerts, api.crowd)
    _take_up(hub, store, clock.now())

    def tick() -> None:
        if (seconds := clock.check()) is not None:
            log.warning("the clock was set by %.1f s", seconds)
            hub.publish(ClockJumped(at=clock.now(), session_id="", seconds=seconds))
        now = clock.now()
        api.tick(now)
        hooks.hand_over()
        feed.mark(hub.tick(now))
        alerts.tick(hub, now)
        store.tick(now)

    def kept_up(part: str, start: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return group.create_task(_kept_up(part, start, stop, metrics), name=part)

    watchdog = Watchdog([asyncio.get_running_loop(), extproc.loop], seconds=settings.watchdog_seconds)
    async with asyncio.TaskGroup() as group:
        tasks = [
            kept_up("api", lambda: api.serve(sockets=[listener])),
            kept_up("edge", inspector.run),
            kept_up("feed", lambda: feed.run(hub, clock.now)),
            kept_up("tick", lambda: _every(_TICK_SECONDS, tick)),
            kept_up("store", lambda: _flush(store, changes)),
            kept_up("alerts", alerts.run),
            kept_up("access_log", access_log.run),
        ]
        if settings.watchdog_seconds:
            watchdog.start()
        log.info("clauditor %s serves %s", __version__, settings.data_dir)
        await stop.wait()
        watchdog.stop()
        api.stop()
        feed.close()
        await asyncio.gather(extproc.stop(), asyncio.wait(tasks[:1], timeout=_STOP_SECONDS))
        for task in tasks:
            task.cancel()
    warming_up.cancel()
    await _finish(inspector, hub, store)


def _look_around(settings: Settings) -> Around:
    from clauditor.ui.around import look_around  # noqa: PLC0415 - only a page without sessions needs it

    return look_around(settings)


def _take_up(hub: Hub, store: Store, at: float) -> None:
    """Go on where the sidecar before this one left off."""
    hub.accounts.take_up(store.load_limit_samples(at))
    hub.restore(store.load_open_sessions(at), at)


async def _finish(inspector: Inspector, hub: Hub, store: Store) -> None:
    """Look at what is left, and keep it."""
    await inspector.finish()
    hub.look()
    store.close()


def _stop_asked() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _retention(settings: Settings) -> Retention:
    kept = settings.retention
    return Retention(
        calls_days=kept.calls_days, sessions_days=kept.sessions_days, max_bytes=kept.max_megabytes << 20
    )


class _Publisher:
    """Hands events to the hub. What comes in one turn of the loop is looked at together: a look costs more than an
    event does.
    """

    def __init__(self, hub: Hub, settings: Settings) -> None:
        self._hub = hub
        self._is_strict = settings.privacy == "strict"
        self._will_look = False

    def __call__(self, event: Event) -> None:
        self._hub.take(without_names(event) if self._is_strict else event)
        if not self._will_look:
            self._will_look = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._will_look = False
        self._hub.look()


class _Changes:
    """A sink that tells that something happened."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:  # noqa: ARG002
        self._happened.set()

    async def wait(self) -> None:
        """Until something has happened since the last time."""
        await self._happened.wait()
        self._happened.clear()


async def _flush(store: Store, changes: _Changes) -> None:
    while True:
        await changes.wait()
        await asyncio.sleep(_FLUSH_SECONDS)
        store.sink.flush()


async def _every(seconds: float, action: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        action()


async def _kept_up(
    part: str, start: Callable[[], Awaitable[None]], stop: asyncio.Event, metrics: Metrics
) -> None:
    """Run a part until the stop: an error is logged and counted, and the part started again."""
    while not stop.is_set():
        try:
            await start()
        except Exception:
            metrics.internal_error(part)
            log.exception("%s failed and is started again", part)
            await asyncio.sleep(_RESTART_SECONDS)


def _salt(path: Path) -> bytes:
    """The installation's salt for derived identities and account digests; made on the first start."""
    if path.is_symlink():  # what stands behind it is no secret of ours
        path.unlink()
    with contextlib.suppress(FileNotFoundError):
        salt = path.read_bytes()
        if len(salt) >= _SALT_BYTES:
            return salt
    salt = secrets.token_bytes(_SALT_BYTES)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(salt)
    return salt
