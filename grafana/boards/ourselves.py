"""Of proxy health: how the sidecar itself is."""

from __future__ import annotations

from typing import Final

from grafana.boards.content import Section
from grafana.boards.parts import (
    BIG,
    BYTES,
    COUNT,
    SECONDS,
    SHARE,
    Query,
    at_least_a_zero,
    lines,
)

OURSELVES: Final = Section(
    title="Clauditor itself",
    panels=(
        lines(
            "Errors and nonsense",
            Query(
                expr=at_least_a_zero(
                    "sum by (part) (increase(clauditor_internal_errors_total[$__interval]))",
                    "part",
                    "errors",
                ),
                legend="{{part}}",
            ),
            Query(
                expr=at_least_a_zero(
                    "sum by (place) (increase(clauditor_malformed_total[$__interval]))",
                    "place",
                    "malformed",
                ),
                legend="malformed: {{place}}",
            ),
            Query(
                expr="sum(increase(clauditor_edge_cut_short_total[$__interval]))",
                legend="copies cut short",
            ),
            Query(
                expr="sum(increase(clauditor_store_rows_dropped_total[$__interval]))",
                legend="history rows lost",
            ),
            says="Errors by the part that met them, input that made no sense by the place that read it, copies that stopped "
            "early, rows the history could not take. Zero is as it should be.",
            unit=COUNT,
            decimals=0,
            bars=True,
            stacked=True,
            empty="no word from the sidecar",
        ),
        lines(
            "What waits",
            Query(expr="sum by (queue) (clauditor_queue_items)", legend="{{queue}}"),
            says="Items in each queue of the sidecar. All are bounded; a line that stays up is work that does not get done.",
            unit=COUNT,
            decimals=0,
            width=6,
            empty="no word from the sidecar",
        ),
        lines(
            "How far behind the wire",
            Query(expr="max(clauditor_edge_lag_seconds)", legend="oldest copy not looked at"),
            says="How long the oldest copied bytes have waited to be looked at. Screens lag by as much; traffic does not.",
            unit=SECONDS,
            width=6,
            empty="no word from the sidecar",
        ),
        lines(
            "Processor",
            Query(expr="sum(rate(clauditor_process_cpu_seconds_total[$__rate_interval]))", legend="sidecar"),
            says="Share of one processor core that the sidecar uses.",
            unit=SHARE,
            decimals=1,
            width=6,
            empty="no word from the sidecar",
        ),
        lines(
            "Memory",
            Query(expr="sum(clauditor_process_resident_memory_bytes)", legend="sidecar"),
            Query(expr='sum(clauditor_envoy_memory_bytes{kind="physical"})', legend="Envoy"),
            says="Held from the system. It levels off; a line that rises for days is a leak worth reporting.",
            unit=BYTES,
            width=6,
            empty="no word from the sidecar",
        ),
        lines(
            "History rows per minute",
            Query(expr="sum(rate(clauditor_store_rows_total[$__rate_interval])) * 60", legend="written"),
            Query(
                expr="sum(rate(clauditor_store_rows_expired_total[$__rate_interval])) * 60",
                legend="past their time",
            ),
            says="Rows written to the history, and rows removed because they were old or the history too large.",
            unit=BIG,
            width=6,
            empty="no word from the sidecar",
        ),
        lines(
            "Hooks and alerts per minute",
            Query(
                expr="sum by (fate) (rate(clauditor_hooks_total[$__rate_interval])) * 60",
                legend="hooks {{fate}}",
            ),
            Query(
                expr="sum by (fate) (rate(clauditor_alerts_total[$__rate_interval])) * 60",
                legend="alerts {{fate}}",
            ),
            says="What clients told through their hooks, and what was told to people. `refused` and `failed` should be zero.",
            unit=COUNT,
            decimals=1,
            width=6,
            empty="no word from the sidecar",
        ),
    ),
)
