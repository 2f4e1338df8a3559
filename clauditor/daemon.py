"""The sidecar: puts the parts together, runs them, and owns the only clock.

One event loop and one TaskGroup. A part that fails is logged, counted and started again; only an address
that cannot be bound ends the process. SIGTERM and SIGINT end it within two seconds, subscribers or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

import uvicorn

from clauditor import __version__
from clauditor.alerts.sink import Alerts
from clauditor.config import Settings
from clauditor.edge.accesslog import AccessLog
from clauditor.edge.api import build_app
from clauditor.edge.auth import load_or_create_token
from clauditor.edge.envoy_stats import EnvoyStats
from clauditor.edge.extproc import EdgeCounters, ExtProc, ExtProcServer
from clauditor.edge.feed import Feed
from clauditor.edge.hooks import Hooks
from clauditor.edge.joining import Joining
from clauditor.edge.logfile import LogFile, Position
from clauditor.errors import ClauditorError
from clauditor.hub import Hub
from clauditor.model.events import ClockJumped, Event
from clauditor.model.privacy import without_names
from clauditor.pricing import Pricing, load_user_prices
from clauditor.proxy import locks
from clauditor.proxy.envoy import Admin
from clauditor.proxy.rundir import RunDir
from clauditor.store.exchanges import exchanges_since
from clauditor.store.retention import Retention
from clauditor.store.store import Store
from clauditor.telemetry.metrics import Metrics
from clauditor.wire.exchange import Exchange
from clauditor.wire.identity import Secrets

log = logging.getLogger(__name__)

_FLUSH_SECONDS: Final = 0.25
_TICK_SECONDS: Final = 1.0
_JUMP_SECONDS: Final = 2.0
_RESTART_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 1.2  # what uvicorn's bounded wait takes, and a little
_SALT_BYTES: Final = 32

# Counts the time a machine sleeps, which CLOCK_MONOTONIC does not on Linux; on macOS it does.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """Unix seconds that never run backwards and never leap, unless `check` takes up a wall clock that was set."""

    def __init__(self) -> None:
        self._anchor = _wall() - _steady()

    def now(self) -> float:
        return self._anchor + _steady()

    def check(self) -> float | None:
        """Seconds by which the wall clock was set since the last check; None if it was not."""
        drift = _wall() - self.now()
        if abs(drift) <= _JUMP_SECONDS:
            return None
        self._anchor += drift
        return drift


def _steady() -> float:
    return time.clock_gettime(_STEADY)


def _wall() -> float:
    return time.time()  # noqa: TID251 - the one place


def serve(settings: Settings) -> None:
    """Run the sidecar until SIGTERM or SIGINT. Blocks.

    Raises `ClauditorError` if another sidecar serves this data directory or an address cannot be bound.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    rundir = RunDir(settings.data_dir)
    rundir.prepare()
    with _sole_sidecar(rundir.sidecar_lock), _bound(settings) as listener:
        asyncio.run(_run(settings, rundir, listener))


async def _run(settings: Settings, rundir: RunDir, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    clock = Clock()
    kept = settings.retention
    store = Store(
        settings.data_dir / "clauditor.db",
        Retention(
            calls_days=kept.calls_days, sessions_days=kept.sessions_days, max_bytes=kept.max_megabytes << 20
        ),
    )
    metrics = Metrics(version=__version__)
    feed = Feed()
    alerts = Alerts(settings.alerts)
    prices = Pricing(load_user_prices(settings.data_dir / "prices.toml"))
    joining: Joining[Exchange] = Joining()
    hub = Hub(
        book=prices,
        sinks=(store.sink, metrics, feed, alerts, joining),
        revive=store.load_session,
        labels="off" if settings.privacy == "strict" else settings.labels,
        thresholds=settings.signals,
    )
    publish = _publisher(hub, settings)
    hooks = Hooks(publish=publish, live=hub.sessions)
    service = ExtProc(
        publish=publish,
        now=clock.now,
        secrets=Secrets(salt=_salt(settings.data_dir / "salt"), start_secret=secrets.token_bytes(32)),
        joining=joining,
    )
    envoy_stats = EnvoyStats(Admin(rundir.admin_socket).figures)
    access_log = AccessLog(
        LogFile(rundir.access_log, reopen=lambda: _reopen_logs(rundir)),
        joining,
        position=Position.read(rundir.access_log_position),
        earlier=lambda since: exchanges_since(store.writer, since),
        settle=service.settle,
        keep=lambda text: rundir.write(rundir.access_log_position, text),
        now=clock.now,
    )
    _watch(metrics, hub, service.counters, store, feed, clock)
    metrics.watch("clauditor_hooks", lambda: asdict(hooks.counters))
    metrics.watch("clauditor_alerts", alerts.fates)
    started_at = clock.now()
    hub.accounts.take_up(store.load_limit_samples(started_at))
    hub.restore(store.load_open_sessions(started_at), started_at)
    app = build_app(
        hub=hub,
        store=store,
        feed=feed,
        metrics=metrics,
        hooks=hooks,
        token=load_or_create_token(
            settings.token_file or settings.data_dir / "token", may_create=settings.token_file is None
        ),
        allowed_hosts=settings.allowed_hosts,
        now=clock.now,
        version=__version__,
    )

    def tick() -> None:
        if (seconds := clock.check()) is not None:
            log.warning("the clock was set by %.1f s", seconds)
            hub.publish(ClockJumped(at=clock.now(), session_id="", seconds=seconds))
        now = clock.now()
        hooks.hand_over()
        feed.mark(hub.tick(now))
        alerts.tick(hub, now)
        store.tick(now)

    def kept_up(part: str, start: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return group.create_task(_kept_up(part, start, stop, metrics), name=part)

    extproc = ExtProcServer(service, rundir.extproc_socket)
    await extproc.start()
    api = _ApiServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    async with asyncio.TaskGroup() as group:
        tasks = [
            kept_up("api", lambda: api.serve(sockets=[listener])),
            kept_up("feed", lambda: feed.run(hub, clock.now)),
            kept_up("tick", lambda: _every(_TICK_SECONDS, tick)),
            kept_up("store", lambda: _every(_FLUSH_SECONDS, store.sink.flush)),
            kept_up("alerts", alerts.run),
            kept_up("access_log", access_log.run),
            kept_up("envoy", envoy_stats.run),
        ]
        await asyncio.to_thread(prices.warm_up, clock.now())
        log.info("clauditor %s serves %s", __version__, settings.data_dir)
        await stop.wait()
        api.should_exit = True
        feed.close()
        await asyncio.gather(extproc.stop(), asyncio.wait(tasks[:1], timeout=_STOP_SECONDS))
        for task in tasks:
            task.cancel()
    store.close()


def _reopen_logs(rundir: RunDir) -> bool:
    """Of an Envoy that is being replaced as well, while there is one."""
    Admin(rundir.old_admin_socket).reopen_logs()
    return Admin(rundir.admin_socket).reopen_logs()


def _publisher(hub: Hub, settings: Settings) -> Callable[[Event], None]:
    if settings.privacy == "normal":
        return hub.publish
    return lambda event: hub.publish(without_names(event))


def _watch(metrics: Metrics, hub: Hub, edge: EdgeCounters, store: Store, feed: Feed, clock: Clock) -> None:
    """What metrics read from the parts at each scrape."""
    metrics.watch("clauditor_sessions", lambda: hub.totals(clock.now())["states"])
    metrics.watch("clauditor_verdicts", lambda: hub.totals(clock.now())["verdicts"])
    metrics.watch("clauditor_signals", hub.raised)
    metrics.watch("clauditor_internal_errors", lambda: {**hub.errors, "edge": edge.internal_errors})
    metrics.watch("clauditor_edge_exchanges", lambda: edge.exchanges)
    metrics.watch("clauditor_edge_open_exchanges", lambda: edge.open)
    metrics.watch(
        "clauditor_edge_bytes", lambda: {"request": edge.request_bytes, "response": edge.response_bytes}
    )
    metrics.watch("clauditor_edge_cut_short", lambda: edge.cut_short)
    metrics.watch("clauditor_store_rows", lambda: store.writer.rows_written)
    metrics.watch("clauditor_store_rows_dropped", lambda: store.writer.rows_dropped)
    metrics.watch("clauditor_store_rows_expired", lambda: store.writer.rows_expired)
    metrics.watch("clauditor_store_errors", lambda: store.writer.errors)
    metrics.watch("clauditor_store_quarantined", lambda: store.writer.quarantined)
    metrics.watch("clauditor_feed_subscribers", lambda: feed.subscribers)
    metrics.watch("clauditor_feed_overflows", lambda: feed.overflows)
    metrics.watch("clauditor_feed_events_dropped", lambda: feed.events_dropped)


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


class _ApiServer(uvicorn.Server):
    """uvicorn without its signal handlers: signals are the daemon's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _sole_sidecar(path: Path) -> Iterator[None]:
    """Hold the data directory; the kernel gives it back however this process ends."""
    try:
        descriptor = locks.hold(path)
    except BlockingIOError as error:
        raise ClauditorError(
            f"Another sidecar serves {path.parent.parent}: see clauditor status, or choose another --data-dir."
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _bound(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.api_host, settings.api_port))
        except OSError as error:
            raise ClauditorError(
                f"Cannot listen on {settings.api_host}:{settings.api_port} ({error.strerror}): "
                "choose another port with --api-port."
            ) from error
        listener.listen(1024)
        yield listener


def _salt(path: Path) -> bytes:
    """The installation's salt for derived identities and account digests; made on the first start."""
    with contextlib.suppress(FileNotFoundError):
        salt = path.read_bytes()
        if len(salt) >= _SALT_BYTES:
            return salt
    salt = secrets.token_bytes(_SALT_BYTES)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(salt)
    return salt
