"""Families that are read at each scrape from the part that keeps the figure; `readings` says from where.

Each stands in docs/metrics.md. One that nobody feeds still shows its HELP and TYPE.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Reading = float | Mapping[str, float] | Mapping[tuple[str, ...], float]
"""A number, or numbers by label value, or by label values where a family has several labels."""

_Row = tuple[Literal["counter", "gauge"], tuple[str, ...], str]


def _counter(text: str, *labels: str) -> _Row:
    return "counter", labels, text


def _gauge(text: str, *labels: str) -> _Row:
    return "gauge", labels, text


WATCHED: Final[Mapping[str, _Row]] = {
    "clauditor_sessions": _gauge("Sessions in memory by what they are doing.", "state"),
    "clauditor_verdicts": _gauge("Live sessions by their verdict.", "level"),
    "clauditor_signals": _gauge("Live sessions for which a signal holds.", "signal"),
    "clauditor_sessions_dropped": _counter("Sessions put out of memory early: there were too many."),
    "clauditor_context_sessions": _gauge("Open sessions by how full their context window is, %.", "fill"),
    "clauditor_limit_used_ratio": _gauge("How full a rate-limit window is.", "billing", "window"),
    "clauditor_limit_projected_ratio": _gauge(
        "How full it will be at its reset at the pace of the last hour.", "billing", "window"
    ),
    "clauditor_limit_resets_timestamp_seconds": _gauge("When it is reset.", "billing", "window"),
    "clauditor_limit_full_timestamp_seconds": _gauge(
        "When it will be full at that pace, if that is before its reset.", "billing", "window"
    ),
    "clauditor_hooks": _counter("Hooks and status lines of clients that were posted to us.", "fate"),
    "clauditor_alerts": _counter("Alerts that were delivered, failed, or had to be dropped.", "fate"),
    "clauditor_internal_errors": _counter("Errors of our own that were caught, by part.", "part"),
    "clauditor_queue_items": _gauge("What waits inside the sidecar.", "queue"),
    "clauditor_process_cpu_seconds": _counter("CPU time of the sidecar, user and system."),
    "clauditor_process_resident_memory_bytes": _gauge("Memory of the sidecar."),
    "clauditor_process_open_fds": _gauge("Open files and connections of the sidecar."),
    "clauditor_process_start_time_seconds": _gauge("When the sidecar started, in Unix seconds."),
    "clauditor_edge_exchanges": _counter("HTTP exchanges that Envoy copied to us."),
    "clauditor_edge_open_exchanges": _gauge("Exchanges under way."),
    "clauditor_edge_bytes": _counter("Body bytes copied to us, still encoded.", "direction"),
    "clauditor_edge_cut_short": _counter("Copies that stopped before the exchange ended."),
    "clauditor_edge_waiting_bytes": _gauge("Copied bytes that were not looked at yet."),
    "clauditor_edge_lag_seconds": _gauge("How long the oldest of them has waited."),
    "clauditor_edge_overflows": _counter(
        "Exchanges no longer observed because too much of them waited.", "limit"
    ),
    "clauditor_edge_overflow_bytes": _counter("Copied bytes that were dropped for that reason."),
    "clauditor_access_log_lines": _counter("Lines of Envoy's access log by what they were.", "kind"),
    "clauditor_access_log_files": _counter("Files of the access log put aside, or lost unread.", "fate"),
    "clauditor_access_log_errors": _counter("Failed attempts to keep the place in the log."),
    "clauditor_joined_exchanges": _counter(
        "Calls in Envoy's access log by whether their copy was seen.", "fate"
    ),
    "clauditor_envoy_up": _gauge("Whether Envoy's admin interface answered just now."),
    "clauditor_envoy_events": _counter("What Envoy itself counted since its start.", "event"),
    "clauditor_envoy_connections": _gauge("Envoy's open connections.", "peer"),
    "clauditor_envoy_memory_bytes": _gauge("Memory of Envoy, by its own word.", "kind"),
    "clauditor_envoy_uptime_seconds": _gauge("How long Envoy has run."),
    "clauditor_store_rows": _counter("Rows written to the history."),
    "clauditor_store_rows_dropped": _counter("Rows lost: the history could not take them."),
    "clauditor_store_rows_expired": _counter("Rows removed because they were past their time."),
    "clauditor_store_errors": _counter("Failed attempts to open or write the history."),
    "clauditor_store_quarantined": _counter("Broken history files moved aside."),
    "clauditor_feed_subscribers": _gauge("Readers of the live stream."),
    "clauditor_feed_overflows": _counter("Times a slow reader was started anew with a full snapshot."),
    "clauditor_feed_events_dropped": _counter("Events not sent to readers: too many came at once."),
    "clauditor_feed_readers_replaced": _counter("Readers ended for a newer one: every place was taken."),
    "clauditor_api_connections": _gauge("Open connections to the API by what is waited for.", "turn"),
    "clauditor_api_connections_dropped": _counter("Connections that the API ended, by why.", "reason"),
}
"""Family (a counter's without `_total`): type, labels, help."""


class Watched(Collector):
    """`sources` are the readings of each family; several of one family add up. What is collected, by any thread, is
    what `look` last read.
    """

    def __init__(self) -> None:
        self.sources: dict[str, list[Callable[[], Reading]]] = {name: [] for name in WATCHED}
        self._read: Sequence[Metric] = ()

    def look(self) -> None:
        """Read every figure; on the thread that changes them."""
        self._read = tuple(self._families())

    def collect(self) -> Iterable[Metric]:
        return self._read

    def _families(self) -> Iterator[Metric]:
        for name, (kind, labels, text) in WATCHED.items():
            family_type = GaugeMetricFamily if kind == "gauge" else CounterMetricFamily
            family = family_type(name, text, labels=labels)
            figures: Counts[tuple[str, ...]] = Counts()
            for read in self.sources[name]:
                figures.update(_by_values(read()))
            for values, number in figures.items():
                family.add_metric(values, number)
            yield family


def _by_values(reading: Reading) -> dict[tuple[str, ...], float]:
    if not isinstance(reading, Mapping):
        return {(): reading}
    return {(key,) if isinstance(key, str) else key: number for key, number in reading.items()}
