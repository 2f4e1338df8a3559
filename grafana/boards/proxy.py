"""Proxy health: does traffic pass, is all of it seen, how fast are answers, and how is Clauditor itself."""

from __future__ import annotations

from typing import Final

from grafana.boards.content import Content, Section
from grafana.boards.ourselves import OURSELVES
from grafana.boards.parts import (
    AGE,
    ANY_IS_A_NOTE,
    ANY_IS_BAD,
    COUNT,
    SECONDS,
    SHARE,
    Query,
    at_least_a_zero,
    lines,
    number,
    risen,
    while_recorded,
)

_MODEL: Final = '{model=~"$model"}'


def _quantile(share: str, family: str) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({family}_bucket{_MODEL}[$__rate_interval])))"


_FIRST: Final = Section(
    panels=(
        number(
            "Seen whole",
            'sum(increase(clauditor_joined_exchanges_total{fate="joined"}[$__range]))'
            " / (sum(increase(clauditor_joined_exchanges_total[$__range])) > 0)",
            says="Of the calls in Envoy's own log in the time shown, the share whose copy was seen from the first byte to the "
            "last. The rest is listed as not recorded; it passed all the same.",
            unit=SHARE,
            decimals=2,
            empty="no calls yet",
            steps=((None, "red"), (0.95, "orange"), (1, "green")),
        ),
        number(
            "Went on without a copy",
            'round(sum(increase(clauditor_envoy_events_total{event="failed_open"}[$__range])))',
            says="Exchanges of the time shown that Envoy forwarded while the sidecar did not take its copy, by Envoy's own "
            "count. That is what is meant to happen when the sidecar is away.",
            unit="suffix: exchanges",
            decimals=0,
            empty="no word from Envoy",
            steps=ANY_IS_A_NOTE,
            words={"0": "none"},
        ),
        number(
            "Sidecar runs for",
            "time() - max(clauditor_process_start_time_seconds)",
            says="Time since the sidecar started. A short one that nobody caused is a restart: violet lines mark them.",
            unit=AGE,
            decimals=0,
            empty="it does not answer",
            steps=((None, "orange"), (300, "text")),
        ),
        number(
            "Envoy runs for",
            "max(clauditor_envoy_uptime_seconds)",
            says="Time since the proxy started, by its own word, asked for through the sidecar. Each start cut off what was "
            "under way then.",
            unit=AGE,
            decimals=0,
            empty="no word from Envoy",
            steps=((None, "orange"), (300, "text")),
        ),
        number(
            "Errors of our own",
            while_recorded(
                f"round(({risen('clauditor_internal_errors_total')} or vector(0))"
                f" + ({risen('clauditor_store_errors_total')} or vector(0)))"
            ),
            says="Errors inside the sidecar in the time shown that were caught and logged, those of the history included. "
            "Traffic does not depend on them; `clauditor doctor` helps to find the cause.",
            unit=COUNT,
            decimals=0,
            empty="no word from the sidecar",
            steps=ANY_IS_BAD,
            words={"0": "none"},
        ),
        number(
            "First token",
            f"histogram_quantile(0.5, sum by (le) (increase(clauditor_time_to_first_token_seconds_bucket{_MODEL}[$__range])))",
            says="From the request to the first content of the answer, the middle one of the time shown. It is the provider's "
            "time: the proxy adds less than a millisecond.",
            unit=SECONDS,
            decimals=1,
            empty="no answers yet",
        ),
    )
)

_RECORDED: Final = Section(
    title="Is all of it seen",
    panels=(
        lines(
            "Not recorded",
            Query(
                expr=at_least_a_zero(
                    "sum by (reason) (increase(clauditor_gaps_total[$__interval])) > 0", "reason"
                ),
                legend="{{reason}}",
            ),
            says="Exchanges of which something was not seen, by reason. Each is listed with its session, and totals touched by "
            "one are shown as `at least`. Zero is as it should be.",
            unit=COUNT,
            decimals=0,
            bars=True,
            stacked=True,
            width=8,
            empty="no word from the sidecar",
        ),
        lines(
            "Calls held against Envoy's log",
            Query(
                expr="sum by (fate) (increase(clauditor_joined_exchanges_total[$__interval]))",
                legend="{{fate}}",
            ),
            says="`joined` was seen whole, `partial` in part, `missed` not at all; `unlogged` was seen although Envoy wrote no "
            "line, as when Envoy was killed.",
            unit=COUNT,
            decimals=0,
            bars=True,
            stacked=True,
            width=8,
            empty="no calls in this time",
            colors={"joined": "green", "partial": "orange", "missed": "red", "unlogged": "blue"},
        ),
        lines(
            "Bytes that passed unseen, per second",
            Query(expr="sum(rate(clauditor_gap_bytes_total[$__rate_interval]))", legend="in gaps"),
            Query(
                expr="sum(rate(clauditor_edge_overflow_bytes_total[$__rate_interval]))",
                legend="copies dropped",
            ),
            says="By Envoy's log, and copies that were dropped because too much waited to be looked at.",
            unit="Bps",
            width=8,
            empty="no word from the sidecar",
        ),
    ),
)

_ENVOY: Final = Section(
    title="The proxy",
    panels=(
        lines(
            "What Envoy counts",
            Query(
                expr=at_least_a_zero(
                    "sum by (event) (increase(clauditor_envoy_events_total[$__interval])) > 0", "event"
                ),
                legend="{{event}}",
            ),
            says="Its own counters: exchanges without a copy (`failed_open`), copies that broke off, connections that a client "
            "or the upstream closed while an answer was under way. docs/metrics.md explains each.",
            unit=COUNT,
            decimals=0,
            bars=True,
            stacked=True,
            empty="no word from Envoy",
        ),
        lines(
            "Open connections",
            Query(expr="sum by (peer) (clauditor_envoy_connections)", legend="{{peer}}"),
            Query(expr="sum(clauditor_edge_open_exchanges)", legend="exchanges under way"),
            says="Of clients to Envoy, and of Envoy to the provider and the sidecar; beside them the exchanges being copied. A "
            "line that only rises is a leak.",
            unit=COUNT,
            decimals=0,
            empty="no word from Envoy",
        ),
    ),
)

_LATENCY: Final = Section(
    title="How fast answers are",
    panels=(
        lines(
            "Time to the first token",
            Query(expr=_quantile("0.5", "clauditor_time_to_first_token_seconds"), legend="the middle one"),
            Query(
                expr=_quantile("0.95", "clauditor_time_to_first_token_seconds"),
                legend="the slowest in twenty",
            ),
            says="From the request to the first content. When it rises for all models at once, the provider is busy.",
            unit=SECONDS,
            decimals=1,
            width=8,
            empty="no answers in this time",
        ),
        lines(
            "Length of a call",
            Query(expr=_quantile("0.5", "clauditor_turn_duration_seconds"), legend="the middle one"),
            Query(expr=_quantile("0.95", "clauditor_turn_duration_seconds"), legend="the slowest in twenty"),
            says="From a call's first request to the end of its answer, with failed attempts and the waits between them.",
            unit=SECONDS,
            decimals=1,
            width=8,
            empty="no answers in this time",
        ),
        lines(
            "Tokens per second",
            Query(expr=_quantile("0.5", "clauditor_output_tokens_per_second"), legend="the middle one"),
            Query(
                expr=_quantile("0.05", "clauditor_output_tokens_per_second"), legend="the slowest in twenty"
            ),
            says="Speed of an answer from its first content to its end. A falling middle line is a slow day at the provider.",
            unit="suffix: tokens/s",
            decimals=0,
            width=8,
            empty="no answers in this time",
        ),
    ),
)

CONTENT: Final = Content(
    uid="clauditor-proxy",
    title="Proxy health",
    says="Whether traffic passes, whether all of it is seen, how fast answers are, and how Clauditor itself is.",
    variables=("model",),
    sections=(_FIRST, _RECORDED, _ENVOY, _LATENCY, OURSELVES),
)
