"""What metrics read from the parts of the sidecar at each scrape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from clauditor.alerts.sink import Alerts
from clauditor.edge.accesslog import AccessLog
from clauditor.edge.envoy_stats import EnvoyStats
from clauditor.edge.extproc import ExtProcServer
from clauditor.edge.feed import Feed
from clauditor.edge.hooks import Hooks
from clauditor.edge.inbox import Inbox
from clauditor.edge.inspector import Inspector
from clauditor.edge.joining import Joining
from clauditor.hub import Hub
from clauditor.store.store import Store
from clauditor.telemetry.metrics import Metrics
from clauditor.wire.exchange import Exchange


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
    metrics.fetch(envoy.refresh)
    metrics.watch("clauditor_envoy_up", lambda: envoy.is_up)
    metrics.watch("clauditor_envoy_events", lambda: envoy.events)
    metrics.watch("clauditor_envoy_connections", lambda: envoy.connections)


def of_sessions(metrics: Metrics, hub: Hub, hooks: Hooks, now: Callable[[], float]) -> None:
    """Live sessions, and what clients tell of them."""
    metrics.watch("clauditor_internal_errors", lambda: hub.errors)
    metrics.watch("clauditor_sessions", lambda: hub.totals(now())["states"])
    metrics.watch("clauditor_verdicts", lambda: hub.totals(now())["verdicts"])
    metrics.watch("clauditor_signals", hub.raised)
    metrics.watch("clauditor_hooks", lambda: asdict(hooks.counters))


def of_sinks(metrics: Metrics, store: Store, feed: Feed, alerts: Alerts) -> None:
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
    metrics.watch("clauditor_alerts", alerts.fates)
