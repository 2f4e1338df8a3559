"""What metrics read from the parts of the sidecar at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Final, get_args

from clauditor.alerts.sink import Alerts
from clauditor.edge.accesslog import AccessLog
from clauditor.edge.connections import Crowd
from clauditor.edge.envoy_stats import EnvoyStats
from clauditor.edge.extproc import ExtProcServer
from clauditor.edge.feed import Feed
from clauditor.edge.hooks import Hooks
from clauditor.edge.inbox import Inbox
from clauditor.edge.inspector import Inspector
from clauditor.edge.joining import Joining
from clauditor.hub import Hub
from clauditor.model.accounts import Accounts
from clauditor.model.agent import State
from clauditor.model.session import Session
from clauditor.model.verdict import Level
from clauditor.signals.catalogue import SIGNALS
from clauditor.store.store import Store
from clauditor.telemetry import process
from clauditor.telemetry.limits import Limits
from clauditor.telemetry.metrics import Metrics
from clauditor.wire.exchange import Exchange

# What nobody does just now is 0, and not unknown.
_STATES: Final = dict.fromkeys(get_args(State), 0)
_LEVELS: Final = dict.fromkeys(get_args(Level), 0)
_SIGNALS: Final = dict.fromkeys((signal.name for signal in SIGNALS), 0)
_FILLS: Final = ((0.25, "0-25"), (0.5, "25-50"), (0.75, "50-75"), (0.9, "75-90"), (float("inf"), "90-100"))


def of_edge(metrics: Metrics, extproc: ExtProcServer, inbox: Inbox, inspector: Inspector) -> None:
    """Copies of exchanges, and what became of them."""
    streams, counters = extproc.counters, inspector.counters
    metrics.watch("clauditor_internal_errors", lambda: {"edge": counters.internal_errors})
    metrics.watch("clauditor_edge_exchanges", lambda: streams.exchanges)
    metrics.watch("clauditor_edge_open_exchanges", lambda: streams.open)
    metrics.watch(
        "clauditor_edge_bytes",
        lambda: {"request": counters.request_bytes, "response": counters.response_bytes},
    )
    metrics.watch("clauditor_edge_cut_short", lambda: counters.cut_short)
    metrics.watch("clauditor_edge_waiting_bytes", lambda: inbox.waiting_bytes)
    metrics.watch("clauditor_edge_lag_seconds", lambda: max(0.0, inspector.lag_seconds))
    metrics.watch(
        "clauditor_edge_overflows",
        lambda: {"exchange": inbox.counters.of_one, "all": inbox.counters.of_all},
    )
    metrics.watch("clauditor_edge_overflow_bytes", lambda: inbox.counters.bytes_dropped)


def of_envoy(metrics: Metrics, log: AccessLog, joining: Joining[Exchange], envoy: EnvoyStats) -> None:
    """What Envoy says: its log, held against the copies, and its counters."""
    metrics.watch("clauditor_access_log_lines", lambda: log.lines)
    metrics.watch("clauditor_access_log_files", lambda: log.files)
    metrics.watch("clauditor_access_log_errors", lambda: log.counters.errors)
    metrics.watch("clauditor_joined_exchanges", lambda: asdict(joining.counters))
    metrics.watch("clauditor_queue_items", lambda: {"log_lines": joining.waiting_lines})
    metrics.fetch(envoy.refresh)
    metrics.watch("clauditor_envoy_up", lambda: envoy.is_up)
    metrics.watch("clauditor_envoy_events", lambda: envoy.events)
    metrics.watch("clauditor_envoy_connections", lambda: envoy.connections)
    metrics.watch("clauditor_envoy_memory_bytes", lambda: envoy.memory)
    metrics.watch("clauditor_envoy_uptime_seconds", lambda: envoy.uptime)


def of_sessions(metrics: Metrics, hub: Hub, hooks: Hooks, now: Callable[[], float]) -> None:
    """Live sessions, and what clients tell of them."""
    metrics.watch("clauditor_internal_errors", lambda: hub.errors)
    metrics.watch("clauditor_sessions", lambda: _STATES | hub.totals(now())["states"])
    metrics.watch("clauditor_verdicts", lambda: _LEVELS | hub.totals(now())["verdicts"])
    metrics.watch("clauditor_signals", lambda: {**_SIGNALS, **hub.raised()})
    metrics.watch("clauditor_sessions_dropped", lambda: hub.sessions_dropped)
    metrics.watch("clauditor_context_sessions", lambda: by_fill(hub.sessions.values()))
    metrics.watch("clauditor_hooks", lambda: asdict(hooks.counters))
    metrics.watch("clauditor_queue_items", lambda: {"hooks": hooks.waiting})


def of_limits(metrics: Metrics, accounts: Accounts, now: Callable[[], float]) -> None:
    """Rate-limit windows of the accounts in use."""
    limits = Limits()

    async def look() -> None:
        limits.look(accounts.by_name.values(), now())

    metrics.fetch(look)
    metrics.watch("clauditor_limit_used_ratio", limits.used)
    metrics.watch("clauditor_limit_projected_ratio", limits.projected)
    metrics.watch("clauditor_limit_resets_timestamp_seconds", limits.resets_at)
    metrics.watch("clauditor_limit_full_timestamp_seconds", limits.full_at)


def of_process(metrics: Metrics, started_at: float) -> None:
    """What the sidecar takes of the machine, and since when."""
    metrics.watch("clauditor_process_start_time_seconds", lambda: started_at)
    metrics.watch("clauditor_process_cpu_seconds", process.cpu_seconds)
    metrics.watch("clauditor_process_resident_memory_bytes", process.resident_bytes)
    metrics.watch("clauditor_process_open_fds", process.open_fds)


def of_sinks(metrics: Metrics, store: Store, feed: Feed, alerts: Alerts, crowd: Crowd) -> None:
    """Where everything goes."""
    writer = store.writer
    metrics.watch("clauditor_store_rows", lambda: writer.rows_written)
    metrics.watch("clauditor_store_rows_dropped", lambda: writer.rows_dropped)
    metrics.watch("clauditor_store_rows_expired", lambda: writer.rows_expired)
    metrics.watch("clauditor_store_errors", lambda: writer.errors)
    metrics.watch("clauditor_store_quarantined", lambda: writer.quarantined)
    metrics.watch("clauditor_feed_subscribers", lambda: feed.subscribers)
    metrics.watch("clauditor_feed_overflows", lambda: feed.overflows)
    metrics.watch("clauditor_feed_events_dropped", lambda: feed.events_dropped)
    metrics.watch("clauditor_feed_readers_replaced", lambda: feed.readers_replaced)
    metrics.watch("clauditor_api_connections", crowd.by_turn)
    metrics.watch("clauditor_api_connections_dropped", lambda: crowd.dropped)
    metrics.watch("clauditor_alerts", alerts.fates)
    metrics.watch("clauditor_queue_items", lambda: {"store": len(writer.buffer), "alerts": alerts.waiting()})


def by_fill(sessions: Iterable[Session]) -> dict[str, int]:
    """How many sessions that have not ended have used so many percent of their context window."""
    found = {name: 0 for _, name in _FILLS} | {"unknown": 0}
    for session in sessions:
        if session.ended_at is None and session.context.tokens:
            ratio = session.context.used_ratio
            found["unknown" if ratio is None else next(name for most, name in _FILLS if ratio < most)] += 1
    return found
